"""Top singular vectors of a small matrix by repeated squaring: products only, which XLA batches and differentiates.

A batched SVD does the same through LAPACK, whose calls wait for the thread pool that they run on; inside a batched
scan that is slow, and two of them in one computation can deadlock.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SQUARINGS = 12
"""The weight of a singular value s falls to (s/top)^(2^13): only those within 0.5 % of the top are left mixed in."""

TO_ROUNDING = 40
"""Squarings after which singular values that differ by 1e-12 of the top are told apart."""


def top_directions(
    matrix: Float[Array, "m n"], *, squarings: int = SQUARINGS
) -> tuple[Float[Array, " m"], Float[Array, " n"]]:
    """Unit vectors u, v with u^T A v = |A v|, which is the norm of A to within 2e-3 of it, and never above.

    Where singular values are closer than that, v mixes their vectors, and |A v| lies between their values. Both vectors
    are 0 for A = 0. Each squaring beyond SQUARINGS halves what is left, down to rounding.
    """

    matrix_scaled = _scaled(matrix)
    power = matrix_scaled.T @ matrix_scaled
    power = jax.lax.fori_loop(0, squarings, lambda _, power: _scaled(power @ power), power)
    # The columns are multiples of the top vector; the longest one has lost the fewest digits.
    v = power[:, jnp.argmax(jnp.sum(power * power, axis=0))]
    v = v / jnp.maximum(jnp.linalg.norm(v), 1e-300)
    u = matrix @ v
    return u / jnp.maximum(jnp.linalg.norm(u), 1e-300), v


def spectral_norm(matrix: Float[Array, "m n"]) -> Float[Array, ""]:
    """The spectral norm of a small matrix, to rounding and never above it by more; it may be differentiated.

    >>> print(spectral_norm(jnp.array([[0.0, 2.0], [2.0, 3.0]])))
    4.0
    """
    u, v = top_directions(jax.lax.stop_gradient(matrix), squarings=TO_ROUNDING)
    # At the top vectors, the derivative of u^T A v in A alone is that of the norm.
    return u @ matrix @ v


def _scaled(matrix: Array) -> Array:
    """The matrix divided by its largest entry, so that no square underflows or overflows."""
    return matrix / jnp.maximum(jnp.max(jnp.abs(matrix)), 1e-300)
