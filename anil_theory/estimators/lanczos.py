"""The norm of a block of a symmetric matrix by Lanczos: from below, with the distance to a singular value.

H is known by its products alone, and the block B = P_x H P_y by two sets of coordinates. One recurrence serves every
block, and each of its steps is one product:

    diagonal blocks (x = y)   symmetric Lanczos on B;
    the others                Golub-Kahan bidiagonalisation. It is Lanczos on [[0, B], [B^T, 0]] from a start in y,
                              whose vectors lie in y and in x by turns.

After m steps the vector v is the one in y that maximises |B v| over the Krylov space of the start. Two more products
take u = B v/|B v| and v' = B^T u/|B^T u|, and the value is |B^T u| = u^T B v', a Rayleigh quotient at unit vectors.

Claims, in exact arithmetic. (1) The value is at most the norm. (2) With s = |B v| and r = |B^T u - s v| a singular
value of B (0 counts as one) lies within r/sqrt(2) of s, so within

    distance = r/sqrt(2) + |B^T u| - s

of the value: (u, v)/sqrt(2) is a unit vector with residual r/sqrt(2) for the symmetric [[0, B], [B^T, 0]], whose
eigenvalues are plus and minus the singular values, and 0. (3) Once m is the dimension of the Krylov space of the whole
block, which a random start has with probability 1, the value is the norm. None of this bounds the norm from above: a
start that has no part in the top singular vectors finds another singular value, with distance 0.

Every vector is made orthogonal to all before it, twice, so that rounding does not bring back what was found.
Source: G. H. Golub, W. Kahan, Calculating the singular values and pseudo-inverse of a matrix (1965); B. N. Parlett,
The Symmetric Eigenvalue Problem, sections 4.5 and 13.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory.estimators.matrix_norm import top_directions

FINAL_PRODUCTS = 2
"""Products beyond the steps: B v and B^T u."""

SQUARINGS = 40
"""Squarings of the small matrix: singular values that are farther apart than 2^-40 of the top one are told apart."""

BREAKDOWN = 16.0
"""Units of roundoff, relative to the largest coefficient, below which what is left of a product is rounding."""


class BlockNorm(NamedTuple):
    """`value` = u^T B v at unit `directions` (u, v); a singular value of B lies within `distance` of it.

    All are NaN where a product was not finite. Directions of a zero block are the start's, in the blocks.
    """

    value: Float[Array, ""]
    directions: Float[Array, "2 n"]
    distance: Float[Array, ""]


class Krylov(NamedTuple):
    """Orthonormal rows q_0..q_m (zero where there are none yet) and T with B' q_j = sum_i T[i, j] q_i."""

    basis: Float[Array, "m+1 n"]
    coefficients: Float[Array, "m+1 m"]


def block_norm(
    product: Callable[[Float[Array, " n"]], Float[Array, " n"]],
    masks: Float[Array, "2 n"],
    start: Float[Array, " n"],
    steps: int,
) -> tuple[BlockNorm, Krylov]:
    """The norm of the block P_x H P_y and its Krylov space, in one scan: the product is traced once. `vmap` batches it.

    product   v -> H v, H symmetric;
    masks     0 and 1 over the coordinates: x, the rows of the block, and y, its columns;
    start     any vector that has a part in y; a random one unless something better is known;
    steps     m >= 1 (a Python integer; more than n are cut). It costs m + 2 products.
    """
    m = min(steps, start.size)

    def body(carry: tuple[Krylov, Array, Array], index: Array) -> tuple[tuple[Krylov, Array, Array], None]:
        krylov, applied, before = carry
        image = product(applied)

        def extend() -> tuple[Krylov, Array, Array]:
            longer = extended(krylov, masks, index, image)
            last = index == m - 1
            following = jax.lax.cond(last, lambda: best_direction(longer, masks), lambda: longer.basis[index + 1])
            return longer, following, before

        def turn() -> tuple[Krylov, Array, Array]:
            return krylov, unit(masks[0] * image), jnp.stack([applied, masks[0] * image])

        def finish() -> tuple[Krylov, Array, Array]:
            return krylov, masks[1] * image, before

        return jax.lax.switch(jnp.clip(index - m + 1, 0, 2), (extend, turn, finish)), None

    first = started(masks, start, m)
    carry = (first, first.basis[0], jnp.zeros_like(masks))
    (krylov, backward, (v, forward)), _ = jax.lax.scan(body, carry, jnp.arange(m + FINAL_PRODUCTS))
    return judged(v, forward, backward), krylov


