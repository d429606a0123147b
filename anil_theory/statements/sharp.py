"""The sharp block constants: the sensitivity formula maximised step by step, not term by term.

Claim: D_x L_meta moves by at most L_xy per unit of y, with s_0 = 0 and

    s_{m+1} = r s_m + alpha sqrt(L^2 - mu^2)         (strongly convex)
    s_{m+1} = s_m + alpha L sqrt(1 + s_m^2)          (nonconvex)

    L_ww     = M alpha rho r^(N-1) sum_{j<N} r^j              + L r^(2N)
    L_wphi   = M alpha r^(N-1) sum_{m<N} X(s_m)               + L r^N sqrt(1 + s_N^2)       = L_phiw
    L_phiphi = M alpha sum_{m<N} r^(N-1-m) Y(s_m)             + L (1 + s_N^2)

    X(s) = max { a s + b        : a^2 + b^2 <= rho^2, b^2 <= tau^2 }
    Y(s) = max { a s^2 + 2 b s + d : a^2 + b^2 <= rho^2, b^2 + d^2 <= tau^2 }.

Why it holds, in any dimension. Along unit directions x of w and y of phi, let x_m = D_w w_m x and j_m = D_phi w_m y.
The Hessian of L_meta on (x, y) is a value of D^2 L_D, at most L |x_N| sqrt(|j_N|^2 + 1), plus
-alpha sum_m T_m(v_m, x_m, (j_m, y)), where T_m = D_z^2 D_w L_S and v_m is the outer gradient carried back, |v_m| <=
M r^(N-1-m). (1) j_{m+1} = j_m - alpha [H C^T] (j_m, y), and [H C^T] is a block row of a Hessian of norm at most L: this
is the nonconvex recursion; it charges H and C together, where H = -L forces C = 0. With mu, ||(I - alpha H) j|| <=
r |j| and ||C|| <= sqrt(L^2 - mu^2). (2) With unit vectors v, x', u fixed, the numbers a = T(v, x', u), b = T(v, x', y)
are entries of the derivative of D_w^2 L_S along (u cos t, y sin t), so a^2 + b^2 <= rho^2; b is also an entry of the
derivative of the mixed block along w, and with d = T(v, y, y) likewise b^2 + d^2 <= tau^2: third derivatives commute.

Kind: upper bounds, and the smallest: the supremum over all tasks with these constants, once w has two dimensions
(nonconvex) or one (strongly convex); `estimators.local_witness` gives choices that attain them. The exception is the
nonconvex geometry with rho = 0 or tau = 0: there all points share one C, and for N > 1 the cross and phi blocks are
upper bounds that no known task attains (the limits of suprema as tau -> 0). Regime: that of the
proposition. X and Y are evaluated through their duals, in which every multiplier gives an upper bound. Source: derived
for this project; docs/sharp_bounds.md has the proof in full.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from anil_theory.statements.generated import formulas
from anil_theory.statements.scaled import Scaled, scaled
from anil_theory.statements.sequences import InnerLoop

NEWTON_STEPS = 60
"""At most this many steps to the multiplier of Y; any multiplier is valid, so they buy tightness, not correctness."""

NEAR = 1e-9
"""A multiplier as near as this to the best one costs its square, since the dual is flat there."""


class SharpBlocks(NamedTuple):
    """L_ww, the one cross constant, and L_phiphi."""

    ww: Scaled
    cross: Scaled
    phiphi: Scaled


def moves(*, r: float, alpha: float, inner_steps: int, L: float, cbar: float, contracts: bool) -> np.ndarray:
    """s_m / g^m for m = 0..N, g = max(1, r): how far w_m moves per unit of phi, free of overflow.

    contracts   the recursion of the strongly convex geometry, with ||C|| <= cbar; else the nonconvex one.
    """
    g, q = max(1.0, r), min(1.0, r)
    s, scale = [0.0], 1.0
    for _ in range(inner_steps):
        s.append(
            q * s[-1] + alpha * cbar * scale / g if contracts else (s[-1] + alpha * L * math.hypot(scale, s[-1])) / g
        )
        scale /= g
    return np.array(s)


def cross_sensitivity(s: np.ndarray, unit: np.ndarray, rho: float, tau: float) -> np.ndarray:
    """max { a s + b unit } over the admissible (a, b); homogeneous of degree 1 in (s, unit)."""
    free = rho * np.hypot(s, unit)  # the circle alone: b = rho unit/hypot
    kept = min(rho, tau)
    cut = s * (math.sqrt(rho - kept) * math.sqrt(rho + kept)) + kept * unit
    return np.where(rho * unit <= tau * np.hypot(s, unit), free, cut)


def own_sensitivity(s: np.ndarray, unit: np.ndarray, rho: float, tau: float) -> np.ndarray:
    """max { a s^2 + 2 b s unit + d unit^2 } over the admissible (a, b, d); homogeneous of degree 2 in (s, unit).

    Splitting 2 b = 2 b x + 2 b (1 - x) between the two circles bounds it by rho s hypot(s, 2 x unit) +
    tau unit hypot(unit, 2 (1 - x) s) for every x in [0, 1]; the smallest such bound is the maximum (duality).
    """
    x = _multiplier(s, unit, rho, tau)

    def dual(x: np.ndarray) -> np.ndarray:
        return rho * s * np.hypot(s, 2 * x * unit) + tau * unit * np.hypot(unit, 2 * (1 - x) * s)

    return np.minimum(dual(x), np.minimum(dual(np.zeros_like(x)), dual(np.ones_like(x))))


def _multiplier(s: np.ndarray, unit: np.ndarray, rho: float, tau: float) -> np.ndarray:
    """The x at which the derivative of the dual changes sign; 1/2 where s or the unit is 0.

    There an end of the interval is best, or all x are alike.
    """
    x = np.full_like(s, 0.5)
    inner = (s > 0) & (unit > 0)
    x[inner] = _sign_change(s[inner], np.broadcast_to(unit, s.shape)[inner], rho, tau)
    return x


def _sign_change(s: np.ndarray, unit: np.ndarray, rho: float, tau: float) -> np.ndarray:
    """`_multiplier` of positive numbers: Newton's method inside a bracket, which halves else."""
    low, high, x = np.zeros_like(s), np.ones_like(s), np.full_like(s, 0.5)
    # The few that take many steps do not hold up the others.
    left = np.arange(s.size)
    with np.errstate(all="ignore"):
        for _ in range(NEWTON_STEPS):
            of_s, of_unit, at = s[left], unit[left], x[left]
            to_w, to_phi = np.hypot(of_s, 2 * at * of_unit), np.hypot(of_unit, 2 * (1 - at) * of_s)
            # The derivative of the dual, and its own, over 4 s unit.
            slope = rho * at * of_unit / to_w - tau * (1 - at) * of_s / to_phi
            bend = rho * of_unit * (of_s / to_w) ** 2 / to_w + tau * of_s * (of_unit / to_phi) ** 2 / to_phi
            low[left], high[left] = np.where(slope > 0, low[left], at), np.where(slope > 0, at, high[left])
            newton = at - slope / bend
            inside = (newton >= low[left]) & (newton <= high[left])
            x[left] = np.where(inside, newton, (low[left] + high[left]) / 2)
            left = left[np.abs(x[left] - at) > NEAR]
            if not left.size:
                break
    return x


