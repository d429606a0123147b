"""The engine shared by Propositions 2 and 3: the block Lipschitz constants of the meta-gradient as functions of r.

Claim: if ||I - alpha H|| <= r and ||C|| <= cbar (H = D_w^2 L_S, C = D_phi D_w L_S) and A1, A2 hold, then D_x L_meta
moves by at most L_xy per unit of y, with e_m = 1 + s_m, s_m = alpha cbar S_m, S_m = sum_{j<m} r^j and

    L_ww     = M alpha rho r^(N-1) S_N                                                                     + L r^(2N)
    L_wphi   = M alpha rho r^(N-1) sum_{m<N} e_m                                                           + L r^N e_N
    L_phiw   = M alpha tau N r^(N-1)          + M alpha^2 rho cbar sum_{m<N} r^(N-2-m) sum_{m<j<N} r^j     + L r^N e_N
    L_phiphi = M alpha tau sum_{m<N} r^(N-1-m) e_m + M alpha^2 rho cbar sum_{m<N} r^(N-2-m) sum_{m<j<N} e_j + L e_N^2

Kind: upper bounds, derived here from the assumptions (the paper prints `poly`). EXPLICIT is the paper's own route.
REFINED replaces e_m by n_m = sqrt(1 + s_m^2) (the joint norm of the move), cbar = L by sqrt(L^2 - mu^2) where mu is
known, and both cross constants by their minimum (the Hessian of L_meta is symmetric almost everywhere). SHARP is the
smallest bound that follows from the assumptions; it has an engine of its own (`sharp`). Source: docs/theory.md, section
3, derives all of them.

The formulas come from the table (`forms.block_constants`), whose double sums are exchanged for single ones in S_m, so
the cost is O(N).
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from anil_theory._admissible import InvalidParameter, count, nonnegative, positive
from anil_theory._precision import UNIT_ROUNDOFF
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Kind
from anil_theory.statements.generated import formulas
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled
from anil_theory.statements.sequences import InnerLoop
from anil_theory.statements.sharp import sharp_blocks

BLOCKS = ("ww", "wphi", "phiw", "phiphi")
"""Block xy: how fast D_x L_meta moves when only y moves."""

PER_STEP = {Kind.EXPLICIT: np.add, Kind.REFINED: np.hypot}
"""How the unit move of phi and the move s_m of w combine: e_m = 1 + s_m, or n_m = sqrt(1 + s_m^2)."""


@dataclass(frozen=True)
class Blocks:
    """The four block Lipschitz constants of the meta-gradient; `float(blocks.ww)` is the number, inf on overflow."""

    ww: Scaled
    wphi: Scaled
    phiw: Scaled
    phiphi: Scaled

    @property
    def cross(self) -> Scaled:
        """L_x = min(L_wphi, L_phiw): a symmetric Hessian has one cross norm."""
        return min(self.wphi, self.phiw)

    def symmetric(self) -> "Blocks":
        """The same with both cross constants at their minimum: a symmetric Hessian has one cross norm."""
        return replace(self, wphi=self.cross, phiw=self.cross)

    def smoothness(self) -> Scaled:
        """Lipschitz constant of the whole meta-gradient in z: the spectral norm of [[ww, cross], [cross, phiphi]]."""
        unit = max(self.ww, self.cross, self.phiphi)
        if not unit:
            return unit
        ww = float(self.ww / unit)
        cross = float(self.cross / unit)
        phiphi = float(self.phiphi / unit)
        return unit * formulas.smoothness(L_phiphi=phiphi, L_ww=ww, L_x=cross)


def step_margin(alpha: float, L: float) -> float:
    """1/L - alpha: by how much alpha <= 1/L holds (strongly convex); 0 within four roundings of equality."""
    margin = 1 / L - alpha
    return 0.0 if abs(margin) <= 4 * UNIT_ROUNDOFF / L else margin


def contraction_factor(constants: Constants, schedule: Schedule, geometry: Geometry) -> float:
    """r with ||I - alpha H|| <= r: 1 - alpha mu (strongly convex, alpha <= 1/L) or 1 + alpha L (nonconvex, any alpha).

    Raises InvalidParameter when the strongly convex factor is asked for without mu or with alpha > 1/L.
    """
    alpha, L = schedule.one_alpha, constants.L
    if geometry is Geometry.NONCONVEX:
        return formulas.expanding(L=L, alpha=alpha)
    if constants.mu is None:
        raise InvalidParameter("mu", "known (> 0) in the strongly convex geometry", None)
    if step_margin(alpha, L) < 0:
        raise InvalidParameter("alpha", f"in (0, 1/L] = (0, {1 / L:g}] in the strongly convex geometry", alpha)
    return max(formulas.contracting(alpha=alpha, mu=constants.mu), 0.0)


def mixed_norm(constants: Constants, geometry: Geometry, kind: Kind) -> float:
    """cbar with ||C|| <= cbar: L, or sqrt(L^2 - mu^2) when refined and strongly convex.

    The latter because ||H x||^2 + ||C x||^2 <= L^2 and ||H x|| >= mu for every unit x.
    """
    if kind is Kind.EXPLICIT or geometry is Geometry.NONCONVEX or constants.mu is None:
        return constants.L
    return formulas.mixed_norm(L=constants.L, mu=constants.mu)


# The questions of `advise` that change D0 or eps alone ask for the same constants at every N.
@lru_cache(maxsize=4096)
def block_constants(
    *, r: float, alpha: float, inner_steps: int, L: float, rho: float, tau: float, M: float, cbar: float, kind: Kind
) -> Blocks:
    """The four constants from their ingredients; EXPLICIT uses e_m, REFINED n_m (the minimum is left to `symmetric`).

    Raises InvalidParameter for ingredients outside r >= 0, alpha > 0, N >= 1, L > 0, the rest >= 0, or another kind.
    """
    r = nonnegative("r", r)
    cbar = nonnegative("cbar", cbar)
    rho = nonnegative("rho", rho)
    tau = nonnegative("tau", tau)
    alpha = positive("alpha", alpha)
    N = count("inner_steps", inner_steps)
    L = positive("L", L)
    M = nonnegative("M", M)
    if kind not in PER_STEP:
        raise InvalidParameter("kind", "explicit or refined", kind)
    loop = InnerLoop.of(r, N)
    four = formulas.block_constants(
        L=scaled(L),
        M=scaled(M),
        N=N,
        S=loop.S,
        alpha=scaled(alpha),
        carried=loop.carried,
        cbar=scaled(cbar),
        r=scaled(r),
        rho=scaled(rho),
        tau=scaled(tau),
        x=loop.moves(alpha * cbar, PER_STEP[kind]),
    )
    return Blocks(**four)


def roundings(N: int) -> int:
    """Roundings in a row behind a block constant: at most 8 N in the arrays, 2 N in g^(2N), and the factors."""
    return 12 * N + 200


def blocks(constants: Constants, schedule: Schedule, geometry: Geometry, kind: Kind) -> Blocks:
    """The block constants of a family under a schedule, in one geometry; REFINED and SHARP have one cross constant."""
    return blocks_at(contraction_factor(constants, schedule, geometry), constants, schedule, geometry, kind)


def blocks_at(r: float, constants: Constants, schedule: Schedule, geometry: Geometry, kind: Kind) -> Blocks:
    """`blocks` at a contraction factor of its own: what the rounding of r is propagated through."""
    ingredients = {
        "r": r,
        "alpha": schedule.one_alpha,
        "inner_steps": schedule.inner_steps,
        "L": constants.L,
        "rho": constants.rho,
        "tau": constants.tau,
        "M": constants.M,
        "cbar": mixed_norm(constants, geometry, kind),
    }
    if kind is Kind.SHARP:
        ww, cross, phiphi = sharp_blocks(**ingredients, contracts=geometry is Geometry.STRONGLY_CONVEX)
        return Blocks(ww, cross, cross, phiphi)
    four = block_constants(**ingredients, kind=kind)
    return four.symmetric() if kind is Kind.REFINED else four


def block_bound(
    constants: Constants, schedule: Schedule, geometry: Geometry, kind: Kind, block: str, note: str = ""
) -> Bound:
    """One block constant as a Bound, its rounding computed. `block` is one of BLOCKS, or "cross", or "smoothness"."""

    def at(r: float) -> Scaled:
        four = blocks_at(r, constants, schedule, geometry, kind)
        return four.smoothness() if block == "smoothness" else getattr(four, block)

    r = contraction_factor(constants, schedule, geometry)
    return RoundingRange.of(at, r).bound(roundings(schedule.inner_steps), note)


def gradient_sizes(
    constants: Constants, schedule: Schedule, geometry: Geometry, kind: Kind = Kind.REFINED
) -> tuple[Bound, Bound]:
    """Bounds on ||g_w|| and ||g_phi|| of one task: r^N M and n_N M (docs/theory.md, section 5).

    `kind` chooses cbar only; n_N is a joint norm in both. The variances in Theorems 1 and 2 are at most their squares.
    """
    N = schedule.inner_steps
    M = scaled(constants.M)
    alpha = scaled(schedule.one_alpha)
    cbar = scaled(mixed_norm(constants, geometry, kind))

    def of_w(r: float) -> Scaled:
        return formulas.sigma_w(M=M, N=N, r=scaled(r))

    def of_phi(r: float) -> Scaled:
        S_N = InnerLoop.of(r, N).S[N]
        return formulas.sigma_phi(M=M, S_N=S_N, alpha=alpha, cbar=cbar)

    r = contraction_factor(constants, schedule, geometry)
    operations = roundings(N)
    return RoundingRange.of(of_w, r).bound(operations), RoundingRange.of(of_phi, r).bound(operations)
