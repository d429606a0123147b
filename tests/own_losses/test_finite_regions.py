"""A loss that is not finite on part of the ball is no kink, and says where; what cannot hold is refused at once."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.estimators import NotFinite
from anil_theory.estimators.jump_search import find_jump
from anil_theory.own_losses import study_losses
from anil_theory.own_losses.admission import admit
from anil_theory.own_losses.following import problem_on
from tests.own_losses.test_quadratic_losses import FEW

W = jnp.array([0.3])
PHI = jnp.array([0.1])
TASKS = {"a": np.array([1.0, 2.0]), "b": np.array([1.0, 1.5])}


def barrier(w: Any, phi: Any, task: Any) -> Any:
    return jnp.sum(-jnp.log(w - 0.05 * phi)) * task["a"] + task["b"] * w @ w / 2


def test_a_loss_that_is_nan_on_part_of_the_ball_names_a_point_and_the_remedy() -> None:
    with pytest.raises(NotFinite, match="loss or its gradient is not finite on part of the ball") as caught:
        study_losses(barrier, W, PHI, TASKS, inner_steps=2, outer_steps=5, effort=FEW)
    message = str(caught.value)
    assert "`region=`" in message and "in task" in message
    place = message.split("(w, phi) = (")[1].split(")")[0].split(", ")
    w, phi = map(float, place)
    assert w - 0.05 * phi < 1e-3


def test_a_segment_on_which_a_loss_is_not_finite_shows_no_jump() -> None:
    """The logarithm ends at a pole, where the gradient changes by as much however short the segment gets."""
    admitted = admit(barrier, barrier, W, PHI, TASKS)
    problem = problem_on(admitted, name="barrier", radius=1.0)
    away = np.linspace(0.31, 0.9, 16)
    ends = np.stack([np.stack([-away, 0 * away], 1), np.stack([away, 0 * away], 1)], axis=1)
    assert find_jump(problem, problem.tasks, ends, np.zeros(16, int)) is None


def test_a_declared_mu_above_L_is_refused_before_anything_is_traced() -> None:
    def untouched(w: Any, phi: Any, task: Any) -> Any:
        raise AssertionError("the losses were traced")

    with pytest.raises(InvalidParameter, match=r"mu must be in \(0, L\] = \(0, 1\]; got 2"):
        study_losses(untouched, W, PHI, TASKS, constants={"L": 1.0, "mu": 2.0})
