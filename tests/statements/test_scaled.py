"""Powers of scaled numbers: the same float as squaring and multiplying one by one, at any exponent."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.statements.scaled import Scaled, sqrt
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
