"""The worst task of a family: ascent over the generator's parameters and the point together.

The separable family makes a task from random numbers by a differentiable map, every one of whose values is admissible
(`tasks.separable.task_from_draws`). So the largest block constant over the whole family is looked for by gradient
ascent over those numbers and the point at once, from many starts in one call: a random search finds tasks, this finds
the worst one near each. Direction: lower. Source: derived for this project; docs/sharp_bounds.md has the supremum over
all tasks with the same constants.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory._admissible import count, one_of
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.adam_ascent import adam_ascent
from anil_theory.estimators.base import Direction, Estimate, Witness
from anil_theory.estimators.fields import BLOCK_DIRECTIONS, block_masks, live_blocks, meta_field
from anil_theory.estimators.matrix_norm import top_directions
from anil_theory.estimators.not_finite import NotFinite
from anil_theory.estimators.rounding import mark_roundings
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import (
    QUERY_LOSSES,
    Draws,
    SeparableFamily,
    SeparableTask,
    matrix_sizes,
    support_loss,
    task_from_draws,
)


class WorstTask(NamedTuple):
    """The estimate, with its witness on task 0 of `tasks`, a population of one; the values of all starts, sorted."""

    estimate: Estimate
    tasks: TaskSet
    values: np.ndarray


def worst_task(
    family: SeparableFamily,
    schedule: Schedule,
    block: str,
    *,
    starts: int = 32,
    iterations: int = 600,
    seed: int = 0,
    max_inner_steps: int | None = None,
) -> WorstTask:
    """The largest norm of a block of the Hessian of L_meta that ascent finds over tasks of the family and points.

    block   "ww", "wphi", "phiw" or "phiphi";
    starts, iterations   how many ascents, in one batched call, and how long each is;
    max_inner_steps   compile for this many steps, so that a grid over N (and over the blocks) compiles once.

    Raises InvalidParameter for an unknown block, a block of an empty phi, and counts below 1, and NotFinite where the
    block overflows at every start.
    """
    one_of("block", block, live_blocks(family.n_phi))
    count("starts", starts)
    count("iterations", iterations)
    generator = np.random.default_rng(seed)
    n_w, n_phi = family.n_w, family.n_phi
    n, k = n_w + n_phi, max(n_w, n_phi)
    normals = k + sum(size * size for size in matrix_sizes(n_w, n_phi, family.share_rotation))
    points = {
        # The sigmoid of a logistic variable is uniform: starts are what `sample` draws.
        "logits": jnp.asarray(generator.logistic(size=(starts, 7, k))),
        "normals": jnp.asarray(generator.standard_normal((starts, normals))),
        "z": jnp.asarray(family.length_scale * generator.standard_normal((starts, n))),
    }
    static = _Static(n_w, n_phi, family.share_rotation, family.query)
    masks = block_masks(n_w, n_phi)
    x, y = BLOCK_DIRECTIONS[block]
    setting = _Setting(
        dials=family.dials,
        block=jnp.outer(masks[x], masks[y]),
        # The active steps are traced at every length, so that schedules that differ in N share a compilation.
        loop=UnrolledLoop.of_schedule(schedule, max_inner_steps or schedule.inner_steps),
    )
    values, best = _search(static, setting, points, iterations)
    top = int(jnp.argmax(values))
    data, value, u, v = _at_best(static, setting, {name: leaf[top] for name, leaf in best.items()})
    if not math.isfinite(float(value)):
        raise NotFinite(f"meta_gradient_lipschitz/{block} is finite at no start of the ascent over tasks")
    z = best["z"][top]
    tasks = TaskSet(support_loss, QUERY_LOSSES[family.query], jax.tree.map(lambda leaf: leaf[None], data))
    witness = {name: np.asarray(vector).tolist() for name, vector in (("z", z), ("u", u), ("v", v))}
    estimate = Estimate(
        f"meta_gradient_lipschitz/{block}",
        float(value),
        Direction.LOWER,
        method="worst task",
        samples=starts,
        seed=seed,
        witness=Witness(witness, 0),
    )
    marked = mark_roundings({block: {"worst task": estimate}}, tasks, schedule, n_w, max_inner_steps)
    return WorstTask(marked[block]["worst task"], tasks, np.sort(np.asarray(values)))


class _Static(NamedTuple):
    n_w: int
    n_phi: int
    share: bool
    query: str


class _Setting(NamedTuple):
    """What one compilation serves: dials of the family, the block as a mask (n, n), the inner loop."""

    dials: Array
    block: Array
    loop: UnrolledLoop


def _task(static: _Static, dials: Array, point: dict[str, Array]) -> SeparableTask:
    # Strictly inside (0, 1): the family's shares take the logarithm of 1 - u.
    uniform = 1e-9 + (1 - 2e-9) * jax.nn.sigmoid(point["logits"])
    return task_from_draws(dials, static.n_w, static.n_phi, static.share, Draws(uniform, point["normals"]))


def _norm(
    static: _Static, setting: _Setting, data: SeparableTask, z: Array
) -> tuple[Float[Array, ""], Float[Array, " n"], Float[Array, " n"]]:
    """u^T (block) v at the top singular vectors u, v, which are held: the norm of the block, and its gradient."""
    tasks = TaskSet(support_loss, QUERY_LOSSES[static.query], jax.tree.map(lambda leaf: leaf[None], data))
    template = (jnp.zeros(static.n_w), jnp.zeros(static.n_phi))
    matrix = setting.block * jax.jacfwd(meta_field(tasks, template, setting.loop))(z, data)
    u, v = top_directions(jax.lax.stop_gradient(matrix))
    return u @ matrix @ v, u, v


@partial(jax.jit, static_argnums=(0, 3))
def _search(static: _Static, setting: _Setting, points: dict[str, Array], iterations: int) -> tuple[Array, Any]:
    def value(point: dict[str, Array]) -> Array:
        return _norm(static, setting, _task(static, setting.dials, point), point["z"])[0]

    return jax.vmap(lambda point: adam_ascent(value, point, iterations))(points)


@partial(jax.jit, static_argnums=0)
def _at_best(static: _Static, setting: _Setting, point: dict[str, Array]) -> tuple[SeparableTask, Array, Array, Array]:
    data = _task(static, setting.dials, point)
    return data, *_norm(static, setting, data, point["z"])
