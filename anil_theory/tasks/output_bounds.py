"""Bounds on mu, L, rho, tau and M of a loss of an output, `mean_i ell(o(w, phi; x_i))`, by the chain rule.

Let l1, l2, l3 bound the first three derivatives of ell, and let o_w, o_phi, o_ww, o_wphi, .. bound the operator norms
of the partial derivatives of o on a convex region. Every derivative of ell(o) is a sum over the ways to split its
directions into groups, each group going into one derivative of o, so that its blocks have norms of at most

    ww        l2 o_w^2       + l1 o_ww
    wphi      l2 o_w o_phi   + l1 o_wphi
    phiphi    l2 o_phi^2     + l1 o_phiphi
    www       l3 o_w^3       + 3 l2 o_w o_ww                       + l1 o_www
    wwphi     l3 o_w^2 o_phi + l2 (2 o_w o_wphi + o_phi o_ww)      + l1 o_wwphi
    wphiphi   l3 o_w o_phi^2 + l2 (2 o_phi o_wphi + o_w o_phiphi)  + l1 o_wphiphi

and the same holds for the mean over examples. On a convex region a Lipschitz constant is the supremum of the norm of
the derivative. The derivative of D_w^2 in a direction (s, b) has norm at most www |s| + wwphi |b|, hence

    rho <= hypot(www, wwphi),   tau <= hypot(wwphi, wphiphi),   M <= l1 |Do|,
    L   <= || [[ww, wphi], [wphi, phiphi]] ||   and   L <= l2 |Do|^2 + l1 || [[o_ww, o_wphi], [o_wphi, o_phiphi]] ||

(a block matrix is bounded by the matrix of the norms of its blocks). Source: derived for this project.
"""

import math
from typing import NamedTuple

import numpy as np

from anil_theory.constants import Constants, Knowledge, Region

TANH = (1.0, 4 / (3 * math.sqrt(3)), 2.0)
"""Suprema of |tanh'|, |tanh''| (where tanh^2 = 1/3) and |tanh'''| (at 0)."""

CROSS_ENTROPY = (math.sqrt(2), 0.5, 8 * math.sqrt(2) / 27)
"""Bounds on the derivatives of ell(o) = log sum exp(o) - o_y.

The gradient is p - e_y, of norm at most sqrt(2). In a unit direction d the second and third derivatives are the
variance and the third central moment of d_J, J ~ p: a variable on an interval of length s <= sqrt(2). With its mean m
at the fraction t of the interval the variance is at most t (1 - t) s^2 <= 1/2 (Bhatia and Davis), and the third moment
at most max(t, 1 - t) s times the variance, so at most (4/27) s^3 = 8 sqrt(2)/27. One direction is enough: a symmetric
multilinear form has its norm on the diagonal (Banach).
"""


class OutputBounds(NamedTuple):
    """Operator norms of the partial derivatives of the output on the region; `total` bounds |Do| jointly."""

    w: float
    phi: float
    ww: float
    wphi: float
    phiphi: float
    www: float
    wwphi: float
    wphiphi: float
    total: float


class FeatureBounds(NamedTuple):
    """Bounds on |f|, |Df| and |D^2 f| of a feature map f(phi)."""

    size: float
    first: float
    second: float


def tanh_features(dimension: int, input_norm: float = 1.0) -> FeatureBounds:
    """f = tanh(A x)/sqrt(d), phi = A (d x p), |x| <= input_norm.

    D^k f [a_1..a_k] = tanh^(k)(A x) * (a_1 x) * .. * (a_k x)/sqrt(d) entry by entry; an entrywise product is no longer
    than the product of the lengths, and |a x| <= |a| |x|.
    """
    scale = 1 / math.sqrt(dimension)
    return FeatureBounds(1.0, TANH[0] * input_norm * scale, TANH[1] * input_norm**2 * scale)


def spectral_norm(a: float, b: float, c: float) -> float:
    """The spectral norm of [[a, b], [b, c]] for a, b, c >= 0: its largest eigenvalue."""
    return (a + c) / 2 + math.hypot((a - c) / 2, b)


def loss_constants(
    ell: tuple[float, float, float], o: OutputBounds, radius: float, regularisation: float, strongly_convex: bool
) -> Constants:
    """Constants on the ball of the given radius; see the module docstring.

    ell              l1, l2, l3;
    regularisation   lambda of (lambda/2) |w|^2 in L_S (not in L_D);
    strongly_convex  whether ell(o) is convex in w, so that mu = lambda (when lambda > 0).

    Rounded up by a few units in the last place, because the bounds are evaluated in float64.
    """
    l1, l2, l3 = ell
    ww = l2 * o.w**2 + l1 * o.ww
    wphi = l2 * o.w * o.phi + l1 * o.wphi
    phiphi = l2 * o.phi**2 + l1 * o.phiphi
    www = l3 * o.w**3 + 3 * l2 * o.w * o.ww + l1 * o.www
    wwphi = l3 * o.w**2 * o.phi + l2 * (2 * o.w * o.wphi + o.phi * o.ww) + l1 * o.wwphi
    wphiphi = l3 * o.w * o.phi**2 + l2 * (2 * o.phi * o.wphi + o.w * o.phiphi) + l1 * o.wphiphi
    smooth = min(
        spectral_norm(ww + regularisation, wphi, phiphi),
        l2 * o.total**2 + l1 * spectral_norm(o.ww, o.wphi, o.phiphi) + regularisation,
    )
    mu = regularisation if strongly_convex and regularisation > 0 else None
    return upper_bound_constants(
        mu=mu,
        L=smooth,
        rho=math.hypot(www, wwphi),
        tau=math.hypot(wwphi, wphiphi),
        M=l1 * o.total,
        radius=radius,
    )


def upper_bound_constants(mu: float | None, L: float, rho: float, tau: float, M: float, radius: float) -> Constants:
    """Constants labelled with their ball and as upper bounds, after a margin for the rounding of their evaluation."""
    margin = 1 + 64 * float(np.finfo(float).eps)
    L, rho, tau, M = (margin * bound for bound in (L, rho, tau, M))
    return Constants(mu, L, rho, tau, M, region=Region(radius), known=Knowledge.UPPER_BOUND)
