"""What is measured along a run, from products with second derivatives alone: for points too large for matrices.

The same quantities at the same places as with matrices (`trajectory_audit`), norms by Lanczos. Direction: a norm is at
most the true one, and a smallest eigenvalue at least, so what exceeds a declared value does so with matrices too.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from anil_theory.estimators.fields import block_masks, loss_field
from anil_theory.estimators.lanczos import block_norm
from anil_theory.estimators.trajectory import Trajectory
from anil_theory.problem import Loss, TaskSet

Product = Callable[[Float[Array, " n"]], Float[Array, " n"]]


def measured_by_products(
    tasks: TaskSet, n_w: int, trajectory: Trajectory, steps: int, seed: int = 0
) -> dict[str, Float[np.ndarray, "K B _"]]:
    """{quantity: (K, B, places)} along a run, with so many Lanczos steps for each norm.

    Places are the inner steps 0..N, or the moves m -> m + 1 and last the outer move, as in `trajectory_audit`. "norm"
    is not among them: it needs no derivative.
    """
    n = trajectory.points.shape[-1]
    normal = jnp.asarray(np.random.default_rng(seed).standard_normal(n))
    losses = (tasks.support, tasks.query)
    quantities = _measured(losses, n_w, steps, tasks.data, trajectory.points, trajectory.tasks, normal)
    return {name: np.asarray(values) for name, values in quantities.items()}


@partial(jax.jit, static_argnums=(0, 1, 2))
def _measured(
    losses: tuple[Loss, Loss],
    n_w: int,
    steps: int,
    data: PyTree,
    points: Float[Array, "K B places n"],
    indices: Int[Array, "K B"],
    normal: Float[Array, " n"],
) -> dict[str, Float[Array, "K B _"]]:
    n = normal.size
    template = (jnp.zeros(n_w), jnp.zeros(n - n_w))
    support, query = (loss_field(loss, template) for loss in losses)
    masks = block_masks(n_w, n - n_w)

    def block(product: Product, rows: str, columns: str) -> Array:
        # A start that lies in the columns of the block.
        return block_norm(product, jnp.stack([masks[rows], masks[columns]]), normal, steps)[0].value

    def along(field: Callable[..., Array], z: Array, task: PyTree) -> Product:
        return lambda v: jax.jvp(lambda at: field(at, task), (z,), (v,))[1]

    def at(z: Array, task: PyTree) -> tuple[Array, Array, Array]:
        curved = along(support, z, task)
        size = block(curved, "w", "w")
        low = size - block(lambda v: size * masks["w"] * v - masks["w"] * curved(masks["w"] * v), "w", "w")
        high = block(lambda v: size * masks["w"] * v + masks["w"] * curved(masks["w"] * v), "w", "w") - size
        return block(curved, "z", "z"), low, high

    def move(here: Array, there: Array, task: PyTree) -> tuple[Array, Array, Array]:
        before, after = along(support, here, task), along(support, there, task)

        def change(v: Array) -> Array:
            return after(v) - before(v)

        slope = jnp.linalg.norm(support(there, task) - support(here, task))
        tau = block(change, "phi", "w") if n > n_w else jnp.zeros(())
        return slope, block(change, "w", "w"), tau

    def of_batch(place: tuple[Array, Array]) -> dict[str, Array]:
        z, index = place
        task = jax.tree.map(lambda leaf: leaf[index], data)
        last = z.shape[0] - 1
        inner = z[:last]
        smooth, low, high = jax.lax.map(lambda point: at(point, task), inner)
        of_query = block(along(query, z[-2], task), "z", "z")
        here = jnp.concatenate([z[: last - 1], z[:1]])
        there = jnp.concatenate([z[1:last], z[last:]])
        slope, curved, mixed = jax.lax.map(lambda pair: move(pair[0], pair[1], task), (here, there))
        distance = jnp.linalg.norm(there - here, axis=-1)
        near = distance < jnp.sqrt(jnp.finfo(z.dtype).eps)
        shown = jnp.where(near, 1.0, distance)
        quotients = {"gradient_quotient": slope, "rho_quotient": curved, "tau_quotient": mixed}
        return {
            "smoothness": smooth.at[-1].max(of_query),
            "query_gradient": jnp.linalg.norm(query(z[-2], task))[None],
            "curvature_min": low,
            "curvature_max": high,
        } | {name: jnp.where(near, jnp.nan, value / shown) for name, value in quotients.items()}

    K, B = indices.shape
    rows = (points.reshape(K * B, *points.shape[2:]), indices.reshape(-1))
    quantities = jax.lax.map(of_batch, rows)
    return jax.tree.map(lambda values: values.reshape(K, B, -1), quantities)
