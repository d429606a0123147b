"""The rules of elementwise primitives."""

import operator
from collections.abc import Callable
from typing import Any

import flint
import numpy as np

from anil_theory.certify.ball_special import integer_power, power
from anil_theory.certify.balls import NoEnclosure, Rule, Undecided, Value, typed


def _each(function: Callable[..., Any]) -> Rule:
    """An elementwise rule."""
    vectorised = np.frompyfunc(function, function.__code__.co_argcount, 1)

    def rule(equation: Any, *inputs: Value) -> list[Value]:
        out = vectorised(*inputs)
        shaped = np.empty(equation.outvars[0].aval.shape, dtype=object)
        shaped[...] = out
        return [typed(equation, shaped)]

    return rule


def _compare(decided: Callable[[Any, Any], bool], opposite: Callable[[Any, Any], bool]) -> Rule:
    """True or False where the balls (or integers) decide, None where neither it nor its opposite is certain."""

    def relation(a: Any, b: Any) -> bool | None:
        if not isinstance(a, flint.arb):
            return bool(decided(a, b))
        if decided(a, b):
            return True
        return False if opposite(a, b) else None

    return _each(relation)


def _certainly_equal(a: Any, b: Any) -> bool:
    return bool(a == b)


def _certainly_different(a: Any, b: Any) -> bool:
    return bool(a != b)


def _not(a: Any) -> Any:
    return (None if a is None else not a) if isinstance(a, (bool, np.bool_, type(None))) else ~a


def _and(a: Any, b: Any) -> Any:
    if isinstance(a, (bool, np.bool_, type(None))):
        return False if a is False or b is False else (None if a is None or b is None else bool(a and b))
    return a & b


def _or(a: Any, b: Any) -> Any:
    if isinstance(a, (bool, np.bool_, type(None))):
        return True if a is True or b is True else (None if a is None or b is None else bool(a or b))
    return a | b


def _union(values: list[Any]) -> Any:
    """The smallest ball that holds all of them."""
    out: Any = values[0]
    for value in values[1:]:
        out = out.union(value) if isinstance(value, flint.arb) else (out if out == value else None)
    return out


def _select(which: Any, *cases: Any) -> Any:
    if which is None:
        if not isinstance(cases[0], flint.arb) and any(case != cases[0] for case in cases):
            raise Undecided("select_n between integers depends on a comparison that the balls cannot decide")
        return _union(list(cases))
    return cases[int(which)]


def _select_n(equation: Any, which: Value, *cases: Value) -> list[Value]:
    out = np.frompyfunc(_select, 1 + len(cases), 1)(which, *cases)
    shaped = np.empty(equation.outvars[0].aval.shape, dtype=object)
    shaped[...] = out
    return [typed(equation, shaped)]


def _integer_power(base: Any, exponent: int) -> Any:
    return integer_power(base, exponent) if isinstance(base, flint.arb) else base**exponent


def _sign(a: Any) -> Any:
    if not isinstance(a, flint.arb):
        return np.sign(a)
    return flint.arb(1) if a > 0 else flint.arb(-1) if a < 0 else a * 0 if a == 0 else flint.arb(0, 1)


def _convert(equation: Any, a: Value) -> list[Value]:
    """Booleans and integers become exact balls; a float stays as it is unless it would be narrowed."""
    target, source = equation.outvars[0].aval.dtype, equation.invars[0].aval.dtype
    if target.kind == "f":
        if source.kind == "f":
            if target.itemsize < source.itemsize:
                raise NoEnclosure(f"convert_element_type from {source} to {target} rounds, and has no enclosure here")
            return [a]
        undecided = np.frompyfunc(lambda x: flint.arb(0.5, 0.5) if x is None else flint.arb(int(x)), 1, 1)
        out = np.empty(a.shape, dtype=object)
        out[...] = undecided(a)
        return [out]
    if source.kind == "f":
        raise NoEnclosure(f"convert_element_type from {source} to {target} has no enclosure here")
    if any(x is None for x in a.ravel()):
        raise Undecided("a branch or an index depends on a comparison that the balls cannot decide")
    return [a.astype(bool).astype(object) if target.kind == "b" else a.astype(target)]


def _divide(a: Any, b: Any) -> Any:
    if isinstance(a, flint.arb):
        return a / b
    quotient = abs(int(a)) // abs(int(b))
    return quotient if (a < 0) == (b < 0) else -quotient


def largest(a: Any, b: Any) -> Any:
    """max(a, b) of two balls or two integers."""
    return a.max(b) if isinstance(a, flint.arb) else max(a, b)


def smallest(a: Any, b: Any) -> Any:
    """min(a, b) of two balls or two integers."""
    return a.min(b) if isinstance(a, flint.arb) else min(a, b)


ELEMENTWISE: dict[str, Rule] = {
    "add": _each(lambda a, b: a + b),
    "add_any": _each(lambda a, b: a + b),
    "sub": _each(lambda a, b: a - b),
    "mul": _each(lambda a, b: a * b),
    "div": _each(lambda a, b: _divide(a, b)),
    "neg": _each(lambda a: -a),
    "abs": _each(lambda a: abs(a)),
    "sign": _each(lambda a: _sign(a)),
    "max": _each(lambda a, b: largest(a, b)),
    "min": _each(lambda a, b: smallest(a, b)),
    "clamp": _each(lambda low, a, high: smallest(largest(a, low), high)),
    "square": _each(lambda a: _integer_power(a, 2)),
    "one_minus_square": _each(lambda a: 1 - _integer_power(a, 2)),
    "sqrt": _each(lambda a: a.sqrt()),
    "rsqrt": _each(lambda a: a.rsqrt()),
    "exp": _each(lambda a: a.exp()),
    "exp2": _each(lambda a: (a * flint.arb.const_log2()).exp()),
    "expm1": _each(lambda a: a.expm1()),
    "log": _each(lambda a: a.log()),
    "log1p": _each(lambda a: a.log1p()),
    "logistic": _each(lambda a: 1 / (1 + (-a).exp())),
    "sin": _each(lambda a: a.sin()),
    "cos": _each(lambda a: a.cos()),
    "tan": _each(lambda a: a.tan()),
    "sinh": _each(lambda a: a.sinh()),
    "cosh": _each(lambda a: a.cosh()),
    "tanh": _each(lambda a: a.tanh()),
    "atan2": _each(lambda a, b: flint.arb.atan2(a, b)),
    "pow": _each(lambda a, b: power(a, b)),
    "integer_pow": lambda equation, a: _each(lambda x: _integer_power(x, equation.params["y"]))(equation, a),
    "lt": _compare(operator.lt, operator.ge),
    "le": _compare(operator.le, operator.gt),
    "gt": _compare(operator.gt, operator.le),
    "ge": _compare(operator.ge, operator.lt),
    "eq": _compare(_certainly_equal, _certainly_different),
    "ne": _compare(_certainly_different, _certainly_equal),
    "and": _each(lambda a, b: _and(a, b)),
    "or": _each(lambda a, b: _or(a, b)),
    "not": _each(lambda a: _not(a)),
    "is_finite": _each(lambda a: True if a.is_finite() else None),
    "select_n": _select_n,
    "convert_element_type": _convert,
}
