"""Equations that are another, shorter or narrower one, as functions of real numbers."""

from collections.abc import Callable
from typing import Any

import flint
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Var
from jaxtyping import Array

from anil_theory.certify.losses.known_values import Atom, Flat, Known, Simplification, is_one, is_zero


def _shape_kept(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    """A rearrangement or conversion that changes nothing."""
    before, after = equation.invars[0].aval, equation.outvars[0].aval
    return inputs[:1] if before.shape == after.shape and before.dtype == after.dtype else None


def _sum(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    return inputs if not equation.params["axes"] else None


def _add(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    """x + 0 is x."""
    return _without_neutral(equation, inputs, is_zero)


def _subtract(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    kept = _without_neutral(equation, inputs, is_zero)
    return kept if kept and kept[0] is inputs[0] else None


def _multiply(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    """1 x is x, and x x is a square, which a product of two intervals does not know."""
    if inputs[0] is inputs[1]:
        return flat.traced(lax.square, inputs[:1], [equation.invars[0].aval])
    return _without_neutral(equation, inputs, is_one)


def _without_neutral(equation: Any, inputs: list[Atom], neutral: Callable[[Any], bool]) -> list[Atom] | None:
    shape = equation.outvars[0].aval.shape
    for x, other, aval in zip(inputs, reversed(inputs), reversed([v.aval for v in equation.invars]), strict=True):
        if isinstance(x, Known) and aval.shape == shape and neutral(x.value):
            return [other]
    return None


def _divide(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    kept = _without_neutral(equation, inputs, is_one)
    return kept if kept and kept[0] is inputs[0] else None


def _power(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    """An exponent that is one integer makes a product, and 1/2 a square root."""
    exponent = inputs[1]
    if not isinstance(exponent, Known) or not exponent.value.size or exponent.value.dtype != object:
        return None
    n = exponent.value.flat[0]
    if not (n.is_exact() and abs(n) <= MOST_POWER and all(x == n for x in exponent.value.flat)):
        return None
    aval, shape = equation.invars[0].aval, equation.outvars[0].aval.shape
    if aval.shape != shape:
        return None
    if n.is_integer():
        y = int(float(n))
        return inputs[:1] if y == 1 else flat.traced(lambda x: lax.integer_pow(x, y), inputs[:1], [aval])
    return flat.traced(lax.sqrt, inputs[:1], [aval]) if n == flint.arb(0.5) else None


MOST_POWER = 64
"""A larger integer exponent is left to logarithms."""


def _integer_power(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    return inputs if equation.params["y"] == 1 else None


def _equal(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    """A real number equals itself: so programs ask whether it is NaN, which no real number is."""
    if inputs[0] is not inputs[1]:
        return _is_extreme(flat, equation, inputs) if equation.primitive.name == "eq" else None
    return [Known(np.full(equation.outvars[0].aval.shape, equation.primitive.name == "eq").astype(object))]


def _is_extreme(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    """An entry equals the maximum of all when it is at least each other one: comparisons decide that, equality not."""
    x, extreme = inputs
    maker = flat.makers.get(extreme) if isinstance(extreme, Var) else None
    if maker is not None and maker.primitive.name in ("max", "min"):
        return _is_larger(flat, equation, inputs, maker)
    while maker is not None and maker.primitive.name in ("reshape", "broadcast_in_dim"):
        maker = flat.makers.get(maker.invars[0])
    if maker is None or maker.primitive.name not in ("reduce_max", "reduce_min") or maker.invars[0] is not x:
        return None
    axes, aval = maker.params["axes"], maker.invars[0].aval
    rows = tuple(1 if axis in axes else size for axis, size in enumerate(aval.shape))
    if equation.invars[1].aval.shape != rows or aval.dtype.kind != "f":
        return None
    compare = jnp.greater_equal if maker.primitive.name == "reduce_max" else jnp.less_equal

    def exceeds_others(a: Any) -> Any:
        kept = [axis for axis in range(a.ndim) if axis not in axes]
        order = [*kept, *axes]
        moved = jnp.transpose(a, order)
        flattened = moved.reshape(*moved.shape[: len(kept)], -1)
        itself = jnp.eye(flattened.shape[-1], dtype=bool)
        exceeds = jnp.all(compare(flattened[..., :, None], flattened[..., None, :]) | itself, axis=-1)
        return jnp.transpose(exceeds.reshape(moved.shape), [order.index(axis) for axis in range(a.ndim)])

    return flat.traced(exceeds_others, [x], [aval])


def _is_larger(flat: Flat, equation: Any, inputs: list[Atom], maker: Any) -> list[Atom] | None:
    """The same for max(a, b): a equals it when a >= b."""
    x = inputs[0]
    operands = maker.invars
    aval = equation.invars[0].aval
    at = [i for i, operand in enumerate(operands) if operand is x or flat.is_constant(operand, x)]
    shape = equation.outvars[0].aval.shape
    if len(at) != 1 or any(v.aval.shape not in ((), shape) for v in (*operands, *equation.invars)):
        return None
    other = operands[1 - at[0]]
    compare = lax.ge if maker.primitive.name == "max" else lax.le

    def compared(a: Array, b: Array) -> Array:
        return compare(jnp.broadcast_to(a, shape), jnp.broadcast_to(b, shape))

    return flat.traced(compared, [x, flat.known(other)], [aval, other.aval])


def _select(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom] | None:
    """A case that is the same everywhere, by a choice that is known."""
    which = inputs[0]
    if all(case is inputs[1] for case in inputs[1:]):
        return inputs[1:2]
    if not isinstance(which, Known) or not which.value.size or any(x is None for x in which.value.flat):
        return None
    chosen = {int(x) for x in which.value.flat}
    return [inputs[1 + chosen.pop()]] if len(chosen) == 1 else None


SIMPLER: dict[str, Simplification] = {
    "add": _add,
    "add_any": _add,
    "sub": _subtract,
    "mul": _multiply,
    "div": _divide,
    "pow": _power,
    "integer_pow": _integer_power,
    "eq": _equal,
    "ne": _equal,
    "select_n": _select,
    "reduce_sum": _sum,
    "reduce_max": _sum,
    "reduce_min": _sum,
    "reshape": _shape_kept,
    "broadcast_in_dim": _shape_kept,
    "convert_element_type": _shape_kept,
}
"""Equations that are another, shorter one; None where they are not."""
