"""A problem: lazily drawn from a family, or of one's own losses over pytrees, which are the same losses on vectors."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.estimators import NotFinite, fact
from anil_theory.problem import Problem, UnknownFact
from anil_theory.problem.flat import FlatLoss, Layout
from anil_theory.schedule import Schedule
from anil_theory.tasks import ExtremalFamily, SeparableFamily

CONSTANTS = Constants(0.5, 1.0, 0.0, 0.0, 1.0)
W = {"bias": np.array(0.3), "weights": np.array([[1.0, 2.0], [3.0, 4.0]])}
PHI = (np.array([0.5, -0.5]),)


def support(w: Any, phi: Any, data: Any) -> Any:
    return jnp.sum((w["weights"] @ phi[0] + w["bias"] - data["x"]) ** 2)


def query(w: Any, phi: Any, data: Any) -> Any:
    return jnp.sum(w["weights"]) * data["y"] + jnp.sum(phi[0] ** 2)


DATA = {"x": np.arange(6.0).reshape(3, 2), "y": np.array([1.0, 2.0, 3.0])}


def own(**settings: Any) -> Problem:
    return Problem.from_losses(support, query, DATA, W, PHI, constants=CONSTANTS, **settings)


def test_losses_over_trees_are_the_same_losses_over_vectors() -> None:
    problem = own()
    assert (problem.n_w, problem.n_phi, len(problem.tasks)) == (5, 2, 3)
    w, phi = problem.split(problem.start)
    for index in range(3):
        data = jax.tree.map(lambda leaf, i=index: leaf[i], DATA)
        for flat, loss in zip(problem.tasks.losses, (support, query), strict=True):
            assert float(flat(w, phi, data)) == float(loss(W, PHI, data))


def test_a_layout_goes_there_and_back_and_equal_layouts_share_a_compilation() -> None:
    layout = Layout.of("w", W)
    back = layout.tree(layout.flat(W))
    assert jax.tree.structure(back) == jax.tree.structure(W)
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool(jnp.array_equal(a, b)), back, W)))
    first, second = (FlatLoss(support, Layout.of("w", W), Layout.of("phi", PHI)) for _ in range(2))
    assert first == second and hash(first) == hash(second)
    assert Layout.of("phi", ()).size == 0 and Layout.of("phi", ()).flat(()).shape == (0,)


def test_points_lie_about_the_start_and_facts_are_the_problem_s_own() -> None:
    problem = own(length_scale=0.1, facts={"D0": 7.0, "moons": 2.0})
    points = problem.points(np.random.default_rng(0), (2000,))
    assert points.shape == (2000, 7)
    assert np.abs(np.asarray(points.mean(axis=0)) - np.asarray(problem.start)).max() < 0.05
    assert np.asarray(points.std(axis=0)) == pytest.approx(0.4, rel=0.1)
    schedule = Schedule(0.1, 1)
    facts = [fact(problem, name, schedule) for name in ("D0", "moons", "n_w", "n_phi")]
    assert facts == [7.0, 2.0, 5, 2]
    with pytest.raises(UnknownFact, match=r"'height' is not among the facts of .*pass it to the problem"):
        fact(problem, "height", schedule)
    with pytest.raises(UnknownFact, match="has no query_infimum, and D0 cannot be bounded"):
        fact(own(), "D0", schedule)


def test_the_gap_of_ones_own_losses_is_from_above() -> None:
    """L_D has no infimum here; any number below the values seen will do."""
    schedule = Schedule(1e-3, 1)
    gap = fact(own(query_infimum=-5.0), "D0", schedule) - fact(own(query_infimum=0.0), "D0", schedule)
    assert gap == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"w": {"bias": np.array(1), "weights": W["weights"]}}, "w['bias']"),
        ({"phi": (np.array([np.nan]),)}, "phi[0]"),
        ({"w": ()}, "n_w"),
        ({"length_scale": 0.0}, "length_scale"),
        ({"query_infimum": np.inf}, "query_infimum"),
    ],
)
def test_bad_parameters_are_named(changes: dict[str, Any], name: str) -> None:
    given: dict[str, Any] = {"w": W, "phi": PHI, "constants": CONSTANTS} | changes
    with pytest.raises(InvalidParameter) as error:
        Problem.from_losses(support, query, DATA, **given)
    assert error.value.name == name


def test_a_family_makes_a_problem_whose_tasks_are_drawn_once_and_when_asked_for(monkeypatch: Any) -> None:
    family, drawn = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 2, 1), []
    monkeypatch.setattr(SeparableFamily, "sample", lambda self, key, num_tasks: drawn.append(num_tasks) or "tasks")
    problem = family.problem(tasks=5, seed=3)
    assert not drawn and problem.start.shape == (3,) and problem.attaining_point is None
    assert (problem.tasks, problem.tasks, drawn) == ("tasks", "tasks", [5])


def test_a_gap_that_is_infinite_is_said_to_be() -> None:
    family = ExtremalFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), Schedule(0.3, 1))
    problem = family.problem(tasks=9)
    assert len(problem.tasks) == 1 and problem.attaining_point is not None
    with pytest.raises(NotFinite, match="no finite infimum"):
        fact(problem, "D0", family.schedule)
