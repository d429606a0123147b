"""Gradient ascent with Adam's step sizes from one start, as one loop; batch it with `vmap`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree

FIRST_RATE, LAST_RATE = 0.1, 1e-4
"""The rate falls linearly from their sum to the last one."""


def adam_ascent(value: Callable[[Any], Array], start: PyTree, iterations: int | Array) -> tuple[Array, PyTree]:
    """The largest finite value met (-inf when none was) and its point.

    value        scalar function of a pytree of float arrays, to be maximised over all of its leaves;
    iterations   may be traced: one compilation serves all of them.
    """
    import optax  # here: its import takes longer than that of the whole package

    def rate(step: ArrayLike) -> Array:
        # That of optax.linear_schedule, which asks for a length that is known when it is traced.
        return (FIRST_RATE + LAST_RATE - LAST_RATE) * (1 - jnp.asarray(step) / iterations) + LAST_RATE

    optimiser = optax.chain(optax.scale_by_adam(b1=0.9, b2=0.99, eps=1e-12), optax.scale_by_schedule(rate))
    gradient = jax.value_and_grad(value)

    def body(_: Array, state: tuple) -> tuple:
        point, moments, best, kept = state
        now, slope = gradient(point)
        # A value that is not finite is no maximum, and it is no reason to forget the best one.
        better = (now > best) & jnp.isfinite(now)
        best, kept = jnp.where(better, now, best), jax.tree.map(partial(jnp.where, better), point, kept)
        step, moments = optimiser.update(slope, moments)
        return optax.apply_updates(point, step), moments, best, kept

    first = (start, optimiser.init(start), jnp.array(-jnp.inf), start)
    _, _, best, kept = jax.lax.fori_loop(0, iterations, body, first)
    return best, kept
