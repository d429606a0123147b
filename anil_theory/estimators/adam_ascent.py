"""Gradient ascent with Adam's step sizes from one start, as one scan; batch it with `vmap`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree


def adam_ascent(value: Callable[[Any], Array], start: PyTree, iterations: int) -> tuple[Array, PyTree]:
    """The largest finite value met (-inf when none was) and its point; the rate falls linearly from 0.1 to almost 0.

    value   scalar function of a pytree of float arrays, to be maximised over all of its leaves.
    """
    gradient = jax.value_and_grad(value)

    def body(state: tuple, index: Array) -> tuple[tuple, None]:
        point, mean, square, best, kept = state
        now, slope = gradient(point)
        # A value that is not finite is no maximum, and it is no reason to forget the best one.
        better = (now > best) & jnp.isfinite(now)
        best, kept = jnp.where(better, now, best), jax.tree.map(partial(jnp.where, better), point, kept)
        mean = jax.tree.map(lambda m, s: 0.9 * m + 0.1 * s, mean, slope)
        square = jax.tree.map(lambda q, s: 0.99 * q + 0.01 * s * s, square, slope)
        rate = 0.1 * (1 - index / iterations) + 1e-4
        scale = rate * jnp.sqrt(1 - 0.99 ** (index + 1.0)) / (1 - 0.9 ** (index + 1.0))
        point = jax.tree.map(lambda x, m, q: x + scale * m / (jnp.sqrt(q) + 1e-12), point, mean, square)
        return (point, mean, square, best, kept), None

    zeros = jax.tree.map(jnp.zeros_like, start)
    first = (start, zeros, zeros, jnp.array(-jnp.inf), start)
    (_, _, _, best, kept), _ = jax.lax.scan(body, first, jnp.arange(iterations))
    return best, kept
