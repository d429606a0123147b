"""A training run of ANIL (Algorithm 1) with every inner iterate kept, and local quantities along it.

For each outer step k, each task of its batch and each inner step m: the points (w_m, phi_k), and the start of step
k + 1; the gradient and the Hessian of L_S there; the gradient and the Hessian of L_D at (w_N, phi_k).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm._outer_loop import seed_keys
from anil_theory.algorithm.outer_step import task_indices
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.fields import loss_field
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet


class Trajectory(NamedTuple):
    """points (K, B, N + 2, n): w_0..w_N with phi_k, and last the start of the next outer step; tasks (K, B)."""

    points: Float[np.ndarray, "K B points n"]
    tasks: Int[np.ndarray, "K B"]


class Local(NamedTuple):
    """Derivatives along a trajectory: of L_S at all N + 2 points, of L_D at (w_N, phi_k)."""

    gradient: Float[np.ndarray, "K B points n"]
    hessian: Float[np.ndarray, "K B points n n"]
    query_gradient: Float[np.ndarray, "K B n"]
    query_hessian: Float[np.ndarray, "K B n n"]


def train(tasks: TaskSet, schedule: Schedule, z: Float[Array, " n"], n_w: int, seed: int) -> Trajectory:
    """Algorithm 1 from the flat point z, one seed, with the iterates of its inner loops.

    schedule   alpha, N, beta_w, beta_phi, B and K. Raises InvalidParameter without beta_w and beta_phi.
    """
    if schedule.beta_w is None or schedule.beta_phi is None:
        missing = "beta_w" if schedule.beta_w is None else "beta_phi"
        raise InvalidParameter(missing, "a finite number > 0: a run moves both blocks", None)
    betas = jnp.concatenate([jnp.full(n_w, schedule.beta_w), jnp.full(z.size - n_w, schedule.beta_phi)])
    sizes = _Sizes(n_w, schedule.batch, schedule.outer_steps, schedule.population is None)
    key = seed_keys(seed, 1)[0]
    loop = UnrolledLoop.of_schedule(schedule)
    points, drawn = _train((tasks.support, tasks.query), sizes, tasks.data, z, betas, loop, key)
    return Trajectory(np.asarray(points), np.asarray(drawn))


class _Sizes(NamedTuple):
    """The numbers that a compilation depends on, besides the shapes and the inner loop."""

    n_w: int
    batch: int
    outer_steps: int
    replace: bool


@partial(jax.jit, static_argnums=(0, 1))
def _train(
    losses: tuple[Loss, Loss],
    sizes: _Sizes,
    data: PyTree,
    z: Float[Array, " n"],
    betas: Float[Array, " n"],
    loop: UnrolledLoop,
    key: Array,
) -> tuple[Float[Array, "K B points n"], Int[Array, "K B"]]:
    tasks = TaskSet(*losses, data)

    def one(z: Float[Array, " n"], index: Int[Array, ""]) -> tuple[Float[Array, " n"], Float[Array, "points n"]]:
        w, phi = z[: sizes.n_w], z[sizes.n_w :]
        adapted = inner_loop(tasks.support, w, phi, tasks.task(index), loop)
        inner = jnp.concatenate([adapted.iterates, adapted.final[None]])
        points = jnp.concatenate([inner, jnp.broadcast_to(phi, (loop.inner_steps + 1, phi.size))], axis=1)
        return jnp.concatenate(meta_gradient(tasks.losses, w, phi, tasks.task(index), loop)), points

    def step(z: Float[Array, " n"], k: Int[Array, ""]) -> tuple[Array, tuple[Array, Array]]:
        drawn = task_indices(key, k, sizes.batch, len(tasks), replace=sizes.replace)
        gradients, points = jax.vmap(partial(one, z))(drawn)
        after = z - betas * jnp.mean(gradients, axis=0)
        last = jnp.broadcast_to(after, (sizes.batch, 1, z.size))
        return after, (jnp.concatenate([points, last], axis=1), drawn)

    return jax.lax.scan(step, z, jnp.arange(sizes.outer_steps))[1]


def derivatives(tasks: TaskSet, n_w: int, trajectory: Trajectory) -> Local:
    """Dense derivatives along the trajectory, for the small dimensions of an audit."""
    local = _derivatives((tasks.support, tasks.query), n_w, tasks.data, trajectory.points, trajectory.tasks)
    return Local(*map(np.asarray, local))


@partial(jax.jit, static_argnums=(0, 1))
def _derivatives(
    losses: tuple[Loss, Loss],
    n_w: int,
    data: PyTree,
    points: Float[Array, "K B points n"],
    indices: Int[Array, "K B"],
) -> tuple[Array, Array, Array, Array]:
    """The fields of `Local`, in their order."""

    def at(loss: Loss, z: Float[Array, " n"], task: PyTree) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
        slope = loss_field(loss, (z[:n_w], z[n_w:]))
        return slope(z, task), jax.jacfwd(slope)(z, task)

    def along(points: Float[Array, "points n"], index: Int[Array, ""]) -> tuple[Array, Array, Array, Array]:
        task = jax.tree.map(lambda leaf: leaf[index], data)
        support, query = losses
        gradients, hessians = jax.vmap(lambda z: at(support, z, task))(points)
        return gradients, hessians, *at(query, points[-2], task)

    return jax.vmap(jax.vmap(along))(points, indices)
