"""The Hessian of one task's L_D(w_N), dense and by automatic differentiation: what the estimators are compared with."""

from functools import partial
from typing import Any

import jax
import numpy as np

from anil_theory.algorithm import inner_loop
from anil_theory.estimators import Estimate, Witness
from anil_theory.tasks.base import Family, TaskSet


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _derivatives(losses: Any, n_w: int, inner_steps: int, order: int, data: Any, z: Any, alpha: Any) -> Any:
    def adapted_loss(z: Any) -> Any:
        w, phi = z[:n_w], z[n_w:]
        return losses.query(
            inner_loop(losses.support, w, phi, data, alpha=alpha, inner_steps=inner_steps).final, phi, data
        )

    return (jax.grad if order == 1 else jax.hessian)(adapted_loss)(z)


def gradient(family: Family, tasks: TaskSet, task: int, z: Any, alpha: float, inner_steps: int) -> np.ndarray:
    """D L_D(w_N) at the flat point z, shape (n,)."""
    return np.asarray(_derivatives(tasks.losses, family.n_w, inner_steps, 1, tasks.task(task), np.asarray(z), alpha))


def hessian(family: Family, tasks: TaskSet, task: int, z: Any, alpha: float, inner_steps: int) -> np.ndarray:
    """D^2 L_D(w_N) at the flat point z, shape (n, n)."""
    return np.asarray(_derivatives(tasks.losses, family.n_w, inner_steps, 2, tasks.task(task), np.asarray(z), alpha))


def rows_and_columns(n_w: int, n_phi: int) -> dict[str, tuple[slice, slice]]:
    """Where each block is in a matrix over z = (w, phi)."""
    at = {"w": slice(0, n_w), "phi": slice(n_w, n_w + n_phi)}
    return {x + y: (at[x], at[y]) for x in at for y in at}


def witness_of(estimate: Estimate) -> Witness:
    """The witness, which every estimate of this folder has."""
    assert estimate.witness is not None
    return estimate.witness
