"""The population's own curvature and second moment of Theorem I, estimated at points; all norms are those of the steps.

    lam = max_z  largest eigenvalue of D^(1/2) D^2 L_meta(z) D^(1/2), at least 0   (L_meta is the mean over the tasks)
    V   = max_z  mean_i [beta_w |g_i,w(z)|^2 + beta_phi |g_i,phi(z)|^2]

over the points given. Both are estimates from below of the suprema over a set that holds the points, so what is made of
them is an estimate too. Everything is float64. Up to n = DENSE the Hessian is a dense matrix; beyond, its largest
eigenvalue is that on a Krylov space (`lanczos`), which is from below too.
"""

from collections.abc import Callable
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
from anil_theory.estimators.lanczos import Krylov, extended, started
from anil_theory.problem import Loss, Problem, TaskSet
from anil_theory.schedule import Schedule

DENSE = 60
"""Up to this many entries of (w, phi) the Hessian is held as a matrix."""

STEPS = 16
"""Products of the Hessian at each point of a larger problem."""


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
    at_points = _at_points(losses, problem.n_w, problem.tasks.data, jnp.asarray(points), jnp.asarray(weights), loop)
    matrices, moments, values = map(np.asarray, at_points)
    largest = float(np.linalg.eigvalsh(matrices)[:, -1].max())
    return PopulationForm(max(largest, 0.0), float(moments.max()), float(values.min()))


@partial(jax.jit, static_argnums=(0, 1))
def _at_points(
    losses: tuple[Loss, Loss],
    n_w: int,
    data: PyTree,
    points: Float[Array, "P n"],
    weights: Float[Array, " n"],
    loop: UnrolledLoop,
) -> tuple[Float[Array, "P m m"], Float[Array, " P"], Float[Array, " P"]]:
    """D^(1/2) D^2 L_meta D^(1/2) at each point, or its part on a Krylov space; the second moments; L_meta."""
    tasks = TaskSet(*losses, data)

    def gradients(z: Float[Array, " n"]) -> Float[Array, "T n"]:
        def one(task: PyTree) -> Float[Array, " n"]:
            return jnp.concatenate(list(meta_gradient(tasks.losses, z[:n_w], z[n_w:], task, loop)))

        return jax.vmap(one)(data)

    def at(z: Float[Array, " n"]) -> tuple[Array, Array, Array]:
        root = jnp.sqrt(weights)

        def product(v: Float[Array, " n"]) -> Float[Array, " n"]:
            return root * jax.jvp(lambda z: gradients(z).mean(axis=0), (z,), (root * v,))[1]

        part = jax.vmap(product)(jnp.eye(z.size)) if z.size <= DENSE else _on_krylov_space(product, z.size)
        moment = jnp.mean(jnp.sum(weights * gradients(z) ** 2, axis=1))
        return (part + part.T) / 2, moment, meta_loss(tasks, z[:n_w], z[n_w:], loop)

    # Few points of a large problem at a time: each holds the gradients of all tasks.
    return jax.lax.map(at, points, batch_size=256 if points.shape[1] <= DENSE else 1)


def _on_krylov_space(product: Callable[[Array], Array], n: int) -> Float[Array, "m m"]:
    """A symmetric matrix of n rows, restricted to the Krylov space of a fixed random start: no eigenvalue is larger."""
    every = jnp.ones((2, n))
    start = jax.random.normal(jax.random.key(0), (n,))

    def longer(krylov: Krylov, index: Array) -> tuple[Krylov, None]:
        return extended(krylov, every, index, product(krylov.basis[index])), None

    krylov, _ = jax.lax.scan(longer, started(every, start, STEPS), jnp.arange(STEPS))
    return krylov.coefficients[:STEPS]
