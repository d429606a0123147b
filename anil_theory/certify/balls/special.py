"""Rules of special and inverse functions, and of powers, in ball arithmetic.

A monotone function of a wide ball is enclosed by its values at the two ends: Arb's own enclosure of a wide ball may be
wider, or unknown.
"""

from collections.abc import Callable
from typing import Any

import flint
import numpy as np

from anil_theory.certify.balls.values import Rule, Value, typed
from anil_theory.certify.enclosures.log_gamma_minimum import LGAMMA_MINIMUM
from anil_theory.certify.enclosures.refusals import Undecided

_LGAMMA_LEAST = -0.1214862905358497
"""Below the value at the minimum, -0.12148629053584960..; the same test."""


def elementwise(function: Callable[..., Any], arguments: int = 1) -> Rule:
    """The rule of a function of single balls, entry by entry."""
    vectorised = np.frompyfunc(function, arguments, 1)

    def rule(equation: Any, *inputs: Value) -> list[Value]:
        out = np.empty(equation.outvars[0].aval.shape, dtype=object)
        out[...] = vectorised(*inputs)
        return [typed(equation, out)]

    return rule


def monotone(function: Callable[[flint.arb], flint.arb]) -> Callable[[flint.arb], flint.arb]:
    """The enclosure of a monotone function from the ends of a ball."""

    def of_ball(a: flint.arb) -> flint.arb:
        if a.is_exact():
            return function(a)
        return function(a.lower()).union(function(a.upper()))

    return of_ball


def integer_power(a: flint.arb, n: int) -> flint.arb:
    """a^n, tight also where the ball holds 0 (a negative n has no enclosure there)."""
    if n < 0:
        return 1 / integer_power(a, -n)
    if n == 0:
        return flint.arb(1)
    if a.is_exact():
        return _power_of_point(a, n)
    low, high = (_power_of_point(end, n) for end in (a.lower(), a.upper()))
    if n % 2 or not a.contains(0):
        return low.union(high)
    return flint.arb(0).union(low.max(high))


def _power_of_point(a: flint.arb, n: int) -> flint.arb:
    power, square = flint.arb(1), a
    while n:
        if n % 2:
            power = power * square
        n //= 2
        square = square * square if n else square
    return power


def power(base: flint.arb, exponent: Any) -> flint.arb:
    """base^exponent; an exact integer exponent is a product."""
    if not isinstance(exponent, flint.arb):
        return integer_power(base, int(exponent)) if isinstance(base, flint.arb) else base**exponent
    if exponent.is_exact() and exponent.is_integer() and abs(exponent) < 2**16:
        return integer_power(base, int(float(exponent)))
    return base**exponent


def _cube_root(a: flint.arb) -> flint.arb:
    if a >= 0:
        return a.root(3)
    if a <= 0:
        return -((-a).root(3))
    return flint.arb("nan")


def _log_gamma(a: flint.arb) -> flint.arb:
    if not a > 0:
        return flint.arb("nan")
    if a.is_exact():
        return a.lgamma()
    low, high = a.lower().lgamma(), a.upper().lgamma()
    ends = low.union(high)
    decided = a.lower() > flint.arb(LGAMMA_MINIMUM[1]) or a.upper() < flint.arb(LGAMMA_MINIMUM[0])
    return ends if decided else ends.union(flint.arb(_LGAMMA_LEAST))


def _on_positive(function: Callable[[flint.arb], flint.arb]) -> Callable[[flint.arb], flint.arb]:
    return lambda a: monotone(function)(a) if a > 0 else flint.arb("nan")


def _polygamma(order: flint.arb, a: flint.arb) -> flint.arb:
    """psi^(n)(a) = (-1)^(n+1) n! zeta(n + 1, a), monotone for a > 0."""
    if not (order.is_exact() and order.is_integer() and order >= 0):
        return flint.arb("nan")
    n = int(float(order))
    if n == 0:
        return _on_positive(lambda x: x.digamma())(a)
    sign = 1 if n % 2 else -1
    return _on_positive(lambda x: sign * flint.arb(n).fac() * flint.arb(n + 1).zeta(x))(a)


def truncated(a: flint.arb) -> flint.arb:
    """The integer between a and 0 next to a, of an exact ball or of one on which it is constant."""
    low, high = (end.floor() if end >= 0 else end.ceil() for end in (a.lower(), a.upper()))
    return low.union(high)


def to_integer(a: flint.arb) -> int:
    """A ball as the integer that conversion truncates it to. Raises Undecided where that is not one number."""
    whole = truncated(a).unique_fmpz() if a.is_finite() else None
    if whole is None:
        raise Undecided("an integer depends on a number that the balls cannot decide")
    return int(whole)


BALL_SPECIAL: dict[str, Rule] = {
    "asin": elementwise(monotone(lambda a: a.asin())),
    "acos": elementwise(monotone(lambda a: a.acos())),
    "atan": elementwise(monotone(lambda a: a.atan())),
    "asinh": elementwise(monotone(lambda a: a.asinh())),
    "acosh": elementwise(monotone(lambda a: a.acosh())),
    "atanh": elementwise(monotone(lambda a: a.atanh())),
    "erf": elementwise(monotone(lambda a: a.erf())),
    "erfc": elementwise(monotone(lambda a: a.erfc())),
    "erf_inv": elementwise(monotone(lambda a: a.erfinv())),
    "cbrt": elementwise(monotone(_cube_root)),
    "lgamma": elementwise(_log_gamma),
    "digamma": elementwise(_on_positive(lambda a: a.digamma())),
    "polygamma": elementwise(_polygamma, 2),
}
