"""How large the two blocks of one task's meta-gradient get: the sigma_w and sigma_phi of the rates, from below."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory._precision import require_float64
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.base import Direction, Estimate, Witness, counted_roundings
from anil_theory.estimators.fields import block_masks, meta_field
from anil_theory.estimators.not_finite import explain, left_out
from anil_theory.estimators.rounding import rounding_at, with_rounding
from anil_theory.problem import Domain
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet


def measure_gradient_size(
    family: Domain,
    tasks: TaskSet,
    schedule: Schedule,
    *,
    seed: int = 0,
    points: int = 512,
    max_inner_steps: int | None = None,
) -> dict[str, Estimate]:
    """{"w", "phi"}: the largest norm of that block of one task's meta-gradient over random points of every task.

    Its square bounds the variance that the rates charge. Direction LOWER; "phi" is left out when phi is empty.
    Points at which it is not finite are left out and counted. Raises InvalidParameter for tasks that are not float64,
    and NotFinite when it is finite nowhere.
    """
    require_float64("tasks", tasks.data)
    z = family.points(np.random.default_rng(seed), (len(tasks), points))
    loop = UnrolledLoop.of_schedule(schedule, max_inner_steps)
    losses, sizes = (tasks.support, tasks.query), (family.n_w, family.n_phi)
    norms = np.asarray(_norms(losses, sizes, tasks.data, z, loop))
    operations = counted_roundings(sum(sizes), schedule.inner_steps)
    estimates = {}
    for i, block in enumerate(("w", "phi")[: 2 if family.n_phi else 1]):
        explain_first = partial(explain, tasks, schedule, family.n_w, block)
        dropped, reason = left_out(norms[..., i], np.asarray(z), explain_first, f"gradient_size/{block}")
        sizes_here = np.where(np.isfinite(norms[..., i]), norms[..., i], -np.inf)
        task, point = np.unravel_index(np.argmax(sizes_here), norms.shape[:2])
        value = float(norms[task, point, i])
        mask = block_masks(*sizes)[block]
        shown = (tasks.task(int(task)), z[task, point], mask, loop)
        rounding = rounding_at(partial(_rounded, losses, sizes), *shown, value=value, operations=operations)
        estimates[block] = Estimate(
            f"gradient_size/{block}",
            value,
            Direction.LOWER,
            method="points",
            rounding=rounding.error,
            rounding_kind=rounding.kind,
            samples=norms[..., i].size,
            seed=seed,
            dropped=dropped,
            first_dropped=reason,
            witness=Witness({"z": np.asarray(z[task, point]).tolist()}, int(task)),
        )
    return estimates


@partial(jax.jit, static_argnums=(0, 1))
def _norms(
    losses: tuple[Loss, Loss],
    sizes: tuple[int, int],
    data: PyTree,
    z: Array,
    loop: UnrolledLoop,
) -> Array:
    """Norms of both blocks at points (T, P, n), shape (T, P, 2)."""
    template = (jnp.zeros(sizes[0]), jnp.zeros(sizes[1]))
    tasks = TaskSet(*losses, data)
    field = meta_field(tasks, template, loop)
    g = jax.vmap(jax.vmap(field, in_axes=(0, None)))(z, data)
    return jnp.stack([jnp.linalg.norm(g[..., : sizes[0]], axis=-1), jnp.linalg.norm(g[..., sizes[0] :], axis=-1)], -1)


@partial(jax.jit, static_argnums=(0, 1))
def _rounded(
    losses: tuple[Loss, Loss],
    sizes: tuple[int, int],
    data: PyTree,
    z: Array,
    mask: Array,
    loop: UnrolledLoop,
) -> tuple[Array, Array]:
    """The norm of the block that a mask leaves, at one point of one task, and the bound of its error."""
    template = (jnp.zeros(sizes[0]), jnp.zeros(sizes[1]))

    def norm(data: PyTree, z: Array, mask: Array, loop: UnrolledLoop) -> Array:
        tasks = TaskSet(*losses, jax.tree.map(lambda leaf: leaf[None], data))
        field = meta_field(tasks, template, loop)
        return jnp.linalg.norm(mask * field(z, data))

    return with_rounding(norm)(data, z, mask, loop)
