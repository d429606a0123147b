"""The meta-gradient of one task, three ways that must agree: autodiff, product formula, backward recursion.

Proposition 1 (identity). With increasing m from left to right in every product,

    g_w   =  prod_{m=0}^{N-1} (I - alpha H_m)  D_w L_D(w_N, phi)
    g_phi = -alpha sum_{m=0}^{N-1} C_m  prod_{j=m+1}^{N-1} (I - alpha H_j)  D_w L_D(w_N, phi)  +  D_phi L_D(w_N, phi)

With a step size of its own for each entry of w (see `step_sizes`), A stands in the place of alpha:
the factors are I - H_m A, and C_m A in the sum. Source: Proposition 1 of the paper.
"""

from collections.abc import Callable
from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from anil_theory._admissible import one_of
from anil_theory.algorithm._inner_loop import admit_loss, check_point, descend, run_if_active
from anil_theory.algorithm.step_sizes import check_step_sizes, flat_diagonal, scaled
from anil_theory.algorithm.unrolled_loop import LoopKeywords, UnrolledLoop, given_loop
from anil_theory.tasks.base import Losses


class MetaGradient(NamedTuple):
    """(g_w, g_phi), with the structures of w and phi."""

    w: PyTree
    phi: PyTree


def by_recursion(losses: Losses, w: PyTree, phi: PyTree, data: PyTree, loop: UnrolledLoop) -> MetaGradient:
    """Proposition 1 evaluated backwards with v <- v - H_m (alpha v) and acc <- acc - C_m (alpha v).

    Memory is the N inner iterates. Each step back costs one directional derivative of the gradient of L_S along
    (alpha v, 0): the Hessian of L_S is symmetric, so that one product returns H_m alpha v and C_m alpha v together.
    """
    adapted = descend(losses.support, w, phi, data, loop)
    v, direct = jax.grad(losses.query, argnums=(0, 1))(adapted.final, phi, data)
    if loop.first_order:
        return MetaGradient(v, direct)
    gradient = jax.grad(losses.support, argnums=(0, 1))
    still = jax.tree.map(jnp.zeros_like, phi)

    def body(carry: tuple[PyTree, PyTree], step: tuple[Array, PyTree]) -> tuple[tuple[PyTree, PyTree], None]:
        index, iterate = step

        def back(carry: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            direction = scaled(loop.alpha, carry[0])
            _, curved = jax.jvp(lambda w, phi: gradient(w, phi, data), (iterate, phi), (direction, still))
            return jax.tree.map(jnp.subtract, carry, curved)

        return run_if_active(back, carry, index, loop), None

    steps = (jnp.arange(loop.inner_steps), adapted.iterates)
    (g_w, g_phi), _ = jax.lax.scan(body, (v, direct), steps, reverse=True)
    return MetaGradient(g_w, g_phi)


def by_autodiff(losses: Losses, w: PyTree, phi: PyTree, data: PyTree, loop: UnrolledLoop) -> MetaGradient:
    """Reverse-mode differentiation of L_D(w_N(w, phi), phi) through the scan; memory also holds their residuals."""

    def adapted_loss(w: PyTree, phi: PyTree) -> Array:
        # FO-ANIL: the inner gradients are constants, also in phi, so the loop becomes a translation.
        adapted = descend(losses.support, w, phi, data, loop)
        return losses.query(adapted.final, phi, data)

    return MetaGradient(*jax.grad(adapted_loss, argnums=(0, 1))(w, phi))


def by_product(losses: Losses, w: PyTree, phi: PyTree, data: PyTree, loop: UnrolledLoop) -> MetaGradient:
    """Proposition 1 as printed, with dense H_m and C_m: a reference for small dimensions."""
    adapted = descend(losses.support, w, phi, data, loop)
    v, direct = jax.grad(losses.query, argnums=(0, 1))(adapted.final, phi, data)
    if loop.first_order:
        return MetaGradient(v, direct)
    v_flat, unravel_w = ravel_pytree(v)
    direct_flat, unravel_phi = ravel_pytree(direct)
    phi_flat, unravel_phi_point = ravel_pytree(phi)
    w_flat, unravel_w_point = ravel_pytree(w)
    steps = flat_diagonal(loop.alpha, w)
    dtype = jnp.result_type(w_flat, phi_flat)

    def support(w_flat: Array, phi_flat: Array) -> Array:
        return losses.support(unravel_w_point(w_flat), unravel_phi_point(phi_flat), data)

    def factor(index: Array, iterate: PyTree) -> tuple[Array, Array]:
        step = steps if loop.active_steps is None else jnp.where(index < loop.active_steps, steps, 0.0)
        at = ravel_pytree(iterate)[0], phi_flat
        H = jax.hessian(support)(*at)
        C = jax.jacfwd(jax.grad(support, argnums=1), argnums=0)(*at)
        return jnp.eye(w_flat.size, dtype=dtype) - step * H, step * C

    factors, mixed = jax.vmap(factor)(jnp.arange(loop.inner_steps), adapted.iterates)

    def body(carry: tuple[Array, Array], step: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        product, total = carry  # total = sum_{m < here} alpha C_m prod_{m < j < here} (I - alpha H_j)
        factor, mixed = step
        return (product @ factor, total @ factor + mixed), None

    start = jnp.eye(w_flat.size, dtype=dtype), jnp.zeros((phi_flat.size, w_flat.size), dtype)
    (product, total), _ = jax.lax.scan(body, start, (factors, mixed))
    g_w, g_phi = product @ v_flat, direct_flat - total @ v_flat
    return MetaGradient(unravel_w(g_w.astype(v_flat.dtype)), unravel_phi(g_phi.astype(direct_flat.dtype)))


METHODS: dict[str, Callable[..., MetaGradient]] = {
    "recursion": by_recursion,
    "autodiff": by_autodiff,
    "product": by_product,
}


def meta_gradient(
    losses: Losses,
    w: PyTree,
    phi: PyTree,
    data: PyTree,
    loop: UnrolledLoop | None = None,
    *,
    method: str = "recursion",
    **keywords: Unpack[LoopKeywords],
) -> MetaGradient:
    """The gradient of L_D(w_N(w, phi), phi) in w and phi, for one task.

    losses        (L_S, L_D), each `loss(w, phi, data) -> scalar`; MAML is phi without leaves, for example ();
    w, phi, data  pytrees;
    loop          the inner loop, also as keywords: `alpha=0.1, inner_steps=5`, see `UnrolledLoop`. With
                  `first_order` every second-order term is dropped (FO-ANIL);
    method        "recursion" (default; memory = N inner iterates), "autodiff", or "product" (dense, small dimensions).

    Losses may call `custom_vjp` functions, whose rules must be derivatives (see `custom_rules`). Raises
    InvalidParameter for an unknown method, N < 1, alpha <= 0 or of a shape that does not fit w, a loss that is not a
    scalar, and leaves of w or phi that are not floating, by their path.
    """
    one_of("method", method, tuple(METHODS))
    loop = given_loop(loop, keywords)
    check_point(w, phi)
    check_step_sizes(loop.alpha, w)
    query = admit_loss("query", losses.query, w, phi, data)
    losses = Losses(admit_loss("support", losses.support, w, phi, data), query)
    return METHODS[method](losses, w, phi, data, loop)
