"""Validation of user input: every rejection names the parameter, what is allowed and what came."""

import math
import operator
import sys
from typing import Any

import numpy as np

from anil_theory.errors import AnilTheoryError


class InvalidParameter(AnilTheoryError, ValueError):
    """A parameter outside its admissible set.

    Attributes: `name` (the parameter), `allowed` (its admissible set, in words), `given` (the value that came).
    """

    def __init__(self, name: str, allowed: str, given: object):
        self.name = name
        self.allowed = allowed
        self.given = given
        super().__init__(f"{name} must be {allowed}; got {_shown(given)}")


class ConflictingArguments(InvalidParameter):
    """Arguments that are admissible one by one, and not together.

    Attributes: `name` (the argument to leave out), `given` (its value), and `allowed`.
    """

    def __init__(self, name: str, why: str, given: object = None):
        self.name = name
        self.allowed = "left out"
        self.given = given
        Exception.__init__(self, why)


LONGEST = 200
"""Characters of a value that a message shows."""


def _shown(given: object) -> str:
    """The value as a message shows it: whole, unless it is so long that the message could not be read."""
    if isinstance(given, int) and abs(given) >= 10**LONGEST:
        return f"an integer of about {given.bit_length() * math.log10(2):.0f} digits"
    text = repr(given)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def real(name: str, value: Any, allowed: str = "a finite real number") -> float:
    """`value` as a finite float. Raises InvalidParameter for NaN, infinities, booleans and non-numbers."""
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise InvalidParameter(name, allowed, value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidParameter(name, allowed, value) from error
    if not math.isfinite(number):
        raise InvalidParameter(name, allowed, value)
    return number


def positive(name: str, value: Any) -> float:
    """`value` as a finite float > 0."""
    number = real(name, value, "a finite number > 0")
    if number <= 0:
        raise InvalidParameter(name, "a finite number > 0", value)
    return number


def nonnegative(name: str, value: Any) -> float:
    """`value` as a finite float >= 0."""
    number = real(name, value, "a finite number >= 0")
    if number < 0:
        raise InvalidParameter(name, "a finite number >= 0", value)
    return number


def within(name: str, value: Any, low: float, high: float, allowed: str) -> float:
    """`value` as a finite float in [low, high]; `allowed` says the interval in words."""
    number = real(name, value, allowed)
    if not low <= number <= high:
        raise InvalidParameter(name, allowed, value)
    return number


def count(name: str, value: Any, minimum: int = 1, *, unbounded: bool = False) -> int:
    """`value` as an integer >= minimum.

    Raises InvalidParameter for floats, booleans and smaller values, and, unless `unbounded`, for integers beyond the
    range of float64, with which few computations can be done.
    """
    allowed = f"an integer >= {minimum}"
    if isinstance(value, (bool, np.bool_)):
        raise InvalidParameter(name, allowed, value)
    try:
        number = operator.index(value)
    except TypeError as error:
        raise InvalidParameter(name, allowed, value) from error
    if number < minimum:
        raise InvalidParameter(name, allowed, value)
    if not unbounded and number > sys.float_info.max:
        raise InvalidParameter(name, f"{allowed} and within the range of float64", value)
    return number


def seed(name: str, value: Any) -> int:
    """`value` as an integer that a random key can be made of: in 0..2^63 - 1."""
    number = count(name, value, minimum=0)
    if number >= 2**63:
        raise InvalidParameter(name, "an integer >= 0 and below 2^63", value)
    return number


def one_of(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """`value` if it is one of `choices`."""
    if value not in choices:
        raise InvalidParameter(name, "one of " + ", ".join(map(repr, choices)), value)
    return value
