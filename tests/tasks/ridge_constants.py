"""The constants of tasks in one dimension of w and one of phi, by their derivatives at many points."""

from typing import NamedTuple

import jax
import numpy as np

from anil_theory.constants import Constants
from anil_theory.problem import TaskSet


class Derivatives(NamedTuple):
    """At every point: the curvature of L_S in w, the norm of its Hessian, |D_z D_w^2 L_S| and |D_z D_phi D_w L_S|."""

    curvature: np.ndarray
    norm: np.ndarray
    rho: np.ndarray
    tau: np.ndarray


def third_derivatives(tasks: TaskSet, points: np.ndarray, task: int = 0) -> Derivatives:
    """Those of one task."""

    def value(z):
        return tasks.support(z[:1], z[1:], tasks.task(task))

    hessian = jax.hessian(value)
    H, T = (np.asarray(each) for each in jax.jit(jax.vmap(lambda z: (hessian(z), jax.jacfwd(hessian)(z))))(points))
    norm = np.linalg.norm(H, 2, axis=(1, 2))
    return Derivatives(H[:, 0, 0], norm, np.linalg.norm(T[:, 0, 0], axis=-1), np.linalg.norm(T[:, 0, 1], axis=-1))


def assert_constants_hold(tasks: TaskSet, constants: Constants, points: np.ndarray, task: int = 0) -> None:
    """A1, A2 and Definition 2 at every point, to rounding."""
    found = third_derivatives(tasks, points, task)
    assert constants.mu is not None and found.curvature.min() >= constants.mu * (1 - 1e-12)
    assert found.norm.max() <= constants.L * (1 + 1e-12)
    assert found.rho.max() <= constants.rho * (1 + 1e-12) and found.tau.max() <= constants.tau * (1 + 1e-12)

    def value(z):
        return tasks.query(z[:1], z[1:], tasks.task(task))

    both = jax.jit(jax.vmap(lambda z: (jax.grad(value)(z), jax.hessian(value)(z))))(points)
    gradient, hessian = (np.asarray(each) for each in both)
    assert np.linalg.norm(gradient, axis=-1).max() <= constants.M * (1 + 1e-12)
    assert np.linalg.norm(hessian, 2, axis=(1, 2)).max() <= constants.L * (1 + 1e-12)
