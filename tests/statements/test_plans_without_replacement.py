"""Plans without replacement: the fewest tasks are at B = 1 or at B = T, and the rates themselves agree."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.advice import advise
from anil_theory.constants import Constants
from anil_theory.statements.base import Kind
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.plans import Plan, Question, _fewest_tasks, plan, plan_at, recommended_plan
from tests.strategies import log_uniform, settings_of_theory

CONVEX = (0.9, 1.0, 5.0, 0.1, 3.0)


def worst_row(chosen: Plan) -> float:
    """The larger right-hand side of the plan, over eps, by the rates and not by the plan."""
    q = chosen.question
    rate = JointRate(q.constants, chosen.schedule, q.geometry, q.D0)
    return max(rate.bound(row).value for row in ("w", "phi")) / q.eps


@settings(max_examples=3)
@given(settings_of_theory(), log_uniform(1e-2, 1), st.integers(2, 5))
def test_no_batch_needs_fewer_tasks_than_one_or_all(setting, accuracy, T) -> None:
    constants, schedule = setting
    alpha, N = schedule.one_alpha, min(schedule.inner_steps, 4)
    question = Question(constants, accuracy * constants.M**2, kind=Kind.SHARP, population=T)
    best = plan_at(question, alpha, N)
    assert best.schedule.batch in (1, T) and best.schedule.population == T
    assert worst_row(best) <= 1
    for B in range(1, T + 1):
        other = plan_at(dataclasses.replace(question, batch=B), alpha, N)
        assert worst_row(other) <= 1
        # K is rounded up to an integer, and the search for a pair is not exact.
        assert best.tasks <= other.tasks * (1 + 1e-3) + T


def test_all_tasks_of_a_small_population_at_once_and_one_of_a_large_one() -> None:
    chosen = {T: advise(*CONVEX, 0.1, inner_steps=2, population=T).anil for T in (10, 1000)}
    assert [chosen[T].batch for T in (10, 1000)] == [10, 1]
    independent = advise(*CONVEX, 0.1, inner_steps=2).anil
    assert chosen[1000].tasks == independent.tasks > 8 * chosen[10].tasks
    assert [share.term for share in chosen[10].dominating] == ["initial_gap"]


def test_at_given_steps_no_batch_is_better_either() -> None:
    constants = Constants(*CONVEX)
    for beta in (0.005, 0.05):
        asked = Question(constants, 0.1, alpha=0.9, beta_w=beta, beta_phi=beta, kind=Kind.SHARP, population=12)
        best = plan_at(asked, 0.9, 2)
        others = []
        for B in range(1, 13):
            try:
                others.append(plan_at(dataclasses.replace(asked, batch=B), 0.9, 2).tasks)
            except InvalidParameter:
                continue
        assert worst_row(best) <= 1
        assert best.tasks <= min(others) * 1.02


def test_the_search_over_alpha_and_n_takes_the_better_end() -> None:
    question = Question(Constants(*CONVEX), 0.1, kind=Kind.SHARP, inner_time=0.5, population=20)
    best = recommended_plan(question, 8)
    ends = [recommended_plan(dataclasses.replace(question, batch=B), 8) for B in (1, 20)]
    assert best.cost == min(end.cost for end in ends) < max(end.cost for end in ends)


def test_bad_populations_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="batch must be at most T = 3"):
        advise(*CONVEX, 0.1, batch=4, population=3)
    with pytest.raises(InvalidParameter, match="population must be left out where the kind is not sharp"):
        advise(*CONVEX, 0.1, kind=Kind.REFINED, population=3)
    with pytest.raises(InvalidParameter, match="population must be"):
        advise(*CONVEX, 0.1, population=0)


@pytest.mark.parametrize("mu", [0.1, None])
@pytest.mark.parametrize("T", [None, 3])
@pytest.mark.parametrize("inner_time", [0.3, None])
def test_where_a_search_ends_no_later_count_has_fewer_tasks(
    mu: float | None, T: int | None, inner_time: float | None
) -> None:
    constants = Constants(mu, 1.0, 0.2, 0.1, 1.0)
    question = Question(constants, 0.1, kind=Kind.SHARP, inner_time=inner_time, population=T, batch=T)
    for N in (1, 4, 9):
        assert plan(question, N).tasks >= _fewest_tasks(question, N) >= _fewest_tasks(question, 1)
