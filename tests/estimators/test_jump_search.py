"""Jumps of derivatives are found where there are kinks, and not where a loss is smooth."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.constants import Constants
from anil_theory.estimators.jump_search import Jump, find_jump
from anil_theory.problem import Problem

DATA = {"x": jnp.array([[0.3], [-0.8]])}


def found(loss: Any) -> Jump | None:
    """On segments between random points, the loss as both losses."""
    constants = Constants(None, 1.0, 1.0, 1.0, 1.0)
    problem = Problem.from_losses(loss, loss, DATA, jnp.zeros(2), jnp.zeros(1), constants=constants)
    ends = np.random.default_rng(0).standard_normal((6, 2, 3))
    return find_jump(problem, problem.tasks, ends, np.arange(6) % 2)


def smooth(w: Any, phi: Any, task: Any) -> Any:
    return jnp.tanh(w[0] * task["x"][0]) + w[1] ** 2 * phi[0] + jnp.exp(phi[0])


SMOOTH = {
    "smooth": smooth,
    "steep": lambda w, phi, task: jnp.tanh(100 * w[0]) + phi[0] ** 2,
    "cubic kink": lambda w, phi, task: smooth(w, phi, task) + jnp.abs(w[0]) ** 3 * jnp.abs(w[0]),
    "kink of D_phi^2 alone": lambda w, phi, task: smooth(w, phi, task) + phi[0] * jnp.abs(phi[0]),
    "quadratic": lambda w, phi, task: w[0] ** 2 + w[1] * phi[0],
}
GRADIENT = {
    "abs": lambda w, phi, task: smooth(w, phi, task) + jnp.abs(w[0]),
    "relu of phi": lambda w, phi, task: smooth(w, phi, task) + jax.nn.relu(phi[0]),
    "hinge": lambda w, phi, task: smooth(w, phi, task) + jnp.maximum(0.0, w[0] + w[1]),
}
HESSIAN = {
    "Huber": lambda w, phi, task: smooth(w, phi, task) + w[0] * jnp.abs(w[0]),
    "elu": lambda w, phi, task: smooth(w, phi, task) + jax.nn.elu(w[0] + phi[0]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_a_smooth_loss_has_no_jump(name: str) -> None:
    assert found(SMOOTH[name]) is None


@pytest.mark.parametrize("name", GRADIENT)
def test_a_jump_of_a_gradient_is_found(name: str) -> None:
    jump = found(GRADIENT[name])
    assert jump is not None and (jump.loss, jump.derivative) == ("support", "gradient")


@pytest.mark.parametrize("name", HESSIAN)
def test_a_jump_of_the_second_derivative_is_found(name: str) -> None:
    jump = found(HESSIAN[name])
    assert jump is not None and jump.derivative == "Hessian"


def test_the_point_of_a_jump_lies_on_the_kink() -> None:
    jump = found(GRADIENT["abs"])
    assert jump is not None and abs(jump.point[0]) < 1e-8
    assert np.isclose(jump.change, 2.0, rtol=1e-6)
