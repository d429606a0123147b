"""The population's own curvature and second moment of Theorem I, estimated at points; all norms are those of the steps.

    lam = max_z  largest eigenvalue of D^(1/2) D^2 L_meta(z) D^(1/2), at least 0   (L_meta is the mean over the tasks)
    V   = max_z  mean_i [beta_w |g_i,w(z)|^2 + beta_phi |g_i,phi(z)|^2]

over the points given. Both are estimates from below of the suprema over a set that holds the points, so what is made of
them is an estimate too. Everything is float64; the Hessian is a dense n x n matrix, for small problems.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from anil_theory._admissible import InvalidParameter
from anil_theory._precision import require_float64
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.population import meta_loss
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.problem import Loss, Problem, TaskSet
from anil_theory.schedule import Schedule


@dataclass(frozen=True)
class PopulationForm:
    """lam and V at the points that were looked at, and the lowest L_meta there."""

    curvature: float
    second_moment: float
    lowest: float


def population_form(
    problem: Problem, schedule: Schedule, points: Float[np.ndarray, "P n"], *, beta_w: float, beta_phi: float
) -> PopulationForm:
    """The largest of both over flat points (w, phi), and the smallest L_meta.

    Raises InvalidParameter for points of another dimension, and none.
    """
    require_float64("points", points)
    n = problem.n_w + problem.n_phi
    if points.ndim != 2 or points.shape[1] != n or not len(points):
        raise InvalidParameter("points", f"an array (P >= 1, {n})", points.shape)
    weights = np.concatenate([np.full(problem.n_w, beta_w), np.full(problem.n_phi, beta_phi)])
    losses = (problem.tasks.support, problem.tasks.query)
    loop = UnrolledLoop.of_schedule(schedule)
    results = _at_points(losses, problem.n_w, problem.tasks.data, jnp.asarray(points), jnp.asarray(weights), loop)
    hessians, moments, values = map(np.asarray, results)
    largest = float(np.linalg.eigvalsh(hessians)[:, -1].max())
    return PopulationForm(max(largest, 0.0), float(moments.max()), float(values.min()))


@partial(jax.jit, static_argnums=(0, 1))
def _at_points(
    losses: tuple[Loss, Loss],
    n_w: int,
    data: PyTree,
    points: Float[Array, "P n"],
    weights: Float[Array, " n"],
    loop: UnrolledLoop,
) -> tuple[Float[Array, "P n n"], Float[Array, " P"], Float[Array, " P"]]:
    tasks = TaskSet(*losses, data)

    def gradients(z: Float[Array, " n"]) -> Float[Array, "T n"]:
        def one(task: PyTree) -> Float[Array, " n"]:
            return jnp.concatenate(list(meta_gradient(tasks.losses, z[:n_w], z[n_w:], task, loop)))

        return jax.vmap(one)(data)

    def at(z: Float[Array, " n"]) -> tuple[Array, Array, Array]:
        hessian = jax.jacfwd(lambda z: gradients(z).mean(axis=0))(z)
        root = jnp.sqrt(weights)
        scaled = root[:, None] * (hessian + hessian.T) / 2 * root
        moment = jnp.mean(jnp.sum(weights * gradients(z) ** 2, axis=1))
        return scaled, moment, meta_loss(tasks, z[:n_w], z[n_w:], loop)

    return jax.lax.map(at, points, batch_size=256)
