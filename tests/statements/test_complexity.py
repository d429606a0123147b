"""What eps-accuracy costs: the smallest K and B, the counts of Table 2, and the cheapest N."""

import dataclasses
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements import table2_cost_comparison as table2
from anil_theory.statements.complexity import (
    Split,
    anil_count,
    demand,
    exact,
    maml_count,
    printed_anil_gradient_entries,
)
from anil_theory.statements.plans import OBJECTIVES, Question, plan, recommended_plan
from anil_theory.statements.rates import Rate, Terms, Weight
from anil_theory.statements.scaled import Scaled
from anil_theory.statements.searches import cheapest_count
from anil_theory.verdict import Outcome, judge
from tests.strategies import constants, inner_steps, log_uniform

pytestmark = pytest.mark.filterwarnings("error")

CONVEX = Constants(0.5, 2.0, 1.0, 0.7, 3.0)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)

terms = st.builds(
    lambda P, Q, R: Terms(Scaled(P), Scaled(Q), Scaled(R)),
    log_uniform(1e-3, 30),
    log_uniform(1e-3, 30),
    st.just(0.0) | log_uniform(1e-3, 30),
)


def fits(rows, K: int, B: int, eps: float) -> bool:
    if min(K, B) < 1:
        return False
    return all(exact(row.decay) / K + exact(row.noise) / B <= Fraction(eps) for row in rows)


@given(st.lists(terms, min_size=1, max_size=2), log_uniform(1e-1, 10))
def test_even_demand_is_the_smallest_that_halves(rows, eps):
    found = demand(rows, eps)
    K, B, half = found.outer_steps, found.batch, Fraction(eps) / 2

    def halves(K: int, B: int) -> bool:
        if min(K, B) < 1:
            return False
        return all(exact(r.decay) / K <= half and exact(r.noise) / B <= half for r in rows)

    assert fits(rows, K, B, eps) and halves(K, B)
    assert not halves(K - 1, B) and not halves(K, B - 1)


@given(st.lists(terms, min_size=1, max_size=2), log_uniform(1e-1, 10))
def test_cheapest_demand_against_every_pair(rows, eps):
    found, even = demand(rows, eps, Split.CHEAPEST), demand(rows, eps)
    K, B = found.outer_steps, found.batch
    assert fits(rows, K, B, eps) and not fits(rows, K - 1, B, eps) and not fits(rows, K, B - 1, eps)
    assert even.outer_steps * even.batch >= K * B
    limit, smallest = Fraction(eps), math.inf
    for steps in range(1, K * B + 1):  # a better product has a smaller K than this one's product
        rooms = [(limit - exact(row.decay) / steps, exact(row.noise)) for row in rows]
        if all(room > 0 for room, _ in rooms):
            smallest = min(smallest, steps * max(1, *(math.ceil(noise / room) for room, noise in rooms)))
        if steps >= min(smallest, 5000):
            break
    assert smallest >= K * B


def test_cheapest_demand_of_large_numbers_is_near_its_relaxation():
    rows = [Terms(Scaled(3e12), Scaled(5e11), Scaled(0.0))]
    found = demand(rows, 1.0, Split.CHEAPEST)
    assert fits(rows, found.outer_steps, found.batch, 1.0)
    assert found.outer_steps * found.batch <= 4 * Fraction(3 * 10**12) * 5 * 10**11 * Fraction(10001, 10000)


def test_demand_refuses_bad_accuracy_and_survives_overflow():
    row = Terms(Scaled(1.0, 5000), Scaled(1.0), Scaled(0.0))
    assert demand([row], 1.0).outer_steps == 2**5001
    for eps in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InvalidParameter, match="eps"):
            demand([row], eps)


@given(constants(), inner_steps(), st.sampled_from(Weight) | log_uniform(1e-2, 1e2), log_uniform(1e-2, 1e2))
def test_a_plan_satisfies_the_theorem_it_rests_on(drawn, N, weight, eps):
    found = plan(Question(drawn, eps * drawn.M**2, weight=weight), N)
    rate = Rate(drawn, found.schedule, drawn.geometry, Kind.REFINED, 1.0, found.c)
    assert all(h.holds for h in rate.hypotheses())
    for row in ("w", "phi"):
        bound = rate.bound(row)
        assert bound.value <= eps * drawn.M**2 + bound.rounding


