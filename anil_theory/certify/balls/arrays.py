"""The rules of primitives that combine or rearrange the entries of arrays."""

import operator
from collections.abc import Callable
from typing import Any

import flint
import numpy as np

from anil_theory.certify.balls.values import Rule, Value, to_balls, typed
from anil_theory.certify.enclosures.refusals import NoEnclosure


def _dot_general(equation: Any, a: Value, b: Value) -> list[Value]:
    """Batched matrix products: Arb's own matrix product is rigorous and fast."""
    (contract_a, contract_b), (batch_a, batch_b) = equation.params["dimension_numbers"]
    free_a = [i for i in range(a.ndim) if i not in (*contract_a, *batch_a)]
    free_b = [i for i in range(b.ndim) if i not in (*contract_b, *batch_b)]
    batch = [a.shape[i] for i in batch_a]
    inner = int(np.prod([a.shape[i] for i in contract_a], dtype=int))
    shape = equation.outvars[0].aval.shape
    if not a.size or not b.size:
        return [to_balls(np.zeros(shape, equation.outvars[0].aval.dtype))]
    groups = int(np.prod(batch, dtype=int))
    left = a.transpose(*batch_a, *free_a, *contract_a).reshape(groups, -1, inner)
    right = b.transpose(*batch_b, *contract_b, *free_b).reshape(groups, inner, -1)
    if a.dtype != object:
        return [np.matmul(left, right).reshape(shape)]
    out = np.empty((groups, left.shape[1], right.shape[2]), dtype=object)
    for g in range(groups):
        product = flint.arb_mat(left[g].tolist()) * flint.arb_mat(right[g].tolist())
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                out[g, i, j] = product[i, j]
    return [out.reshape(shape)]


def _reduce(combine: Callable[[Any, Any], Any], start: Any) -> Rule:
    def rule(equation: Any, a: Value) -> list[Value]:
        axes = tuple(equation.params["axes"])
        kept = [i for i in range(a.ndim) if i not in axes]
        rows = a.transpose(*kept, *axes).reshape([a.shape[i] for i in kept] + [-1])
        out = np.empty(rows.shape[:-1], dtype=object)
        exact = flint.arb if equation.invars[0].aval.dtype.kind == "f" else (lambda x: x)
        for index in np.ndindex(out.shape):
            total = exact(start)
            for value in rows[index]:
                total = combine(total, value)
            out[index] = total
        return [typed(equation, out)]

    return rule


def _broadcast(equation: Any, a: Value, *_: Value) -> list[Value]:
    shape, axes = equation.params["shape"], equation.params["broadcast_dimensions"]
    expanded = a.reshape([a.shape[axes.index(i)] if i in axes else 1 for i in range(len(shape))])
    return [np.broadcast_to(expanded, shape)]


def _pad(equation: Any, a: Value, filling: Value) -> list[Value]:
    config = equation.params["padding_config"]
    out = np.empty(equation.outvars[0].aval.shape, dtype=a.dtype)
    out[...] = filling[()]
    target, source = [], []
    for size, (low, high, interior) in zip(a.shape, config, strict=True):
        if interior and (low < 0 or high < 0):
            raise NoEnclosure("pad with interior and negative padding has no rule here")
        first, last = max(0, -low), size - max(0, -high)
        source.append(slice(first, last))
        begin = max(0, low)
        target.append(
            slice(begin, begin + (last - first - 1) * (interior + 1) + 1 if last > first else begin, interior + 1)
        )
    out[tuple(target)] = a[tuple(source)]
    return [out]


def _slice(equation: Any, a: Value) -> list[Value]:
    p = equation.params
    steps = p["strides"] or (1,) * a.ndim
    return [a[tuple(slice(*limits) for limits in zip(p["start_indices"], p["limit_indices"], steps, strict=True))]]


def _window(shape: tuple[int, ...], sizes: tuple[int, ...], starts: tuple[Value, ...]) -> tuple[slice, ...]:
    """The slices of a dynamic window; starts are clamped as XLA clamps them."""
    begin = [min(max(int(s[()]), 0), n - k) for s, n, k in zip(starts, shape, sizes, strict=True)]
    return tuple(slice(b, b + k) for b, k in zip(begin, sizes, strict=True))


def _dynamic_slice(equation: Any, a: Value, *starts: Value) -> list[Value]:
    return [a[_window(a.shape, equation.params["slice_sizes"], starts)]]


def _dynamic_update_slice(equation: Any, a: Value, update: Value, *starts: Value) -> list[Value]:
    out = a.copy()
    out[_window(a.shape, update.shape, starts)] = update
    return [out]


def _split(equation: Any, a: Value) -> list[Value]:
    ends = np.cumsum(equation.params["sizes"])[:-1]
    return list(np.split(a, ends, axis=equation.params["axis"]))


def _cumulative_sum(equation: Any, a: Value) -> list[Value]:
    axis = equation.params["axis"]
    step = slice(None, None, -1) if equation.params["reverse"] else slice(None)
    moved = np.moveaxis(a, axis, 0)[step]
    return [np.moveaxis(np.add.accumulate(moved, axis=0)[step], 0, axis)]


def _iota(equation: Any) -> list[Value]:
    shape, axis = equation.params["shape"], equation.params["dimension"]
    sizes = [-1 if i == axis else 1 for i in range(len(shape))]
    out = np.broadcast_to(np.arange(shape[axis]).reshape(sizes), shape).astype(equation.params["dtype"])
    return [to_balls(out)]


def _same(equation: Any, a: Value, *_: Value) -> list[Value]:
    return [a]


def _reshape(equation: Any, a: Value, *_: Value) -> list[Value]:
    return [a.reshape(equation.outvars[0].aval.shape)]


ARRAYS: dict[str, Rule] = {
    "dot_general": _dot_general,
    "reduce_sum": _reduce(operator.add, 0),
    "reduce_prod": _reduce(operator.mul, 1),
    "cumsum": _cumulative_sum,
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "transpose": lambda equation, a: [a.transpose(equation.params["permutation"])],
    "rev": lambda equation, a: [np.flip(a, equation.params["dimensions"])],
    "concatenate": lambda equation, *parts: [np.concatenate(parts, axis=equation.params["dimension"])],
    "stack": lambda equation, *parts: [np.stack(parts, axis=equation.params["axis"])],
    "split": _split,
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "pad": _pad,
    "iota": _iota,
    "copy": _same,
    "copy_p": _same,
    "stop_gradient": _same,
    "optimization_barrier": lambda equation, *inputs: list(inputs),
}
