"""Scaled numbers: powers are those of squaring and multiplying one by one, 0 is one number, small bounds say so."""

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.statements.base import Bound
from anil_theory.statements.scaled import RoundingRange, Scaled, sqrt
from tests.strategies import log_uniform


def by_products(base: Scaled, power: int) -> Scaled:
    """Square and multiply, with every product a number of its own."""
    result = Scaled(1.0)
    square = base
    for bit in reversed(bin(power)[2:]):
        if bit == "1":
            result = result * square
        square = square * square
    return result


@given(st.just(0.0) | log_uniform(1e-12, 1e12), st.integers(0, 100_000))
def test_a_power_is_its_products(base: float, power: int) -> None:
    assert Scaled(base) ** power == by_products(Scaled(base), power)


@given(log_uniform(1e-12, 1e12), st.integers(1, 10_000))
def test_a_negative_power_is_a_reciprocal(base: float, power: int) -> None:
    found = Scaled(base) ** -power
    assert found == 1 / Scaled(base) ** power
    assert found.log10 == pytest.approx(-power * math.log10(base), abs=1e-7)


def test_a_negative_power_of_zero_has_no_value() -> None:
    with pytest.raises(ZeroDivisionError):
        _ = Scaled(0.0) ** -1


def test_roots_of_either_sort_of_number() -> None:
    assert sqrt(2.25) == 1.5
    assert float(sqrt(Scaled(2.25))) == 1.5


@given(st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=1, max_size=3))
def test_zero_is_one_number_however_it_was_computed(factors: list[float]) -> None:
    zero = Scaled(0.0)
    product = zero
    for factor in factors:
        product = product * Scaled(factor)
    for found in (product, zero + zero, zero / 3.0, zero**2, sqrt(zero), Scaled(0)):
        assert found == zero and hash(found) == hash(zero)
        assert (found.mantissa, found.exponent) == (0.0, 0)


def test_a_bound_is_below_float64_only_under_its_smallest_normal_number() -> None:
    def bound(exponent: int) -> Bound:
        number = Scaled(1.0, exponent)
        return RoundingRange(number, number, number).bound(1)

    smallest = bound(-1022)
    assert smallest.value == sys.float_info.min and smallest.note == "" and smallest.rounding < 1e-15 * smallest.value
    below = bound(-1023)
    assert below.value == sys.float_info.min / 2 and "below float64: 10^-307.95" in below.note
    assert below.rounding >= math.ulp(0.0)
    assert bound(0).note == ""
