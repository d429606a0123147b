"""Outward-rounded float64 intervals over whole arrays: fast enough for the millions of boxes of a search.

Claim: every operation returns intervals that hold all values of the operation over the given intervals. On what that
rests: numpy's +, - and * on float64 are IEEE 754 operations rounded to nearest (their exact result lies within one
neighbour, so one `nextafter` outwards encloses it, overflow to infinity included); numpy's sin, cos and tanh are
assumed to be off by at most PAD = 2^-46 in absolute value, 64 units in the last place of 1 (the vectorised variants
that numpy has shipped are off by at most 4). A test compares them with ball arithmetic. Products 0 * inf are NaN,
and a NaN end makes the interval unbounded where it is used (`branch_and_bound` reads NaN as "nothing known").

Source: R. E. Moore, R. B. Kearfott, M. J. Cloud, Introduction to Interval Analysis, chapters 2 and 5.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

PAD = 2.0**-46
"""Added to both ends of sin, cos and tanh."""
_LARGEST_ARGUMENT = 2.0**20
"""Beyond, sin and cos are enclosed by [-1, 1]: there the position within the period would lose its digits."""
_GUARD = 2.0**-28
"""In periods: an extremum this close to an end counts as inside. The error of x/(2 pi) for |x| <= 2^20 is below."""


def _down(x: Any) -> np.ndarray:
    return np.nextafter(x, -math.inf)


def _up(x: Any) -> np.ndarray:
    return np.nextafter(x, math.inf)


@dataclass(frozen=True, eq=False)
class Intervals:
    """An array of intervals [lo, hi]; arithmetic with `Intervals` only, by broadcasting."""

    lo: np.ndarray
    hi: np.ndarray

    @classmethod
    def exact(cls, values: Any) -> "Intervals":
        """float64 numbers as intervals without width."""
        array = np.asarray(values, float)
        return Intervals(array, array)

    def __add__(self, other: "Intervals") -> "Intervals":
        return Intervals(_down(self.lo + other.lo), _up(self.hi + other.hi))

    def __sub__(self, other: "Intervals") -> "Intervals":
        return Intervals(_down(self.lo - other.hi), _up(self.hi - other.lo))

    def __neg__(self) -> "Intervals":
        return Intervals(-self.hi, -self.lo)

    def __mul__(self, other: "Intervals") -> "Intervals":
        a, b = self.lo * other.lo, self.lo * other.hi
        c, d = self.hi * other.lo, self.hi * other.hi
        lo = np.minimum(np.minimum(a, b), np.minimum(c, d))
        hi = np.maximum(np.maximum(a, b), np.maximum(c, d))
        return Intervals(_down(lo), _up(hi))

    def times_nonnegative(self, factor: "Intervals") -> "Intervals":
        """self * factor for a factor whose ends are >= 0 (half the products)."""
        lo = np.minimum(self.lo * factor.lo, self.lo * factor.hi)
        hi = np.maximum(self.hi * factor.lo, self.hi * factor.hi)
        return Intervals(_down(lo), _up(hi))

    def squared(self) -> "Intervals":
        """x^2, never below 0."""
        a, b = self.lo * self.lo, self.hi * self.hi
        inside = (self.lo <= 0) & (self.hi >= 0)
        lo = np.where(inside, 0.0, np.maximum(_down(np.minimum(a, b)), 0.0))
        return Intervals(lo, _up(np.maximum(a, b)))

    def magnitude(self) -> "Intervals":
        """|x|."""
        a, b = np.abs(self.lo), np.abs(self.hi)
        inside = (self.lo <= 0) & (self.hi >= 0)
        return Intervals(np.where(inside, 0.0, np.minimum(a, b)), np.maximum(a, b))

    def meet(self, other: "Intervals") -> "Intervals":
        """The intersection of two enclosures of the same values; a NaN end of one leaves the other's."""
        return Intervals(np.fmax(self.lo, other.lo), np.fmin(self.hi, other.hi))

    def sin_cos(self) -> tuple["Intervals", "Intervals"]:
        """Both at once."""
        return _wave(np.sin, self, 0.25), _wave(np.cos, self, 0.0)

    def tanh(self) -> "Intervals":
        """tanh x, monotone."""
        return Intervals(np.maximum(np.tanh(self.lo) - PAD, -1.0), np.minimum(np.tanh(self.hi) + PAD, 1.0))


def _wave(function: Any, x: Intervals, peak: float) -> Intervals:
    """sin or cos, whose maxima lie at (peak + k) 2 pi and whose minima half a period later."""
    a, b = x.lo / (2 * math.pi) - peak, x.hi / (2 * math.pi) - peak
    tops = np.ceil(a - _GUARD) <= b + _GUARD
    bottoms = np.ceil(a - 0.5 - _GUARD) <= b - 0.5 + _GUARD
    far = ~((np.abs(x.lo) <= _LARGEST_ARGUMENT) & (np.abs(x.hi) <= _LARGEST_ARGUMENT))
    at_lo, at_hi = function(np.where(far, 0.0, x.lo)), function(np.where(far, 0.0, x.hi))
    lo = np.maximum(np.minimum(at_lo, at_hi) - PAD, -1.0)
    hi = np.minimum(np.maximum(at_lo, at_hi) + PAD, 1.0)
    return Intervals(np.where(bottoms | far, -1.0, lo), np.where(tops | far, 1.0, hi))
