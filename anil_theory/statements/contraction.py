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
smallest bound that follows from the assumptions; it has an engine of its own (`sharp`). Source: theory, section 3.

Exchanging the double sums, sum_{m<N} r^(N-2-m) sum_{m<j<N} x_j = sum_{j<N} r^(N-1-j) S_j x_j, so the cost is O(N).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from anil_theory._admissible import InvalidParameter, count, nonnegative, positive
from anil_theory._precision import UNIT_ROUNDOFF
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Kind
from anil_theory.statements.scaled import Enclosure, Scaled
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
        """Both cross constants replaced by their minimum (theory 3.2, item 3)."""
        return replace(self, wphi=self.cross, phiw=self.cross)

    def smoothness(self) -> Scaled:
        """Lipschitz constant of the whole meta-gradient in z: the spectral norm of [[ww, cross], [cross, phiphi]]."""
        unit = max(self.ww, self.cross, self.phiphi)
        if not unit:
            return unit
        a, x, b = (float(entry / unit) for entry in (self.ww, self.cross, self.phiphi))
        return unit * ((a + b) / 2 + float(np.hypot((a - b) / 2, x)))


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
        return 1 + alpha * L
    if constants.mu is None:
        raise InvalidParameter("mu", "known (> 0) in the strongly convex geometry", None)
    if step_margin(alpha, L) < 0:
        raise InvalidParameter("alpha", f"in (0, 1/L] = (0, {1 / L:g}] in the strongly convex geometry", alpha)
    return max(1 - alpha * constants.mu, 0.0)


def mixed_norm(constants: Constants, geometry: Geometry, kind: Kind) -> float:
    """cbar with ||C|| <= cbar: L, or sqrt(L^2 - mu^2) when refined and strongly convex.

    The latter because ||H x||^2 + ||C x||^2 <= L^2 and ||H x|| >= mu for every unit x.
    """
    if kind is Kind.EXPLICIT or geometry is Geometry.NONCONVEX or constants.mu is None:
        return constants.L
    return float(np.sqrt(constants.L - constants.mu) * np.sqrt(constants.L + constants.mu))


@dataclass(frozen=True)
class _Growth:
    """S_m, e_m and the powers of r, divided by g^m with g = max(1, r), so that no entry of an array overflows.

    r^m = g^m q^m with q = min(1, r); one of q and d = 1/g is 1, hence S_m = g^m d sum_{j<m} (q d)^j.
    """

    g: Scaled
    d: np.ndarray  # g^-m, m = 0..N
    q: np.ndarray  # q^m
    S: np.ndarray  # S_m / g^m
    e: np.ndarray  # e_m / g^m (or n_m / g^m)

    @classmethod
    def of(cls, r: float, alpha: float, N: int, cbar: float, per_step: Callable) -> "_Growth":
        g, q, m = max(1.0, r), min(1.0, r), np.arange(N + 1)
        with np.errstate(under="ignore"):  # entries below 1e-308 of the largest do not matter
            d = (1 / g) ** m
            S = np.concatenate(([0.0], np.cumsum((q / g) ** m[:-1]) / g))
            return cls(Scaled(g), d, q**m, S, per_step(d, alpha * cbar * S))


def block_constants(
    *, r: float, alpha: float, inner_steps: int, L: float, rho: float, tau: float, M: float, cbar: float, kind: Kind
) -> Blocks:
    """The four constants from their ingredients; EXPLICIT uses e_m, REFINED n_m (the minimum is left to `symmetric`).

    Raises InvalidParameter for ingredients outside r >= 0, alpha > 0, N >= 1, L > 0, the rest >= 0, or another kind.
    """
    r, cbar, rho, tau = nonnegative("r", r), nonnegative("cbar", cbar), nonnegative("rho", rho), nonnegative("tau", tau)
    alpha, N, L, M = positive("alpha", alpha), count("inner_steps", inner_steps), positive("L", L), nonnegative("M", M)
    if kind not in PER_STEP:
        raise InvalidParameter("kind", "explicit or refined", kind)
    x = _Growth.of(r, alpha, N, cbar, PER_STEP[kind])
    g, now, back = x.g, slice(0, N), slice(N, 0, -1)  # `back` runs through m -> N - m for m = 0..N-1
    with np.errstate(under="ignore"):
        sum_e = g**N * float(np.sum(x.d[back] * x.e[now]))
        sum_S = g**N * float(np.sum(x.d[back] * x.S[now]))
        carried_e = g ** (N - 1) * float(np.sum(x.q[N - 1 :: -1] * x.e[now]))
        carried_eS = g ** (2 * N - 1) * float(np.sum(x.d[back] * x.q[N - 1 :: -1] * x.e[now] * x.S[now]))
    S_N, e_N = g**N * float(x.S[N]), g**N * float(x.e[N])
    power, hessian, mixed = Scaled(r), Scaled(M) * alpha * rho, Scaled(M) * alpha * tau
    product, outer = hessian * alpha * cbar, power**N * e_N * L
    last = power ** (N - 1)
    return Blocks(
        ww=hessian * last * S_N + power ** (2 * N) * L,
        wphi=hessian * last * sum_e + outer,
        phiw=mixed * N * last + product * last * sum_S + outer,
        phiphi=mixed * carried_e + product * carried_eS + e_N * e_N * L,
    )


def roundings(N: int) -> int:
    """Roundings in a row behind a block constant: at most 8 N in the arrays, 2 N in g^(2N), and the factors."""
    return 12 * N + 200


def blocks(constants: Constants, schedule: Schedule, geometry: Geometry, kind: Kind) -> Blocks:
    """The block constants of a family under a schedule, in one geometry; REFINED and SHARP have one cross constant."""
    return _blocks_at(contraction_factor(constants, schedule, geometry), constants, schedule, geometry, kind)


def _blocks_at(r: float, constants: Constants, schedule: Schedule, geometry: Geometry, kind: Kind) -> Blocks:
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
        four = _blocks_at(r, constants, schedule, geometry, kind)
        return four.smoothness() if block == "smoothness" else getattr(four, block)

    r = contraction_factor(constants, schedule, geometry)
    return Enclosure.of(at, r).bound(roundings(schedule.inner_steps), note)


def gradient_sizes(
    constants: Constants, schedule: Schedule, geometry: Geometry, kind: Kind = Kind.REFINED
) -> tuple[Bound, Bound]:
    """Bounds on ||g_w|| and ||g_phi|| of one task: r^N M and n_N M (theory, end of section 3.2).

    `kind` chooses cbar only; n_N is a joint norm in both. The variances of section 5 are at most their squares.
    """
    N, M = schedule.inner_steps, constants.M
    cbar = mixed_norm(constants, geometry, kind)

    def functional(r: float) -> Scaled:
        x = _Growth.of(r, schedule.one_alpha, N, cbar, np.hypot)
        return x.g**N * float(x.e[N]) * M

    r = contraction_factor(constants, schedule, geometry)
    w = Enclosure.of(lambda r: Scaled(r) ** N * M, r).bound(roundings(N))
    return w, Enclosure.of(functional, r).bound(roundings(N))
