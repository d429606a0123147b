"""_admissible.py: numbers of any size are taken or refused in one readable line."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter, count, real, seed
from anil_theory.schedule import MOST_INNER_STEPS, Schedule
from anil_theory.studies.inner_steps import MOST_RUN, runnable


@given(st.integers(310, 20000), st.sampled_from([1, -1]))
def test_integers_beyond_float64_are_refused_in_a_short_line(digits: int, sign: int) -> None:
    huge = sign * 10**digits
    for take in (real, count, seed):
        with pytest.raises(InvalidParameter) as caught:
            take("steps", huge)
        assert str(caught.value).startswith("steps must be ") and len(str(caught.value)) < 200
        assert f"about {digits} digits" in str(caught.value)
    assert count("steps", abs(huge), unbounded=True) == abs(huge)


def test_the_largest_that_is_taken() -> None:
    assert count("n", int(sys.float_info.max)) == int(sys.float_info.max)
    assert seed("seed", 0) == 0 and seed("seed", 2**63 - 1) == 2**63 - 1
    with pytest.raises(InvalidParameter, match=r"^seed must be an integer >= 0 and below 2\^63"):
        seed("seed", 2**63)


def test_a_long_value_is_shortened_in_the_message() -> None:
    with pytest.raises(InvalidParameter) as caught:
        real("x", "y" * 10_000)
    assert len(str(caught.value)) < 400 and "10002 characters" in str(caught.value)


def test_inner_steps_that_no_memory_holds_are_refused() -> None:
    assert Schedule(0.1, MOST_INNER_STEPS).inner_steps == MOST_INNER_STEPS and runnable([1, MOST_RUN]) == (1, MOST_RUN)
    for build in (lambda: Schedule(0.1, MOST_INNER_STEPS + 1), lambda: runnable([1, MOST_RUN + 1])):
        with pytest.raises(InvalidParameter, match=r"^inner_steps must be"):
            build()
