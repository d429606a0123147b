"""The population's own curvature and second moment are those of finite differences."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory import Constants
from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import meta_loss, task_gradients
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.population_form import population_form
from anil_theory.schedule import Schedule
from anil_theory.tasks import SeparableFamily

CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(1, 1), (2, 3)])
def test_they_are_those_of_finite_differences(sizes: tuple[int, int]) -> None:
    problem = SeparableFamily(CONSTANTS, *sizes).problem(tasks=3, seed=1)
    schedule = replace(Schedule.strongly_convex(CONSTANTS, 2), beta_w=0.7, beta_phi=0.2)
    n = sum(sizes)
    points = np.random.default_rng(0).normal(size=(4, n))
    found = population_form(problem, schedule, points, beta_w=0.7, beta_phi=0.2)
    loop = UnrolledLoop.of_schedule(schedule)
    weights = np.array([0.7] * sizes[0] + [0.2] * sizes[1])

    def gradients(z: np.ndarray) -> np.ndarray:
        each = task_gradients(problem.tasks, *problem.split(jnp.asarray(z)), loop)
        return np.concatenate([np.asarray(each.w), np.asarray(each.phi)], axis=1)

    tops, moments, values = [], [], []
    for z in points:
        h = 1e-5
        hessian = np.stack([(gradients(z + h * e) - gradients(z - h * e)).mean(axis=0) / (2 * h) for e in np.eye(n)])
        root = np.sqrt(weights)
        tops.append(np.linalg.eigvalsh(root[:, None] * (hessian + hessian.T) / 2 * root)[-1])
        moments.append(np.mean(np.sum(weights * gradients(z) ** 2, axis=1)))
        values.append(float(meta_loss(problem.tasks, *problem.split(jnp.asarray(z)), loop)))
    assert np.isclose(found.curvature, max(*tops, 0.0), rtol=1e-6)
    assert np.isclose(found.second_moment, max(moments), rtol=1e-12)
    assert np.isclose(found.lowest, min(values), rtol=1e-12)


def test_the_second_moment_is_that_of_the_tasks_and_not_of_their_mean() -> None:
    problem = SeparableFamily(CONSTANTS, 1, 1).problem(tasks=3, seed=1)
    schedule = Schedule.strongly_convex(CONSTANTS, 2)
    point = np.array([0.3, -0.2])
    found = population_form(problem, schedule, point[None], beta_w=0.7, beta_phi=0.2)
    each = task_gradients(problem.tasks, *problem.split(jnp.asarray(point)), UnrolledLoop.of_schedule(schedule))
    squares = 0.7 * np.sum(np.asarray(each.w) ** 2, axis=1) + 0.2 * np.sum(np.asarray(each.phi) ** 2, axis=1)
    assert np.isclose(found.second_moment, squares.mean(), rtol=1e-12)


def test_points_of_another_shape_are_refused() -> None:
    problem = SeparableFamily(CONSTANTS, 1, 1).problem(tasks=2, seed=0)
    for points in (np.zeros((3, 3)), np.zeros((0, 2))):
        with pytest.raises(InvalidParameter, match="points"):
            population_form(problem, Schedule(0.1, 1), points, beta_w=1.0, beta_phi=1.0)
