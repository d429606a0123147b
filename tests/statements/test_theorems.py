"""Theorems 1 and 2 as claims, the engine behind their rates, and their orders."""

import dataclasses
import math
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
from hypothesis import example, given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory._precision import UNIT_ROUNDOFF
from anil_theory.constants import Constants, Geometry
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind, thm1_strongly_convex, thm2_nonconvex
from anil_theory.statements import table1_complexity_orders as table1
from anil_theory.statements.contraction import blocks, gradient_sizes, roundings
from anil_theory.statements.forms import limits
from anil_theory.statements.rates import ROWS, Rate, Weight, ingredients, partial_sum, step_sizes
from anil_theory.verdict import Outcome, judge
from tests.strategies import log_uniform, settings_of_theory

pytestmark = pytest.mark.filterwarnings("error")

CONVEX = Constants(0.5, 2.0, 1.0, 0.7, 3.0)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)
THEOREMS = ((thm1_strongly_convex, CONVEX), (thm2_nonconvex, NONCONVEX))
KINDS = (Kind.EXPLICIT, Kind.REFINED)

weights = st.sampled_from(Weight) | log_uniform(1e-3, 1e3)


def tolerance(steps: int) -> float:
    """Relative: what two evaluations of a bound may differ by."""
    return 8 * (roundings(steps) + 100) * UNIT_ROUNDOFF


def close(a: float, b: float, steps: int) -> bool:
    return math.isclose(a, b, rel_tol=tolerance(steps), abs_tol=1e-290)


@given(settings_of_theory(), st.sampled_from(KINDS))
def test_the_ingredients_are_those_of_the_propositions(setting, kind):
    constants, schedule = setting
    N, found = schedule.inner_steps, ingredients(constants, schedule, constants.geometry, kind)
    four = blocks(constants, schedule, constants.geometry, kind)
    assert (found.ww, found.cross, found.phiphi) == (four.ww, four.cross, four.phiphi)
    for size, bound in zip(
        (found.sigma_w, found.sigma_phi), gradient_sizes(constants, schedule, constants.geometry, kind), strict=True
    ):
        assert close(float(size), bound.value, N)


@given(st.fractions(0, 3, max_denominator=64), st.integers(1, 200))
def test_the_partial_sum_by_doubling(r, steps):
    exact = sum((r**j for j in range(steps)), Fraction(0))
    assert close(float(partial_sum(float(r), steps)) / float(exact), 1.0, 8 * steps)


@given(settings_of_theory(), st.sampled_from(KINDS), log_uniform(1e-2, 1e2), log_uniform(1e-2, 1e2))
def test_steps_at_their_limits_give_the_simplified_rates(setting, kind, c, D0):
    constants, schedule = setting
    geometry, N, K, B = constants.geometry, schedule.inner_steps, schedule.outer_steps, schedule.batch
    schedule = step_sizes(constants, schedule, geometry, kind, c)
    rate, x = Rate(constants, schedule, geometry, kind, D0, c), ingredients(constants, schedule, geometry, kind)
    assert all(h.holds for h in rate.hypotheses())
    lam_w, lam_phi = map(float, x.smoothness(c))
    w, phi = float(x.sigma_w) ** 2, float(x.sigma_phi) ** 2
    if min(lam_w, w) < 1e-100:  # squares of what follows would underflow
        return
    assert close(rate.bound("w").value, 2 * lam_w * D0 / K + (w + lam_w / lam_phi * phi) / B, N)
    assert close(rate.bound("phi").value, 2 * lam_phi * D0 / K + (phi + lam_phi / lam_w * w) / B, N)
    assert close(rate.bound("weighted").value, rate.bound("w").value / lam_w, N)


