"""Gradient descent on L_meta over the whole population, for several outer step sizes side by side."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from anil_theory.algorithm import meta_loss, population_gradient, task_gradients
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.problem import Loss, Problem, TaskSet
from anil_theory.schedule import Schedule


def descend(
    problem: Problem, schedule: Schedule, betas: Float[np.ndarray, "F n"], outer_steps: int
) -> tuple[Float[np.ndarray, "F K+1"], Float[np.ndarray, "F K+1 2"]]:
    """L_meta, and the squared norms of its two gradient blocks, at z_0..z_K for each vector of step sizes."""
    losses = (problem.tasks.support, problem.tasks.query)
    loop = UnrolledLoop.of_schedule(schedule)
    history = _descended(losses, problem.n_w, outer_steps, problem.tasks.data, problem.start, jnp.asarray(betas), loop)
    values, squares = map(np.asarray, history)
    return values, squares


def gradients_at_start(problem: Problem, schedule: Schedule) -> Float[np.ndarray, "T n"]:
    """The meta-gradient of every task at the start."""
    w, phi = problem.split(problem.start)
    each = task_gradients(problem.tasks, w, phi, UnrolledLoop.of_schedule(schedule))
    return np.concatenate([np.asarray(each.w), np.asarray(each.phi)], axis=1)


def lowest_query_losses(problem: Problem, step: float, ends: Float[np.ndarray, "E n"], iterations: int) -> np.ndarray:
    """The lowest value of L_D of each task that gradient descent on it meets from any of the ends, shape (T,).

    At least the infimum: the number is an estimate from above.
    """
    lowest = _lowest(problem.tasks.query, problem.n_w, iterations, problem.tasks.data, jnp.asarray(ends), step)
    return np.asarray(lowest)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _descended(
    losses: tuple[Loss, Loss],
    n_w: int,
    outer_steps: int,
    data: PyTree,
    start: Float[Array, " n"],
    betas: Float[Array, "F n"],
    loop: UnrolledLoop,
) -> tuple[Float[Array, "F K+1"], Float[Array, "F K+1 2"]]:
    tasks = TaskSet(*losses, data)

    def run(beta: Float[Array, " n"]) -> tuple[Array, Array]:
        def step(z: Float[Array, " n"], _: None) -> tuple[Array, tuple[Array, Array]]:
            w, phi = z[:n_w], z[n_w:]
            slope = population_gradient(tasks, w, phi, loop)
            squares = jnp.stack([jnp.sum(slope.w**2), jnp.sum(slope.phi**2)])
            following = z - beta * jnp.concatenate([slope.w, slope.phi])
            return following, (meta_loss(tasks, w, phi, loop), squares)

        return jax.lax.scan(step, start, None, length=outer_steps + 1)[1]

    return jax.vmap(run)(betas)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _lowest(
    query: Loss, n_w: int, iterations: int, data: PyTree, ends: Float[Array, "E n"], step: float
) -> Float[Array, " T"]:
    def descend_one(z: Float[Array, " n"], task: PyTree) -> Float[Array, ""]:
        def value(z: Array) -> Array:
            return query(z[:n_w], z[n_w:], task)

        def body(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
            z, best = carry
            here, slope = jax.value_and_grad(value)(z)
            best = jnp.where(here < best, here, best)
            return (z - step * slope, best), None

        (last, best), _ = jax.lax.scan(body, (z, jnp.array(jnp.inf)), None, length=iterations)
        final = value(last)
        return jnp.where(final < best, final, best)

    def of_task(task: PyTree) -> Float[Array, ""]:
        return jnp.min(jax.vmap(descend_one, in_axes=(0, None))(ends, task))

    return jax.vmap(of_task)(data)
