"""Curvature measured on a network: norms of the meta objective's Hessian blocks, and the inner loss's in the head.

The blocks are of the mean over given episodes at one point, found by Lanczos on Hessian-vector products (the
directional derivative of the meta-gradient), so each value is a lower bound of the block's norm there, and says nothing
of other points. Steps are dispatches and no scan: XLA's CPU convolutions are slow inside loops.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory.estimators.lanczos import BlockNorm, best_direction, extended, judged, started
from anil_theory.estimators.lanczos import unit as flat_unit
from anil_theory.neural.objective import Objective, Shared, TaskData, unit_gauge

Point = tuple[PyTree, PyTree]

BLOCK_PARTS = {"ww": ("w", "w"), "cross": ("phi", "w"), "phiphi": ("phi", "phi")}
"""Rows and columns of each block."""

DENSE_LIMIT = 4096
"""Largest dimension of w for which the inner Hessian is formed."""


@dataclass(frozen=True)
class BlockNorms:
    """Spectral norms of D_w^2, D_phi D_w and D_phi^2 of the meta objective at a point, from below.

    `change` is the largest relative distance of any of them: within it each has a singular value of its block, in exact
    arithmetic (see `estimators.lanczos`). It is no upper bound.
    """

    ww: float
    cross: float
    phiphi: float
    change: float


def meta_hessian(objective: Objective) -> Callable[..., tuple[PyTree, PyTree]]:
    """The compiled product (w, phi, v_w, v_phi, episodes, alpha, active) -> D^2 L_meta (v_w, v_phi), both parts.

    L_meta is the mean over the episodes. Points, alpha and the number of active inner steps are arguments: one
    compilation serves every point, seed and N.
    """

    @jax.jit
    def product(
        w: PyTree, phi: PyTree, v_w: PyTree, v_phi: PyTree, episodes: Any, alpha: Array, active: Array
    ) -> tuple[PyTree, PyTree]:
        tasks = len(episodes.support_labels)

        def gradient(w: PyTree, phi: PyTree) -> tuple[PyTree, PyTree]:
            total = objective.meta_sum(w, phi, episodes, alpha, active)
            return jax.tree.map(lambda x: x / tasks, (total.w, total.phi))

        return jax.jvp(gradient, (w, phi), (v_w, v_phi))[1]

    return product


def block_norms(
    objective: Objective,
    w: PyTree,
    phi: PyTree,
    episodes: Any,
    *,
    alpha: float,
    inner_steps: int,
    key: Array,
    steps: int = 20,
    product: Callable[..., tuple[PyTree, PyTree]] | None = None,
) -> BlockNorms:
    """Norms of the Hessian blocks of the mean of L_D(w_N, phi) over the episodes, by `steps` Lanczos steps.

    product   `meta_hessian(objective)`, for callers that measure at several points.

    Each block takes `steps` + 2 products, and as many vectors of the size of (w, phi) in memory.
    Raises InvalidParameter for steps < 2 and for a cut without phi (MAML).
    """
    count("steps", steps, 2)
    require_phi(phi)
    dtype = jax.tree.leaves(w)[0].dtype
    rest = (episodes, jnp.asarray(alpha, dtype), jnp.asarray(inner_steps, jnp.int32))
    compiled = product or meta_hessian(objective)

    z = (w, phi)

    def along(v: Point) -> Point:
        return compiled(w, phi, *v, *rest)

    norms = {
        name: dispatched_norm(along, block_masks(z, *parts), random_like(key_here, z), steps)
        for key_here, (name, parts) in zip(jax.random.split(key, 3), BLOCK_PARTS.items(), strict=True)
    }
    change = max(float(norm.distance) / max(float(norm.value), np.finfo(float).tiny) for norm in norms.values())
    return BlockNorms(**{name: float(norm.value) for name, norm in norms.items()}, change=change)


def head_eigenvalues(objective: Objective) -> Callable[..., Array]:
    """The compiled function (w, phi_head, features, labels) -> smallest and largest eigenvalue of D_w^2 L_S."""

    @jax.jit
    def eigenvalues(w: PyTree, phi_head: PyTree, features: Any, labels: Any) -> Array:
        flat, unravel = ravel_pytree(w)
        shared = Shared(phi_head, features, unit_gauge(flat.dtype))

        def support(flat: Array) -> Array:
            return objective.losses.support(unravel(flat), shared, TaskData(labels, None))

        return jnp.linalg.eigvalsh(jax.hessian(support)(flat))[jnp.array([0, -1])]

    return eigenvalues


def require_phi(phi: PyTree) -> None:
    """Raise InvalidParameter for a cut without shared parameters."""
    if not jax.tree.leaves(phi):
        raise InvalidParameter("geometry", "one with shared parameters (MAML has no blocks)", "maml")


def block_masks(z: Point, rows: str, columns: str) -> Float[Array, "2 n"]:
    """Which entries of a flattened z = (w, phi) are rows and columns of a block; "z" stands for all of them."""
    ones_w, ones_phi = (jax.tree.map(jnp.ones_like, part) for part in z)
    no_w, no_phi = (jax.tree.map(jnp.zeros_like, part) for part in z)
    parts = {"w": (ones_w, no_phi), "phi": (no_w, ones_phi), "z": (ones_w, ones_phi)}
    return jnp.stack([ravel_pytree(parts[name])[0] for name in (rows, columns)])


def dispatched_norm(
    product: Callable[[Point], Point], masks: Float[Array, "2 n"], start: Point, steps: int
) -> BlockNorm:
    """`estimators.lanczos.block_norm` with a product on pytrees, each of its steps + 2 products one dispatch."""
    flat, unravel = ravel_pytree(start)
    steps = min(steps, flat.size)

    def image(v: Array) -> Array:
        return ravel_pytree(product(unravel(v)))[0]

    krylov = started(masks, flat, steps)
    for index in range(steps):
        krylov = _extended(krylov, masks, jnp.asarray(index), image(krylov.basis[index]))
    v = _best_direction(krylov, masks)
    forward = masks[0] * image(v)
    backward = masks[1] * image(flat_unit(forward))
    return judged(v, forward, backward)


_extended = jax.jit(extended)
_best_direction = jax.jit(best_direction)


def random_like(key: Array, like: PyTree) -> PyTree:
    """Independent standard normals with the structure and types of `like`."""
    flat, unravel = ravel_pytree(like)
    return unravel(jax.random.normal(key, flat.shape, flat.dtype))


def random_unit(key: Array, like: PyTree) -> PyTree:
    """A random direction of norm 1 with the structure and types of `like`."""
    return unit(random_like(key, like))


@jax.jit
def norm(tree: PyTree) -> Array:
    """The Euclidean norm of all leaves together."""
    return jnp.linalg.norm(ravel_pytree(tree)[0])


@jax.jit
def unit(tree: PyTree) -> PyTree:
    """The direction of a tree; zero stays zero."""
    size = norm(tree)
    return jax.tree.map(lambda x: x / jnp.where(size > 0, size, 1).astype(x.dtype), tree)
