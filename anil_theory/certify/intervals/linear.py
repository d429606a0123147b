"""Small triangular systems and Cholesky factors in interval arithmetic over boxes, by the textbook's recursions.

Source: G. H. Golub, C. F. Van Loan, Matrix Computations, sections 3.1 and 4.2.
"""

from typing import Any

import numpy as np

from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import Rule, Value, floats


def _rows_joined(rows: list[Intervals], axis: int) -> Intervals:
    lows, highs = (np.broadcast_arrays(*(getattr(row, end) for row in rows)) for end in ("lo", "hi"))
    return Intervals(np.stack(lows, axis), np.stack(highs, axis))


def solved_triangular(matrix: Intervals, right: Intervals, lower: bool, unit_diagonal: bool) -> Intervals:
    """X with matrix X = right over the last two axes, by substitution; only the triangle is read."""
    n = matrix.lo.shape[-1]
    solved: dict[int, Intervals] = {}
    for i in range(n) if lower else reversed(range(n)):
        row = right.rearranged(lambda e, i=i: e[..., i, :])
        for j in solved:
            row = row - matrix.rearranged(lambda e, i=i, j=j: e[..., i, j, None]) * solved[j]
        solved[i] = row if unit_diagonal else row / matrix.rearranged(lambda e, i=i: e[..., i, i, None])
    return _rows_joined([solved[i] for i in range(n)], right.lo.ndim - 2)


def _transposed(x: Intervals) -> Intervals:
    return x.rearranged(lambda e: e.swapaxes(-1, -2))


def _triangular_solve(equation: Any, a: Value, b: Value) -> list[Value]:
    p = equation.params
    matrix, right = floats(a), floats(b)
    lower, unit = p["lower"] != p["transpose_a"], p["unit_diagonal"]
    matrix = _transposed(matrix) if p["transpose_a"] else matrix
    if p["left_side"]:
        return [solved_triangular(matrix, right, lower, unit)]
    # X A = B is A^T X^T = B^T.
    return [_transposed(solved_triangular(_transposed(matrix), _transposed(right), not lower, unit))]


def _cholesky(equation: Any, a: Value) -> list[Value]:
    """The lower factor, with 0 above the diagonal; NaN where a pivot may be negative."""
    x = floats(a)
    n = x.lo.shape[-1]
    zero = x.rearranged(lambda e: np.zeros_like(e[..., 0, 0]))
    entries: dict[tuple[int, int], Intervals] = {}
    for j in range(n):
        for i in range(j, n):
            rest = x.rearranged(lambda e, i=i, j=j: e[..., i, j])
            for k in range(j):
                square = entries[j, k].squared() if i == j else entries[i, k] * entries[j, k]
                rest = rest - square
            entries[i, j] = rest.sqrt() if i == j else rest / entries[j, j]
    rows = [_rows_joined([entries.get((i, j), zero) for j in range(n)], zero.lo.ndim) for i in range(n)]
    return [_rows_joined(rows, zero.lo.ndim)]


INTERVAL_LINEAR: dict[str, Rule] = {"triangular_solve": _triangular_solve, "cholesky": _cholesky}
"""The rule of each primitive by its name."""
