"""The rules of primitives that combine or rearrange the entries of arrays, in interval arithmetic over boxes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import Rule, Truth, Value, constant, floats


def summed(x: Intervals, axis: int) -> Intervals:
    """The sum over one axis (boxes are axis 0), halves added to halves."""
    while (size := x.lo.shape[axis]) > 1:
        half = size // 2
        first, second, rest = (
            x.rearranged(lambda a, part=part: np.take(a, part, axis))
            for part in (range(half), range(half, 2 * half), range(2 * half, size))
        )
        added = first + second
        x = Intervals(*(np.concatenate([getattr(y, end) for y in (added, rest)], axis) for end in ("lo", "hi")))
    if not x.lo.shape[axis]:
        return Intervals.exact(np.zeros([n for i, n in enumerate(x.lo.shape) if i != axis]))
    return x.rearranged(lambda a: np.take(a, 0, axis))


def _sum(equation: Any, a: Value) -> list[Value]:
    axes = equation.params["axes"]
    if isinstance(a, np.ndarray):
        return [np.sum(a, axis=tuple(axes), dtype=equation.outvars[0].aval.dtype)]
    x = floats(a)
    for axis in sorted(axes, reverse=True):
        x = summed(x, axis + 1)
    return [x]


def _dot(equation: Any, a: Value, b: Value) -> list[Value]:
    x, y = floats(a), floats(b)
    (contract_a, contract_b), (batch_a, batch_b) = equation.params["dimension_numbers"]
    left, right = _grouped(x, batch_a, contract_a), _grouped(y, batch_b, contract_b)
    # (boxes, groups, free of a, 1, inner) times (boxes, groups, 1, free of b, inner).
    product = left.rearranged(lambda e: e[:, :, :, None]) * right.rearranged(lambda e: e[:, :, None])
    shape = equation.outvars[0].aval.shape
    return [summed(product, 4).rearranged(lambda e: e.reshape(e.shape[0], *shape))]


def matrix_product(a: Intervals, b: Intervals) -> Intervals:
    """The products of matrices (boxes, l, m) and (boxes, m, n)."""
    product = a.rearranged(lambda e: e[:, :, None, :]) * b.rearranged(lambda e: e.swapaxes(1, 2)[:, None])
    return summed(product, 3)


def _grouped(x: Intervals, batch: Any, contract: Any) -> Intervals:
    """The operand with its axes sorted and merged: (boxes, groups, free, contracted)."""
    shape = x.lo.shape[1:]
    free = [i for i in range(len(shape)) if i not in (*batch, *contract)]
    sizes = [int(np.prod([shape[i] for i in axes], dtype=int)) for axes in (batch, free, contract)]
    order = [0, *(i + 1 for i in (*batch, *free, *contract))]
    return x.rearranged(lambda e: e.transpose(order).reshape(e.shape[0], *sizes))


def _moved(move: Callable[[Any, Any], Callable[[np.ndarray], np.ndarray]]) -> Rule:
    """A rearrangement: `move(equation, inputs)` gives a function of arrays without the axis of boxes."""

    def rule(equation: Any, a: Value, *rest: Value) -> list[Value]:
        function = move(equation, rest)
        if isinstance(a, np.ndarray):
            return [np.asarray(function(np.asarray(a)))]

        # The axis of boxes goes last, where the function does not see it.
        def over(e: np.ndarray) -> np.ndarray:
            return np.moveaxis(function(np.moveaxis(e, 0, -1)), -1, 0)

        return [Truth(over(a.yes), over(a.no)) if isinstance(a, Truth) else a.rearranged(over)]

    return rule


def _reshape(equation: Any, _: Any) -> Callable[[np.ndarray], np.ndarray]:
    shape, source = equation.outvars[0].aval.shape, len(equation.invars[0].aval.shape)
    return lambda e: e.reshape((*shape, *e.shape[source:]))


def _broadcast(equation: Any, _: Any) -> Callable[[np.ndarray], np.ndarray]:
    shape, axes = equation.params["shape"], equation.params["broadcast_dimensions"]

    def function(e: np.ndarray) -> np.ndarray:
        tail = e.shape[len(axes) :]
        sizes = [e.shape[axes.index(i)] if i in axes else 1 for i in range(len(shape))]
        return np.broadcast_to(e.reshape((*sizes, *tail)), (*shape, *tail))

    return function


def _transpose(equation: Any, _: Any) -> Callable[[np.ndarray], np.ndarray]:
    order = tuple(equation.params["permutation"])
    return lambda e: e.transpose(*order, *range(len(order), e.ndim))


def _slice(equation: Any, _: Any) -> Callable[[np.ndarray], np.ndarray]:
    p = equation.params
    steps = p["strides"] or (1,) * len(p["start_indices"])
    index = tuple(slice(*limits) for limits in zip(p["start_indices"], p["limit_indices"], steps, strict=True))
    return lambda e: e[index]


def _dynamic_slice(equation: Any, starts: Any) -> Callable[[np.ndarray], np.ndarray]:
    sizes, shape = equation.params["slice_sizes"], equation.invars[0].aval.shape
    if not all(isinstance(s, np.ndarray) for s in starts):
        raise Undecided("an index depends on an interval")
    begin = [min(max(int(s), 0), n - k) for s, n, k in zip(starts, shape, sizes, strict=True)]
    index = tuple(slice(b, b + k) for b, k in zip(begin, sizes, strict=True))
    return lambda e: e[index]


def _reverse(equation: Any, _: Any) -> Callable[[np.ndarray], np.ndarray]:
    return lambda e: np.flip(e, equation.params["dimensions"])


def _pad(equation: Any, a: Value, filling: Value) -> list[Value]:
    x, fill = floats(a), floats(filling)
    ends = equation.params["padding_config"]
    if any(interior for _, _, interior in ends):
        raise NoEnclosure("pad with interior padding has no enclosure in interval arithmetic")
    if not np.all((fill.lo == 0) & (fill.hi == 0)):
        raise NoEnclosure("pad with another number than 0 has no enclosure in interval arithmetic")
    widths = [(0, 0), *((max(low, 0), max(high, 0)) for low, high, _ in ends)]
    # Negative padding takes entries away.
    cropped = tuple(slice(max(-low, 0), -max(-high, 0) or None) for low, high, _ in ends)
    return [x.rearranged(lambda e: np.pad(e[:, *cropped], widths))]


def _split(equation: Any, a: Value) -> list[Value]:
    cuts, axis = np.cumsum(equation.params["sizes"])[:-1], equation.params["axis"]
    if isinstance(a, np.ndarray):
        return list(np.split(a, cuts, axis))
    x = floats(a)
    parts = zip(np.split(x.lo, cuts, axis + 1), np.split(x.hi, cuts, axis + 1), strict=True)
    return [Intervals(lo, hi) for lo, hi in parts]


def _concatenate(equation: Any, *parts: Value) -> list[Value]:
    return _joined(list(parts), equation.params["dimension"])


def _joined(parts: list[Value], axis: int) -> list[Value]:
    if all(isinstance(x, np.ndarray) for x in parts):
        return [np.concatenate([np.asarray(x) for x in parts], axis)]
    operands = list(map(floats, parts))
    boxes = max(x.lo.shape[0] for x in operands)
    sides = ([x.lo for x in operands], [x.hi for x in operands])
    ends = [[np.broadcast_to(e, (boxes, *e.shape[1:])) for e in side] for side in sides]
    return [Intervals(*(np.concatenate(end, axis + 1) for end in ends))]


def _stack(equation: Any, *parts: Value) -> list[Value]:
    axis = equation.params["axis"]
    return _joined([_with_axis(x, axis) for x in parts], axis)


def _with_axis(x: Value, axis: int) -> Value:
    if isinstance(x, np.ndarray):
        return np.expand_dims(x, axis)
    return floats(x).rearranged(lambda e: np.expand_dims(e, axis + 1))


def _iota(equation: Any) -> list[Value]:
    shape, axis = equation.params["shape"], equation.params["dimension"]
    sizes = [-1 if i == axis else 1 for i in range(len(shape))]
    out = np.broadcast_to(np.arange(shape[axis]).reshape(sizes), shape).astype(equation.params["dtype"])
    return [constant(out)]


def _same(equation: Any, a: Value, *_: Value) -> list[Value]:
    return [a]


INTERVAL_ARRAYS: dict[str, Rule] = {
    "dot_general": _dot,
    "reduce_sum": _sum,
    "broadcast_in_dim": _moved(_broadcast),
    "reshape": _moved(_reshape),
    "squeeze": _moved(_reshape),
    "expand_dims": _moved(_reshape),
    "transpose": _moved(_transpose),
    "rev": _moved(_reverse),
    "slice": _moved(_slice),
    "dynamic_slice": _moved(_dynamic_slice),
    "pad": _pad,
    "concatenate": _concatenate,
    "stack": _stack,
    "split": _split,
    "iota": _iota,
    "copy": _same,
    "copy_p": _same,
    "stop_gradient": _same,
}
