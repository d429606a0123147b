"""Small triangular systems, LU and Cholesky factors in ball arithmetic, by the textbook's recursions.

Source: G. H. Golub, C. F. Van Loan, Matrix Computations, sections 3.1, 3.4 and 4.2.
"""

from typing import Any

import flint
import numpy as np

from anil_theory.certify.balls.values import Rule, Value
from anil_theory.certify.enclosures.refusals import Undecided


def solved_triangular(matrix: Value, right: Value, lower: bool, unit_diagonal: bool) -> Value:
    """X with matrix X = right, by forward or backward substitution; only the triangle is read."""
    n = len(matrix)
    out = np.empty(right.shape, dtype=object)
    for i in range(n) if lower else reversed(range(n)):
        seen = range(i) if lower else range(i + 1, n)
        row = right[i] - sum((matrix[i, j] * out[j] for j in seen), 0 * right[i])
        out[i] = row if unit_diagonal else row / matrix[i, i]
    return out


def _triangular_solve(equation: Any, a: Value, b: Value) -> list[Value]:
    p = equation.params
    matrices = a.swapaxes(-1, -2) if p["transpose_a"] else a
    lower = p["lower"] != p["transpose_a"]
    out = np.empty(b.shape, dtype=object)
    for index in np.ndindex(b.shape[:-2]):
        A, B = matrices[index], b[index]
        if p["left_side"]:
            out[index] = solved_triangular(A, B, lower, p["unit_diagonal"])
        else:
            # X A = B is A^T X^T = B^T.
            out[index] = solved_triangular(A.T, B.T, not lower, p["unit_diagonal"]).T
    return [out]


def _factored(A: Value) -> tuple[Value, list[int], list[int]]:
    """L and U in one matrix, the pivots, and the permutation, with the largest entry of each column as its pivot."""
    A = A.copy()
    rows, columns = A.shape
    pivots, order = [], list(range(rows))
    for k in range(min(rows, columns)):
        pivot = _pivot([abs(A[i, k]) for i in range(k, rows)]) + k
        pivots.append(pivot)
        A[[k, pivot]], order[k], order[pivot] = A[[pivot, k]], order[pivot], order[k]
        for i in range(k + 1, rows):
            A[i, k] = A[i, k] / A[k, k]
            A[i, k + 1 :] = A[i, k + 1 :] - A[i, k] * A[k, k + 1 :]
    return A, pivots, order


def _pivot(sizes: list[flint.arb]) -> int:
    for i, size in enumerate(sizes):
        if all(bool(other < size) for other in sizes[:i]) and all(bool(other <= size) for other in sizes[i + 1 :]):
            return i
    raise Undecided("the pivot of an LU factorisation depends on numbers that the balls cannot tell apart")


def _lu(equation: Any, a: Value) -> list[Value]:
    outputs = [np.empty(v.aval.shape, v.aval.dtype if v.aval.dtype.kind in "iu" else object) for v in equation.outvars]
    for index in np.ndindex(a.shape[:-2]):
        for out, factor in zip(outputs, _factored(a[index]), strict=True):
            out[index] = factor
    return outputs


def _cholesky(equation: Any, a: Value) -> list[Value]:
    """The lower factor; the upper triangle is not read, and is 0 in the result."""
    out = np.empty(a.shape, dtype=object)
    for index in np.ndindex(a.shape[:-2]):
        A, L = a[index], np.full(a.shape[-2:], flint.arb(0), dtype=object)
        for j in range(len(A)):
            L[j, j] = (A[j, j] - sum((x * x for x in L[j, :j]), flint.arb(0))).sqrt()
            for i in range(j + 1, len(A)):
                L[i, j] = (A[i, j] - sum((x * y for x, y in zip(L[i, :j], L[j, :j], strict=True)), flint.arb(0))) / L[
                    j, j
                ]
        out[index] = L
    return [out]


BALL_LINEAR: dict[str, Rule] = {"triangular_solve": _triangular_solve, "lu": _lu, "cholesky": _cholesky}
