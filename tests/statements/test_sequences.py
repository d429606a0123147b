"""Sequences over the inner steps: equal to their definitions in fractions, and finite where float64 is not."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.statements.scaled import Scaled
from anil_theory.statements.sequences import Growing, InnerLoop

RATE = Fraction(3, 8)


def close(found: Scaled, exact: Fraction) -> bool:
    return math.isclose(float(found), float(exact), rel_tol=1e-13)


@given(st.fractions(0, 3, max_denominator=64), st.integers(1, 12))
def test_sums_and_entries_are_those_of_the_definitions(r: Fraction, steps: int) -> None:
    r = Fraction(float(r))
    partial = [sum((r**j for j in range(m)), Fraction(0)) for m in range(steps + 1)]
    move = [1 + RATE * total for total in partial]
    back = [r ** (steps - 1 - m) for m in range(steps)]
    loop = InnerLoop.of(float(r), steps)
    x = loop.moves(float(RATE), np.add)
    assert all(close(loop.S[m], partial[m]) and close(x[m], move[m]) for m in range(steps + 1))
    assert close(loop.carried.sum(steps), partial[steps])
    assert close(x.sum(steps), sum(move[:steps], Fraction(0)))
    assert close((loop.carried * x).sum(steps), sum((back[m] * move[m] for m in range(steps)), Fraction(0)))
    total = sum((back[m] * partial[m] * move[m] for m in range(steps)), Fraction(0))
    assert close((loop.S * loop.carried * x).sum(steps), total)
    assert close((x * x)[steps], move[steps] ** 2)


def test_joint_moves() -> None:
    loop = InnerLoop.of(2.0, 3)
    assert float(loop.moves(0.5, np.hypot)[2]) == pytest.approx(math.hypot(1, 0.5 * 3), rel=1e-15)


def test_nothing_overflows_on_the_way() -> None:
    """S_m = 2^m - 1 at r = 2: the sum over m < N is 2^N - 1 - N."""
    steps = 20_000
    found = InnerLoop.of(2.0, steps).S.sum(steps)
    assert float(found) == math.inf
    assert found.log10 == pytest.approx(steps * math.log10(2), rel=1e-12)


def test_a_product_reaches_as_far_as_its_shorter_factor() -> None:
    one = Growing(1.0, 0, np.ones(3))
    assert float((one * Growing(1.0, 0, np.full(5, 2.0))).sum(3)) == 6.0
