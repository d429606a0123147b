"""Rules of primitives that take entries by index, order them, or add up entries of windows, in ball arithmetic."""

import itertools
from typing import Any

import flint
import numpy as np

from anil_theory.certify.balls.values import Rule, Value, typed
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.program import positions


def known_indices(name: str, *indices: Any) -> list[np.ndarray]:
    """Indices as integer arrays. Raises Undecided for an index that depends on a comparison which was not decided."""
    if any(not isinstance(index, np.ndarray) or index.dtype.kind not in "iu" for index in indices):
        raise Undecided(f"an index of {name!r} depends on numbers that are not decided")
    return list(indices)


def _taken(a: Value, table: np.ndarray) -> Value:
    """Entries by their flat positions; what is nowhere is undefined."""
    out = a.reshape(-1)[np.maximum(table, 0)] if a.size else np.empty(table.shape, a.dtype)
    missing = table == positions.NOWHERE
    if missing.any():
        if a.dtype != object:
            raise NoEnclosure("an index of integers lies outside of their array")
        out = np.array(out, dtype=object)
        out[missing] = flint.arb("nan")
    return np.asarray(out, dtype=a.dtype).reshape(table.shape)


def _gather(equation: Any, a: Value, indices: Value) -> list[Value]:
    (at,) = known_indices("gather", indices)
    return [_taken(a, positions.gathered(equation, at))]


def _scatter(equation: Any, a: Value, indices: Value, update: Value) -> list[Value]:
    (at,) = known_indices("scatter", indices)
    return [_taken(np.concatenate([a.reshape(-1), update.reshape(-1)]), positions.updated(equation, at))]


def _scatter_add(equation: Any, a: Value, indices: Value, update: Value) -> list[Value]:
    (at,) = known_indices("scatter-add", indices)
    out, added = a.reshape(-1).copy(), update.reshape(-1)
    for source, target in positions.layers(positions.scattered(equation, at)):
        out[target] = out[target] + added[source]
    return [out.reshape(a.shape)]


def _unstack(equation: Any, a: Value) -> list[Value]:
    axis = equation.params["axis"]
    return [np.take(a, [i], axis).reshape(out.aval.shape) for i, out in enumerate(equation.outvars)]


def _empty(equation: Any, *_: Value) -> list[Value]:
    """Memory that nothing was written to: any number, hence unknown."""
    aval = equation.outvars[0].aval
    if aval.dtype.kind != "f":
        raise NoEnclosure("memory for integers that nothing was written to has no enclosure")
    return [np.full(aval.shape, flint.arb("nan"), dtype=object)]


def _rows(equation: Any, a: Value) -> Value:
    """The reduced axes as the last one."""
    axes = tuple(equation.params["axes"])
    kept = [i for i in range(a.ndim) if i not in axes]
    return a.transpose(*kept, *axes).reshape([a.shape[i] for i in kept] + [-1])


def _extreme_index(sign: int) -> Rule:
    """argmax (1) or argmin (-1): the first entry that no other one exceeds, where the balls decide it."""

    def rule(equation: Any, a: Value) -> list[Value]:
        rows = _rows(equation, a)
        out = np.empty(rows.shape[:-1], dtype=equation.outvars[0].aval.dtype)
        for index in np.ndindex(out.shape):
            row = [sign * x for x in rows[index]]
            out[index] = _first_largest(row)
        return [out]

    return rule


def _first_largest(row: list[Any]) -> int:
    for i, x in enumerate(row):
        if all(bool(other < x) for other in row[:i]) and all(bool(other <= x) for other in row[i + 1 :]):
            return i
    raise Undecided("which entry is the largest depends on numbers that the balls cannot tell apart")


def _sort(equation: Any, *operands: Value) -> list[Value]:
    """A stable sort by the first `num_keys` operands, where the balls decide the order."""
    axis, keys = equation.params["dimension"], equation.params["num_keys"]
    moved = [np.moveaxis(x, axis, -1) for x in operands]
    out = [np.empty(x.shape, dtype=x.dtype) for x in moved]
    for index in np.ndindex(moved[0].shape[:-1]):
        columns = list(zip(*(x[index] for x in moved[:keys]), strict=True))
        order = _order(columns)
        for source, target in zip(moved, out, strict=True):
            target[index] = source[index][order]
    return [np.moveaxis(x, -1, axis) for x in out]


def _order(rows: list[tuple[Any, ...]]) -> list[int]:
    """Insertion of each row behind those that are not larger."""
    order: list[int] = []
    for i, row in enumerate(rows):
        place = len(order)
        while place and _comes_before(row, rows[order[place - 1]]):
            place -= 1
        order.insert(place, i)
    return order


def _comes_before(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    for x, y in zip(a, b, strict=True):
        if x < y:
            return True
        if x > y:
            return False
        if isinstance(x, flint.arb) and not (x <= y and y <= x):
            raise Undecided("an order depends on numbers that the balls cannot tell apart")
    return False


def _accumulated(combine: Any) -> Rule:
    def rule(equation: Any, a: Value) -> list[Value]:
        axis = equation.params["axis"]
        step = slice(None, None, -1) if equation.params["reverse"] else slice(None)
        rows = list(np.moveaxis(a, axis, 0)[step])
        totals = list(itertools.accumulate(rows, combine))
        out = np.empty(np.moveaxis(a, axis, 0).shape, dtype=a.dtype)
        for i, total in enumerate(totals):
            out[i] = total
        return [typed(equation, np.moveaxis(out[step], 0, axis))]

    return rule


def _with_zero(a: Value) -> Value:
    """The flat entries and one more, 0, at the end: position NOWHERE."""
    out = np.empty(a.size + 1, dtype=object)
    out[:-1], out[-1] = a.reshape(-1), flint.arb(0)
    return out


def _window_sum(equation: Any, a: Value) -> list[Value]:
    table = positions.windows(equation)
    flat = _with_zero(a)
    return [np.asarray(flat[table].sum(axis=-1), dtype=object).reshape(table.shape[:-1])]


def _convolution(equation: Any, a: Value, kernel: Value) -> list[Value]:
    table = positions.convolved(equation)
    flat = _with_zero(a)
    weights = kernel.reshape(-1)
    return [np.asarray((flat[table] * weights).sum(axis=-1), dtype=object).reshape(table.shape[:-1])]


BALL_INDEXING: dict[str, Rule] = {
    "gather": _gather,
    "scatter": _scatter,
    "scatter-add": _scatter_add,
    "unstack": _unstack,
    "empty": _empty,
    "empty2": _empty,
    "argmax": _extreme_index(1),
    "argmin": _extreme_index(-1),
    "sort": _sort,
    "cumprod": _accumulated(lambda a, b: a * b),
    "reduce_window_sum": _window_sum,
    "conv_general_dilated": _convolution,
}
