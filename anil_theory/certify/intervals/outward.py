"""Outward-rounded float64 intervals over whole arrays: fast enough for the millions of boxes of a search.

Claim: every operation returns intervals that hold all values of the operation over the given intervals. On what that
rests: numpy's +, - and * on float64 are IEEE 754 operations rounded to nearest (their exact result lies within one
neighbour, so one `nextafter` outwards encloses it, overflow to infinity included), and so are / and sqrt; numpy's sin,
cos and tanh are assumed to be off by at most PAD = 2^-46 in absolute value, 64 units in the last place of 1, and exp,
expm1, log and log1p by as much relative to the result (the vectorised variants that numpy has shipped are off by at
most 4 units). A test compares them with ball arithmetic. Products 0 * inf are NaN,
and a NaN end makes the interval unbounded where it is used (`search.branch_and_bound` reads NaN as "nothing known").

Source: R. E. Moore, R. B. Kearfott, M. J. Cloud, Introduction to Interval Analysis, chapters 2 and 5.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

PAD = 2.0**-46
"""Added to both ends of sin, cos and tanh, and as a share of the value to those of exp and log."""
_LARGEST_ARGUMENT = 2.0**20
"""Beyond, sin and cos are enclosed by [-1, 1]: there the position within the period would lose its digits."""
_GUARD = 2.0**-28
"""In periods: an extremum this close to an end counts as inside. The error of x/(2 pi) for |x| <= 2^20 is below."""


def _down(x: np.ndarray) -> np.ndarray:
    return np.nextafter(x, -math.inf)


def _up(x: np.ndarray) -> np.ndarray:
    return np.nextafter(x, math.inf)


@dataclass(frozen=True, eq=False)
class Intervals:
    """An array of intervals [lo, hi]; arithmetic with `Intervals` only, by broadcasting."""

    lo: np.ndarray
    hi: np.ndarray

    @classmethod
    def exact(cls, values: ArrayLike) -> "Intervals":
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

    def __truediv__(self, other: "Intervals") -> "Intervals":
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ends = [a / b for a in (self.lo, self.hi) for b in (other.lo, other.hi)]
            lo, hi = np.minimum.reduce(np.broadcast_arrays(*ends)), np.maximum.reduce(np.broadcast_arrays(*ends))
        known = (other.lo > 0) | (other.hi < 0)
        return Intervals(np.where(known, _down(lo), -math.inf), np.where(known, _up(hi), math.inf))

    def rearranged(self, move: Callable[[np.ndarray], np.ndarray]) -> "Intervals":
        """Both ends under a function that moves, repeats or drops entries and computes nothing."""
        return Intervals(move(self.lo), move(self.hi))

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
        """sin x and cos x."""
        return _wave(np.sin, self, 0.25), _wave(np.cos, self, 0.0)

    def exp(self) -> "Intervals":
        """e^x, monotone and never below 0."""
        image = self._rising(np.exp)
        return Intervals(np.maximum(image.lo, 0.0), image.hi)

    def expm1(self) -> "Intervals":
        """e^x - 1, monotone and never below -1."""
        image = self._rising(np.expm1)
        return Intervals(np.maximum(image.lo, -1.0), image.hi)

    def log(self) -> "Intervals":
        """log x, monotone; NaN where x can be negative."""
        return self._rising(np.log)

    def log1p(self) -> "Intervals":
        """log(1 + x), monotone; NaN where x can be below -1."""
        return self._rising(np.log1p)

    def sqrt(self) -> "Intervals":
        """The square root, monotone and never below 0; NaN where x can be negative."""
        with np.errstate(invalid="ignore"):
            return Intervals(np.maximum(_down(np.sqrt(self.lo)), 0.0), _up(np.sqrt(self.hi)))

    def _rising(self, function: Callable[[np.ndarray], np.ndarray]) -> "Intervals":
        """An increasing function with a relative error of at most PAD (and of half the smallest number)."""
        with np.errstate(all="ignore"):
            lo, hi = function(self.lo), function(self.hi)
            return Intervals(_down(lo - PAD * np.abs(lo)), _up(hi + PAD * np.abs(hi)))

    def tanh(self) -> "Intervals":
        """tanh x, monotone."""
        return Intervals(np.maximum(np.tanh(self.lo) - PAD, -1.0), np.minimum(np.tanh(self.hi) + PAD, 1.0))


def _wave(function: Callable[[np.ndarray], np.ndarray], x: Intervals, peak: float) -> Intervals:
    """sin or cos, whose maxima lie at (peak + k) 2 pi and whose minima half a period later."""
    a, b = x.lo / (2 * math.pi) - peak, x.hi / (2 * math.pi) - peak
    tops = np.ceil(a - _GUARD) <= b + _GUARD
    bottoms = np.ceil(a - 0.5 - _GUARD) <= b - 0.5 + _GUARD
    far = ~((np.abs(x.lo) <= _LARGEST_ARGUMENT) & (np.abs(x.hi) <= _LARGEST_ARGUMENT))
    at_lo, at_hi = function(np.where(far, 0.0, x.lo)), function(np.where(far, 0.0, x.hi))
    lo = np.maximum(np.minimum(at_lo, at_hi) - PAD, -1.0)
    hi = np.minimum(np.maximum(at_lo, at_hi) + PAD, 1.0)
    # What is not a number (the logarithm of a negative one) has no sine: NaN says so.
    undefined = np.where(np.isnan(x.lo) | np.isnan(x.hi), np.nan, 0.0)
    return Intervals(np.where(bottoms | far, -1.0, lo) + undefined, np.where(tops | far, 1.0, hi) + undefined)
