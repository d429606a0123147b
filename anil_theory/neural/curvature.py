"""Curvature measured on a network: norms of the meta objective's Hessian blocks, and the inner loss's in the head.

The blocks are of the mean over given episodes at one point, found by power iteration on Hessian-vector products (the
directional derivative of the meta-gradient), so each value is a lower bound of the block's norm there, and says nothing
of other points. Steps of the iteration are dispatches and no scan: XLA's CPU convolutions are slow inside loops.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory.neural.objective import Objective, Shared, TaskData, unit_gauge

DENSE_LIMIT = 4096
"""Largest dimension of w for which the inner Hessian is formed."""


@dataclass(frozen=True)
class BlockNorms:
    """Spectral norms of D_w^2, D_phi D_w and D_phi^2 of the meta objective at a point, from below.

    `change` is the largest relative change of any of them in the last step of the power iteration.
    """

    ww: float
    cross: float
    phiphi: float
    change: float


@dataclass(frozen=True)
class HeadCurvature:
    """Smallest and largest eigenvalue of D_w^2 L_S over tasks at one w: mu and L of the inner loss there.

    A linear head's cross-entropy is flat along a common shift of all logits, so the smallest eigenvalue is lambda
    exactly: all strong convexity comes from the regulariser.
    """

    smallest: float
    largest: float
    n_w: int


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
    """Norms of the Hessian blocks of the mean of L_D(w_N, phi) over the episodes, by `steps` power iterations.

    product   `meta_hessian(objective)`, for callers that measure at several points.
    Raises InvalidParameter for steps < 2 and for a cut without phi (MAML).
    """
    count("steps", steps, 2)
    require_phi(phi)
    dtype = jax.tree.leaves(w)[0].dtype
    rest = (episodes, jnp.asarray(alpha, dtype), jnp.asarray(inner_steps, jnp.int32))
    compiled = product or meta_hessian(objective)

    def along(v_w: PyTree, v_phi: PyTree) -> tuple[PyTree, PyTree]:
        return compiled(w, phi, v_w, v_phi, *rest)

    zero_w, zero_phi = jax.tree.map(jnp.zeros_like, (w, phi))
    v_w, v_phi, x_w = (random_unit(k, z) for k, z in zip(jax.random.split(key, 3), (w, phi, w), strict=True))
    history = []
    for _ in range(steps):
        ww = along(v_w, zero_phi)[0]
        phiphi = along(zero_w, v_phi)[1]
        across = along(x_w, zero_phi)[1]
        back = along(zero_w, across)[0]
        history.append([float(norm(ww)), float(norm(across)), float(norm(phiphi))])
        v_w, v_phi, x_w = unit(ww), unit(phiphi), unit(back)
    last, before = np.array(history[-1]), np.array(history[-2])
    change = float(np.max(np.abs(last - before) / np.maximum(last, np.finfo(float).tiny)))
    ww_norm, cross_norm, phiphi_norm = history[-1]
    return BlockNorms(ww_norm, cross_norm, phiphi_norm, change)


def head_curvature(objective: Objective, w: PyTree, phi: PyTree, episodes: Any) -> HeadCurvature:
    """Extreme eigenvalues of D_w^2 L_S over the episodes, from dense Hessians on features.

    Raises InvalidParameter when w has more than DENSE_LIMIT entries, or when there is no body.
    """
    flat = ravel_pytree(w)[0]
    if flat.size > DENSE_LIMIT or objective.model.first == 0:
        raise InvalidParameter("w", f"a head of at most {DENSE_LIMIT} parameters behind a body", flat.size)
    phi_body, phi_head = objective.model.split_body(phi)
    images, labels = objective.prepare(episodes, flat.dtype)
    features = jax.jit(jax.vmap(objective.model.body, (None, 0)))(phi_body, images)
    eigenvalues = head_eigenvalues(objective)
    # One task at a time: a Hessian of n_w^2 numbers each.
    tasks = [jax.tree.map(lambda x, i=i: x[i], (features, labels)) for i in range(len(episodes.support_labels))]
    extremes = np.array([eigenvalues(w, phi_head, *task) for task in tasks])
    return HeadCurvature(float(extremes[:, 0].min()), float(extremes[:, 1].max()), flat.size)


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


def random_unit(key: Array, like: PyTree) -> PyTree:
    """A random direction of norm 1 with the structure and types of `like`."""
    flat, unravel = ravel_pytree(like)
    return unit(unravel(jax.random.normal(key, flat.shape, flat.dtype)))


@jax.jit
def norm(tree: PyTree) -> Array:
    """The Euclidean norm of all leaves together."""
    return jnp.linalg.norm(ravel_pytree(tree)[0])


@jax.jit
def unit(tree: PyTree) -> PyTree:
    """The direction of a tree; zero stays zero."""
    size = norm(tree)
    return jax.tree.map(lambda x: x / jnp.where(size > 0, size, 1).astype(x.dtype), tree)
