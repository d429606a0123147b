"""The search behind `block_lipschitz` as one compiled program over settings of one shape.

What differs between the settings is traced: tasks, step sizes, samples, length scales, radii, and N, which they share.
"""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.base import BLOCKS
from anil_theory.estimators.budget import Budget
from anil_theory.estimators.fields import BLOCK_DIRECTIONS, Field, block_masks, live_blocks, meta_field
from anil_theory.estimators.forms import Form, NormAt, Search, ascend, norm_at, start_directions
from anil_theory.tasks.base import TaskSet

SEARCHED = ("ww", "wphi", "phiphi")
"""phiw is the transpose of wphi and shares its search."""


class Dropped(NamedTuple):
    """How many samples are not finite, and the first of them: a point (n,), or a pair of points (2, n)."""

    count: Int[Array, "*batch"]
    point: Float[Array, "*batch_and_place"]

    @classmethod
    def among(cls, values: Float[Array, " P"], points: Float[Array, "P *place"]) -> "Dropped":
        """Of values (P,) at points (P, n) or pairs (P, 2, n)."""
        finite = jnp.isfinite(values)
        return cls(jnp.sum(~finite), points[jnp.argmin(finite)])


class Samples(NamedTuple):
    """The random numbers of a search: base points, moves and lengths of the pairs, directions at the points."""

    points: Float[Array, "*S T P n"]
    moves: Float[Array, "*S T pairs n"]
    lengths: Float[Array, "*S T pairs"]
    directions: Float[Array, "*S T points 2 n"]


class Searched(NamedTuple):
    """What is searched; one compilation serves all values. A leading axis has one entry for each setting."""

    tasks: TaskSet
    alpha: PyTree
    samples: Samples
    length_scale: Float[Array, "*S"]
    radius: Float[Array, "*S"]


class Measured(NamedTuple):
    """Best of each method over points, for every task: pair blocks (T, 4), searches (T, 3); what each left out."""

    pair_value: Float[Array, "*S T 4"]
    pair_noise: Float[Array, "*S T 4"]
    pair_points: Float[Array, "*S T 4 2 n"]
    points: Search
    ascent: Search
    pair_dropped: Dropped
    points_dropped: Dropped
    ascent_dropped: Dropped


def search_blocks(searched: Searched, loop: UnrolledLoop, n_w: int, budget: Budget) -> Measured:
    """Every setting of the leading axis. They share the steps of the loop: those beyond N are then skipped.

    One compilation serves all budgets that differ in their iterations: the rest of a budget are shapes.
    """
    return _search(searched, loop, jnp.asarray(budget.iterations), n_w, budget.shapes)


@partial(jax.jit, static_argnums=(3, 4))
def _search(searched: Searched, loop: UnrolledLoop, iterations: Array, n_w: int, shapes: Budget) -> Measured:
    """The search as one program.

    The tasks of all settings are one axis of the program, and so are the points of all blocks: every axis more
    lengthens the trace by as much as the whole program.
    """
    settings, tasks = searched.samples.lengths.shape[:2]

    def of_each_task(leaf: Array) -> Array:
        return jnp.repeat(leaf, tasks, axis=0)

    per_task = Searched(
        tasks=jax.tree.map(_first_axes_joined, searched.tasks),
        alpha=jax.tree.map(of_each_task, searched.alpha),
        samples=jax.tree.map(_first_axes_joined, searched.samples),
        length_scale=of_each_task(searched.length_scale),
        radius=of_each_task(searched.radius),
    )

    def search(of_task: Searched) -> Measured:
        return _search_task(of_task, dataclasses.replace(loop, alpha=of_task.alpha), iterations, n_w, shapes)

    measured = jax.vmap(search)(per_task)
    return jax.tree.map(lambda leaf: leaf.reshape(settings, tasks, *leaf.shape[1:]), measured)


def _first_axes_joined(leaf: Array) -> Array:
    return leaf.reshape(leaf.shape[0] * leaf.shape[1], *leaf.shape[2:])