def started(masks: Float[Array, "2 n"], start: Float[Array, " n"], steps: int) -> Krylov:
    """The Krylov space of the start alone, with room for `steps` more vectors."""
    basis = jnp.zeros((steps + 1, start.size), start.dtype).at[0].set(unit(masks[1] * start))
    return Krylov(basis, jnp.zeros((steps + 1, steps), start.dtype))


def extended(krylov: Krylov, masks: Float[Array, "2 n"], index: Array, image: Float[Array, " n"]) -> Krylov:
    """The space with one vector more, from the product H q_index."""
    basis, coefficients = krylov
    rest = masks[index % 2] * image
    along = basis @ rest
    rest = rest - along @ basis
    again = basis @ rest
    rest = rest - again @ basis
    column = along + again
    length = norm(rest)
    largest = jnp.maximum(jnp.max(jnp.abs(coefficients)), jnp.max(jnp.abs(column)))
    exhausted = length <= BREAKDOWN * jnp.finfo(rest.dtype).eps * jnp.maximum(largest, length)
    length = jnp.where(exhausted, 0.0, length)
    following = jnp.where(exhausted, 0.0, rest / jnp.where(length == 0, 1.0, length))
    column = column.at[index + 1].add(length)
    return Krylov(basis.at[index + 1].set(following), coefficients.at[:, index].set(column))


def best_direction(krylov: Krylov, masks: Float[Array, "2 n"]) -> Float[Array, " n"]:
    """The unit vector v in y of the space that maximises |B v|; the start where the block is zero on all of it."""
    basis, coefficients = krylov
    m = coefficients.shape[1]
    # In a block off the diagonal every second vector lies in x.
    in_columns = jnp.all(masks[0] == masks[1]) | (jnp.arange(m) % 2 == 0)
    small = jnp.where(in_columns, coefficients, 0.0).astype(jnp.float64)
    _, weights = top_directions(small, squarings=SQUARINGS)
    direction = unit(weights.astype(basis.dtype) @ basis[:m])
    return jnp.where(jnp.all(direction == 0), basis[0], direction)


def mixed_directions(krylov: Krylov, masks: Float[Array, "2 n"], iterations: int) -> Float[Array, "2 n"]:
    """Directions (u, v) after so many power iterations inside the space: mixtures of the leading singular vectors.

    An ascent over points and directions that starts here can still turn to the pair that grows most. One that starts at
    the top pair follows it, also where another overtakes: measured, it ended up to 2.4 % lower. No product is needed.
    """
    basis, coefficients = krylov
    m = coefficients.shape[1]
    largest = jnp.max(jnp.abs(coefficients))
    small = coefficients / jnp.where(largest == 0, 1.0, largest)
    square = small.T @ small

    weights = jax.lax.fori_loop(0, iterations, lambda _, w: unit(square @ w), jnp.eye(m)[0])
    v = unit(masks[1] * (weights @ basis[:m]))
    u = unit(masks[0] * ((small @ weights) @ basis))
    return jnp.stack([u, jnp.where(jnp.all(v == 0), basis[0], v)])


def judged(v: Float[Array, " n"], forward: Float[Array, " n"], backward: Float[Array, " n"]) -> BlockNorm:
    """The result of a unit vector v, of B v, and of B^T u with u = B v/|B v|."""
    at_v, value = norm(forward), norm(backward)
    residual = norm(backward - at_v * v)
    distance = residual / jnp.sqrt(2.0).astype(residual.dtype) + jnp.abs(value - at_v)
    u = unit(forward)
    return BlockNorm(value, jnp.stack([u, jnp.where(value == 0, v, unit(backward))]), distance)


def norm(vector: Float[Array, " n"]) -> Float[Array, ""]:
    """The Euclidean norm, also where squares underflow or overflow."""
    largest = jnp.max(jnp.abs(vector), initial=0.0)
    return jnp.where(largest == 0, 0.0, largest * jnp.linalg.norm(vector / jnp.where(largest == 0, 1.0, largest)))


def unit(vector: Float[Array, " n"]) -> Float[Array, " n"]:
    """The direction of a vector; zero stays zero."""
    length = norm(vector)
    return vector / jnp.where(length == 0, 1.0, length)
