"""The enclosed reach of inner loops that contract: no wider than rounding where the support loss is a quadratic."""

import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.certify.reach import enclosed_reach
from anil_theory.certify.search.branch_and_bound import Boxes
from anil_theory.estimators.region_exit import farthest_iterates
from anil_theory.problem import TaskSet
from anil_theory.schedule import Schedule


def population(support: object) -> TaskSet:
    return TaskSet(support, lambda w, phi, task: w[0] ** 2, jnp.array([0.7]))  # pyright: ignore[reportArgumentType]


def grid(radius: float) -> np.ndarray:
    """Points of the disc, its rim among them."""
    angles = np.linspace(0, 2 * np.pi, 61)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([share * rays for share in np.linspace(0, radius, 7)])


def sampled_reach(tasks: TaskSet, schedule: Schedule, radius: float) -> float:
    starts = grid(radius)
    return float(farthest_iterates(tasks, schedule, 1, jnp.asarray(starts), jnp.zeros(len(starts), int)).max())


LOSSES = {
    "quadratic": (lambda w, phi, c: (w[0] - c) ** 2 / 2 + phi[0] ** 2 / 2, 1.02),
    "tanh": (lambda w, phi, c: (jnp.tanh(w[0]) - c) ** 2 / 2 + w[0] ** 2 / 4 + w[0] * phi[0] / 10, 1.35),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("alpha", [0.3, 0.9993])
def test_a_contracting_loop_is_enclosed_about_as_far_as_it_goes(name: str, alpha: float) -> None:
    support, factor = LOSSES[name]
    schedule = Schedule(alpha, 5)
    box = Boxes.of([-0.11, -0.11], [0.11, 0.11])
    enclosed = enclosed_reach(population(support), 0, schedule, box, 1, within=0.11)
    farthest = sampled_reach(population(support), schedule, 0.11)
    assert farthest <= enclosed <= factor * farthest


@pytest.mark.parametrize("n_phi", [1, 3])
def test_short_steps_from_a_ball_go_hardly_beyond_it(n_phi: int) -> None:
    """The corners of the boxes lie far outside the ball, and are no starts: |w_N - w_0| <= 5 alpha |D_w L_S|."""
    tasks = population(lambda w, phi, c: jnp.exp(w[0] + jnp.sum(phi)) + c * w[0])
    n = 1 + n_phi
    box = Boxes.of([-0.5] * n, [0.5] * n)
    reach = enclosed_reach(tasks, 0, Schedule(1e-4, 5), box, 1, within=0.5)
    steepest = np.exp(0.5 * np.sqrt(n)) + 0.7
    assert 0.5 <= reach <= 0.5 + 5e-4 * 4 * steepest
    assert enclosed_reach(tasks, 0, Schedule(1e-4, 5), box, 1) >= 0.5 * np.sqrt(n)


@pytest.mark.parametrize("alpha", [0.02, 0.3])
def test_steps_that_leave_the_ball_are_enclosed(alpha: float) -> None:
    """Uphill: every iterate goes farther out than its start."""
    tasks = population(lambda w, phi, c: c * w[0] - w[0] ** 2 / 2 + w[0] * phi[0] / 10)
    schedule = Schedule(alpha, 4)
    reach = enclosed_reach(tasks, 0, schedule, Boxes.of([-0.5] * 2, [0.5] * 2), 1, within=0.5)
    farthest = sampled_reach(tasks, schedule, 0.5)
    assert 0.5 * (1 + alpha) < farthest <= reach <= 1.4 * farthest


def test_a_gradient_that_jumps_has_no_mean_value_form() -> None:
    """Steps of relu: no derivative shows the jump at 0, so the form of either side would miss the other's iterates."""
    tasks = population(lambda w, phi, c: jnp.maximum(w[0], 0.0) + w[0] ** 2 / 2 + phi[0] ** 2)
    schedule = Schedule(0.9, 3)
    box = Boxes.of([-0.1, -0.1], [0.1, 0.1])
    assert sampled_reach(tasks, schedule, 0.1) <= enclosed_reach(tasks, 0, schedule, box, 1)
