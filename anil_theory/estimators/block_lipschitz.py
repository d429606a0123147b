"""Block Lipschitz constants of the meta-gradient, measured from below in three ways.

pairs   ||D_x L(z1) - D_x L(z2)|| / ||z1 - z2|| over random pairs that differ in block y alone;
points  norms of the Hessian block at random points, by Lanczos on Hessian-vector products;
ascent  the same form, maximised over the point and its directions from the best of those points, and the norm there.

All three are lower bounds of the supremum over points and tasks. A single task is a population of one, to which the
propositions apply: the constants are measured task by task and the largest is kept. The meta-gradient is the gradient
of a function, so one search serves both cross blocks (the Hessian is symmetric; a test holds that).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory._memory import FLOAT64, require_memory
from anil_theory._precision import gamma, require_float64
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import Region
from anil_theory.estimators.base import BLOCKS, Direction, Estimate, Witness
from anil_theory.estimators.budget import Budget
from anil_theory.estimators.fields import BLOCK_DIRECTIONS, Field, block_masks, live_blocks, meta_field
from anil_theory.estimators.forms import Form, Search, ascend, norm_at, start_directions
from anil_theory.estimators.measurement import Effort, Found, Measurement, keyed
from anil_theory.estimators.not_finite import NotFinite, explain
from anil_theory.estimators.region_exit import mark_exits
from anil_theory.estimators.rounding import mark_roundings
from anil_theory.problem import Domain, Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet

METHODS = ("pairs", "points", "ascent")
_SEARCHED = ("ww", "wphi", "phiphi")
"""phiw is the transpose of wphi and shares its search."""


class _Dropped(NamedTuple):
    """How many samples are not finite, and the first of them: a point, or a pair of points."""

    count: Array
    point: Array

    @classmethod
    def among(cls, values: Array, points: Array) -> "_Dropped":
        """Of values (P,) at points (P, n) or pairs (P, 2, n)."""
        finite = jnp.isfinite(values)
        return cls(jnp.sum(~finite), points[jnp.argmin(finite)])


class _Measured(NamedTuple):
    """Best of each method over points, for every task: pair blocks (T, 4), searches (T, 3); what each left out."""

    pair_value: Array
    pair_noise: Array
    pair_points: Array
    points: Search
    ascent: Search
    pair_dropped: _Dropped
    points_dropped: _Dropped
    ascent_dropped: _Dropped


def measure_block_lipschitz(
    family: Domain,
    tasks: TaskSet,
    schedule: Schedule,
    *,
    seed: int = 0,
    budget: Budget | None = None,
    max_inner_steps: int | None = None,
    region: Region | None = None,
) -> dict[str, dict[str, Estimate]]:
    """Lower estimates of the four block constants: {block: {method: Estimate}}, blocks of an empty phi left out.

    family, tasks    where points come from, and the tasks that are searched (all of them);
    schedule         alpha and N;
    budget           how hard to search;
    max_inner_steps  compile for this many inner steps and run N of them, so that a grid over N compiles once;
    region           the ball that points are kept in; default: the one where the family's constants hold.

    On a family whose constants hold on a ball, `outside` of each estimate says by how much the inner iterates from its
    witness leave that ball. Samples that are not finite are left out and counted in `dropped`, the first of them is
    explained in `first_dropped`; a method that has none left is missing. Raises InvalidParameter for tasks that are
    not float64 and for budgets below 1, NotEnoughMemory for sizes that do not fit into the memory, and NotFinite when a
    block is finite nowhere.
    Source of the quantity: Propositions 2 and 3 of the paper; direction LOWER (`Direction`).
    """
    require_float64("tasks", tasks.data)
    budget = Budget() if budget is None else budget
    region = family.constants.region if region is None else region
    generator = np.random.default_rng(seed)
    T, n = len(tasks), family.n_w + family.n_phi
    loop = UnrolledLoop.of_schedule(schedule, max_inner_steps)
    length = loop.inner_steps
    sizes = {"tasks": T, "points": budget.points, "pairs": budget.pairs, "inner_steps": length, "n_w": family.n_w}
    # The points of all tasks are searched side by side, each with its inner iterates.
    iterates = T * max(budget.points, budget.pairs) * length * family.n_w
    require_memory("the inner iterates", FLOAT64 * iterates, sizes)
    measured = _measure(
        (tasks.support, tasks.query),
        (family.n_w, family.n_phi),
        budget,
        tasks.data,
        family.points(generator, (T, max(budget.pairs, budget.points))),
        jnp.asarray(generator.standard_normal((T, budget.pairs, n))),
        jnp.asarray(10 ** generator.uniform(-3, 1, (T, budget.pairs))),
        jnp.asarray(generator.standard_normal((T, budget.points, 2, n))),
        loop,
        jnp.asarray(family.length_scale),
        jnp.asarray(region.radius),
    )
    operations = schedule.inner_steps * (8 * (family.n_w + family.n_phi) + 64)
    explain_first = partial(explain, tasks, schedule, family.n_w)
    found = _estimates(
        jax.tree.map(np.asarray, measured),
        live_blocks(family.n_phi),
        budget,
        seed,
        operations,
        explain_first,
    )
    # The count of operations is what is left where the program has no derived rounding.
    found = mark_roundings(found, tasks, schedule, family.n_w, max_inner_steps)
    return mark_exits(found, tasks, schedule, family.n_w, family.constants.region, max_inner_steps)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _measure(
    losses: tuple[Any, Any],
    sizes: tuple[int, int],
    budget: Budget,
    data: PyTree,
    z: Array,
    moves: Array,
    lengths: Array,
    directions: Array,
    loop: UnrolledLoop,
    length_scale: Array,
    radius: Array,
) -> _Measured:
    n_w, n_phi = sizes
    template = (jnp.zeros(n_w), jnp.zeros(n_phi))
    masks = block_masks(n_w, n_phi)
    tasks = TaskSet(*losses, data)
    field = meta_field(tasks, template, loop)
    norm = jnp.linalg.norm(z, axis=-1, keepdims=True)
    z = jnp.where(norm > radius, z * (radius / norm), z)
    T = z.shape[0]
    over_points = jax.vmap(partial(_pair_quotients, field, masks, radius), in_axes=(0, None, 0, 0))
    quotients, noise, points = jax.vmap(over_points)(z[:, : budget.pairs], data, moves, length_scale * lengths)
    # (T, 4), over the points of each task and block
    among = jax.vmap(jax.vmap(_Dropped.among, in_axes=(1, 1)))
    pair_dropped = among(quotients, points)
    quotients = jnp.where(jnp.isfinite(quotients), quotients, -jnp.inf)
    best = jnp.argmax(quotients, axis=1)
    take = lambda a: jnp.take_along_axis(a, best.reshape(T, 1, 4, *[1] * (a.ndim - 3)), axis=1)[:, 0]  # noqa: E731

    live = [b for b in _SEARCHED if b in live_blocks(n_phi)]
    forms = jnp.stack([jnp.stack([masks[name] for name in BLOCK_DIRECTIONS[b]]) for b in live])

    def search(form_masks: Array, data: PyTree, z: Array, normals: Array) -> tuple[Any, ...]:
        """One block of one task: norms at all points, then ascents from the best of them; what each left out."""
        form = Form(form_masks)
        directions = jax.vmap(partial(start_directions, form))(normals)
        norms = jax.vmap(partial(norm_at, field, form, steps=budget.lanczos_steps), in_axes=(0, None, 0))
        at_points, mixed = norms(z, data, directions[:, 1])
        _, order = jax.lax.top_k(at_points.value, budget.starts)
        climb = partial(ascend, field, form, iterations=budget.iterations, first_step=length_scale / 4, radius=radius)
        climbed = jax.vmap(lambda z, d: climb(z, data, d))(at_points.point[order], mixed[order])
        first = lambda found: jax.tree.map(lambda a: a[jnp.argmax(found.value)], found)  # noqa: E731
        dropped = _Dropped.among(at_points.value, z), _Dropped.among(climbed.value, z[order])
        # The directions follow the point of an ascent and lag behind: its value is some way below the norm.
        polished = norms(climbed.point, data, climbed.directions[:, 1]).top
        value = jnp.where(jnp.isfinite(climbed.value), polished.value, climbed.value)
        return first(at_points), first(polished._replace(value=value)), *dropped

    over_blocks = jax.vmap(search, in_axes=(0, None, None, None))
    over_tasks = jax.vmap(over_blocks, in_axes=(None, 0, 0, 0))
    at_points, climbed, *dropped = over_tasks(forms, data, z[:, : budget.points], directions)
    return _Measured(take(quotients), take(noise), take(points), at_points, climbed, pair_dropped, *dropped)


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


def _estimates(
    measured: _Measured,
    live: tuple[str, ...],
    budget: Budget,
    seed: int,
    operations: int,
    explain_first: Callable[[str, int, Any], str],
) -> dict[str, dict[str, Estimate]]:
    searched = [b for b in _SEARCHED if b in live]
    relative = gamma(operations)
    T = len(measured.pair_value)
    found: dict[str, dict[str, Estimate]] = {}
    for i, block in enumerate(BLOCKS):
        if block not in live:
            continue
        make = partial(Estimate, f"meta_gradient_lipschitz/{block}", direction=Direction.LOWER, seed=seed)
        found[block] = {}
        reasons = []
        dropped, reason = _left_out(measured.pair_dropped, i, block, explain_first)
        reasons.append(reason)
        if dropped < T * budget.pairs:
            task = int(np.argmax(measured.pair_value[:, i]))
            z1, z2 = measured.pair_points[task, i]
            found[block]["pairs"] = make(
                float(measured.pair_value[task, i]),
                method="pairs",
                rounding=relative * float(measured.pair_noise[task, i]),
                samples=T * budget.pairs,
                dropped=dropped,
                first_dropped=reason,
                witness=Witness({"z1": z1.tolist(), "z2": z2.tolist()}, task),
            )
        j = searched.index("wphi" if block == "phiw" else block)
        for method, search, left_out, samples in (
            ("points", measured.points, measured.points_dropped, budget.points),
            ("ascent", measured.ascent, measured.ascent_dropped, budget.starts),
        ):
            dropped, reason = _left_out(left_out, j, block, explain_first)
            reasons.append(reason)
            if dropped == T * samples:
                continue
            task = int(np.argmax(search.value[:, j]))
            value = float(search.value[task, j])
            u, v = search.directions[task, j][:: -1 if block == "phiw" else 1]
            witness = {"z": search.point[task, j].tolist(), "u": u.tolist(), "v": v.tolist()}
            found[block][method] = make(
                value,
                method=method,
                rounding=relative * abs(value),
                samples=T * samples,
                dropped=dropped,
                first_dropped=reason,
                witness=Witness(witness, task),
                residual=float(search.distance[task, j]),
            )
        if not found[block]:
            raise NotFinite(f"meta_gradient_lipschitz/{block} is finite at no point; {reasons[0]}")
    return found


def _left_out(
    dropped: _Dropped, column: int, block: str, explain_first: Callable[[str, int, Any], str]
) -> tuple[int, str]:
    """How many samples of one block are not finite, over all tasks, and the first of them in words."""
    counts = dropped.count[:, column]
    if not counts.any():
        return 0, ""
    task = int(np.flatnonzero(counts)[0])
    return int(counts.sum()), explain_first(block, task, dropped.point[task, column])


def largest(estimates: dict[str, Estimate]) -> Estimate:
    """The best lower estimate of one block: the largest value less its rounding, which is what it proves.

    Estimates that stayed in the region go before those that left it. Of two that prove as much the larger is kept.
    """
    return max(estimates.values(), key=lambda e: (e.outside == 0, e.value - e.rounding, e.value))


def blocks_of_problem(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, dict[str, Estimate]]:
    """`measure_block_lipschitz` of a problem's own tasks."""
    return measure_block_lipschitz(
        problem,
        problem.tasks,
        schedule,
        seed=effort.seed,
        budget=effort.budget,
        max_inner_steps=effort.max_inner_steps,
    )


def _measured_blocks(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    return keyed(blocks_of_problem(problem, schedule, effort))


MEASUREMENT = Measurement(
    name="blocks",
    quantities=tuple(f"meta_gradient_lipschitz/{block}" for block in BLOCKS),
    direction=Direction.LOWER,
    measure=_measured_blocks,
)
