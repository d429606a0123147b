"""What a slow cut-off costs: upper bounds on the derivatives of c(|x|) P(x), P a homogeneous polynomial.

Claim: let P(x) = F(x, .., x)/k! with a symmetric form F of spectral norm |F|, and c = S((log R - log |x|)/span) the
cut-off of `tasks.log_cut`. In log |x| its derivatives are at most c1 = S'/span, c2 = |S''|/span^2, c3 = |S'''|/span^3.
With n = x/|x|, D log|x| = n/|x| and D^2 log|x| = (I - 2 n n^T)/|x|^2 have norm 1, D^3 log|x| has norm at most 14, so

    |D c| <= c1,   |D^2 c| <= c1 + c2,   |D^3 c| <= 14 c1 + 3 c2 + c3        (over |x|, |x|^2, |x|^3)

and the product rule, with |D^j P| <= |F| |x|^(k-j)/(k-j)!, gives for the difference D^j (c P) - c D^j P

    k = 3   j = 3   |F| (41/6 c1 + 2 c2 + c3/6)             j = 2   |F| |x| (7/6 c1 + c2/6)
    k = 2   j = 2   |F| (5/2 c1 + c2/2)                     j = 3   |F|/|x| (13 c1 + 9/2 c2 + c3/2)    (all of it)
            j = 1   |F| |x| c1/2
    k = 1   j = 1   |F| c1                                  j = 2   |F|/|x| (3 c1 + c2)                (all of it)

Kind: upper bounds, by triangle inequalities alone. They hold for a cut-off in some of the coordinates too, x being
those. Where c falls the differences are largest, but there c < 1 pays for them: what is left is of the order of
(|F|/(limit span))^3. Source: derived for this project.
"""

from functools import lru_cache

import numpy as np

CELLS = 4000
"""Cells of the ramp, in geometric progression.

So short that the bound is within 1 % of what it bounds, and far nearer to it where that is close to 1.
"""

SLOPE = 15 / 8
"""The largest S', at the middle of the ramp."""

CURVE = 10 / 3**0.5
"""The largest |S''|, at 1/2 +- 1/sqrt(12)."""

TWIST = 60.0
"""The largest |S'''|, at the ends of the ramp."""


@lru_cache(maxsize=4096)
def ramp_maximum(first: float, second: float, third: float = 0.0) -> float:
    """An upper bound of max over u in [0, 1] of S(u) + first S'(u) + second |S''(u)| + third |S'''(u)|; at least 1.

    On a cell of v = 1 - u each term is at most its value at the better end, plus what it can rise in between.
    """
    v = np.concatenate([[0.0], np.geomspace(1e-5, 1.0, CELLS)])
    left, right = v[:-1], v[1:]
    step = 1 - left**3 * (10 - 15 * left + 6 * left**2)  # S falls with v
    width = right - left
    slope = np.minimum(np.maximum(_slope(left), _slope(right)) + CURVE * width, SLOPE)
    curve = np.minimum(np.maximum(_curve(left), _curve(right)) + TWIST * width, CURVE)
    return float(np.max(step + first * slope + second * curve + third * TWIST)) * (1 + 1e-12)


def _slope(v: np.ndarray) -> np.ndarray:
    return 30 * v**2 * (1 - v) ** 2


def _curve(v: np.ndarray) -> np.ndarray:
    return np.abs(60 * v * (1 - v) * (1 - 2 * v))


def cubic_norm(rho: float, tau: float) -> float:
    """An upper bound of max |F(x, x, x)|, |x| = 1, of a cubic form in (w, phi) without a part in phi alone.

    rho, tau   bounds of |D_z D_w^2| and |D_z D_phi D_w|. On x = (w cos t, phi sin t) the form is at most
    rho cos^3 t + 3 min(rho, tau) cos^2 t sin t + 3 tau cos t sin^2 t.
    """
    angles = np.linspace(0, np.pi / 2, 2001)
    cos, sin = np.cos(angles), np.sin(angles)
    values = rho * cos**3 + 3 * min(rho, tau) * cos**2 * sin + 3 * tau * cos * sin**2
    # Between two angles each term moves by at most 3 (its factor) (half a step).
    between = 3 * (rho + 3 * min(rho, tau) + 3 * tau) * (np.pi / 4000) / 2
    return float(values.max() + between)


def cubic_cost(ratio: float, span: float) -> float:
    """The factor by which the cut-off can raise a third derivative; `ratio` is |F| over the limit that it must keep."""
    e = 1 / span
    return ramp_maximum(ratio * 41 / 6 * e, ratio * 2 * e**2, ratio / 6 * e**3)


def cubic_hessian(span: float) -> float:
    """|D^2 (c P)| <= this |F| R for a cubic form cut off at R."""
    e = 1 / span
    return 1 + 7 / 6 * SLOPE * e + CURVE / 6 * e**2


def quadratic_cost(span: float) -> float:
    """The factor by which the cut-off can raise the Hessian of a quadratic form."""
    e = 1 / span
    return ramp_maximum(5 / 2 * e, e**2 / 2)


def quadratic_twist(span: float) -> float:
    """|D^3 (c P)| <= this |F|/|x| for a quadratic form."""
    e = 1 / span
    return 13 * SLOPE * e + 9 / 2 * CURVE * e**2 + TWIST / 2 * e**3


def quadratic_gradient(span: float) -> float:
    """|D (c P)| <= this |F| R for a quadratic form cut off at R."""
    return 1 + SLOPE / 2 / span


def linear_cost(span: float) -> float:
    """The factor by which the cut-off can raise the gradient of a linear form."""
    return ramp_maximum(1 / span, 0.0)


def linear_hessian(span: float) -> float:
    """|D^2 (c P)| <= this |F|/|x| for a linear form."""
    e = 1 / span
    return 3 * SLOPE * e + CURVE * e**2
