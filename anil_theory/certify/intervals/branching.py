"""Rules of comparisons, Booleans and branching primitives in interval arithmetic; see `enclosures.branches`."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from anil_theory.certify.enclosures.branches import undecided
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import Rule, Truth, Value, aligned, floats

_NEGATED = {"le": "gt", "ge": "lt", "ne": "eq"}
"""Relations that are the opposite of another one."""


def _is_float(equation: Any) -> bool:
    return equation.outvars[0].aval.dtype.kind == "f"


def _of_integers(equation: Any, function: Callable[..., Any], *inputs: Value) -> list[Value]:
    if not all(isinstance(x, np.ndarray) for x in inputs):
        raise NoEnclosure(f"{equation.primitive.name!r} of undecided integers has no enclosure in interval arithmetic")
    return [np.asarray(function(*inputs), equation.outvars[0].aval.dtype)]


def compared(relation: Callable[[Any, Any], Any]) -> Rule:
    """A comparison of intervals, of Booleans that may be undecided, or of integers."""

    def rule(equation: Any, a: Value, b: Value) -> list[Value]:
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            return [np.asarray(relation(a, b), bool)]
        name = equation.primitive.name
        if isinstance(a, Truth) or isinstance(b, Truth):
            return [_compared_truths(name, *_truths(equation, a, b))]
        x, y = map(floats, aligned(equation, a, b))
        if name in ("eq", "ne"):
            apart = (x.hi < y.lo) | (y.hi < x.lo)
            same = (x.lo == x.hi) & (y.lo == y.hi) & (x.lo == y.lo)
            return [Truth(same, apart) if name == "eq" else Truth(apart, same)]
        # The worst and the best case of `relation`: the ends that make it hardest and easiest.
        rising = name in ("lt", "le")
        low, high = (x.hi, y.lo) if rising else (x.lo, y.hi)
        easy_low, easy_high = (x.lo, y.hi) if rising else (x.hi, y.lo)
        unknown = np.isnan(x.lo + x.hi) | np.isnan(y.lo + y.hi)
        return [Truth(relation(low, high) & ~unknown, ~relation(easy_low, easy_high) & ~unknown)]

    return rule


def _truths(equation: Any, *inputs: Value) -> list[Truth]:
    for x in inputs:
        if isinstance(x, Intervals) or (isinstance(x, np.ndarray) and x.dtype.kind != "b"):
            raise NoEnclosure(f"{equation.primitive.name!r} of a Boolean and a number has no enclosure")
    return [x for x in aligned(equation, *map(Truth.of, inputs)) if isinstance(x, Truth)]


def _not(a: Truth) -> Truth:
    return Truth(a.no, a.yes)


def _and(a: Truth, b: Truth) -> Truth:
    return Truth(a.yes & b.yes, a.no | b.no)


def _or(a: Truth, b: Truth) -> Truth:
    return Truth(a.yes | b.yes, a.no & b.no)


def _xor(a: Truth, b: Truth) -> Truth:
    return Truth((a.yes & b.no) | (a.no & b.yes), (a.yes & b.yes) | (a.no & b.no))


def _compared_truths(name: str, a: Truth, b: Truth) -> Truth:
    """False < True, as numpy has it."""
    if name in _NEGATED:
        return _not(_compared_truths(_NEGATED[name], a, b))
    if name == "eq":
        return _not(_xor(a, b))
    return _and(_not(a), b) if name == "lt" else _and(a, _not(b))


_LOGIC: dict[str, tuple[Callable[..., Truth], Callable[..., Any]]] = {
    "and": (_and, np.bitwise_and),
    "or": (_or, np.bitwise_or),
    "xor": (_xor, np.bitwise_xor),
    "not": (_not, np.bitwise_not),
}


def _logic(equation: Any, *inputs: Value) -> list[Value]:
    of_truths, of_arrays = _LOGIC[equation.primitive.name]
    if all(isinstance(x, np.ndarray) for x in inputs):
        return [np.asarray(of_arrays(*inputs))]
    return [of_truths(*_truths(equation, *inputs))]


def _any_or_all(equation: Any, a: Value) -> list[Value]:
    """`reduce_or` and `reduce_and`."""
    axes = equation.params["axes"]
    some, every = (np.any, np.all) if equation.primitive.name == "reduce_or" else (np.all, np.any)
    if isinstance(a, np.ndarray):
        return [np.asarray(some(a, axis=tuple(axes)))]
    (truth,) = _truths_of(equation, a)
    behind_boxes = tuple(axis + 1 for axis in axes)
    return [Truth(some(truth.yes, axis=behind_boxes), every(truth.no, axis=behind_boxes))]


def _truths_of(equation: Any, a: Value) -> list[Truth]:
    if not isinstance(a, Truth):
        raise NoEnclosure(f"{equation.primitive.name!r} of numbers has no enclosure in interval arithmetic")
    return [a]


def _is_finite(equation: Any, a: Value) -> list[Value]:
    x = floats(a)
    finite = np.isfinite(x.lo) & np.isfinite(x.hi)
    return [Truth(finite, np.zeros_like(finite))]


def _select(equation: Any, which: Value, *cases: Value) -> list[Value]:
    if isinstance(which, np.ndarray) and which.dtype.kind != "b" and which.size == 1:
        return [cases[int(which.reshape(()))]]
    if len(cases) != 2 or (isinstance(which, np.ndarray) and which.dtype.kind != "b"):
        raise NoEnclosure("select_n among more than two cases has no enclosure in interval arithmetic")
    if isinstance(which, np.ndarray) and all(isinstance(case, np.ndarray) for case in cases):
        return [np.where(which, np.asarray(cases[1]), np.asarray(cases[0]))]
    if equation.outvars[0].aval.dtype.kind == "b":
        truth, no, yes = _truths(equation, which, *cases)
        return [_or(_or(_and(truth, yes), _and(_not(truth), no)), _and(yes, no))]
    truth, no, yes = aligned(equation, Truth.of(which), *map(floats, cases))
    assert isinstance(truth, Truth) and isinstance(no, Intervals) and isinstance(yes, Intervals)
    # Where both branches are one and the same number there is nothing to decide.
    same = (no.lo == no.hi) & (yes.lo == yes.hi) & (no.lo == yes.lo)
    undecided(~(truth.yes | truth.no) & ~same, equation, jump=True)
    return [
        Intervals(
            np.where(truth.yes, yes.lo, np.where(truth.no, no.lo, np.minimum(no.lo, yes.lo))),
            np.where(truth.yes, yes.hi, np.where(truth.no, no.hi, np.maximum(no.hi, yes.hi))),
        )
    ]


def _extremum(largest: bool) -> Rule:
    """`max` or `min` of two: continuous, and undecided where the two overlap."""
    of_arrays = np.maximum if largest else np.minimum

    def rule(equation: Any, a: Value, b: Value) -> list[Value]:
        if equation.outvars[0].aval.dtype.kind == "b" and (isinstance(a, Truth) or isinstance(b, Truth)):
            return [(_or if largest else _and)(*_truths(equation, a, b))]
        if not _is_float(equation):
            return _of_integers(equation, of_arrays, a, b)
        x, y = map(floats, aligned(equation, a, b))
        undecided(~((x.lo >= y.hi) | (y.lo >= x.hi)), equation, jump=False)
        return [Intervals(of_arrays(x.lo, y.lo), of_arrays(x.hi, y.hi))]

    return rule


_larger, _smaller = _extremum(largest=True), _extremum(largest=False)


def _clamp(equation: Any, low: Value, a: Value, high: Value) -> list[Value]:
    (raised,) = _larger(equation, low, a)
    return _smaller(equation, raised, high)


def _abs(equation: Any, a: Value) -> list[Value]:
    if not _is_float(equation):
        return _of_integers(equation, np.abs, a)
    x = floats(a)
    undecided(~((x.lo >= 0) | (x.hi <= 0)), equation, jump=False)
    return [x.magnitude()]


def _sign(equation: Any, a: Value) -> list[Value]:
    if not _is_float(equation):
        return _of_integers(equation, np.sign, a)
    x = floats(a)
    undecided(~((x.lo > 0) | (x.hi < 0) | ((x.lo == 0) & (x.hi == 0))), equation, jump=True)
    low = np.where(x.lo > 0, 1.0, np.where(x.lo >= 0, 0.0, -1.0))
    high = np.where(x.hi < 0, -1.0, np.where(x.hi <= 0, 0.0, 1.0))
    return [Intervals(low, high)]


def _stepped(step: Callable[[Any], Any]) -> Rule:
    """`floor` or `ceil`: rising, exact in float64, and a jump at every step."""

    def rule(equation: Any, a: Value) -> list[Value]:
        x = floats(a)
        low, high = step(x.lo), step(x.hi)
        undecided(~((low == high) & np.isfinite(low)), equation, jump=True)
        return [Intervals(low, high)]

    return rule


def _remainder(equation: Any, a: Value, b: Value) -> list[Value]:
    """a - b trunc(a/b): it jumps where a/b passes an integer."""
    if not _is_float(equation):
        return _of_integers(equation, np.fmod, a, b)
    x, y = map(floats, aligned(equation, a, b))
    quotient = x / y
    whole = Intervals(np.trunc(quotient.lo), np.trunc(quotient.hi))
    undecided(~((whole.lo == whole.hi) & np.isfinite(whole.lo)), equation, jump=True)
    return [x - y * whole]


def _largest_entry(largest: bool) -> Rule:
    """`reduce_max` or `reduce_min`: decided where one entry is beyond the reach of all others."""
    combine = np.maximum if largest else np.minimum

    def rule(equation: Any, a: Value) -> list[Value]:
        axes = equation.params["axes"]
        if isinstance(a, np.ndarray):
            return [np.asarray(combine.reduce(a, axis=tuple(axes)))]
        if isinstance(a, Truth):
            raise NoEnclosure(f"{equation.primitive.name!r} of undecided Booleans has no enclosure")
        behind_boxes = tuple(axis + 1 for axis in axes)
        undecided(_contested(a if largest else -a, behind_boxes), equation, jump=False)
        return [a.rearranged(lambda end: combine.reduce(end, axis=behind_boxes))]

    return rule


def _contested(x: Intervals, axes: tuple[int, ...]) -> np.ndarray:
    """Whether more than one entry along the axes can be the largest."""
    kept = [i for i in range(x.lo.ndim) if i not in axes]
    rows = x.rearranged(lambda end: end.transpose(*kept, *axes).reshape(*(end.shape[i] for i in kept), -1))
    if rows.lo.shape[-1] == 1:
        return np.zeros(rows.lo.shape[:-1], bool)
    best = np.argmax(rows.lo, axis=-1)[..., None]
    others = rows.hi.copy()
    np.put_along_axis(others, best, -np.inf, axis=-1)
    return ~(np.take_along_axis(rows.lo, best, axis=-1)[..., 0] >= others.max(axis=-1))


def of_truth(equation: Any, a: Truth) -> Intervals:
    """A Boolean as the number 0 or 1."""
    undecided(~(a.yes | a.no), equation, jump=True)
    return Intervals(a.yes.astype(float), (~a.no).astype(float))


BRANCHING_INTERVALS: dict[str, Rule] = {
    "lt": compared(operator.lt),
    "le": compared(operator.le),
    "gt": compared(operator.gt),
    "ge": compared(operator.ge),
    "eq": compared(operator.eq),
    "ne": compared(operator.ne),
    "and": _logic,
    "or": _logic,
    "xor": _logic,
    "not": _logic,
    "reduce_or": _any_or_all,
    "reduce_and": _any_or_all,
    "is_finite": _is_finite,
    "select_n": _select,
    "max": _larger,
    "min": _smaller,
    "clamp": _clamp,
    "abs": _abs,
    "sign": _sign,
    "floor": _stepped(np.floor),
    "ceil": _stepped(np.ceil),
    "rem": _remainder,
    "reduce_max": _largest_entry(largest=True),
    "reduce_min": _largest_entry(largest=False),
}
"""The rules of primitives that branch, in interval arithmetic over boxes."""
