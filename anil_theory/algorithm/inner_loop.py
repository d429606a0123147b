"""The inner loop: w_0 = w, w_{m+1} = w_m - alpha D_w L_S(w_m, phi), m = 0..N-1."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter, count, positive
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
    *,
    alpha: Any,
    inner_steps: int,
    active_steps: Array | None = None,
    first_order: bool = False,
) -> InnerLoop:
    """N steps of gradient descent on L_S in w, as one scan: compile time does not grow with N.

    support       L_S(w, phi, data) -> scalar;
    alpha         inner step size, a number or a traced scalar;
    inner_steps   N, the length of the scan (a Python integer >= 1);
    active_steps  optional traced integer in 0..N: the steps that are run; the others are skipped at run time, so that
                  one compilation serves every smaller N;
    first_order   treat the inner gradient as constant when the loop is differentiated (FO-ANIL).

    Raises InvalidParameter for N < 1, alpha <= 0 (when it is a number) and a loss that is not a scalar.
    Source: Algorithm 1 of the paper, lines 4-7.
    """
    steps = count("inner_steps", inner_steps)
    check_step_size(alpha)
    check_losses({"support": support}, w, phi, data)
    gradient = jax.grad(support)

    def step(current: PyTree) -> PyTree:
        slope = gradient(current, phi, data)
        if first_order:
            slope = jax.lax.stop_gradient(slope)
        return jax.tree.map(lambda x, s: x - alpha * s, current, slope)

    def body(current: PyTree, index: Array) -> tuple[PyTree, PyTree]:
        return run_if_active(step, current, index, active_steps), current

    final, iterates = jax.lax.scan(body, w, jnp.arange(steps))
    return InnerLoop(final, iterates)


def run_if_active(step: Callable[[PyTree], PyTree], carry: PyTree, index: Array, active: Array | None) -> PyTree:
    """step(carry), or carry itself when `active` is given and index >= active."""
    if active is None:
        return step(carry)
    return jax.lax.cond(index < active, step, lambda unchanged: unchanged, carry)


def check_step_size(alpha: Any) -> None:
    """Raise InvalidParameter for a step size that is a number and not positive and finite; traced values pass."""
    if not isinstance(alpha, Tracer):
        positive("alpha", alpha)


def check_losses(losses: dict[str, Loss], w: PyTree, phi: PyTree, data: PyTree) -> None:
    """Raise InvalidParameter unless each loss maps (w, phi, data) to one real scalar; runs at trace time only."""
    for name, loss in losses.items():
        try:
            out = jax.eval_shape(loss, w, phi, data)
        except (TypeError, ValueError) as error:
            if isinstance(error, InvalidParameter):
                raise
            shapes = jax.tree.map(jnp.shape, {"w": w, "phi": phi, "data": data})
            raise InvalidParameter(
                f"{name} loss", f"a function of w, phi and data of these shapes ({error})", shapes
            ) from error
        if not hasattr(out, "shape") or out.shape != () or not jnp.issubdtype(out.dtype, jnp.floating):
            raise InvalidParameter(f"{name} loss", "a function that returns one real scalar", out)
