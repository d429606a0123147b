"""What a jaxpr over boxes computes with: intervals, comparisons of them, and arrays that are the same in every box."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anil_theory.certify.balls import NoEnclosure
from anil_theory.certify.intervals import Intervals


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
    """A number or an array of a jaxpr, taken as exact."""
    array = np.asarray(value)
    return Intervals.exact(array[None]) if array.dtype.kind == "f" else array


def floats(value: Value) -> Intervals:
    """The value as intervals, for a rule that has no other case."""
    if not isinstance(value, Intervals):
        raise NoEnclosure("arithmetic on Booleans has no enclosure in interval arithmetic")
    return value


def aligned(equation: Any, *inputs: Value) -> list[Value]:
    """Operands of an elementwise primitive: a scalar gets the axes of the result, behind that of the boxes."""
    rank = len(equation.outvars[0].aval.shape)

    def spread(array: np.ndarray) -> np.ndarray:
        return array.reshape(*array.shape, *(1,) * (rank + 1 - array.ndim))

    return [
        x.rearranged(spread)
        if isinstance(x, Intervals)
        else Truth(spread(x.yes), spread(x.no))
        if isinstance(x, Truth)
        else x
        for x in inputs
    ]
