"""The interval of a median from order statistics: its coverage is exact, and no distribution is assumed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from anil_theory import InvalidParameter
from anil_theory.estimators._cost_to_accuracy import median_interval


def test_sixteen_seeds_give_the_fourth_and_the_thirteenth() -> None:
    found = median_interval(np.arange(16.0))
    assert (found.low, found.high) == (3.0, 12.0)
    assert found.level == pytest.approx(1 - 2 * binom.cdf(3, 16, 0.5)) and found.level > 0.95


def test_seeds_that_did_not_reach_eps_make_the_upper_end_infinite() -> None:
    found = median_interval(np.array([1.0, 2, 3, 4, 5, 6, math.inf, math.inf]))
    assert found.low == 1.0 and found.high == math.inf


def test_few_values_say_how_little_they_cover() -> None:
    found = median_interval(np.array([2.0, 1.0, 3.0]))
    assert (found.low, found.high) == (1.0, 3.0) and found.level == pytest.approx(0.75)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_the_interval_holds_the_median_of_the_values(values: list[float]) -> None:
    found = median_interval(np.array(values))
    assert found.low <= np.median(values) <= found.high
    assert found.level >= 0.95 or len(values) < 6


def test_the_coverage_is_what_is_stated() -> None:
    """Of a skewed distribution whose median is known: 4000 draws, three standard errors."""
    generator = np.random.default_rng(0)
    trials = 4000
    draws = generator.exponential(size=(trials, 16))
    inside = np.mean([math.log(2) in median_interval(row) for row in draws])
    level = median_interval(draws[0]).level
    assert abs(inside - level) < 3 * math.sqrt(level * (1 - level) / trials)


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_a_level_outside_its_range_is_refused(level: float) -> None:
    with pytest.raises(InvalidParameter, match="level must be"):
        median_interval(np.arange(8.0), level)
