"""Arrays of balls: what a jaxpr in ball arithmetic computes with.

Floating arrays are numpy object arrays of `flint.arb`, integer arrays are numpy integers, and a Boolean that the
balls cannot decide is None. Source of the arithmetic: F. Johansson, Arb, IEEE Trans. Computers 66 (2017).
"""

from collections.abc import Callable
from typing import Any

import flint
import numpy as np

Value = np.ndarray


class Balls:
    """A floating array of balls as an argument of `evaluate`: an object array of `flint.arb`."""

    def __init__(self, values: Any):
        self.values = np.asarray(values, dtype=object)

    @classmethod
    def around(cls, midpoint: Any, radius: Any) -> "Balls":
        """Balls with the given float64 midpoints and radii, as exact intervals."""
        middle, wide = np.broadcast_arrays(np.asarray(midpoint, float), np.asarray(radius, float))
        return cls(np.frompyfunc(lambda m, r: flint.arb(float(m), float(r)), 2, 1)(middle, wide))


def to_balls(array: Any) -> Value:
    """A floating array as exact balls; integer and Boolean arrays stay what they are."""
    if isinstance(array, Balls):
        return array.values
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array.astype(object) if array.dtype.kind == "b" else array
    out = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        out[index] = flint.arb(float(array[index]))
    return out


Rule = Callable[..., list[Value]]
"""`rule(equation, *inputs) -> outputs`: one primitive of a jaxpr in ball arithmetic."""


def typed(equation: Any, out: Value) -> Value:
    """Integers leave the object arrays that elementwise functions return."""
    dtype = equation.outvars[0].aval.dtype
    return out.astype(dtype) if dtype.kind in "iu" else out


def frozen_balls(value: Value | None, shape: tuple[int, ...]) -> Value:
    """A free shift of a box: the middle of what the program computes there, or 0 where nothing is known."""
    entries = np.full(shape, flint.arb(0), dtype=object) if value is None else value
    out = np.empty(shape, dtype=object)
    out[...] = np.frompyfunc(lambda ball: ball.mid() if ball.is_finite() else flint.arb(0), 1, 1)(entries)
    return out
