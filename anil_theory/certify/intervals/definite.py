"""Small systems with matrices near definite ones, in interval arithmetic over boxes.

Claim: what is returned holds the result for every matrix and right-hand side in the boxes; it is infinite where a pivot
may be 0. Source: R. E. Moore, R. B. Kearfott, M. J. Cloud, Introduction to Interval Analysis, chapter 7.
"""

import numpy as np

from anil_theory.certify.intervals.arrays import matrix_product, summed
from anil_theory.certify.intervals.outward import Intervals


@np.errstate(all="ignore")
def times(matrix: Intervals, vector: Intervals) -> Intervals:
    """The products of matrices (boxes, m, n) and vectors (boxes, n)."""
    return summed(matrix * vector.rearranged(lambda e: e[:, None, :]), 2)


@np.errstate(all="ignore")
def norm(vector: Intervals) -> Intervals:
    """The Euclidean norms (boxes,) of vectors (boxes, n)."""
    return summed(vector.squared(), 1).sqrt()


def middle(x: Intervals) -> np.ndarray:
    """A float64 number in each interval; 0 where there is no finite one."""
    between = x.lo / 2 + x.hi / 2
    return np.where(np.isfinite(between), between, 0.0)


def near_inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverses of float64 matrices (boxes, n, n), up to rounding; the pseudoinverse of a singular one."""
    return np.linalg.pinv(matrix)


@np.errstate(all="ignore")
def solved_near(matrix: Intervals, right: Intervals, inverse: np.ndarray) -> Intervals:
    """X with matrix X = right, right (boxes, n, k), both multiplied first by an inverse of the middle."""
    exact = Intervals.exact(inverse)
    return eliminated(matrix_product(exact, matrix), matrix_product(exact, right))


@np.errstate(all="ignore")
def eliminated(matrix: Intervals, right: Intervals) -> Intervals:
    """X with matrix X = right by elimination without pivoting."""
    rows, rights = _triangular(matrix, right)
    solution: dict[int, Intervals] = {}
    for i in reversed(range(len(rows))):
        rest = rights[i]
        for j in solution:
            rest = rest - _column(rows[i], j) * solution[j]
        solution[i] = rest / _column(rows[i], i)
    ordered = [solution[i] for i in range(len(rows))]
    return Intervals(np.stack([x.lo for x in ordered], 1), np.stack([x.hi for x in ordered], 1))


@np.errstate(all="ignore")
def is_definite(matrix: Intervals) -> np.ndarray:
    """Where (boxes,) every symmetric matrix of the box is proved positive definite: all pivots are."""
    nothing = matrix.rearranged(lambda e: np.zeros((*e.shape[:2], 1)))
    rows, _ = _triangular(matrix, nothing)
    return np.all([_column(row, i).lo[:, 0] > 0 for i, row in enumerate(rows)], axis=0)


def _triangular(matrix: Intervals, right: Intervals) -> tuple[list[Intervals], list[Intervals]]:
    """The rows of the eliminated matrix and of its right-hand side."""
    n = matrix.lo.shape[1]
    rows = [matrix.rearranged(lambda e, i=i: e[:, i]) for i in range(n)]
    rights = [right.rearranged(lambda e, i=i: e[:, i]) for i in range(n)]
    for i in range(n):
        for below in range(i + 1, n):
            factor = _column(rows[below], i) / _column(rows[i], i)
            rows[below] = rows[below] - factor * rows[i]
            rights[below] = rights[below] - factor * rights[i]
    return rows, rights


def _column(row: Intervals, j: int) -> Intervals:
    return row.rearranged(lambda e: e[:, j, None])
