"""The worst task of a family: ascent over the generator's parameters and the point together.

The separable family makes a task from random numbers by a differentiable map, every one of whose values is admissible
(`tasks.separable.task_from_draws`). So the largest block constant over the whole family is looked for by gradient
ascent over those numbers and the point at once, from many starts in one call: a random search finds tasks, this finds
the worst one near each. Direction: lower. Source: derived for this project; docs/sharp_bounds.md has the supremum over
all tasks with the same constants.
"""

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

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
    worst = worst_tasks(
        family,
        schedule,
        (block,),
        seeds=(seed,),
        starts=starts,
        iterations=iterations,
        max_inner_steps=max_inner_steps,
    )
    if not worst:
        raise NotFinite(f"meta_gradient_lipschitz/{block} is finite at no start of the ascent over tasks")
    return worst[block, seed]


def worst_tasks(
    family: SeparableFamily,
    schedule: Schedule,
    blocks: Sequence[str],
    *,
    seeds: Sequence[int],
    starts: int,
    iterations: int,
    max_inner_steps: int | None = None,
) -> dict[tuple[str, int], WorstTask]:
    """`worst_task` of every block from every seed, all ascents in one batched call: {(block, seed): WorstTask}.

    A block that overflows at every start of a seed is missing there. Raises InvalidParameter as `worst_task` does.
    """
    for block in blocks:
        one_of("block", block, live_blocks(family.n_phi))
    count("starts", starts)
    count("iterations", iterations)
    searches = list(product(blocks, seeds))
    masks = block_masks(family.n_w, family.n_phi)
    directions = [BLOCK_DIRECTIONS[block] for block, _ in searches]
    setting = _Setting(
        dials=family.dials,
        blocks=jnp.stack([jnp.outer(masks[x], masks[y]) for x, y in directions]),
        # The active steps are traced at every length, so that schedules that differ in N share a compilation.
        loop=UnrolledLoop.of_schedule(schedule, max_inner_steps or schedule.inner_steps),
    )
    drawn = {seed: _points(family, starts, seed) for seed in seeds}
    points = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *(drawn[seed] for _, seed in searches))
    static = _Static(family.n_w, family.n_phi, family.share_rotation, family.query)
    best = jax.tree.map(np.asarray, _search(static, setting, points, jnp.asarray(iterations)))
    return _as_worst_tasks(best, searches, family, schedule, max_inner_steps)


class _Static(NamedTuple):
    n_w: int
    n_phi: int
    share: bool
    query: str


class _Setting(NamedTuple):
    """What one compilation serves: dials of the family, the block of each search as a mask, the inner loop."""

    dials: Float[Array, " 6"]
    blocks: Float[Array, "S n n"]
    loop: UnrolledLoop


class _Point(NamedTuple):
    """Where an ascent is: the generator's numbers and the flat point z."""

    logits: Float[Array, "*starts 7 k"]
    normals: Float[Array, "*starts m"]
    z: Float[Array, "*starts n"]


class _Best(NamedTuple):
    """The values of all starts of each search, and the best of them: its task, its point, the block's top directions.

    `value` is that of the best one, computed again at its point.
    """

    values: Float[Array, "S starts"]
    task: SeparableTask
    z: Float[Array, "S n"]
    value: Float[Array, " S"]
    u: Float[Array, "S n"]
    v: Float[Array, "S n"]


def _points(family: SeparableFamily, starts: int, seed: int) -> _Point:
    """The starts that a seed draws."""
    generator = np.random.default_rng(seed)
    n_w, n_phi = family.n_w, family.n_phi
    k = max(n_w, n_phi)
    normals = k + sum(size * size for size in matrix_sizes(n_w, n_phi, family.share_rotation))
    return _Point(
        # The sigmoid of a logistic variable is uniform: starts are what `sample` draws.
        logits=jnp.asarray(generator.logistic(size=(starts, 7, k))),
        normals=jnp.asarray(generator.standard_normal((starts, normals))),
        z=jnp.asarray(family.length_scale * generator.standard_normal((starts, n_w + n_phi))),
    )


def _as_worst_tasks(
    best: _Best,
    searches: Sequence[tuple[str, int]],
    family: SeparableFamily,
    schedule: Schedule,
    max_inner_steps: int | None,
) -> dict[tuple[str, int], WorstTask]:
    """The best of each search as an estimate with its rounding, and with the population of its one task."""
    query = QUERY_LOSSES[family.query]
    estimates: dict[str, dict[str, Estimate]] = {}
    for i, (block, seed) in enumerate(searches):
        if not math.isfinite(best.value[i]):
            continue
        witness = {"z": best.z[i].tolist(), "u": best.u[i].tolist(), "v": best.v[i].tolist()}
        estimates.setdefault(block, {})[str(seed)] = Estimate(
            f"meta_gradient_lipschitz/{block}",
            float(best.value[i]),
            Direction.LOWER,
            method="worst task",
            samples=best.values.shape[1],
            seed=seed,
            witness=Witness(witness, i),
        )
    # The tasks of all searches as one population: their roundings come from one call.
    population = TaskSet(support_loss, query, jax.device_put(best.task))
    marked = mark_roundings(estimates, population, schedule, family.n_w, max_inner_steps)
    worst = {}
    for i, (block, seed) in enumerate(searches):
        if not math.isfinite(best.value[i]):
            continue
        estimate = marked[block][str(seed)]
        assert estimate.witness is not None
        own = jax.device_put(jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], best.task))
        worst[block, seed] = WorstTask(
            dataclasses.replace(estimate, witness=Witness(estimate.witness.points, 0)),
            TaskSet(support_loss, query, own),
            np.sort(best.values[i]),
        )
    return worst


def _task(static: _Static, dials: Array, point: _Point) -> SeparableTask:
    # Strictly inside (0, 1): the family's shares take the logarithm of 1 - u.
    uniform = 1e-9 + (1 - 2e-9) * jax.nn.sigmoid(point.logits)
    return task_from_draws(dials, static.n_w, static.n_phi, static.share, Draws(uniform, point.normals))


def _norm(
    static: _Static, block: Float[Array, "n n"], loop: UnrolledLoop, data: SeparableTask, z: Float[Array, " n"]
) -> tuple[Float[Array, ""], Float[Array, " n"], Float[Array, " n"]]:
    """u^T (block) v at the top singular vectors u, v, which are held: the norm of the block, and its gradient."""
    tasks = TaskSet(support_loss, QUERY_LOSSES[static.query], jax.tree.map(lambda leaf: leaf[None], data))
    template = (jnp.zeros(static.n_w), jnp.zeros(static.n_phi))
    matrix = block * jax.jacfwd(meta_field(tasks, template, loop))(z, data)
    u, v = top_directions(jax.lax.stop_gradient(matrix))
    return u @ matrix @ v, u, v


@partial(jax.jit, static_argnums=0)
def _search(static: _Static, setting: _Setting, points: _Point, iterations: Array) -> _Best:
    """Every search from all of its starts, (S, starts, ..) in `points`."""

    def one(block: Float[Array, "n n"], points: _Point) -> _Best:
        def value(point: _Point) -> Array:
            return _norm(static, block, setting.loop, _task(static, setting.dials, point), point.z)[0]

        values, ends = jax.vmap(lambda point: adam_ascent(value, point, iterations))(points)
        best: _Point = jax.tree.map(lambda leaf: leaf[jnp.argmax(values)], ends)
        task = _task(static, setting.dials, best)
        return _Best(values, task, best.z, *_norm(static, block, setting.loop, task, best.z))

    return jax.vmap(one)(setting.blocks, points)