@pytest.mark.parametrize("geometry", Geometry)
@pytest.mark.parametrize("N", [1, 2, 3])
def test_the_weighted_bound_in_exact_arithmetic(geometry, N):
    """Every number a small fraction: the plain sums of the block constants and the theorems' bound, typed in again."""
    mu, L, rho, tau, M, alpha = map(Fraction, ("1/2", "2", "3", "5/4", "3/2", "1/4"))
    D0, bw, bp, c, K, B = map(Fraction, ("7/8", "1/4096", "1/2048", "3/4", "25", "6"))
    r = 1 - alpha * mu if geometry is Geometry.STRONGLY_CONVEX else 1 + alpha * L
    S = [sum((r**j for j in range(m)), Fraction(0)) for m in range(N + 1)]
    e = [1 + alpha * L * s for s in S]
    ww = M * alpha * rho * r ** (N - 1) * S[N] + L * r ** (2 * N)
    wphi = M * alpha * rho * r ** (N - 1) * sum(e[:N]) + L * r**N * e[N]
    later = [sum((r**j for j in range(m + 1, N)), Fraction(0)) for m in range(N)]
    later_e = [sum(e[m + 1 : N], Fraction(0)) for m in range(N)]
    inner = sum(r ** (N - 2 - m) * later[m] for m in range(N))
    phiw = M * alpha * tau * N * r ** (N - 1) + M * alpha**2 * rho * L * inner + L * r**N * e[N]
    phiphi = M * alpha * tau * sum(r ** (N - 1 - m) * e[m] for m in range(N)) + L * e[N] ** 2
    phiphi += M * alpha**2 * rho * L * sum(r ** (N - 2 - m) * later_e[m] for m in range(N))
    cross = min(wphi, phiw)
    noise = (ww + c * cross) * bw**2 * (r**N * M) ** 2
    noise += (phiphi + cross / c) * bp**2 * M**2 * (1 + (alpha * L * S[N]) ** 2)
    exact = 2 * D0 / K + noise / B
    constants = Constants(
        float(mu) if geometry is Geometry.STRONGLY_CONVEX else None, float(L), float(rho), float(tau), float(M)
    )
    schedule = Schedule(float(alpha), N, float(bw), float(bp), int(B), int(K))
    rate = Rate(constants, schedule, geometry, Kind.EXPLICIT, float(D0), float(c))
    assert all(h.holds for h in rate.hypotheses())
    for row, value in {"weighted": exact, "w": exact / bw, "phi": exact / bp}.items():
        bound = rate.bound(row)
        assert abs(Fraction(bound.value) - value) <= Fraction(bound.rounding)
        broken = value - noise / B / {"weighted": 1, "w": bw, "phi": bp}[row] / 2  # half of the noise forgotten
        assert abs(Fraction(bound.value) - broken) > Fraction(bound.rounding)


@given(settings_of_theory(), st.sampled_from(KINDS), st.floats(0.05, 1), st.floats(0.05, 1), log_uniform(1e-2, 1e2))
@example((Constants(1.0, 1.0, 1.0, 1.0, 1.0), Schedule(1.0, 1)), Kind.EXPLICIT, 1.0, 0.25, 3.0)
def test_the_chosen_weight_is_the_best_admissible_one(setting, kind, shrink_w, shrink_phi, factor):
    constants, schedule = setting
    schedule = step_sizes(constants, schedule, constants.geometry, kind)
    assert schedule.beta_w is not None and schedule.beta_phi is not None
    schedule = dataclasses.replace(schedule, beta_w=shrink_w * schedule.beta_w, beta_phi=shrink_phi * schedule.beta_phi)
    chosen = Rate(constants, schedule, constants.geometry, kind, D0=1.0)
    assert all(h.holds for h in chosen.hypotheses())
    other = dataclasses.replace(chosen, c=chosen.weight() * factor)
    if all(h.holds for h in other.hypotheses()):
        for row in ROWS:
            assert chosen.bound(row).value <= other.bound(row).value * (1 + tolerance(schedule.inner_steps))


@given(settings_of_theory(), st.sampled_from(KINDS), log_uniform(1e-2, 1e2))
def test_balanced_steps_are_the_smoothness_and_a_minimax(setting, kind, c):
    constants, schedule = setting
    geometry, N = constants.geometry, schedule.inner_steps
    x = ingredients(constants, schedule, geometry, kind)
    if float(x.cross) < 1e-100:
        return
    _, beta_w, beta_phi = x.steps(Weight.BALANCED)
    smoothness = blocks(constants, schedule, geometry, kind).smoothness()
    assert beta_w == beta_phi
    # The weight is found from a difference of L_ww and L_phiphi; the spectral norm does not suffer from it.
    assert math.isclose(beta_w * float(smoothness), 1, rel_tol=100 * tolerance(N))
    worst = [
        max(Rate(constants, s, geometry, kind, D0=1.0, c=None).bound(row).value for row in ("w", "phi"))
        for s in (step_sizes(constants, schedule, geometry, kind, weight) for weight in (Weight.BALANCED, c))
    ]
    assert worst[0] <= worst[1] * (1 + 100 * tolerance(N))


@given(settings_of_theory(), st.sampled_from(KINDS))
def test_cheapest_steps_have_the_smallest_product(setting, kind):
    constants, schedule = setting
    x = ingredients(constants, schedule, constants.geometry, kind)
    if min(float(x.sigma_w), float(x.cross)) < 1e-100:
        return

    def product(weight: Weight | float) -> float:
        c, beta_w, beta_phi = x.steps(weight)
        return max(float(t.decay * t.noise) for t in (x.terms(row, beta_w, beta_phi, c, 1.0) for row in ("w", "phi")))

    cheapest = product(Weight.CHEAPEST)
    for other in (Weight.BALANCED, 0.01, 0.1, 1.0, 10.0, 100.0):
        assert cheapest <= product(other) * (1 + tolerance(schedule.inner_steps))


