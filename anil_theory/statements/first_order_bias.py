"""Statement A: how far the gradient of first-order ANIL, D L_D(w_N), is from the meta-gradient.

Claim: with r = 1 - alpha mu (strongly convex, 0 < alpha <= 1/L) or r = 1 + alpha L (nonconvex), S_N = sum_{j<N} r^j,

    ||g_w - g_w^FO||     <= Z M                     strongly convex, below
                         <= alpha L S_N M = ((1 + alpha L)^N - 1) M   nonconvex
    ||g_phi - g_phi^FO|| <= alpha cbar S_N M        strongly convex, cbar = sqrt(L^2 - mu^2)
                         <= s_N M                   nonconvex, s_N of the sharp constants (`sharp`).

Z is the largest |1 - zeta^N| over the disk whose diameter is [1 - alpha L, 1 - alpha mu]. That is more than
1 - (1 - alpha L)^N, which holds where the Hessians of the inner steps commute (rho = 0, or one dimension of w):
products of I - alpha H_m can turn a vector, and move it further than any of them alone. Why the disk: the vectors T x,
T symmetric with its spectrum in an interval, are a ball about a multiple of x, so that in a plane a step multiplies by
a number of the disk; |1 - zeta_1 ... zeta_N| is largest where all are equal (Grace, Walsh, Szego).

Kind: SHARP, attained (`tasks.first_order_witness`, for phi in the nonconvex geometry as docs/sharp_bounds.md says of
s_N); EXPLICIT for the triangle inequality alpha L S_N M. Units: those of D L_D. Errors: as in `prop2_strongly_convex`.
Source: first-order MAML as Fallah, Mokhtari, Ozdaglar 2019 study it; derived here, docs/next_statements.md.
"""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import prop2_strongly_convex, prop3_nonconvex
from anil_theory.statements.base import Bound, Claim, Kind, Statement
from anil_theory.statements.contraction import contraction_factor, mixed_norm, roundings
from anil_theory.statements.forms.names import FIRST_ORDER
from anil_theory.statements.generated import formulas
from anil_theory.statements.generated.latex import CLAIMS
from anil_theory.statements.rates import partial_sum
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled
from anil_theory.statements.sharp import moves

QUANTITY = "first_order_bias"
"""Claims bound "first_order_bias/w" and "first_order_bias/phi"."""

ANGLES = 4001
"""Points of the arc on which the largest |1 - zeta^N| is looked for, before the search about the best of them."""

SEARCH_ERROR = 1e-10
"""Relative, of that search. Near its maximum the function is flat, and SciPy's error in the angle enters squared."""


def largest_displacement(low: float, high: float, steps: int, target: float = 1.0) -> float:
    """Z = max |target - zeta^N| over the disk with the diameter [low, high], low + high >= 0, for N = steps.

    target   >= 0; how far a vector that was carried through N steps is from so many times itself.

    By the maximum principle zeta lies on the circle, centre + radius e^(i psi). It goes no further than where N arg
    zeta = pi: beyond, its modulus is smaller, and |target - zeta^N| <= target + |zeta|^N.
    """
    centre, radius = (low + high) / 2, (high - low) / 2

    def displacement(psi: Any) -> Any:
        zeta = centre + radius * np.exp(1j * np.asarray(psi))
        with np.errstate(under="ignore"):
            return np.abs(target - np.abs(zeta) ** steps * np.exp(1j * steps * np.angle(zeta)))

    turn = math.pi / steps
    # The ray at the angle `turn` meets the circle where radius sin(psi - turn) = centre sin(turn).
    meets = centre * math.sin(turn) <= radius and radius > 0
    last = turn + math.asin(min(centre * math.sin(turn) / radius, 1.0)) if meets else math.pi
    psi = np.linspace(0.0, min(last, math.pi), ANGLES)
    values = displacement(psi)
    best = int(np.argmax(values))
    bounds = (psi[max(best - 1, 0)], psi[min(best + 1, ANGLES - 1)])
    if bounds[0] == bounds[1]:
        return float(values[best])
    # Here, and not above: a start that asks for advice needs no SciPy.
    from scipy.optimize import minimize_scalar

    # The default tolerance, 1e-5, is as wide as the interval where N is large: the bound fell short by 1e-8 there.
    search: Any = minimize_scalar(
        lambda at: -float(displacement(at)), bounds=bounds, method="bounded", options={"xatol": 1e-12}
    )
    return max(float(values[best]), -float(search.fun))


