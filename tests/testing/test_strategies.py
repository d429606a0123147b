"""The strategies: what they draw is admissible, what their twins draw is refused, and failures can be read."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry, Region
from anil_theory.problem import Problem, TaskSet
from anil_theory.schedule import Schedule
from anil_theory.tasks import CosineFamily, SeparableFamily
from anil_theory.testing import Inadmissible, strategies
from anil_theory.testing.strategies.numbers import MOST_ENTRIES

W = {"a": np.zeros(2), "b": np.array([[1.0]])}
PHI = (np.array(0.5),)


def own_loss(w: Any, phi: Any, data: Any) -> Any:
    return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves((w, phi))) * data


CONSTANTS = Constants(0.5, 1.0, 1.0, 1.0, 1.0)
FAMILY = SeparableFamily(CONSTANTS, 2, 1)
BALL = Problem.from_losses(
    own_loss, own_loss, jnp.ones(1), W, PHI, constants=Constants(None, 1.0, 1.0, 1.0, 1.0, region=Region(0.25))
)


def shrunk(strategy: st.SearchStrategy[Any], fails: Callable[[Any], bool]) -> Any:
    """What a failing example shrinks to."""
    return find(strategy, fails, settings=settings(max_examples=300, derandomize=True, database=None))


@given(strategies.settings())
def test_a_setting_is_admissible(setting: tuple[Constants, Schedule]) -> None:
    constants, schedule = setting
    if constants.geometry is Geometry.STRONGLY_CONVEX:
        assert schedule.one_alpha <= 1 / constants.L
    assert 1 <= schedule.inner_steps <= strategies.LONGEST_LOOP


@pytest.mark.parametrize("geometry", list(Geometry))
def test_a_geometry_and_the_inside_can_be_asked_for(geometry: Geometry) -> None:
    @given(strategies.settings(geometry, corners=False, longest=3))
    def holds(setting: tuple[Constants, Schedule]) -> None:
        constants, schedule = setting
        assert constants.geometry is geometry and constants.rho > 0 and constants.tau > 0
        assert constants.mu is None or constants.mu <= 0.9 * constants.L
        assert schedule.inner_steps <= 3

    holds()


def test_corners_are_drawn() -> None:
    seen = set()

    @given(strategies.constants())
    def note(c: Constants) -> None:
        seen.update({"rho = 0"} if c.rho == 0 < c.tau else ())
        seen.update({"tau = 0"} if c.tau == 0 < c.rho else ())
        seen.update({"mu = L"} if c.mu == c.L != 1 else ())

    note()
    assert seen == {"rho = 0", "tau = 0", "mu = L"}


def test_numbers_stay_inside_and_use_all_digits() -> None:
    low, high = 0.123456789, 7.654321

    @given(strategies.log_uniform(low, high))
    def holds(number: float) -> None:
        assert low <= number <= high

    holds()
    shrunk(strategies.log_uniform(low, high), lambda number: number != float(f"{number:.3g}") and low < number < high)


@settings(max_examples=10)
@given(strategies.posed(most_tasks=2, largest=1, longest=2), st.sampled_from([CosineFamily]))
def test_a_problem_is_posed_with_its_schedule(posed: strategies.Posed, other: type) -> None:
    assert posed.problem.n_w == posed.problem.n_phi == 1
    assert posed.problem.constants == posed.family.constants
    assert len(posed.problem.tasks) == posed.tasks <= 2
    assert posed.problem.split(posed.problem.start)[0].shape == (1,)


@settings(max_examples=10)
@given(strategies.task_sets(FAMILY, most=2))
def test_a_population_has_its_tasks(tasks: TaskSet) -> None:
    assert isinstance(tasks, TaskSet) and len(tasks) in (1, 2)


@given(strategies.points(FAMILY), strategies.points(BALL))
def test_points_are_of_the_problem_and_in_its_region(z: Any, inside: Any) -> None:
    assert z.shape == (3,) and z.dtype == jnp.float64 and inside.shape == (4,)
    assert np.abs(z).max() <= 4 * FAMILY.length_scale
    assert np.linalg.norm(inside) <= 0.25 * (1 + 1e-15)


@given(strategies.pairs(FAMILY), strategies.pairs(BALL))
def test_pairs_are_apart(apart: strategies.Pair, inside: strategies.Pair) -> None:
    assert np.linalg.norm(apart.first - apart.second) >= 1e-3 * FAMILY.length_scale * (1 - 1e-9)
    assert not np.array_equal(inside.first, inside.second)
    assert max(np.linalg.norm(inside.first), np.linalg.norm(inside.second)) <= 0.25 * (1 + 1e-15)


@given(strategies.parameters(W, PHI, spread=0.5), strategies.parameter_pairs(W, PHI))
def test_parameters_lie_about_the_start_and_have_its_form(moved: Any, pair: strategies.Pair) -> None:
    assert jax.tree.structure(moved) == jax.tree.structure((W, PHI))
    off = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), moved, (W, PHI))
    assert max(jax.tree.leaves(off)) <= 0.5 * (1 + 1e-15)
    apart = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), *pair)
    assert max(jax.tree.leaves(apart)) > 0


def test_many_entries_come_from_one_seed() -> None:
    @settings(max_examples=5)
    @given(strategies.parameters(np.zeros((100, 100)), ()))
    def holds(moved: Any) -> None:
        assert moved[0].shape == (100, 100) and np.abs(moved[0]).max() <= 1

    assert MOST_ENTRIES < 10_000
    holds()


TWINS: dict[str, Callable[[], st.SearchStrategy[Inadmissible]]] = {
    "constants": strategies.inadmissible_constants,
    "schedules": strategies.inadmissible_schedules,
    "settings": strategies.inadmissible_settings,
    "task_sets": strategies.inadmissible_task_sets,
    "posed": strategies.inadmissible_problems,
    "points": lambda: strategies.inadmissible_points(BALL),
    "pairs": lambda: strategies.inadmissible_pairs(BALL),
    "parameters": lambda: strategies.inadmissible_parameters(W, PHI),
}


@pytest.mark.parametrize("twin", TWINS)
def test_what_a_twin_draws_is_refused_by_name(twin: str) -> None:
    @given(TWINS[twin]())
    def refused(call: Inadmissible) -> None:
        assert call.parameter in str(call.refusal())

    refused()


def test_every_constant_has_a_turn() -> None:
    seen = set()

    @given(strategies.inadmissible_constants())
    def note(call: Inadmissible) -> None:
        seen.add(call.parameter)

    note()
    assert seen == {"mu", "L", "rho", "tau", "M"}


def test_an_accepted_call_and_an_error_about_something_else_are_failures() -> None:
    accepted = Inadmissible(Constants, {"mu": None, "L": 1.0, "rho": 0.0, "tau": 0.0, "M": 1.0}, "mu")
    with pytest.raises(AssertionError, match="must be refused; it gave Constants"):
        accepted.refusal()
    misnamed = Inadmissible(Constants, {"mu": None, "L": -1.0, "rho": 0.0, "tau": 0.0, "M": 1.0}, "rho")
    with pytest.raises(AssertionError, match="names something else: L must be"):
        misnamed.refusal()
    assert repr(misnamed) == "Constants(mu=None, L=-1.0, rho=0.0, tau=0.0, M=1.0)  # rho"


class TestWhatAFailureShrinksTo:
    def test_constants(self) -> None:
        assert shrunk(strategies.constants(), lambda c: c.tau > 0) == Constants(1.0, 1.0, 0.0, 1.0, 1.0)
        steep = shrunk(strategies.constants("nonconvex"), lambda c: c.rho * c.M > 30)
        assert steep == Constants(None, 1.0, 100.0, 0.0, 1.0)

    def test_a_setting(self) -> None:
        constants, schedule = shrunk(strategies.settings("strongly-convex"), lambda setting: setting[1].inner_steps > 3)
        assert constants == Constants(1.0, 1.0, 0.0, 0.0, 1.0)
        assert schedule == Schedule(1.0, 4)

    @pytest.mark.slow
    def test_a_problem(self) -> None:
        posed = shrunk(
            strategies.posed(geometry="strongly-convex", most_tasks=2, largest=1, longest=1),
            lambda posed: posed.tasks > 1,
        )
        assert repr(posed).startswith("Posed(separable, Constants(mu=0.5, L=1.0, rho=1.0, tau=1.0, M=1.0")
        assert repr(posed).endswith("n_w=1, n_phi=1, tasks=2, seed=0)")

    def test_points_and_pairs(self) -> None:
        scale = FAMILY.length_scale
        z = shrunk(strategies.points(FAMILY), lambda z: bool(jnp.linalg.norm(z) > 2 * scale))
        assert np.count_nonzero(z) <= 2
        pair = shrunk(strategies.pairs(FAMILY), lambda pair: True)
        assert np.array_equal(pair.first, np.zeros(3)) and np.array_equal(pair.second, [scale, 0, 0])

    def test_own_parameters(self) -> None:
        w, phi = shrunk(strategies.parameters(W, PHI), lambda moved: bool(moved[0]["a"][1] != 0))
        assert np.array_equal(w["a"], [0.0, 1.0]) and w["b"] == 1.0 and phi[0] == 0.5

    def test_a_refused_call(self) -> None:
        call = shrunk(strategies.inadmissible_schedules(), lambda call: call.parameter == "batch")
        assert repr(call) == (
            "Schedule(alpha=0.1, inner_steps=1, beta_w=0.1, beta_phi=0.1, batch=0, outer_steps=1)  # batch"
        )


@pytest.mark.parametrize(
    "strategy", [strategies.settings(), strategies.pairs(BALL), strategies.inadmissible_points(BALL)], ids=repr
)
def test_nothing_is_filtered(strategy: st.SearchStrategy[Any]) -> None:
    """A strategy that threw examples away would call the test for fewer than it was asked for."""
    drawn = []

    @settings(max_examples=50, phases=[Phase.generate])
    @given(strategy)
    def keep(example: Any) -> None:
        drawn.append(example)

    keep()
    assert len(drawn) == 50


def test_an_unknown_geometry_is_refused() -> None:
    with pytest.raises(ValueError, match="flat"):
        strategies.constants("flat")


def test_a_geometry_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(InvalidParameter, match="one of 'strongly-convex', 'nonconvex'; got 'strongly_convex'"):
        strategies.constants("strongly_convex")
