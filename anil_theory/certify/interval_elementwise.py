"""The rules of elementwise primitives in interval arithmetic over batches of boxes; see `interval_interpreter`."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from anil_theory.certify.balls import NoEnclosure, Undecided
from anil_theory.certify.interval_values import Rule, Truth, Value, aligned, floats
from anil_theory.certify.intervals import Intervals


def _arithmetic(of_intervals: Callable[..., Intervals], of_integers: Callable[..., Any] | None = None) -> Rule:
    """Elementwise, on intervals or on integers."""

    def rule(equation: Any, *inputs: Value) -> list[Value]:
        if equation.outvars[0].aval.dtype.kind == "f":
            return [of_intervals(*map(floats, aligned(equation, *inputs)))]
        if of_integers is None or not all(isinstance(x, np.ndarray) for x in inputs):
            raise NoEnclosure(f"{equation.primitive.name!r} of integers has no enclosure in interval arithmetic")
        return [np.asarray(of_integers(*inputs), equation.outvars[0].aval.dtype)]

    return rule


def _compared(relation: Callable[[Any, Any], Any]) -> Rule:
    def rule(equation: Any, a: Value, b: Value) -> list[Value]:
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            return [np.asarray(relation(a, b), bool)]
        x, y = map(floats, aligned(equation, a, b))
        name = equation.primitive.name
        if name in ("eq", "ne"):
            apart = (x.hi < y.lo) | (y.hi < x.lo)
            same = (x.lo == x.hi) & (y.lo == y.hi) & (x.lo == y.lo)
            return [Truth(same, apart) if name == "eq" else Truth(apart, same)]
        # The worst and the best case of `relation`: the ends that make it hardest and easiest.
        low, high = (x.hi, y.lo) if name in ("lt", "le") else (x.lo, y.hi)
        easy_low, easy_high = (x.lo, y.hi) if name in ("lt", "le") else (x.hi, y.lo)
        unknown = np.isnan(x.lo + x.hi) | np.isnan(y.lo + y.hi)
        return [Truth(relation(low, high) & ~unknown, ~relation(easy_low, easy_high) & ~unknown)]

    return rule


def _is_finite(equation: Any, a: Value) -> list[Value]:
    x = floats(a)
    finite = np.isfinite(x.lo) & np.isfinite(x.hi)
    return [Truth(finite, np.zeros_like(finite))]


def _logic(equation: Any, *inputs: Value) -> list[Value]:
    name = equation.primitive.name
    if all(isinstance(x, np.ndarray) for x in inputs):
        return [np.asarray({"and": np.bitwise_and, "or": np.bitwise_or, "not": np.bitwise_not}[name](*inputs))]
    given = [Truth.of(x) for x in aligned(equation, *inputs)]
    if name == "not":
        return [Truth(given[0].no, given[0].yes)]
    a, b = given
    return [Truth(a.yes & b.yes, a.no | b.no) if name == "and" else Truth(a.yes | b.yes, a.no & b.no)]


def _select(equation: Any, which: Value, *cases: Value) -> list[Value]:
    if isinstance(which, np.ndarray) and which.dtype.kind != "b" and which.size == 1:
        return [cases[int(which.reshape(()))]]
    if len(cases) != 2 or (isinstance(which, np.ndarray) and which.dtype.kind != "b"):
        raise NoEnclosure("select_n among more than two cases has no enclosure in interval arithmetic")
    if isinstance(which, np.ndarray) and all(isinstance(case, np.ndarray) for case in cases):
        return [np.where(which, np.asarray(cases[1]), np.asarray(cases[0]))]
    truth, no, yes = aligned(equation, Truth.of(which), *map(floats, cases))
    assert isinstance(truth, Truth) and isinstance(no, Intervals) and isinstance(yes, Intervals)
    return [
        Intervals(
            np.where(truth.yes, yes.lo, np.where(truth.no, no.lo, np.minimum(no.lo, yes.lo))),
            np.where(truth.yes, yes.hi, np.where(truth.no, no.hi, np.maximum(no.hi, yes.hi))),
        )
    ]


def _convert(equation: Any, a: Value) -> list[Value]:
    target = equation.outvars[0].aval.dtype
    if isinstance(a, Truth):
        if target.kind == "f":
            return [Intervals(a.yes.astype(float), (~a.no).astype(float))]
        if target.kind == "b":
            return [a]
        raise Undecided("an index depends on a comparison that the intervals cannot decide")
    if isinstance(a, Intervals):
        if target.kind == "f" and target.itemsize >= 8:
            return [a]
        raise NoEnclosure(f"convert_element_type to {target} has no enclosure in interval arithmetic")
    return [Intervals.exact(a.astype(float)[None]) if target.kind == "f" else a.astype(target)]


def _integer_power(equation: Any, a: Value) -> list[Value]:
    x, y = floats(a), equation.params["y"]
    one = Intervals.exact(np.ones((1,) * x.lo.ndim))
    if y % 2:
        # Rising: the ends are taken to the ends, which products of x and x^2 do not know.
        power = Intervals(_raised(Intervals.exact(x.lo), abs(y)).lo, _raised(Intervals.exact(x.hi), abs(y)).hi)
    else:
        power = _raised(x.squared(), abs(y) // 2) if y else one
    return [power if y >= 0 else one / power]


def _raised(x: Intervals, y: int) -> Intervals:
    """x^y, y >= 1, of intervals that are points or not negative."""
    power = x
    for _ in range(y - 1):
        power = power * x
    return power


def _signs(x: Intervals) -> Intervals:
    return Intervals(
        np.where(x.lo > 0, 1.0, np.where(x.lo >= 0, 0.0, -1.0)), np.where(x.hi < 0, -1.0, np.where(x.hi <= 0, 0.0, 1.0))
    )


def _logistic(x: Intervals) -> Intervals:
    one = Intervals.exact(np.ones((1,) * x.lo.ndim))
    found = one / (one + (-x).exp())
    return Intervals(np.maximum(found.lo, 0.0), np.minimum(found.hi, 1.0))


def _larger(a: Intervals, b: Intervals) -> Intervals:
    return Intervals(np.maximum(a.lo, b.lo), np.maximum(a.hi, b.hi))


def _smaller(a: Intervals, b: Intervals) -> Intervals:
    return Intervals(np.minimum(a.lo, b.lo), np.minimum(a.hi, b.hi))


INTERVAL_ELEMENTWISE: dict[str, Rule] = {
    "add": _arithmetic(operator.add, operator.add),
    "add_any": _arithmetic(operator.add, operator.add),
    "sub": _arithmetic(operator.sub, operator.sub),
    "mul": _arithmetic(operator.mul, operator.mul),
    "div": _arithmetic(operator.truediv),
    "neg": _arithmetic(lambda a: -a, operator.neg),
    "max": _arithmetic(_larger, np.maximum),
    "min": _arithmetic(_smaller, np.minimum),
    "clamp": _arithmetic(lambda low, a, high: _smaller(_larger(a, low), high)),
    "abs": _arithmetic(lambda a: a.magnitude(), np.abs),
    "sign": _arithmetic(_signs, np.sign),
    "square": _arithmetic(lambda a: a.squared(), np.square),
    "one_minus_square": _arithmetic(lambda a: Intervals.exact(1.0) - a.squared()),
    "integer_pow": _integer_power,
    "pow": _arithmetic(lambda a, b: (a.log() * b).exp()),
    "sqrt": _arithmetic(lambda a: a.sqrt()),
    "exp": _arithmetic(lambda a: a.exp()),
    "expm1": _arithmetic(lambda a: a.expm1()),
    "log": _arithmetic(lambda a: a.log()),
    "log1p": _arithmetic(lambda a: a.log1p()),
    "logistic": _arithmetic(_logistic),
    "sin": _arithmetic(lambda a: a.sin_cos()[0]),
    "cos": _arithmetic(lambda a: a.sin_cos()[1]),
    "tanh": _arithmetic(lambda a: a.tanh()),
    "lt": _compared(operator.lt),
    "le": _compared(operator.le),
    "gt": _compared(operator.gt),
    "ge": _compared(operator.ge),
    "eq": _compared(operator.eq),
    "ne": _compared(operator.ne),
    "is_finite": _is_finite,
    "and": _logic,
    "or": _logic,
    "not": _logic,
    "select_n": _select,
    "convert_element_type": _convert,
}
