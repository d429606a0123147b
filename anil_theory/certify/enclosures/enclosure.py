"""The interval that provably holds a number: where a ball becomes two float64 ends."""

import math
from dataclasses import dataclass

import flint

from anil_theory.certify.enclosures.flint_precision import precision

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