# The rows of several families and blocks ask for the same four constants.
@lru_cache(maxsize=4096)
def sharp_blocks(
    *,
    r: float,
    alpha: float,
    inner_steps: int,
    L: float,
    rho: float,
    tau: float,
    M: float,
    cbar: float,
    contracts: bool,
) -> SharpBlocks:
    """The three constants. Ingredients as in `contraction.block_constants`, which checks them."""
    N = inner_steps
    loop = InnerLoop.of(r, N)
    unit = loop.one.kept
    s = moves(r=r, alpha=alpha, inner_steps=N, L=L, cbar=cbar, contracts=contracts)
    with np.errstate(under="ignore"):
        cross = cross_sensitivity(s[:N], unit[:N], rho, tau)
        own = own_sensitivity(s[:N], unit[:N], rho, tau)
        joint = np.hypot(unit, s)
    constants = formulas.sharp_constants(
        L=scaled(L),
        M=scaled(M),
        N=N,
        S=loop.S,
        X=replace(loop.one, kept=cross),
        Y=replace(loop.one, kept=own, order=2),
        alpha=scaled(alpha),
        carried=loop.carried,
        n=replace(loop.one, kept=joint),
        r=scaled(r),
        rho=scaled(rho),
    )
    return SharpBlocks(**constants)
