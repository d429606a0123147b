"""The worst task of a family: ascent over the generator's parameters and the point together.

The separable family makes a task from random numbers by a differentiable map, every one of whose values is admissible
(`tasks.separable.task_from_draws`). So the largest block constant over the whole family is looked for by gradient
ascent over those numbers and the point at once, from many starts in one call: a random search finds tasks, this
finds the worst one near each. Direction: lower. Source: theory, section 4.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory._admissible import InvalidParameter, count, one_of
from anil_theory._precision import gamma
from anil_theory.estimators.adam_ascent import adam_ascent
from anil_theory.estimators.base import BLOCKS, Direction, Estimate, Witness
from anil_theory.estimators.fields import BLOCK_DIRECTIONS, meta_field
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import QUERY_LOSSES, Draws, SeparableFamily, support_loss, task_from_draws


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
) -> WorstTask:
    """The largest norm of a block of the Hessian of L_meta that ascent finds over tasks of the family and points.

    block   "ww", "wphi", "phiw" or "phiphi";
    starts, iterations   how many ascents, in one batched call, and how long each is.

    Raises InvalidParameter for an unknown block, a block of an empty phi, and counts below 1.
    """
    one_of("block", block, BLOCKS)
    count("starts", starts)
    count("iterations", iterations)
    if family.n_phi == 0 and block != "ww":
        raise InvalidParameter("block", "ww when n_phi = 0", block)
    generator = np.random.default_rng(seed)
    n, k = family.n_w + family.n_phi, max(family.n_w, family.n_phi)
    matrices = sum(m * m for m in (family.n_w, family.n_phi)) * (1 if family.share_rotation else 2)
    logits = generator.logistic(size=(starts, 7, k))
    # The rotations stay what they are: they change no norm of a population of one, only its directions.
    points = {
        "logits": jnp.asarray(logits),
        "slopes": jnp.asarray(generator.standard_normal((starts, k))),
        "z": jnp.asarray(family.length_scale * generator.standard_normal((starts, n))),
    }
    fixed = jnp.asarray(generator.standard_normal(matrices))
    static = _Static(family.n_w, family.n_phi, family.share_rotation, family.query, block, schedule.inner_steps)
    values, best = _search(static, points, fixed, family.dials, jnp.asarray(schedule.alpha), iterations)
    top = int(jnp.argmax(values))
    point = {name: leaf[top] for name, leaf in best.items()}
    data = task_from_draws(family.dials, *static[:3], _draws(point, fixed))
    tasks = TaskSet(support_loss, QUERY_LOSSES[family.query], jax.tree.map(lambda leaf: leaf[None], data))
    value, u, v = _value(static, family.dials, jnp.asarray(schedule.alpha), fixed, point)
    witness = {"z": np.asarray(point["z"]).tolist(), "u": np.asarray(u).tolist(), "v": np.asarray(v).tolist()}
    estimate = Estimate(
        f"meta_gradient_lipschitz/{block}",
        float(value),
        Direction.LOWER,
        method="worst task",
        rounding=gamma(schedule.inner_steps * (8 * n + 64)) * float(value),
        samples=starts,
        seed=seed,
        witness=Witness(witness, 0),
    )
    return WorstTask(estimate, tasks, np.sort(np.asarray(values)))


class _Static(NamedTuple):
    n_w: int
    n_phi: int
    share: bool
    query: str
    block: str
    inner_steps: int


def _draws(point: dict[str, Array], fixed: Array) -> Draws:
    # Strictly inside (0, 1): the family's shares take the logarithm of 1 - u.
    uniform = 1e-9 + (1 - 2e-9) * jax.nn.sigmoid(point["logits"])
    return Draws(uniform, jnp.concatenate([point["slopes"], fixed]))


def _value(
    static: _Static, dials: Array, alpha: Array, fixed: Array, point: dict[str, Array]
) -> tuple[Array, Array, Array]:
    """u^T (block) v at the top singular vectors of the block: its norm, with the norm's gradient."""
    n_w, n = static.n_w, static.n_w + static.n_phi
    data = task_from_draws(dials, static.n_w, static.n_phi, static.share, _draws(point, fixed))
    tasks = TaskSet(support_loss, QUERY_LOSSES[static.query], jax.tree.map(lambda leaf: leaf[None], data))
    template = (jnp.zeros(n_w), jnp.zeros(n - n_w))
    field = meta_field(tasks, template, alpha=alpha, inner_steps=static.inner_steps)
    jacobian = jax.jacfwd(field)(point["z"], data)
    masks = {"w": jnp.arange(n) < n_w, "phi": jnp.arange(n) >= n_w}
    x, y = BLOCK_DIRECTIONS[static.block]
    matrix = jnp.where(masks[x][:, None] & masks[y][None, :], jacobian, 0.0)
    left, _, right = jnp.linalg.svd(jax.lax.stop_gradient(matrix))
    u, v = left[:, 0], right[0]
    return u @ matrix @ v, u, v


@partial(jax.jit, static_argnums=(0, 5))
def _search(
    static: _Static, points: dict[str, Array], fixed: Array, dials: Array, alpha: Array, iterations: int
) -> tuple[Array, Any]:
    def value(point: dict[str, Array]) -> Array:
        return _value(static, dials, alpha, fixed, point)[0]

    return jax.vmap(lambda point: adam_ascent(value, point, iterations))(points)
