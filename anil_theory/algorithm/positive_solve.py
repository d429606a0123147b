"""Linear systems with a symmetric positive definite matrix by elimination in a loop: XLA batches and differentiates it.

Why not `jnp.linalg.solve`: it calls LAPACK, and on the CPU a batch of such calls waits for the thread pool that it runs
on. With JAX older than 0.12 two of them at once never end on two cores, in one program or in two
(`experiments/lapack_deadlock.py` shows it). See also `estimators.matrix_norm`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def solve_positive(H: Float[Array, "n n"], b: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
    """x with H x = b, for a small symmetric positive definite H: Gauss-Jordan elimination, and one refinement.

    Without pivots, which a positive definite matrix does not need. The derivative is that of the equation, and not of
    the loop. A matrix that is not positive definite gives an x that may be wrong, or NaN.

    >>> print(solve_positive(jnp.array([[2.0, 1.0], [1.0, 2.0]]), jnp.array([3.0, 3.0])))
    [1. 1.]
    """

    def product(x: Array) -> Array:
        return H @ x

    def solve(_: Any, b: Array) -> Array:
        return _refined(jax.lax.stop_gradient(H), b)

    return jax.lax.custom_linear_solve(product, b, solve, symmetric=True)


def _refined(H: Array, b: Array) -> Array:
    """The solution, corrected once: what is left of b is solved for again."""
    columns = b.reshape(len(H), -1)
    x = _eliminated(H, columns)
    return (x + _eliminated(H, columns - H @ x)).reshape(b.shape)


def _eliminated(H: Array, columns: Array) -> Array:
    n = len(H)

    def step(k: Any, rows: Array) -> Array:
        own = rows[k] / rows[k, k]
        others = jnp.where(jnp.arange(n) == k, 0.0, rows[:, k])
        return (rows - others[:, None] * own).at[k].set(own)

    return jax.lax.fori_loop(0, n, step, jnp.concatenate([H, columns], axis=1))[:, n:]
