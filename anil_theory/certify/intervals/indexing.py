"""Rules of primitives that take entries by index, or add up those of windows, in interval arithmetic over boxes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.intervals.arrays import summed
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import Rule, Truth, Value, floats
from anil_theory.certify.program import positions


def _indices(name: str, *indices: Value) -> list[np.ndarray]:
    if any(not isinstance(index, np.ndarray) for index in indices):
        raise Undecided(f"an index of {name!r} depends on an interval")
    return [np.asarray(index) for index in indices]


def _flat(x: Intervals) -> Intervals:
    """The same intervals with all axes of an entry in one: (boxes, entries)."""
    return x.rearranged(lambda e: e.reshape(len(e), -1))


def _together(*parts: Intervals) -> list[Intervals]:
    """The parts with equally many boxes: one that is the same in all boxes is repeated."""
    boxes = max(len(x.lo) for x in parts)
    return [x.rearranged(lambda e: np.broadcast_to(e, (boxes, *e.shape[1:]))) for x in parts]


def _taken(x: Intervals, table: np.ndarray) -> Intervals:
    """The entries at the positions of a table; a position NOWHERE gives an unknown number."""
    out = x.rearranged(lambda e: e[:, np.maximum(table, 0)])
    missing = table == positions.NOWHERE
    if not missing.any():
        return out
    return Intervals(np.where(missing, -np.inf, out.lo), np.where(missing, np.inf, out.hi))


def _gather(equation: Any, a: Value, indices: Value) -> list[Value]:
    (at,) = _indices("gather", indices)
    return [_taken(_flat(floats(a)), positions.gathered(equation, at))]


def _overwritten(equation: Any, a: Value, update: Value, *indices: np.ndarray) -> list[Value]:
    before, after = _together(_flat(floats(a)), _flat(floats(update)))
    both = Intervals(np.concatenate([before.lo, after.lo], 1), np.concatenate([before.hi, after.hi], 1))
    return [_taken(both, positions.updated(equation, *indices))]


def _scatter(equation: Any, a: Value, indices: Value, update: Value) -> list[Value]:
    return _overwritten(equation, a, update, *_indices("scatter", indices))


def _dynamic_update_slice(equation: Any, a: Value, update: Value, *starts: Value) -> list[Value]:
    return _overwritten(equation, a, update, *_indices("dynamic_update_slice", *starts))


def _scatter_add(equation: Any, a: Value, indices: Value, update: Value) -> list[Value]:
    (at,) = _indices("scatter-add", indices)
    before, added = _together(_flat(floats(a)), _flat(floats(update)))
    lo, hi = before.lo.copy(), before.hi.copy()
    for source, target in positions.layers(positions.scattered(equation, at)):
        total = Intervals(lo[:, target], hi[:, target]) + Intervals(added.lo[:, source], added.hi[:, source])
        lo[:, target], hi[:, target] = total.lo, total.hi
    shape = equation.outvars[0].aval.shape
    return [Intervals(lo.reshape(len(lo), *shape), hi.reshape(len(hi), *shape))]


def _unstack(equation: Any, a: Value) -> list[Value]:
    axis = equation.params["axis"]
    return [_entry(a, i, axis) for i in range(len(equation.outvars))]


def _entry(a: Value, i: int, axis: int) -> Value:
    if isinstance(a, Intervals):
        return a.rearranged(lambda e: np.take(e, i, axis + 1))
    if isinstance(a, Truth):
        return Truth(np.take(a.yes, i, axis + 1), np.take(a.no, i, axis + 1))
    return np.asarray(np.take(a, i, axis))


def _empty(equation: Any, *_: Value) -> list[Value]:
    """Memory that nothing was written to: any number, hence unknown."""
    aval = equation.outvars[0].aval
    if aval.dtype.kind != "f":
        raise NoEnclosure("memory for integers that nothing was written to has no enclosure")
    shape = (1, *aval.shape)
    return [Intervals(np.full(shape, -np.inf), np.full(shape, np.inf))]


def _cumulative_sum(equation: Any, a: Value) -> list[Value]:
    axis, reverse = equation.params["axis"], equation.params["reverse"]
    if isinstance(a, np.ndarray):
        summed_up = np.flip(np.cumsum(np.flip(a, axis), axis), axis) if reverse else np.cumsum(a, axis)
        return [summed_up.astype(a.dtype)]
    return [_accumulated(floats(a), axis + 1, reverse, lambda x, y: x + y)]


def _cumulative_product(equation: Any, a: Value) -> list[Value]:
    return [_accumulated(floats(a), equation.params["axis"] + 1, equation.params["reverse"], lambda x, y: x * y)]


def _accumulated(x: Intervals, axis: int, reverse: bool, combine: Callable[..., Intervals]) -> Intervals:
    size = x.lo.shape[axis]
    rows = [x.rearranged(lambda e, i=i: np.take(e, i, axis)) for i in range(size)]
    if reverse:
        rows.reverse()
    totals = rows[:1]
    for row in rows[1:]:
        totals.append(combine(totals[-1], row))
    if reverse:
        totals.reverse()
    if not totals:
        return x
    return Intervals(np.stack([t.lo for t in totals], axis), np.stack([t.hi for t in totals], axis))


def _product(equation: Any, a: Value) -> list[Value]:
    x = floats(a)
    axes = sorted(equation.params["axes"], reverse=True)
    for axis in axes:
        x = _multiplied(x, axis + 1)
    return [x]


def _multiplied(x: Intervals, axis: int) -> Intervals:
    size = x.lo.shape[axis]
    if not size:
        return Intervals.exact(np.ones([n for i, n in enumerate(x.lo.shape) if i != axis]))
    total = x.rearranged(lambda e: np.take(e, 0, axis))
    for i in range(1, size):
        total = total * x.rearranged(lambda e, i=i: np.take(e, i, axis))
    return total


def _with_zero(x: Intervals) -> Intervals:
    """The entries and one more at the end, 0, which position -1 refers to."""
    flat = _flat(x)
    return flat.rearranged(lambda e: np.concatenate([e, np.zeros((len(e), 1))], 1))


def _window_sum(equation: Any, a: Value) -> list[Value]:
    table = positions.windows(equation)
    parts = _with_zero(floats(a)).rearranged(lambda e: e[:, table])
    return [summed(parts, parts.lo.ndim - 1)]


def _convolution(equation: Any, a: Value, kernel: Value) -> list[Value]:
    table = positions.convolved(equation)
    x = _with_zero(floats(a)).rearranged(lambda e: e[:, table])
    ones = (1,) * (table.ndim - 1)
    weights = _flat(floats(kernel)).rearranged(lambda e: e.reshape(len(e), *ones, -1))
    products = x * weights
    return [summed(products, products.lo.ndim - 1)]


INTERVAL_INDEXING: dict[str, Rule] = {
    "gather": _gather,
    "scatter": _scatter,
    "scatter-add": _scatter_add,
    "dynamic_update_slice": _dynamic_update_slice,
    "unstack": _unstack,
    "empty": _empty,
    "empty2": _empty,
    "cumsum": _cumulative_sum,
    "cumprod": _cumulative_product,
    "reduce_prod": _product,
    "reduce_window_sum": _window_sum,
    "conv_general_dilated": _convolution,
}
"""The rule of each primitive by its name."""
