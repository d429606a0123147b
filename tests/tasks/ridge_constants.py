"""The constants of tasks of ridges, by their derivatives at many points."""

from typing import NamedTuple

import jax
import numpy as np

from anil_theory.constants import Constants
from anil_theory.problem import TaskSet
from anil_theory.tasks.ridges import RidgeTask, query_loss, support_loss


class Derivatives(NamedTuple):
    """At every point: the curvature of L_S in w, the norm of its Hessian, |D_z D_w^2 L_S| and |D_z D_phi D_w L_S|."""

    curvature: np.ndarray
    norm: np.ndarray
    rho: np.ndarray
    tau: np.ndarray


@jax.jit
def _dense(data: RidgeTask, points: jax.Array) -> tuple[jax.Array, ...]:
    """The Hessian of L_S and its derivative, the gradient of L_D and its Hessian; one program for all tasks."""

    def support(z):
        return support_loss(z[:1], z[1:], data)

    def query(z):
        return query_loss(z[:1], z[1:], data)

    hessian = jax.hessian(support)
    each = (hessian, jax.jacfwd(hessian), jax.grad(query), jax.hessian(query))
    return tuple(jax.vmap(derivative)(points) for derivative in each)


def third_derivatives(tasks: TaskSet, points: np.ndarray, task: int = 0) -> Derivatives:
    """Those of one task."""
    H, T, _, _ = map(np.asarray, _dense(tasks.task(task), points))
    norm = np.linalg.norm(H, 2, axis=(1, 2))
    return Derivatives(H[:, 0, 0], norm, np.linalg.norm(T[:, 0, 0], axis=-1), np.linalg.norm(T[:, 0, 1], axis=-1))


def assert_constants_hold(tasks: TaskSet, constants: Constants, points: np.ndarray, task: int = 0) -> None:
    """A1, A2 and Definition 2 at every point, to rounding."""
    found = third_derivatives(tasks, points, task)
    assert constants.mu is not None and found.curvature.min() >= constants.mu * (1 - 1e-12)
    assert found.norm.max() <= constants.L * (1 + 1e-12)
    assert found.rho.max() <= constants.rho * (1 + 1e-12) and found.tau.max() <= constants.tau * (1 + 1e-12)
    _, _, gradient, hessian = map(np.asarray, _dense(tasks.task(task), points))
    assert np.linalg.norm(gradient, axis=-1).max() <= constants.M * (1 + 1e-12)
    assert np.linalg.norm(hessian, 2, axis=(1, 2)).max() <= constants.L * (1 + 1e-12)
