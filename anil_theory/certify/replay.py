"""A number computed in float64, computed again with proof: the enclosure of a scalar function in ball arithmetic."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flint
import jax
import numpy as np

from anil_theory.certify.ball_interpreter import evaluate
from anil_theory.certify.balls import DEFAULT_PRECISION, precision

MAX_PRECISION = 6400
ENDS = 128
"""Bits of the ends of a ball on their way to float64: set here, so that no other thread's precision decides them."""


@dataclass(frozen=True)
class Enclosure:
    """The interval [low, high] that provably holds a number; the ends are float64, rounded outwards."""

    low: float
    high: float

    @classmethod
    def of(cls, ball: flint.arb) -> "Enclosure":
        """The enclosure of a ball; (-inf, inf) for a ball that is not finite."""
        if not ball.is_finite():
            return cls(-math.inf, math.inf)
        with precision(ENDS):
            lower, upper = ball.lower(), ball.upper()
            # Conversion to float may round to either side by half a unit in the last place: one unit covers it.
            low, high = float(lower), float(upper)
            return cls(
                low if flint.arb(low) <= lower else math.nextafter(low, -math.inf),
                high if flint.arb(high) >= upper else math.nextafter(high, math.inf),
            )

    @property
    def width(self) -> float:
        return self.high - self.low

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def replay(fn: Callable[..., Any], *args: Any, bits: int = DEFAULT_PRECISION) -> Enclosure:
    """The enclosure of fn(*args), a scalar, with the arguments taken as exact.

    The precision is doubled until the enclosure is as narrow as float64 can show, or MAX_PRECISION is reached.
    Raises NoEnclosure and Undecided as `evaluate` does.
    """
    while True:
        ball: Any = np.asarray(evaluate(fn, *args, bits=bits), dtype=object)[()]
        enclosure = Enclosure.of(ball)
        if enclosure.high <= math.nextafter(enclosure.low, math.inf) or 2 * bits > MAX_PRECISION:
            return enclosure
        bits *= 2


def float_error(fn: Callable[..., Any], *args: Any) -> float:
    """A rigorous bound on the error of fn(*args) as JAX computes it in float64."""
    value = float(jax.jit(fn)(*args))
    enclosure = replay(fn, *args)
    return max(abs(value - enclosure.low), abs(enclosure.high - value))
