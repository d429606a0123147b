"""Ticks of logarithmic axes: enough of them and not too many, inside, in order, each with a label of its own."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.report.panels import LogLabels, LogTicks, columns_in

EXPONENTS = st.floats(-300.0, 300.0)
RATIOS = st.one_of(st.floats(1e-6, 0.3), st.floats(0.3, 3.0), st.floats(3.0, 600.0))
"""Decades from the lower to the upper end: less than one, a few, many."""


@given(first=EXPONENTS, decades=RATIOS)
def test_any_axis_has_two_to_a_dozen_ticks_inside_with_labels_that_differ(first: float, decades: float) -> None:
    low = 10.0**first
    high = 10.0 ** min(first + decades, 305.0)
    ticks = LogTicks().tick_values(low, high)
    assert 2 <= len(ticks) <= 12
    assert all(low <= tick <= high for tick in ticks)
    assert all(one < other for one, other in pairwise(ticks))
    labels = LogLabels().format_ticks(ticks)
    assert len(set(labels)) == len(ticks)
    assert LogTicks().tick_values(high, low) == ticks, "an axis may run the other way"


@given(steps=st.sets(st.integers(1, 10**6), min_size=1, max_size=40), most=st.integers(2, 8))
def test_steps_are_ticks_where_they_do_not_run_into_each_other(steps: set[int], most: int) -> None:
    low, high = 0.9 * min(steps), 1.1 * max(steps)
    ticks = LogTicks(steps, most=most).tick_values(low, high)
    gap = math.log10(high / low) / most
    assert set(ticks) <= steps and ticks[0] == min(steps) and len(ticks) <= most + 1
    assert all(math.log10(other / one) >= gap * (1 - 1e-9) for one, other in pairwise(ticks))
    for left_out in steps - set(ticks):
        before = max(tick for tick in ticks if tick < left_out)
        assert math.log10(left_out / before) < gap * (1 + 1e-9), "a step with room is a tick"


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ((0.9, 1100.0), ["1", "10", "100", "1000"]),
        ((0.9, 30.0), ["1", "2", "5", "10", "20"]),
        ((2.9, 6.1), ["3", "4", "5", "6"]),
        ((5e-9, 0.2), ["$10^{-8}$", "$10^{-6}$", "$10^{-4}$", "$10^{-2}$"]),
        ((1e-5, 3e-5), ["$10^{-5}$", r"$1.5\times 10^{-5}$", r"$2\times 10^{-5}$", r"$2.5\times 10^{-5}$"]),
        ((0.99999, 1.00001), ["0.99999", "0.999995", "1", "1.000005", "1.00001"]),
    ],
)
def test_ticks_are_round_numbers(ends: tuple[float, float], labels: list[str]) -> None:
    found = LogLabels().format_ticks(LogTicks().tick_values(*ends))
    assert found[: len(labels)] == labels and len(found) <= len(labels) + 1


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-1.0, 1.0), (1.0, 1.0), (math.nan, 1.0), (1.0, math.inf)])
def test_an_axis_that_is_not_logarithmic_has_no_ticks(ends: tuple[float, float]) -> None:
    assert LogTicks().tick_values(*ends) == []


def test_letters_of_commands_take_no_room_in_a_legend() -> None:
    assert columns_in(6.9, [r"$L_{\varphi\varphi}$"]) > columns_in(6.9, ["L_varphivarphi as text"]) >= 1
    assert columns_in(0.1, ["a label wider than the figure"]) == 1