@given(constants(), inner_steps(), log_uniform(1e-2, 1e2))
def test_demand_grows_with_accuracy_and_gap(drawn, N, eps):
    here = plan(Question(drawn, eps), N)
    finer, farther = plan(Question(drawn, eps / 2), N), plan(Question(drawn, eps, 2.0), N)
    assert finer.schedule.outer_steps >= here.schedule.outer_steps and finer.schedule.batch >= here.schedule.batch
    assert farther.schedule.outer_steps >= here.schedule.outer_steps
    assert farther.schedule.batch == here.schedule.batch
    assert finer.cost >= here.cost and farther.cost >= here.cost


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(
    "constants",
    [CONVEX, NONCONVEX, Constants(0.99, 1, 10, 0, 10), Constants(0.9, 1, 100, 0.1, 1), Constants(0.05, 1, 1, 1, 1)],
)
def test_the_recommended_N_is_a_true_minimiser(constants, objective):
    for question in (q := Question(constants, 0.01, n_w=3, n_phi=40, objective=objective), q.of_maml()):
        best = recommended_plan(question, 200)
        costs = {N: plan(question, N).cost for N in range(1, 201)}
        assert best.cost == min(costs.values()) == costs[best.schedule.inner_steps]


def test_near_perfect_conditioning_the_cost_falls_and_then_rises():
    question = Question(Constants(0.99, 1, 10, 0, 10), 0.01)
    costs = [plan(question, N).cost for N in range(1, 12)]
    turn = costs.index(min(costs))
    assert turn == 1 and costs[turn:] == sorted(costs[turn:])


@given(st.integers(1, 5000), st.integers(1, 3000), st.floats(0.2, 4))
def test_the_search_finds_a_far_valley(most, valley, steepness):
    def cost(N: int) -> float:
        return abs(math.log(N / valley)) ** steepness

    assert cheapest_count(cost, most, every=16) == min(valley, most)


def test_nonconvex_cost_rises_with_N():
    costs = [plan(Question(NONCONVEX, 0.01), N).cost for N in (1, 2, 4, 8, 16, 64)]
    assert costs == sorted(costs)


def test_counts_by_hand():
    found = anil_count(2, 3, n_w=5, n_phi=7)
    assert dataclasses.astuple(found) == (9, 3, 6, 6, 3 * (3 * 5 + 7), 3 * 2 * (25 + 35))
    assert found.evaluations == 24 and found.entries == 66 + 360
    assert dataclasses.astuple(found.times(10)) == tuple(10 * x for x in dataclasses.astuple(found))
    assert dataclasses.astuple(maml_count(2, 3, 5, 7)) == (9, 0, 6, 0, 3 * 3 * 12, 3 * 2 * 144)
    assert printed_anil_gradient_entries(2, 3, 5, 7) == 3 * (2 * 5 + 7)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50), st.integers(1, 50))
def test_maml_is_the_empty_phi_and_never_cheaper_per_iteration(N, B, n_w, n_phi):
    anil, maml = anil_count(N, B, n_w, n_phi), maml_count(N, B, n_w, n_phi)
    assert maml == anil_count(N, B, n_w + n_phi, 0)
    assert maml.gradient_entries >= anil.gradient_entries and maml.second_order_entries > anil.second_order_entries


def test_table_2_judges_equality_in_both_directions():
    schedule = Schedule(0.1, 4, batch=3)
    exact_counts = table2.exact_counts(schedule, 2, 9)
    claims = table2.comparison_claims(2, 9)
    assert {c.quantity for c in claims} == {f"oracle_count/{name}" for name in exact_counts}
    assert [c.block for c in STATEMENTS["table2"].claims] == list(exact_counts)
    for claim in claims:
        for error, outcome in ((0, Outcome.CONFIRMED), (1, Outcome.REFUTED), (-1, Outcome.REFUTED)):
            estimate = Estimate(claim.quantity, float(abs(error)), Direction.EXACT, "counted")
            assert judge(claim, CONVEX, schedule, estimate).outcome is outcome
        assert str(exact_counts[claim.block]) in claim.evaluate(CONVEX, schedule).note