def _search_task(of_task: Searched, loop: UnrolledLoop, iterations: Array, n_w: int, budget: Budget) -> Measured:
    """One task: `of_task` has neither the axis of the settings nor that of the tasks."""
    tasks, radius, samples = of_task.tasks, of_task.radius, of_task.samples
    n = samples.points.shape[-1]
    n_phi = n - n_w
    template = (jnp.zeros(n_w), jnp.zeros(n_phi))
    masks = block_masks(n_w, n_phi)
    field = meta_field(tasks, template, loop)
    z = samples.points
    norm = jnp.linalg.norm(z, axis=-1, keepdims=True)
    z = jnp.where(norm > radius, z * (radius / norm), z)

    lengths = of_task.length_scale * samples.lengths
    over_points = jax.vmap(partial(_pair_quotients, field, masks, radius), in_axes=(0, None, 0, 0))
    pairs = over_points(z[: budget.pairs], tasks.data, samples.moves, lengths)
    best, pair_dropped = jax.vmap(_best_pair, in_axes=(1, 1, 1))(*pairs)

    live = [b for b in SEARCHED if b in live_blocks(n_phi)]
    forms = jnp.stack([jnp.stack([masks[name] for name in BLOCK_DIRECTIONS[b]]) for b in live])

    # Jitted: it is used at two numbers of points, and traced once.
    @jax.jit
    def norms(z: Array, masks: Array, directions: Array) -> NormAt:
        return norm_at(field, Form(masks), z, tasks.data, directions[1], budget.lanczos_steps)

    def climb(z: Array, masks: Array, directions: Array) -> Search:
        first_step = of_task.length_scale / 4
        return ascend(
            field,
            Form(masks),
            z,
            tasks.data,
            directions,
            iterations=iterations,
            first_step=first_step,
            radius=radius,
        )

    def at_all(starts: int) -> Array:
        """The masks of every block, once for each of its points."""
        return jnp.repeat(forms, starts, axis=0)

    def by_block(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf.reshape(len(live), -1, *leaf.shape[1:]), tree)

    points, starts = at_all(budget.points), at_all(budget.starts)
    z = jnp.tile(z[: budget.points], (len(live), 1))
    normals = jnp.tile(samples.directions, (len(live), 1, 1))
    directions = jax.vmap(lambda masks, normals: start_directions(Form(masks), normals))(points, normals)
    at_points, mixed = jax.vmap(norms)(z, points, directions)
    _, order = jax.lax.top_k(by_block(at_points.value), budget.starts)
    order = (order + budget.points * jnp.arange(len(live))[:, None]).reshape(-1)
    climbed = jax.vmap(climb)(z[order], starts, mixed[order])
    # The directions follow the point of an ascent and lag behind: its value is some way below the norm.
    polished = jax.vmap(norms)(climbed.point, starts, climbed.directions).top
    value = jnp.where(jnp.isfinite(climbed.value), polished.value, climbed.value)
    among = jax.vmap(Dropped.among)
    return Measured(
        *best,
        points=jax.vmap(_largest)(by_block(at_points)),
        ascent=jax.vmap(_largest)(by_block(polished._replace(value=value))),
        pair_dropped=pair_dropped,
        points_dropped=among(by_block(at_points.value), by_block(z)),
        ascent_dropped=among(by_block(climbed.value), by_block(z[order])),
    )


def _largest(searches: Search) -> Search:
    """The best of the starts."""
    return jax.tree.map(lambda leaf: leaf[jnp.argmax(searches.value)], searches)


def _best_pair(
    quotients: Float[Array, " P"], noise: Float[Array, " P"], points: Float[Array, "P 2 n"]
) -> tuple[tuple[Array, Array, Array], Dropped]:
    """The largest finite quotient of one task and block with its noise and its points, and what is not finite."""
    finite = jnp.where(jnp.isfinite(quotients), quotients, -jnp.inf)
    best = jnp.argmax(finite)
    return (finite[best], noise[best], points[best]), Dropped.among(quotients, points)


def _pair_quotients(
    field: Field, masks: dict[str, Array], radius: Array, z: Array, data: PyTree, random: Array, length: Array
) -> tuple[Array, ...]:
    """Difference quotients of all four blocks from one base point: (4,) values, (4,) noise, (4, 2, n) pairs."""
    blocks = jnp.stack([masks["w"], masks["phi"]])
    moves = blocks * random
    norms = jnp.linalg.norm(moves, axis=-1, keepdims=True)
    units = moves / jnp.where(norms > 0, norms, 1.0)
    others = z + jax.vmap(lambda unit: _within(radius, z, unit, length))(units)
    here, *there = jax.vmap(field, in_axes=(0, None))(jnp.stack([z, *others]), data)
    values, noise, points = {}, {}, {}
    for y, other, at_other in zip(("w", "phi"), others, there, strict=True):
        distance = jnp.linalg.norm(other - z)
        distance = jnp.where(distance > 0, distance, jnp.inf)
        for x in ("w", "phi"):
            values[x + y] = jnp.linalg.norm(masks[x] * (at_other - here)) / distance
            noise[x + y] = (jnp.linalg.norm(at_other) + jnp.linalg.norm(here)) / distance
            points[x + y] = jnp.stack([z, other])
    return tuple(jnp.stack([table[b] for b in BLOCKS]) for table in (values, noise, points))


def _within(radius: Array, z: Array, direction: Array, length: Array) -> Array:
    """The move from z by `length` along a unit direction, turned around and shortened where it would leave the ball."""
    outwards = z @ direction
    slack = jnp.where(jnp.isinf(radius), 0.0, jnp.maximum(radius**2 - z @ z, 0.0))
    # The longer of the two ways to the sphere: never shorter than half a chord.
    longest = jnp.where(jnp.isinf(radius), jnp.inf, jnp.abs(outwards) + jnp.sqrt(outwards**2 + slack))
    leaves = jnp.linalg.norm(z + length * direction) > radius
    return jnp.where(leaves & (outwards > 0), -1.0, 1.0) * jnp.minimum(length, longest) * direction
