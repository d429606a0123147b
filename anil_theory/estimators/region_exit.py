"""How far inner iterates leave the region where constants hold: what makes a claim not applicable to an estimate."""

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from anil_theory._precision import gamma
from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import Region
from anil_theory.estimators.base import Estimate, counted_roundings
from anil_theory.estimators.local_rounding import NoRule
from anil_theory.estimators.rounding import FIRST_ORDER, with_rounding
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet

_PLACES = ("z", "z1", "z2")


def mark_exits(
    estimates: dict[str, dict[str, Estimate]],
    tasks: TaskSet,
    schedule: Schedule,
    n_w: int,
    region: Region,
    max_inner_steps: int | None = None,
) -> dict[str, dict[str, Estimate]]:
    """The same estimates with `outside` set from the points of their witnesses.

    outside is max over the points and over m = 0..N of |(w_m, phi)| - radius, 0 when all iterates stay inside, or
    beyond it by no more than rounding: that of the norm, derived from its program (see `rounding`), and that of
    moving a point to the sphere. `outside_kind` says whether it was derived or, where a primitive has no rule, is a
    heuristic. The ball is convex, so two runs that stay inside are compared inside. A run that diverges to infinity
    or NaN counts as outside by the largest float64. When the region is the whole space nothing of this is computed.
    """
    if np.isinf(region.radius):
        return estimates
    flat = [(block, method, e) for block, by_method in estimates.items() for method, e in by_method.items()]
    witnesses = [estimate.witness for _, _, estimate in flat if estimate.witness]
    # Two points for each: a witness with one point shows it twice, so that all have one shape.
    points = [[witness.points[name] for name in _PLACES if name in witness.points] for witness in witnesses]
    starts = jnp.asarray([(pair * 2)[:2] for pair in points])
    indices = jnp.asarray([witness.task for witness in witnesses])
    # The active steps are traced at every length, so that schedules that differ in N share a compilation.
    loop = UnrolledLoop.of_schedule(schedule, max_inner_steps or schedule.inner_steps)
    setting = (tasks.data, starts, indices, loop)
    try:
        norms, errors = map(np.asarray, _rounded_norms(tasks.support, n_w, *setting))
        kind = FIRST_ORDER
    except NoRule as missing:
        norms = np.asarray(_largest_norms(tasks.support, n_w, *setting))
        errors = gamma(counted_roundings(starts.shape[-1], schedule.inner_steps)) * norms
        kind = f"heuristic, a count of roundings: the primitive {str(missing)!r} has no rule"
    finite = np.where(np.isfinite(norms), norms, np.finfo(float).max)
    # A point on the sphere was put there by z * (R/|z|), of n + 3 roundings.
    slack = np.where(np.isfinite(errors), errors, 0.0) + gamma(starts.shape[-1] + 3) * region.radius
    outside = np.max(np.where(finite > region.radius + slack, finite - region.radius, 0.0), axis=1)
    marked = {block: dict(by_method) for block, by_method in estimates.items()}
    witnessed = [(block, method, e) for block, method, e in flat if e.witness]
    for (block, method, estimate), amount in zip(witnessed, outside, strict=True):
        marked[block][method] = dataclasses.replace(estimate, outside=float(amount), outside_kind=kind)
    return marked


def farthest_iterates(
    tasks: TaskSet, schedule: Schedule, n_w: int, starts: Float[Array, "P n"], indices: Int[Array, " P"]
) -> Float[np.ndarray, " P"]:
    """max over m = 0..N of |(w_m, phi)| from each start, in the task that belongs to it; NaN where it is not finite."""
    loop = UnrolledLoop.of_schedule(schedule)
    pairs = jnp.stack([starts, starts], axis=1)
    return np.asarray(_largest_norms(tasks.support, n_w, tasks.data, pairs, indices, loop))[:, 0]


@partial(jax.jit, static_argnums=(0, 1))
def _largest_norms(
    support: Loss,
    n_w: int,
    data: PyTree,
    starts: Float[Array, "E 2 n"],
    indices: Int[Array, " E"],
    loop: UnrolledLoop,
) -> Float[Array, "E 2"]:
    """The largest norm of an iterate and phi together, from each of two starts: (E, 2)."""
    return _over_starts(partial(_largest_norm, support, n_w), data, starts, indices, loop)


@partial(jax.jit, static_argnums=(0, 1))
def _rounded_norms(
    support: Loss,
    n_w: int,
    data: PyTree,
    starts: Float[Array, "E 2 n"],
    indices: Int[Array, " E"],
    loop: UnrolledLoop,
) -> tuple[Float[Array, "E 2"], Float[Array, "E 2"]]:
    """The same norms, and the bounds of their errors."""
    rounded = with_rounding(partial(_largest_norm, support, n_w))
    return _over_starts(rounded, data, starts, indices, loop)


def _over_starts(
    norm: Callable[..., PyTree],
    data: PyTree,
    starts: Float[Array, "E 2 n"],
    indices: Int[Array, " E"],
    loop: UnrolledLoop,
) -> PyTree:
    """`norm(z, task, loop)` of both starts of each estimate."""
    of_tasks = jax.tree.map(lambda leaf: leaf[indices], data)
    over_places = jax.vmap(norm, in_axes=(0, None, None))
    return jax.vmap(over_places, in_axes=(0, 0, None))(starts, of_tasks, loop)


def _largest_norm(support: Loss, n_w: int, z: Float[Array, " n"], task: PyTree, loop: UnrolledLoop) -> Float[Array, ""]:
    """The largest |(w_m, phi)| from one start."""
    w, phi = z[:n_w], z[n_w:]
    run = inner_loop(support, w, phi, task, loop)
    iterates = jnp.concatenate([run.iterates, run.final[None]])
    return jnp.sqrt(jnp.max(jnp.sum(iterates**2, axis=1)) + phi @ phi)
