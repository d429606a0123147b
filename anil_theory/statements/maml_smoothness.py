"""Statement G: the smoothness of MAML at a point w, from the size of the gradient there in place of M.

Claim: let one loss l serve both loops, L_S = L_D = l, let w_N be N steps of size alpha from w, G = ||D l(w)||, and
S_N = sum_{j<N} r^j. Then ||D^2 (l o w_N)(w)|| is at most

    r^(2N) L + alpha rho r^(2N-1) S_N G    with r = 1 + alpha L; with r = 1 - alpha mu for a strongly convex l,
                                           0 < alpha <= 1/L
    4 L + 2 rho alpha G                    for N = 1 and 0 < alpha <= 1/L
    h_2 + alpha^2 rho G r^(N-1) U_N (L r^N + h_1) + alpha rho r^(2N-1) S_N G    strongly convex

with h_p = max of h (1 - alpha h)^(p N) over mu <= h <= L, U_N = sum_{m<N} sum_{m<=j<N} r^j.

Proof. With P = T_0 .. T_(N-1), T_m = I - alpha H_m, the second derivative is P H_N P^T less alpha sum_m of D^3 l(w_m)
on two moves of length r^m and the carried gradient, of length r^(N-1-m) ||D l(w_N)||; and ||D l(w_m)|| <= r^m G,
because a step multiplies the gradient by I - alpha times a mean Hessian. Near one quadratic: H_m is within rho |w_m -
w_N| of H_N, so that P is within alpha^2 rho G r^(N-1) U_N of (I - alpha H_N)^N, which commutes with H_N.

Kind: SHARP for r = 1 + alpha L, attained for every G (`tasks.maml_witness`). The convex form is not: one l cannot have
the curvature mu along the loop and L at its end, unless G is large. REFINED is the smaller of it and of the last line,
which one quadratic attains where rho G = 0. Units: those of D^2 l; the fact gradient_norm in those of D l. Errors:
`evaluate` raises MissingFact without it, InvalidParameter as `contraction_factor` does. Source: A. Fallah, A. Mokhtari,
A. Ozdaglar 2019 (one step); the form of K. Ji, J. Yang, Y. Liang 2020 (N steps); derived here, docs/next_statements.md.
"""

from collections.abc import Callable

from anil_theory._admissible import nonnegative
from anil_theory._precision import gamma
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import prop2_strongly_convex
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact, Statement
from anil_theory.statements.contraction import contraction_factor, roundings, step_margin
from anil_theory.statements.forms.names import MAML
from anil_theory.statements.generated import formulas
from anil_theory.statements.generated.latex import CLAIMS
from anil_theory.statements.rates import partial_sum
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled
from anil_theory.statements.sequences import InnerLoop

QUANTITY = "maml_lipschitz_at/ww"

SIZE = "||D l(w)|| at the point, or an upper bound of it"
"""What gradient_norm is, for who did not give it."""

Value = Callable[[Constants, Schedule, float], Bound]
"""constants, schedule and gradient_norm -> the bound."""

Hypotheses = Callable[[Constants, Schedule], tuple[Hypothesis, ...]]


def _numbers(constants: Constants, schedule: Schedule, G: float) -> dict[str, Scaled]:
    known = {"G": G, "L": constants.L, "alpha": schedule.one_alpha, "rho": constants.rho}
    return {name: scaled(number) for name, number in known.items()}


def _one_step(constants: Constants, schedule: Schedule, G: float) -> Bound:
    value = formulas.one_step_maml(**_numbers(constants, schedule, G))
    return Bound(float(value), value.log10, gamma(10) * float(value))


def _multi_step(constants: Constants, schedule: Schedule, G: float, r: float) -> Scaled:
    N = schedule.inner_steps
    numbers = _numbers(constants, schedule, G)
    return formulas.multi_step_maml(**numbers, N=N, S_N=partial_sum(r, N), r=scaled(r))


def _expanding(constants: Constants, schedule: Schedule, G: float) -> Bound:
    r = contraction_factor(constants, schedule, Geometry.NONCONVEX)
    bound = RoundingRange.of(lambda r: _multi_step(constants, schedule, G, r), r)
    return bound.bound(roundings(schedule.inner_steps))


def _contracting(constants: Constants, schedule: Schedule, G: float) -> Bound:
    r = contraction_factor(constants, schedule, Geometry.STRONGLY_CONVEX)
    bound = RoundingRange.of(lambda r: _multi_step(constants, schedule, G, r), r)
    return bound.bound(roundings(schedule.inner_steps))


