"""Linear systems of a small positive definite matrix by elimination: products only, which XLA batches.

A batched solve of LAPACK waits for the thread pool that it runs on. Two of them at a time, of two cells in two threads
or of one computation, hold both threads of a machine of two cores, and neither ends.
"""

from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Right = TypeVar("Right", bound=Array)


def solve_definite(matrix: Float[Array, "n n"], right: Right) -> Right:
    """matrix^(-1) right, for a symmetric positive definite matrix and a vector or a matrix on the right.

    Gauss and Jordan's elimination, each pivot on the diagonal: those of a definite matrix lie between its smallest and
    its largest eigenvalue, so that none has to be looked for. A matrix that is not definite may give inf or NaN.
    """
    n = matrix.shape[0]
    both = jnp.concatenate([matrix, right.reshape(n, -1)], axis=1)

    def eliminate(k: Array, both: Array) -> Array:
        row = both[k] / both[k, k]
        return (both - jnp.outer(both[:, k], row)).at[k].set(row)

    return jax.lax.fori_loop(0, n, eliminate, both)[:, n:].reshape(right.shape)