@pytest.mark.parametrize("theorem, constants", THEOREMS)
def test_names_and_quantities(theorem, constants):
    statement = STATEMENTS[theorem.NAME]
    assert statement is theorem.STATEMENT and statement.geometry is constants.geometry
    for kind in (*KINDS, Kind.ORDER):
        assert tuple(c.block for c in statement.select(kind)) == ROWS
        assert [c.quantity for c in statement.select(kind)] == [f"average_squared_gradient/{row}" for row in ROWS]


@pytest.mark.parametrize("theorem, constants", THEOREMS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", ROWS)
def test_a_step_beyond_its_limit_is_not_applicable_with_the_amount(theorem, constants, kind, row):
    (claim,) = (c for c in theorem.theorem_claims(2.0, 1.0) if c.kind is kind and c.block == row)
    schedule = Schedule.paper(constants, 3, batch=4, outer_steps=10)
    estimate = Estimate(claim.quantity, 1e-6, Direction.EXACT, "made up")
    assert judge(claim, constants, schedule, estimate).outcome is Outcome.NOT_APPLICABLE
    schedule = step_sizes(constants, schedule, theorem.GEOMETRY, kind, 1.0)
    assert judge(claim, constants, schedule, estimate).outcome is Outcome.CONFIRMED
    for name in ("beta_w", "beta_phi"):
        limit = getattr(schedule, name)
        verdict = judge(claim, constants, dataclasses.replace(schedule, **{name: 1.25 * limit}), estimate)
        assert verdict.outcome is Outcome.NOT_APPLICABLE and name in verdict.reason
        (failed,) = [h for h in verdict.hypotheses if not h.holds]
        assert math.isclose(failed.margin, -limit / 4, rel_tol=tolerance(3) * 10)


def test_theorem_1_needs_its_inner_step_and_convexity():
    claims = thm1_strongly_convex.theorem_claims(1.0)
    schedule = Schedule(0.75, 3, 0.1, 0.1)
    (step,) = [h for h in claims[0].hypotheses(CONVEX, schedule) if not h.holds]
    assert step.condition == "alpha <= 1/L" and step.margin == -0.25
    assert any(h.condition == "mu > 0" and not h.holds for h in claims[0].hypotheses(NONCONVEX, schedule))
    inadmissible: list[dict[str, Any]] = [{"D0": -1.0}, {"D0": math.nan}, {"c": 0.0}, {"c": math.inf}]
    for bad in inadmissible:
        with pytest.raises(InvalidParameter):
            thm1_strongly_convex.theorem_claims(**bad)
    with pytest.raises(InvalidParameter, match="beta_w"):
        claims[0].evaluate(CONVEX, Schedule(0.1, 3))


@given(settings_of_theory(), log_uniform(1e-2, 1e2))
def test_bounds_fall_with_K_and_B_and_rise_with_D0(setting, D0):
    constants, schedule = setting
    schedule = step_sizes(constants, schedule, constants.geometry)
    rate = Rate(constants, schedule, constants.geometry, Kind.REFINED, D0)
    for row in ROWS:
        here = rate.bound(row).value
        for name in ("outer_steps", "batch"):
            more = dataclasses.replace(schedule, **{name: 2 * getattr(schedule, name)})
            assert dataclasses.replace(rate, schedule=more).bound(row).value <= here
        assert dataclasses.replace(rate, D0=2 * D0).bound(row).value >= here
        explicit = dataclasses.replace(rate, kind=Kind.EXPLICIT, c=rate.weight())
        assert here <= explicit.bound(row).value * (1 + tolerance(schedule.inner_steps))


def test_overflow_is_explained_and_an_empty_phi_has_one_row():
    schedule = Schedule(1.0, 5000, 1e-3, 1e-3, 3, 7)
    bound = Rate(NONCONVEX, schedule, Geometry.NONCONVEX, Kind.REFINED, D0=1.0).bound("w")
    assert bound.value == math.inf and math.isfinite(bound.log10) and "exceeds float64" in bound.note
    maml = step_sizes(NONCONVEX, Schedule(0.01, 3), Geometry.NONCONVEX, phi=False)
    rate = Rate(NONCONVEX, maml, Geometry.NONCONVEX, Kind.REFINED, D0=1.0, phi=False)
    (hypothesis,) = rate.hypotheses()
    assert hypothesis.margin == 0
    four, size = blocks(NONCONVEX, maml, Geometry.NONCONVEX, Kind.REFINED), 1.02**3 * 3.0
    assert close(rate.bound("w").value, 2 * float(four.ww) + size**2, 3)
    with pytest.raises(InvalidParameter, match="row"):
        rate.bound("phi")


def test_nonconvex_rates_are_bounded_in_N_under_their_step_condition_only():
    """Finding 2: with alpha = c/(N L) they stay; with alpha fixed they explode."""

    def w_bound(schedule: Schedule) -> float:
        at_limit = step_sizes(NONCONVEX, schedule, Geometry.NONCONVEX)
        return Rate(NONCONVEX, at_limit, Geometry.NONCONVEX, Kind.REFINED, D0=1.0).bound("w").log10

    scheduled = [w_bound(Schedule.nonconvex(NONCONVEX, N)) for N in (1, 10, 100, 1000)]
    assert max(scheduled) - min(scheduled) < math.log10(4)
    assert w_bound(Schedule(0.1, 1000)) > 100


def test_the_blocks_have_their_limits_in_the_regime():
    T, L, M, rho = limits.T, limits.L, limits.M, sp.Symbol("rho", nonnegative=True)
    cross = M * rho * L * (T * sp.exp(-T) - sp.exp(-T) * (1 - sp.exp(-T)))
    assert sp.simplify(limits.block_limit("ww", 1) - M * rho * (sp.exp(-T) - sp.exp(-2 * T))) == 0
    for block in ("wphi", "phiw"):
        assert sp.simplify(limits.block_limit(block, 2) - cross) == 0
    phiphi = M * rho * L**2 * (1 - 2 * T * sp.exp(-T) - sp.exp(-2 * T))  # 2 e^-T (sinh T - T): positive
    assert sp.simplify(limits.block_limit("phiphi", 3) - phiphi) == 0


def test_table_1_and_the_symbolic_orders_are_the_same():
    mu, N = 0.3, 7
    constants = Constants(mu, 1.0, 1.0, 1.0, 1.0)
    schedule = Schedule.strongly_convex(constants, N)
    at = {limits.mu: mu, limits.N: N, limits.q: 1 - mu**2}
    for row in table1.ROWS:
        value = table1.order_value(row, constants, schedule).value
        assert math.isclose(value, float(limits.ORDERS[row.name].subs(at)), rel_tol=1e-12)
    K, B = 11, 5
    schedule = dataclasses.replace(schedule, outer_steps=K, batch=B)
    order = {row.name: table1.order_value(row, constants, schedule).value for row in table1.ROWS}
    for row in ("w", "phi"):
        (claim,) = STATEMENTS["thm1"].select(Kind.ORDER, row)
        expected = order[f"{row}_decay"] / K + order[f"{row}_noise"] / B
        assert math.isclose(claim.evaluate(constants, schedule).value, expected, rel_tol=1e-12)


def test_printed_phi_row_of_proposition_2_misses_a_factor_of_the_condition_number():
    """Derivatives within A1, A2 along a trajectory whose mixed block exceeds (L/mu) q^(N/2) by about 0.2 L/mu."""
    ratios = []
    for mu in (0.1, 0.03, 0.01):
        N, C = round(1 / mu**2), math.sqrt(1 - mu**2)
        f, J_w, J_phi, W = 1 - mu * mu, 1.0, 0.0, 0.0  # L = M = rho = 1, alpha = mu, H = mu, L_www = 1
        for _ in range(N):
            W = f * W - mu * J_w * J_phi
            J_w, J_phi = f * J_w, f * J_phi - mu * C
        printed = f ** (N / 2) / mu
        constants = Constants(mu, 1.0, 1.0, 1.0, 1.0)
        found = blocks(constants, Schedule.strongly_convex(constants, N), Geometry.STRONGLY_CONVEX, Kind.REFINED)
        assert float(found.cross) >= W
        ratios.append(W / printed * mu)
    assert all(0.18 < ratio < 0.25 for ratio in ratios)


def test_the_claims_of_table_1_hold_at_the_schedules_of_the_paper():
    for row in table1.ROWS:
        assert table1.term_value(row, CONVEX, Schedule.paper(CONVEX, 4), Kind.REFINED, D0=1.0).value > 0
    for claim in STATEMENTS["table1"].claims:
        assert not [h for h in claim.hypotheses(CONVEX, Schedule.paper(CONVEX, 4)) if not h.holds]
        assert not [h for h in claim.hypotheses(NONCONVEX, Schedule.paper(NONCONVEX, 4)) if not h.holds]
