"""Special and inverse functions of float64 intervals, and their rules.

Claim: every enclosure holds all values of the function over the interval. On what that rests: numpy's arctan, arcsin,
arccos, arcsinh, arccosh, arctanh and cbrt, and scipy's erf, erfc, gammaln, digamma, polygamma and erfinv are assumed to
be off by at most SPECIAL_PAD = 2^-36 times max(|value|, size), where `size` is 0 for a relative and 1 for an absolute
bound (log Gamma and digamma have zeros, near which no relative bound holds),
and UNDERFLOW = 2^-1000. A test compares them with ball arithmetic
and finds less than a sixteenth of that. Beyond the range in which the test compares them, an interval is unbounded.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from anil_theory.certify.enclosures.log_gamma_minimum import LGAMMA_MINIMUM
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import Rule, Value, aligned, floats

SPECIAL_PAD = 2.0**-36
"""Added to both ends, as a share of max(|value|, size)."""
UNDERFLOW = 2.0**-1000
"""Added too: scipy's erfc gives 0 for what is below the normal numbers, 2^-1022."""
GAMMA_RANGE = (2.0**-20, 2.0**20)
"""Arguments of log Gamma and its derivatives that the test compares; others are unbounded."""
_LGAMMA_LEAST = -0.12148629053585


def rising(function: Callable[[np.ndarray], np.ndarray], x: Intervals, size: float = 0.0) -> Intervals:
    """An increasing function of an interval."""
    with np.errstate(all="ignore"):
        lo, hi = function(x.lo), function(x.hi)
    return _padded(lo, hi, size)


def falling(function: Callable[[np.ndarray], np.ndarray], x: Intervals, size: float = 0.0) -> Intervals:
    """A decreasing function of an interval."""
    return rising(function, Intervals(x.hi, x.lo), size)


def _padded(lo: np.ndarray, hi: np.ndarray, size: float) -> Intervals:
    with np.errstate(invalid="ignore"):
        below = lo - (SPECIAL_PAD * np.maximum(np.abs(lo), size) + UNDERFLOW)
        above = hi + (SPECIAL_PAD * np.maximum(np.abs(hi), size) + UNDERFLOW)
    # One more step for the rounding of the padding itself.
    return Intervals(np.nextafter(below, -math.inf), np.nextafter(above, math.inf))


def _within(x: Intervals, image: Intervals, low: float, high: float) -> Intervals:
    """The enclosure where the argument is in a range, and no bound elsewhere."""
    inside = (x.lo >= low) & (x.hi <= high)
    return Intervals(np.where(inside, image.lo, -math.inf), np.where(inside, image.hi, math.inf))


def _clipped(image: Intervals, low: float, high: float) -> Intervals:
    """Met with what the function never leaves; NaN stays."""
    return Intervals(np.maximum(image.lo, low), np.minimum(image.hi, high))


def erf(x: Intervals) -> Intervals:
    """The error function, in [-1, 1]."""
    return _clipped(rising(special.erf, x), -1.0, 1.0)


def erfc(x: Intervals) -> Intervals:
    """1 - erf, in [0, 2]."""
    return _clipped(falling(special.erfc, x), 0.0, 2.0)


def log_gamma(x: Intervals) -> Intervals:
    """log Gamma of positive numbers, with its minimum between 1 and 2; unbounded elsewhere."""
    with np.errstate(all="ignore"):
        at_lo, at_hi = special.gammaln(x.lo), special.gammaln(x.hi)
    image = _padded(np.minimum(at_lo, at_hi), np.maximum(at_lo, at_hi), 1.0)
    low, high = LGAMMA_MINIMUM
    inside = ~((x.lo > high) | (x.hi < low))
    return _within(x, Intervals(np.where(inside, _LGAMMA_LEAST, image.lo), image.hi), *GAMMA_RANGE)


def polygamma(order: int, x: Intervals) -> Intervals:
    """The derivative of digamma of this order (digamma for 0) of positive numbers; unbounded elsewhere."""
    if order == 0:
        image = rising(special.digamma, x, 1.0)
    elif order % 2:
        image = falling(lambda t: special.polygamma(order, t), x)
    else:
        image = rising(lambda t: special.polygamma(order, t), x)
    return _within(x, image, *GAMMA_RANGE)


def _each(function: Callable[..., Intervals]) -> Rule:
    def rule(equation: Any, *inputs: Value) -> list[Value]:
        if equation.outvars[0].aval.dtype.kind != "f":
            raise NoEnclosure(f"{equation.primitive.name!r} of integers has no enclosure in interval arithmetic")
        return [function(*map(floats, aligned(equation, *inputs)))]

    return rule


def _polygamma(equation: Any, order: Value, a: Value) -> list[Value]:
    n = floats(order)
    first = float(n.lo.reshape(-1)[0]) if n.lo.size else 0.0
    if not (np.all(n.lo == first) and np.all(n.hi == first) and first >= 0 and first == int(first)):
        raise NoEnclosure("'polygamma' of an order that is not one integer has no enclosure in interval arithmetic")
    return [polygamma(int(first), floats(a))]


def _one(x: Intervals) -> Intervals:
    return Intervals.exact(np.ones((1,) * x.lo.ndim))


INTERVAL_SPECIAL: dict[str, Rule] = {
    "atan": _each(lambda a: rising(np.arctan, a)),
    "asin": _each(lambda a: rising(np.arcsin, a)),
    "acos": _each(lambda a: falling(np.arccos, a, 1.0)),
    "asinh": _each(lambda a: rising(np.arcsinh, a)),
    "acosh": _each(lambda a: rising(np.arccosh, a, 1.0)),
    "atanh": _each(lambda a: rising(np.arctanh, a)),
    "cbrt": _each(lambda a: rising(np.cbrt, a)),
    "erf": _each(erf),
    "erfc": _each(erfc),
    "erf_inv": _each(lambda a: rising(special.erfinv, a)),
    "lgamma": _each(log_gamma),
    "digamma": _each(lambda a: polygamma(0, a)),
    "polygamma": _polygamma,
    "rsqrt": _each(lambda a: _one(a) / a.sqrt()),
    "exp2": _each(lambda a: (a * _LOG_2.rearranged(lambda e: e.reshape((1,) * a.lo.ndim))).exp()),
    "sinh": _each(lambda a: rising(np.sinh, a)),
    "cosh": _each(lambda a: rising(np.cosh, a.magnitude())),
}
"""The rule of each primitive by its name."""

_LOG_2 = Intervals(np.array(math.nextafter(math.log(2), 0.0)), np.array(math.nextafter(math.log(2), 1.0)))