def largest_curvature(constants: Constants, schedule: Schedule, power: int, r: float) -> Scaled:
    """max h (1 - alpha h)^power over mu <= h <= L, power >= 1; r is 1 - alpha mu, as it may be rounded.

    The maximum over all h is at 1/(alpha (power + 1)), and the function falls on both sides.
    """
    assert constants.mu is not None
    alpha = schedule.one_alpha
    best = 1 / (alpha * (power + 1))
    if best <= constants.mu:
        return scaled(constants.mu) * scaled(r) ** power
    if best >= constants.L:
        return scaled(constants.L) * scaled(max(formulas.contracting(alpha=alpha, mu=constants.L), 0.0)) ** power
    return scaled(best) * scaled(power / (power + 1)) ** power


def _flat(constants: Constants, schedule: Schedule, G: float) -> Bound:
    """The smaller of the convex form and of that near one quadratic."""
    N = schedule.inner_steps
    r = contraction_factor(constants, schedule, Geometry.STRONGLY_CONVEX)

    def at(r: float) -> Scaled:
        loop = InnerLoop.of(r, N)
        near = formulas.flat_maml(
            **_numbers(constants, schedule, G),
            N=N,
            S=loop.S,
            carried=loop.carried,
            h_1=largest_curvature(constants, schedule, N, r),
            h_2=largest_curvature(constants, schedule, 2 * N, r),
            r=scaled(r),
        )
        return min(near, _multi_step(constants, schedule, G, r))

    return RoundingRange.of(at, r).bound(roundings(N))


def _no_hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    return ()


def _of_one_step(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    single = Hypothesis("N = 1", 1.0 - schedule.inner_steps)
    return single, Hypothesis("alpha <= 1/L", step_margin(schedule.one_alpha, constants.L))


_CONVEX = prop2_strongly_convex.STATEMENT.select(Kind.EXPLICIT, "ww")[0].hypotheses

_CLAIMS: dict[str, tuple[tuple[Kind, Value, Hypotheses], ...]] = {
    MAML["one step"]: ((Kind.EXPLICIT, _one_step, _of_one_step),),
    MAML["steps"]: ((Kind.SHARP, _expanding, _no_hypotheses),),
    MAML["convex"]: ((Kind.EXPLICIT, _contracting, _CONVEX), (Kind.REFINED, _flat, _CONVEX)),
}


def _statement(key: str, title: str, source: str, paper: str, geometry: Geometry | None) -> Statement:
    name = MAML[key]

    def claims(gradient_norm: float | None = None) -> tuple[Claim, ...]:
        size = None if gradient_norm is None else nonnegative("gradient_norm", gradient_norm)
        return tuple(_claim(name, kind, value, hypotheses, size) for kind, value, hypotheses in _CLAIMS[name])

    return Statement(
        name=name,
        title=title,
        source=source,
        geometry=geometry,
        claims=claims(),
        facts=("gradient_norm",),
        build=claims,
        paper=paper,
    )


def _claim(
    statement: str,
    kind: Kind,
    value: Value,
    hypotheses: Hypotheses,
    gradient_norm: float | None,
) -> Claim:
    name = f"{statement}/ww/{kind.value}"

    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        if gradient_norm is None:
            raise MissingFact(name, "gradient_norm", SIZE)
        bound = value(constants, schedule, gradient_norm)
        notes = (bound.note, f"|D l(w)| = {gradient_norm:.6g}")
        return Bound(bound.value, bound.log10, bound.rounding, "; ".join(filter(None, notes)))

    return Claim(statement, "ww", kind, QUANTITY, evaluate, hypotheses, CLAIMS[name])


ONE_STEP = _statement(
    "one step",
    "Smoothness of one-step MAML at a point",
    "Fallah, Mokhtari, Ozdaglar 2019 (statement G)",
    "fo-maml",
    None,
)

STEPS = _statement(
    "steps",
    "Smoothness of MAML at a point",
    "Ji, Yang, Liang 2020, constants derived here (statement G)",
    "ji-yang-liang",
    None,
)

CONVEX_STEPS = _statement(
    "convex",
    "Smoothness of MAML at a point, strongly convex loss",
    "Ji, Yang, Liang 2020 in form, derived here (statement G)",
    "ji-yang-liang",
    Geometry.STRONGLY_CONVEX,
)
