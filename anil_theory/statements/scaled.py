"""Nonnegative numbers with the precision of float64 and an exponent that cannot overflow.

With a fixed inner step size the nonconvex constants grow like (1 + alpha L)^(2N): 2^20000 at N = 10,000. A bound of
that size is still a number with a logarithm, so it is carried as mantissa * 2^exponent until it is reported.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import total_ordering
from typing import Self, overload

from anil_theory._admissible import nonnegative
from anil_theory._precision import UNIT_ROUNDOFF, gamma
from anil_theory.statements.base import Bound

KEPT_BITS = 256
"""Bits of an integer that its rounding to float64 looks at."""

SMALLEST_NORMAL = 2.0**-1022

EXACT = 2**53
"""Integers up to here are floats."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Scaled:
    """mantissa * 2**exponent, with 1/2 <= mantissa < 1 (or 0, with exponent 0); `Scaled(x)` is the float x >= 0.

    Sums, products and quotients of nonnegative numbers, integer powers and square roots; each rounds once, relatively,
    like the float64 operation that it replaces (a power k at most 2k times). Raises InvalidParameter for a mantissa
    that is negative, infinite or NaN.
    """

    mantissa: float
    exponent: int = 0

    def __post_init__(self) -> None:
        mantissa, exponent = self.mantissa, self.exponent
        if isinstance(mantissa, int) and mantissa.bit_length() > KEPT_BITS:
            # An integer may be beyond float64. The last bit that is kept stands for all those left out, so that the
            # rounding to float64 is that of the integer.
            shift = mantissa.bit_length() - KEPT_BITS
            kept = mantissa >> shift
            mantissa, exponent = kept | (kept << shift != mantissa), exponent + shift
        mantissa, shift = math.frexp(nonnegative("mantissa", mantissa))
        object.__setattr__(self, "mantissa", mantissa)
        object.__setattr__(self, "exponent", exponent + shift if mantissa else 0)

    def __bool__(self) -> bool:
        return self.mantissa > 0

    def __add__(self, other: "Scaled | float") -> "Scaled":
        other = scaled(other)
        if not (self.mantissa and other.mantissa):
            return self if self.mantissa else other
        large, small = (self, other) if self.exponent >= other.exponent else (other, self)
        total = large.mantissa + math.ldexp(small.mantissa, small.exponent - large.exponent)
        return _normalised(total, large.exponent)

    def __mul__(self, other: "Scaled | float") -> "Scaled":
        # Written out, since bounds are products: that of two mantissas is below 1, and at least 1/4 or 0.
        if other.__class__ is not Scaled:
            other = scaled(other)
        mantissa = self.mantissa * other.mantissa  # pyright: ignore[reportAttributeAccessIssue]
        exponent = self.exponent + other.exponent  # pyright: ignore[reportAttributeAccessIssue]
        if mantissa < 0.5:
            mantissa *= 2
            exponent = exponent - 1 if mantissa else 0
        number = _new(Scaled)
        _set_mantissa(number, mantissa)
        _set_exponent(number, exponent)
        return number

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: "Scaled | float") -> "Scaled":
        other = scaled(other)
        return _normalised(self.mantissa / other.mantissa, self.exponent - other.exponent)

    def __rtruediv__(self, other: float) -> "Scaled":
        return Scaled(other) / self

    def __pow__(self, power: int) -> "Scaled":
        if self.mantissa == 0.5 and self.exponent == 1:
            return self
        if power == 2:
            return _normalised(self.mantissa * self.mantissa, 2 * self.exponent)
        if power < 0:
            return ONE / self**-power
        # By squaring, on mantissas and exponents themselves: formulas are full of powers.
        result = 0.5
        exponent = 1
        square = self.mantissa
        square_exponent = self.exponent
        while power:
            if power & 1:
                result, shift = frexp(result * square)
                exponent += square_exponent + shift
            power >>= 1
            square, shift = frexp(square * square)
            square_exponent = 2 * square_exponent + shift
        return _normalised(result, exponent)

    def sqrt(self) -> "Scaled":
        """The square root."""
        odd = self.exponent & 1
        return _normalised(math.sqrt(math.ldexp(self.mantissa, odd)), (self.exponent - odd) // 2)

    def __lt__(self, other: "Scaled | float") -> bool:
        other = scaled(other)
        if not (self and other):
            return bool(other) and not self
        return (self.exponent, self.mantissa) < (other.exponent, other.mantissa)

    def __float__(self) -> float:
        """The nearest float64; inf where it overflows."""
        try:
            return math.ldexp(self.mantissa, self.exponent)
        except OverflowError:
            return math.inf

    @property
    def log10(self) -> float:
        """The decimal logarithm, -inf for 0."""
        return math.log10(self.mantissa) + self.exponent * math.log10(2) if self else -math.inf


ONE = Scaled(1.0)


def scaled(x: "Scaled | float") -> Scaled:
    """`Scaled(x)`, sooner: what is a number >= 0 without a doubt is not checked."""
    if isinstance(x, Scaled):
        return x
    if (x.__class__ is float and 0 <= x < math.inf) or (x.__class__ is int and 0 <= x <= EXACT):
        return _normalised(x, 0)
    return Scaled(x)


def _normalised(mantissa: float, exponent: int) -> Scaled:
    """The result of an operation on two numbers that were checked: finite and >= 0, so it is not checked again.

    The search of `advise` makes half a million of them.
    """
    mantissa, shift = frexp(mantissa)
    number = _new(Scaled)
    _set_mantissa(number, mantissa)
    _set_exponent(number, exponent + shift if mantissa else 0)
    return number


frexp = math.frexp
_new = object.__new__
# The slots themselves: a frozen dataclass has no quicker way to fill a number that nobody has seen yet.
_set_mantissa = Scaled.mantissa.__set__  # pyright: ignore[reportAttributeAccessIssue]
_set_exponent = Scaled.exponent.__set__  # pyright: ignore[reportAttributeAccessIssue]


@overload
def sqrt(x: Scaled) -> Scaled: ...
@overload
def sqrt(x: float) -> float: ...
def sqrt(x: Scaled | float) -> Scaled | float:
    """The square root, as formulas write it for numbers of either sort."""
    return x.sqrt() if isinstance(x, Scaled) else math.sqrt(x)


@dataclass(frozen=True)
class RoundingRange:
    """What rounding can do to an increasing function of a number r >= 0 that is itself rounded.

    at    the function at r as computed;
    low, high   the function at r less, and plus, the error that r may carry.
    """

    low: Scaled
    at: Scaled
    high: Scaled

    @classmethod
    def of(cls, function: Callable[[float], Scaled], r: float) -> Self:
        """Evaluate `function` at r and at r -+ 8 u max(1, r).

        1 - alpha mu and 1 + alpha L carry at most two roundings of numbers up to max(1, r); alpha <= 1/L may be
        exceeded by four more (`step_margin`), and forming r -+ takes another.
        """
        slack = 8 * UNIT_ROUNDOFF * max(1.0, r)
        return cls(function(max(r - slack, 0.0)), function(r), function(r + slack))

    def bound(self, operations: int, note: str = "") -> Bound:
        """The value at r as a Bound, where evaluating the function takes `operations` roundings in a row at most.

        Error of the value: the change between r and its true value, and the rounding of each of the three evaluations.
        A value within that error of overflow is reported as infinite; one that underflows to 0 keeps its logarithm.
        """
        low, at, high = map(float, (self.low, self.at, self.high))
        if math.isinf(high):
            return Bound(math.inf, self.at.log10, 0.0, _join(note, f"exceeds float64: 10^{self.at.log10:.6g}"))
        rounding = max(high - at, at - low) + 3 * gamma(operations) * high
        if self.high and at < SMALLEST_NORMAL:
            rounding += math.ulp(0.0)
            note = _join(note, f"below float64: 10^{self.at.log10:.6g}") if self.at else note
        return Bound(at, self.at.log10, rounding, note)


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