def bias_w(constants: Constants, schedule: Schedule) -> Bound:
    """The bound on the w row in the strongly convex geometry; where rho = 0, that of commuting Hessians."""
    alpha, N = schedule.one_alpha, schedule.inner_steps
    contraction_factor(constants, schedule, Geometry.STRONGLY_CONVEX)  # refuses what it does not cover
    low = max(formulas.contracting(alpha=alpha, mu=constants.L), 0.0)
    if constants.rho == 0:

        def at(q: float) -> Scaled:
            return _dropped_w(constants, schedule, q)

        return RoundingRange.of(at, low).bound(roundings(N), "rho = 0: the Hessians commute")
    assert constants.mu is not None
    high = max(formulas.contracting(alpha=alpha, mu=constants.mu), 0.0)
    value = largest_displacement(low, high, N)
    bound = RoundingRange.of(lambda q: scaled(constants.M) * value, low).bound(roundings(N))
    return replace(bound, rounding=bound.rounding + SEARCH_ERROR * bound.value)


def _dropped_w(constants: Constants, schedule: Schedule, x: float) -> Scaled:
    """alpha L M sum_{j<N} x^j."""
    numbers = {"L": scaled(constants.L), "M": scaled(constants.M), "alpha": scaled(schedule.one_alpha)}
    return formulas.dropped_w(**numbers, S_N=partial_sum(x, schedule.inner_steps))


def _summed_w(geometry: Geometry, constants: Constants, schedule: Schedule) -> Bound:
    r = contraction_factor(constants, schedule, geometry)
    return RoundingRange.of(lambda r: _dropped_w(constants, schedule, r), r).bound(roundings(schedule.inner_steps))


def dropped_phi(geometry: Geometry, constants: Constants, schedule: Schedule, r: float) -> Scaled:
    """The bound on the phi row as a function of the contraction factor."""
    alpha, N = schedule.one_alpha, schedule.inner_steps
    if geometry is Geometry.NONCONVEX:
        kept = moves(r=r, alpha=alpha, inner_steps=N, L=constants.L, cbar=constants.L, contracts=False)
        return scaled(r) ** N * float(kept[N]) * constants.M
    cbar = mixed_norm(constants, geometry, Kind.REFINED)
    numbers = {"M": scaled(constants.M), "alpha": scaled(alpha), "cbar": scaled(cbar)}
    return formulas.dropped_phi(**numbers, S_N=partial_sum(r, N))


def _phi(geometry: Geometry, constants: Constants, schedule: Schedule) -> Bound:
    r = contraction_factor(constants, schedule, geometry)
    bound = RoundingRange.of(lambda r: dropped_phi(geometry, constants, schedule, r), r)
    return bound.bound(roundings(schedule.inner_steps))


def _claim(geometry: Geometry, block: str, kind: Kind, evaluate: Any) -> Claim:
    source = prop2_strongly_convex if geometry is Geometry.STRONGLY_CONVEX else prop3_nonconvex
    name = FIRST_ORDER[geometry]
    hypotheses = source.STATEMENT.select(Kind.EXPLICIT, "ww")[0].hypotheses
    latex = CLAIMS[f"{name}/{block}/{kind.value}"]
    return Claim(name, block, kind, f"{QUANTITY}/{block}", evaluate, hypotheses, latex)


def _statement(geometry: Geometry, claims: tuple[Claim, ...]) -> Statement:
    return Statement(
        name=FIRST_ORDER[geometry],
        title=f"Bias of first-order ANIL, {geometry.value.replace('-', ' ')} inner loss",
        source="first-order MAML of Fallah, Mokhtari, Ozdaglar 2019; constants derived here (statement A)",
        geometry=geometry,
        claims=claims,
        paper="fo-maml",
    )


def _summed_convex(constants: Constants, schedule: Schedule) -> Bound:
    return _summed_w(Geometry.STRONGLY_CONVEX, constants, schedule)


def _summed_nonconvex(constants: Constants, schedule: Schedule) -> Bound:
    return _summed_w(Geometry.NONCONVEX, constants, schedule)


CONVEX = _statement(
    Geometry.STRONGLY_CONVEX,
    (
        _claim(Geometry.STRONGLY_CONVEX, "w", Kind.EXPLICIT, _summed_convex),
        _claim(Geometry.STRONGLY_CONVEX, "w", Kind.SHARP, bias_w),
        _claim(Geometry.STRONGLY_CONVEX, "phi", Kind.SHARP, partial(_phi, Geometry.STRONGLY_CONVEX)),
    ),
)

NONCONVEX = _statement(
    Geometry.NONCONVEX,
    (
        _claim(Geometry.NONCONVEX, "w", Kind.SHARP, _summed_nonconvex),
        _claim(Geometry.NONCONVEX, "phi", Kind.SHARP, partial(_phi, Geometry.NONCONVEX)),
    ),
)
