"""What a program computes from data alone, computed once: floats as balls, integers and Booleans by JAX itself.

A folded float is an enclosure of the real number that the program's formula has, never a rounded float.
"""

import math
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np

from anil_theory.certify.balls.arrays import ARRAYS
from anil_theory.certify.balls.elementwise import ELEMENTWISE
from anil_theory.certify.balls.indexing import BALL_INDEXING
from anil_theory.certify.balls.linear import BALL_LINEAR
from anil_theory.certify.balls.special import BALL_SPECIAL, to_integer
from anil_theory.certify.balls.values import Rule, to_balls
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided

FOLDING_RULES: dict[str, Rule] = BALL_SPECIAL | BALL_INDEXING | BALL_LINEAR | ELEMENTWISE | ARRAYS
"""The rules of balls, those of calls and loops apart: a flat program has none."""

ROUNDED_FACTORS = (2 / math.sqrt(math.pi), math.sqrt(math.pi) / 2, math.log(2))
"""Derivatives of erf, erf_inv and exp2 contain these numbers rounded to float64."""


def is_floating(aval: Any) -> bool:
    """Whether an abstract value is an array of real floats."""
    return getattr(aval.dtype, "kind", "V") == "f"


def known_value(value: Any) -> Any:
    """A number or an array of a jaxpr: floats as balls, Booleans as an object array, keys as they are.

    A float that is the rounded factor of a derivative becomes a ball that holds the factor too: the mean value form
    needs the derivative itself.
    """
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.extended):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "c":
        # Refused where an equation reads it, whose line can be named.
        return array
    balls = to_balls(array)
    if array.dtype.kind == "f" and array.ndim == 0 and abs(float(array)) in ROUNDED_FACTORS:
        unit = math.ulp(float(array))
        out = np.empty((), dtype=object)
        out[()] = flint.arb(float(array), unit)
        return out
    return balls


def folded(equation: Any, inputs: list[Any]) -> list[Any]:
    """The outputs of an equation whose inputs are all known. Raises NoEnclosure, naming it, where there is no rule."""
    try:
        if any(is_floating(variable.aval) for variable in (*equation.invars, *equation.outvars)):
            return _folded_floats(equation, inputs)
        return _computed(equation, inputs)
    except Undecided as error:
        raise NoEnclosure(f"{equation.primitive.name!r} of data: {error}") from error


def _folded_floats(equation: Any, inputs: list[Any]) -> list[Any]:
    name = equation.primitive.name
    if name == "bitcast_convert_type":
        return [_bits(equation, inputs[0])]
    if name == "convert_element_type" and not is_floating(equation.outvars[0].aval):
        return [_to_integers(equation, inputs[0])]
    if name not in FOLDING_RULES:
        raise NoEnclosure(f"the primitive {name!r} has no enclosure in ball arithmetic")
    return FOLDING_RULES[name](equation, *inputs)


def _computed(equation: Any, inputs: list[Any]) -> list[Any]:
    """Integers, Booleans and random keys: exact in JAX itself, which wraps integers around as the loss does."""
    if any(isinstance(x, np.ndarray) and x.dtype == object and any(e is None for e in x.flat) for x in inputs):
        raise Undecided("a Boolean that the balls cannot decide")
    typed = [
        x.astype(variable.aval.dtype) if isinstance(x, np.ndarray) else x
        for x, variable in zip(inputs, equation.invars, strict=True)
    ]
    if equation.primitive.name == "platform_index":
        return [np.asarray(_platform(equation), dtype=equation.outvars[0].aval.dtype)]
    out = equation.primitive.bind(*map(jnp.asarray, typed), **equation.params)
    return [known_value(x) for x in (out if equation.primitive.multiple_results else [out])]


def _platform(equation: Any) -> int:
    """Branches for platforms compute the same function; that for CPUs, or the default, is as good as another."""
    platforms = equation.params["platforms"]
    for i, names in enumerate(platforms):
        if names is None or "cpu" in names:
            return i
    return len(platforms)


def _bits(equation: Any, a: Any) -> Any:
    target = equation.outvars[0].aval.dtype
    if target.kind == "f":
        return to_balls(np.asarray(a).view(target))
    source = equation.invars[0].aval.dtype
    exact = np.array([float(x) for x in a.flat]).astype(source).reshape(a.shape)
    if not all(x.is_exact() and flint.arb(float(x)) == x for x in a.flat):
        raise Undecided("the bits of a number that is not exact")
    return exact.view(target)


def _to_integers(equation: Any, a: Any) -> Any:
    target = equation.outvars[0].aval.dtype
    out = np.empty(a.shape, dtype=object)
    for index in np.ndindex(a.shape):
        out[index] = _truth(a[index]) if target.kind == "b" else to_integer(a[index])
    return out if target.kind == "b" else out.astype(target)


def _truth(a: flint.arb) -> bool:
    if a.contains(0) and not a.is_zero():
        raise Undecided("whether a number is 0")
    return not a.is_zero()
