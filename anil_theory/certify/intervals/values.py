"""What a jaxpr over boxes computes with: intervals, comparisons of them, and arrays that are the same in every box."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
from jax.extend.core import ClosedJaxpr

from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.intervals.outward import Intervals


@dataclass(frozen=True, eq=False)
class Truth:
    """A Boolean array over boxes: where it is certainly true, and where certainly false."""

    yes: np.ndarray
    no: np.ndarray

    @classmethod
    def of(cls, value: Any) -> "Truth":
        """A Boolean array that is the same in every box, or a Truth itself."""
        if isinstance(value, Truth):
            return value
        array = np.asarray(value, bool)[None]
        return Truth(array, ~array)


Value = Intervals | Truth | np.ndarray
Rule = Callable[..., list[Value]]


def constant(value: Any) -> Value:
    """A number or an array of a jaxpr, taken as exact; balls of folded data are rounded outwards."""
    if isinstance(value, Intervals | Truth):
        return value
    array = np.asarray(value)
    if array.dtype == object:
        return _of_objects(array)
    return Intervals.exact(array[None]) if array.dtype.kind == "f" else array


def interval_program(program: ClosedJaxpr) -> ClosedJaxpr:
    """A flat program with its constants converted once."""
    return ClosedJaxpr(program.jaxpr, [constant(c) for c in program.consts])


def _of_objects(array: np.ndarray) -> Value:
    """Balls as intervals, Booleans that may be None as a Truth or a plain array."""
    entries = list(array.flat)
    if entries and not isinstance(entries[0], flint.arb):
        unknown = np.array([x is None for x in entries]).reshape(array.shape)
        yes = np.array([bool(x) for x in entries]).reshape(array.shape)
        return Truth(yes[None], ~(yes | unknown)[None]) if unknown.any() else yes
    ends = np.array([_ends(x) for x in entries], float).reshape(-1, 2)
    return Intervals(*(ends[:, side].reshape(1, *array.shape) for side in (0, 1)))


def _ends(ball: flint.arb) -> tuple[float, float]:
    """The outward ends of a ball; a mask of minus infinity is that number."""
    if not ball.is_finite() and not ball.is_nan() and ball.is_exact():
        return float(ball), float(ball)
    enclosure = Enclosure.of(ball)
    return enclosure.low, enclosure.high


def floats(value: Value) -> Intervals:
    """The value as intervals, for a rule that has no other case."""
    if not isinstance(value, Intervals):
        raise NoEnclosure("arithmetic on Booleans has no enclosure in interval arithmetic")
    return value


def aligned(equation: Any, *inputs: Value) -> list[Value]:
    """Operands of an elementwise primitive: a scalar gets the axes of the result, behind that of the boxes."""
    rank = len(equation.outvars[0].aval.shape)

    def spread(array: np.ndarray) -> np.ndarray:
        ones = (1,) * (rank + 1 - array.ndim)
        return array.reshape(*array.shape, *ones)

    def one(x: Value) -> Value:
        if isinstance(x, Intervals):
            return x.rearranged(spread)
        if isinstance(x, Truth):
            return Truth(spread(x.yes), spread(x.no))
        return x

    return [one(x) for x in inputs]
