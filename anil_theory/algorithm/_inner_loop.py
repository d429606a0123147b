"""The inner loop: w_0 = w, w_{m+1} = w_m - alpha D_w L_S(w_m, phi), m = 0..N-1."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
from jax.tree_util import keystr
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm.custom_rules import custom_vjp_rules, forward_differentiable
from anil_theory.algorithm.step_sizes import check_step_sizes, descended
from anil_theory.algorithm.unrolled_loop import LoopKeywords, UnrolledLoop, given_loop
from anil_theory.tasks.base import Loss


class InnerLoop(NamedTuple):
    """`final` is w_N; `iterates` holds w_0..w_{N-1}, each leaf with a leading axis of length N."""

    final: PyTree
    iterates: PyTree


def inner_loop(
    support: Loss,
    w: PyTree,
    phi: PyTree,
    data: PyTree,
    loop: UnrolledLoop | None = None,
    **keywords: Unpack[LoopKeywords],
) -> InnerLoop:
    """N steps of gradient descent on L_S in w, as one scan: compile time does not grow with N.

    support   L_S(w, phi, data) -> scalar;
    loop      step sizes, length, active steps and order, also as keywords: `alpha=0.1, inner_steps=5`, see
              `UnrolledLoop`. Each leaf of w moves in its own dtype, whatever the dtype of alpha.

    Raises InvalidParameter for N < 1, alpha <= 0 (when it is a number) or of a shape that does not fit w, a loss that
    is not a scalar, and leaves of w or phi that are not floating, by their path.
    Source: Algorithm 1 of the paper, lines 4-7.
    """
    loop = given_loop(loop, keywords)
    check_point(w, phi)
    check_step_sizes(loop.alpha, w)
    return descend(admit_loss("support", support, w, phi, data), w, phi, data, loop)


def descend(support: Loss, w: PyTree, phi: PyTree, data: PyTree, loop: UnrolledLoop) -> InnerLoop:
    """The same loop, for arguments that `inner_loop` has checked."""
    gradient = jax.grad(support)

    def step(current: PyTree) -> PyTree:
        slope = gradient(current, phi, data)
        if loop.first_order:
            slope = jax.lax.stop_gradient(slope)
        return descended(current, loop.alpha, slope)

    def body(current: PyTree, index: Array) -> tuple[PyTree, PyTree]:
        return run_if_active(step, current, index, loop), current

    final, iterates = jax.lax.scan(body, w, jnp.arange(loop.inner_steps))
    return InnerLoop(final, iterates)


def run_if_active(step: Callable[[PyTree], PyTree], carry: PyTree, index: Array, loop: UnrolledLoop) -> PyTree:
    """step(carry), or carry itself where the loop has active steps and index is beyond them."""
    if loop.active_steps is None:
        return step(carry)
    active = index < loop.active_steps
    if loop.discard:
        return jax.tree.map(partial(jnp.where, active), step(carry), carry)
    return jax.lax.cond(active, step, lambda unchanged: unchanged, carry)


def check_point(w: PyTree, phi: PyTree) -> None:
    """Raise InvalidParameter, naming the leaf by its path, unless every leaf of w and phi is real and floating."""
    for block, tree in (("w", w), ("phi", phi)):
        for path, leaf in jax.tree.leaves_with_path(tree):
            try:
                dtype = jnp.result_type(leaf)
            except TypeError as error:
                raise InvalidParameter(f"{block}{keystr(path)}", "a real floating array", leaf) from error
            if not jnp.issubdtype(dtype, jnp.floating):
                allowed = "a real floating array (what is not differentiated, such as a counter, belongs in data)"
                raise InvalidParameter(f"{block}{keystr(path)}", allowed, f"{dtype.name}{list(jnp.shape(leaf))}")


def admit_loss(name: str, loss: Loss, w: PyTree, phi: PyTree, data: PyTree) -> Loss:
    """The loss, ready to be differentiated in both modes; runs at trace time only.

    Raises InvalidParameter unless it maps (w, phi, data) to one real scalar. A loss that calls `custom_vjp` functions
    comes back with forward rules made of reverse mode.
    """
    try:
        program, out = jax.make_jaxpr(loss, return_shape=True)(w, phi, data)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidParameter):
            raise
        shapes = jax.tree.map(jnp.shape, {"w": w, "phi": phi, "data": data})
        raise InvalidParameter(
            f"{name} loss", f"a function of w, phi and data of these shapes ({error})", shapes
        ) from error
    if not hasattr(out, "shape") or out.shape != () or not jnp.issubdtype(out.dtype, jnp.floating):
        raise InvalidParameter(f"{name} loss", "a function that returns one real scalar", out)
    return forward_differentiable(loss) if custom_vjp_rules(program) else loss
