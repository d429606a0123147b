"""By how much each primitive of a program may round its result, whatever the order in which it adds.

A rule gets the inputs and the result of one equation and returns the bound of its own rounding, entry by entry, or None
where there is none: moving entries, comparing and choosing is exact. +, -, * and sqrt err by one unit roundoff u; a
division by 3 u, as XLA may multiply by a rounded reciprocal; sums of n terms by gamma_n times the sum of their sizes,
products of matrices likewise, for every order and with fused multiply-adds. The elementary functions are assumed to err
by ELEMENTARY units, and by more where XLA's code is known to: exp2, sinh, cosh and erfc round the argument of an
exponential, so that their error grows with it, and log1p is off by some 240 units near 1 - sqrt(2). A test compares
every one of them with ball arithmetic on the CPU.
Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms, chapters 3 and 4.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.extend.core import JaxprEqn
from jax.typing import ArrayLike
from jaxtyping import Array

from anil_theory._precision import UNIT_ROUNDOFF, gamma
from anil_theory.errors import AnilTheoryError

ELEMENTARY = 16
"""Units of roundoff by which exp, log, .. may be off, relative to the result (sin: to min(1, |x|); cos: to 1)."""

LOGARITHMIC = 512
"""Units of roundoff by which log1p and atanh may be off."""

TINY = 2.0**-1022
"""Smaller results may be flushed to zero."""

Rule = Callable[[JaxprEqn, list[Array], Array], Array | None]
"""`rule(equation, inputs, result) -> bound of the rounding of the result`, or None."""


class NoRule(AnilTheoryError, NotImplementedError):
    """A primitive whose rounding is not known here; the message names it."""


def floats(value: ArrayLike) -> bool:
    """Whether an array is real and floating."""
    return jnp.issubdtype(jnp.result_type(value), jnp.floating)


def size(value: Array) -> Array:
    """Absolute values in float64."""
    return jnp.abs(value).astype(jnp.float64)


def unit(value: Array) -> float:
    """The unit roundoff of an array's type."""
    return float(jnp.finfo(value.dtype).eps) / 2


def _exact(equation: JaxprEqn, inputs: list[Array], result: Array) -> None:
    return None


def _units(units: float) -> Rule:
    """A rule for results that may be off by a number of units of roundoff."""

    def rule(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array:
        return units * unit(result) * size(result) + TINY

    return rule


def _absolute(scale: Callable[[Array], Array]) -> Rule:
    """ELEMENTARY units of scale(x): functions that have zeros elsewhere than at 0."""

    def rule(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array:
        return ELEMENTARY * unit(result) * scale(size(inputs[0])) + TINY

    return rule


def _exponential(units: float, power: int, scale: float) -> Rule:
    """Units that grow with the argument of the exponential, |x|^power: units + scale |x|^power."""

    def rule(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array:
        grown = units + scale * size(inputs[0]) ** power
        return grown * unit(result) * size(result) + TINY

    return rule


def _integer_power(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array:
    return (2 * abs(equation.params["y"]) + 1) * unit(result) * size(result) + TINY


def _bound(equation: JaxprEqn, *values: Array, **changed: Any) -> Any:
    return equation.primitive.bind(*values, **{**equation.params, **changed})


def _summed(terms: int, unit_roundoff: float, total: Array) -> Array:
    """gamma_terms, in the given unit, of a sum of sizes."""
    return gamma(terms) / UNIT_ROUNDOFF * unit_roundoff * total + TINY * terms


def _sum(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array:
    (terms,) = inputs
    return _summed(terms.size // max(result.size, 1), unit(result), _bound(equation, size(terms)))


def _cumulative_sum(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array:
    (terms,) = inputs
    return _summed(terms.shape[equation.params["axis"]], unit(result), _bound(equation, size(terms)))


def _product(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array:
    return _summed(inputs[0].size // max(result.size, 1), unit(result), size(result))


def _bilinear(terms_of: Callable[[JaxprEqn, Array, Array], int]) -> Rule:
    """Sums of products: matrix products and convolutions."""

    def rule(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array:
        a, b = inputs
        total = _bound(equation, size(a), size(b), preferred_element_type=None)
        return _summed(terms_of(equation, a, b) + 1, unit(result), total)

    return rule


def _contracted(equation: JaxprEqn, a: Array, b: Array) -> int:
    (axes, _), _ = equation.params["dimension_numbers"]
    terms = 1
    for axis in axes:
        terms *= a.shape[axis]
    return terms


def _kernel(equation: JaxprEqn, a: Array, kernel: Array) -> int:
    out_channels = kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]]
    return kernel.size // out_channels


def _scatter_add(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array:
    operand, indices, updates = inputs
    return _summed(updates.size + 1, unit(result), _bound(equation, size(operand), indices, size(updates)))


def _converted(equation: JaxprEqn, inputs: list[Array], result: Array) -> Array | None:
    (before,) = inputs
    if floats(before) and jnp.finfo(before.dtype).nmant <= jnp.finfo(result.dtype).nmant:
        return None
    return unit(result) * size(result) + TINY


_MOVES = (
    "broadcast_in_dim", "reshape", "squeeze", "expand_dims", "transpose", "rev", "concatenate", "stack", "unstack",
    "slice", "split", "pad", "copy", "copy_p", "stop_gradient", "optimization_barrier", "iota", "gather",
    "dynamic_slice", "dynamic_update_slice", "scatter", "sort", "top_k", "neg", "abs", "sign", "max", "min", "clamp",
    "floor", "ceil", "round", "select_n", "reduce_max", "reduce_min", "cummax", "cummin", "real", "empty2",
    "select_and_scatter_add", "select_and_gather_add",
)  # fmt: skip

_ELEMENTARY = (
    "exp", "expm1", "log", "tan", "tanh", "logistic", "asinh", "asin", "atan", "atan2", "cbrt", "erf", "pow", "acosh",
)  # fmt: skip

RULES: dict[str, Rule] = {
    **dict.fromkeys(_MOVES, _exact),
    **dict.fromkeys(("add", "add_any", "sub", "mul", "square", "sqrt"), _units(1.0)),
    "div": _units(3.0),
    "rsqrt": _units(4.0),
    "rem": _exact,
    "integer_pow": _integer_power,
    **dict.fromkeys(_ELEMENTARY, _units(float(ELEMENTARY))),
    **dict.fromkeys(("log1p", "atanh"), _units(float(LOGARITHMIC))),
    **dict.fromkeys(("exp2", "sinh", "cosh"), _exponential(float(ELEMENTARY), power=1, scale=1.0)),
    "erfc": _exponential(4.0 * ELEMENTARY, power=2, scale=2.0),
    "acos": _absolute(lambda x: jnp.full_like(x, jnp.pi)),
    "sin": _absolute(lambda x: jnp.minimum(x, 1.0)),
    "cos": _absolute(jnp.ones_like),
    "convert_element_type": _converted,
    "reduce_precision": _units(1.0),
    "reduce_sum": _sum,
    "cumsum": _cumulative_sum,
    "reduce_prod": _product,
    "dot_general": _bilinear(_contracted),
    "conv_general_dilated": _bilinear(_kernel),
    "scatter-add": _scatter_add,
}
"""The rule of each primitive with a floating result, by its name."""
