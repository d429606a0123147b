"""Arrays of balls, the precision they are computed with, and what can go wrong.

Floating arrays are numpy object arrays of `flint.arb`, integer arrays are numpy integers, and a Boolean that the
balls cannot decide is None. Source of the arithmetic: F. Johansson, Arb, IEEE Trans. Computers 66 (2017).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import flint
import numpy as np

from anil_theory._admissible import count
from anil_theory.errors import AnilTheoryError

DEFAULT_PRECISION = 200
"""Bits; rounding errors of a few thousand operations then stay far below those of float64."""

Value = np.ndarray


class NoEnclosure(AnilTheoryError, NotImplementedError):
    """A primitive that has no rule here; the message names it."""


class Undecided(AnilTheoryError, ArithmeticError):
    """Control flow that depends on a comparison which the balls cannot decide; more precision or a smaller box may."""


_PRECISION_IN_USE = RLock()
"""Flint's precision is the process's, and cells of a grid run in threads: one thread computes in balls at a time."""


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Balls are computed with this many bits inside the block, whatever other threads ask for."""
    bits = count("precision", bits, minimum=2)
    with _PRECISION_IN_USE:
        before = flint.ctx.prec
        flint.ctx.prec = bits
        try:
            yield
        finally:
            flint.ctx.prec = before


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
