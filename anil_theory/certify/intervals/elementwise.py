"""The rules of elementwise primitives in interval arithmetic over batches of boxes; see `interpreter`."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.intervals.branching import BRANCHING_INTERVALS, of_truth
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import Rule, Truth, Value, aligned, floats


def _arithmetic(of_intervals: Callable[..., Intervals], of_integers: Callable[..., Any] | None = None) -> Rule:
    """Elementwise, on intervals or on integers."""

    def rule(equation: Any, *inputs: Value) -> list[Value]:
        if equation.outvars[0].aval.dtype.kind == "f":
            return [of_intervals(*map(floats, aligned(equation, *inputs)))]
        if of_integers is None or not all(isinstance(x, np.ndarray) for x in inputs):
            raise NoEnclosure(f"{equation.primitive.name!r} of integers has no enclosure in interval arithmetic")
        return [np.asarray(of_integers(*inputs), equation.outvars[0].aval.dtype)]

    return rule


def _convert(equation: Any, a: Value) -> list[Value]:
    target = equation.outvars[0].aval.dtype
    if isinstance(a, Truth):
        if target.kind == "f":
            return [of_truth(equation, a)]
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
    unit = Intervals.exact(np.ones((1,) * x.lo.ndim))
    if y % 2:
        # Rising: the ends are taken to the ends, which products of x and x^2 do not know.
        power = Intervals(_raised(Intervals.exact(x.lo), abs(y)).lo, _raised(Intervals.exact(x.hi), abs(y)).hi)
    else:
        power = _raised(x.squared(), abs(y) // 2) if y else unit
    return [power if y >= 0 else unit / power]


def _raised(x: Intervals, y: int) -> Intervals:
    """x^y, y >= 1, of intervals that are points or not negative."""
    power = x
    for _ in range(y - 1):
        power = power * x
    return power


def _logistic(x: Intervals) -> Intervals:
    unit = Intervals.exact(np.ones((1,) * x.lo.ndim))
    quotient = unit / (unit + (-x).exp())
    return Intervals(np.maximum(quotient.lo, 0.0), np.minimum(quotient.hi, 1.0))


INTERVAL_ELEMENTWISE: dict[str, Rule] = BRANCHING_INTERVALS | {
    "add": _arithmetic(operator.add, operator.add),
    "add_any": _arithmetic(operator.add, operator.add),
    "sub": _arithmetic(operator.sub, operator.sub),
    "mul": _arithmetic(operator.mul, operator.mul),
    "div": _arithmetic(operator.truediv),
    "neg": _arithmetic(lambda a: -a, operator.neg),
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
    "convert_element_type": _convert,
}
