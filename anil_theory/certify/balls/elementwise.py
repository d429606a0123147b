"""The rules of elementwise primitives."""

from typing import Any

import flint
import numpy as np

from anil_theory.certify.balls.branching import BRANCHING_BALLS, of_truth
from anil_theory.certify.balls.branching import each as _each
from anil_theory.certify.balls.special import integer_power, power
from anil_theory.certify.balls.values import Rule, Value
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided


def _integer_power(base: Any, exponent: int) -> Any:
    return integer_power(base, exponent) if isinstance(base, flint.arb) else base**exponent


def _convert(equation: Any, a: Value) -> list[Value]:
    """Booleans and integers become exact balls; a float stays as it is unless it would be narrowed."""
    target, source = equation.outvars[0].aval.dtype, equation.invars[0].aval.dtype
    if target.kind == "f":
        if source.kind == "f":
            if target.itemsize < source.itemsize:
                raise NoEnclosure(f"convert_element_type from {source} to {target} rounds, and has no enclosure here")
            return [a]
        out = np.empty(a.shape, dtype=object)
        out[...] = np.frompyfunc(lambda x: of_truth(equation, x), 1, 1)(a)
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


ELEMENTWISE: dict[str, Rule] = BRANCHING_BALLS | {
    "add": _each(lambda a, b: a + b),
    "add_any": _each(lambda a, b: a + b),
    "sub": _each(lambda a, b: a - b),
    "mul": _each(lambda a, b: a * b),
    "div": _each(lambda a, b: _divide(a, b)),
    "neg": _each(lambda a: -a),
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
    "pow": _each(lambda a, b: power(a, b)),
    "integer_pow": lambda equation, a: _each(lambda x: _integer_power(x, equation.params["y"]))(equation, a),
    "convert_element_type": _convert,
}
