"""Branch and bound on functions whose maximum is known; budgets; regions that are none."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.search import branch_and_bound
from anil_theory.certify.search.branch_and_bound import (
    BoxBounds,
    Boxes,
    ClosingStatus,
    Ended,
    Maximum,
    Progress,
    maximise,
    widest_axis,
)
from anil_theory.certify.search.polish import Ascent


def interval_enclosure(value: Callable[..., Intervals]) -> Callable[[Boxes], BoxBounds]:
    """Natural interval evaluation of a function of the coordinates."""

    def enclose(boxes: Boxes) -> BoxBounds:
        point = (boxes.lower + boxes.upper) / 2
        box = [Intervals(boxes.lower[:, i], boxes.upper[:, i]) for i in range(boxes.lower.shape[1])]
        here = [Intervals.exact(point[:, i]) for i in range(point.shape[1])]
        high, low = value(*box, boxes.label).hi, value(*here, boxes.label).lo
        return BoxBounds(high, low, point, widest_axis(boxes))

    return enclose


def bump(x: Intervals, y: Intervals, label: np.ndarray) -> Intervals:
    """sin x cos y + label."""
    return x.sin_cos()[0] * y.sin_cos()[1] + Intervals.exact(label)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.0, 4.0), st.floats(0.0, 4.0))
def test_the_maximum_of_a_wave_is_enclosed(a: float, b: float, width: float, height: float) -> None:
    region = Boxes.of([a, b], [a + width, b + height])
    found = maximise(interval_enclosure(bump), region, gap=0.01, absolute=0.01, max_boxes=60_000)
    x, y = np.linspace(a, a + width, 200), np.linspace(b, b + height, 200)
    largest = float(np.max(np.sin(x)[:, None] * np.cos(y)[None]))
    assert found.status is ClosingStatus.CLOSED
    assert found.low - 1e-12 <= largest + 1e-3 and largest <= found.high
    assert found.high - found.low <= max(0.01, 0.01 * abs(found.high))
    assert abs(math.sin(found.point[0]) * math.cos(found.point[1]) - found.low) < 1e-9


def test_the_largest_of_several_functions_is_found_with_its_label() -> None:
    region = Boxes.of([[0.0, 0.0]] * 3, [[3.0, 3.0]] * 3, [0, 2, 1])
    found = maximise(interval_enclosure(bump), region, gap=1e-3)
    assert found.label == 2 and found.low <= 3.0 <= found.high and found.gap <= 1e-3


def test_a_used_up_budget_gives_an_enclosure_and_no_exception() -> None:
    seen: list[Progress] = []
    region = Boxes.of([0.0, 0.0], [9.0, 9.0])
    few = maximise(interval_enclosure(bump), region, gap=1e-12, max_boxes=40, on_progress=seen.append)
    assert few.status is ClosingStatus.INCONCLUSIVE and "boxes allowed (40)" in few.reason and few.boxes <= 41
    assert few.ended_by is Ended.WORK
    assert few.low <= 1.0 <= few.high and len(seen) > 2 and seen[-1].boxes == few.boxes
    brief = maximise(interval_enclosure(bump), region, gap=0.0, seconds=1e-6)
    assert brief.status is ClosingStatus.INCONCLUSIVE and "time allowed" in brief.reason
    assert brief.ended_by is Ended.CLOCK and f"after {brief.boxes} of the 2000000 boxes" in brief.reason


def test_boxes_without_width_end_the_search() -> None:
    point = maximise(interval_enclosure(bump), Boxes.of([1.0, 0.5], [1.0, 0.5]), gap=0.0)
    assert point.status is ClosingStatus.INCONCLUSIVE and "cut" in point.reason
    assert point.ended_by is Ended.RESOLUTION
    assert point.low <= math.sin(1.0) * math.cos(0.5) <= point.high and point.gap < 1e-12


def test_boxes_without_admissible_points_are_dropped() -> None:
    inner = interval_enclosure(bump)

    def half(boxes: Boxes) -> BoxBounds:
        """Only x <= 1 is admissible."""
        bounds = inner(boxes)
        low = np.where(bounds.point[:, 0] > 1, -math.inf, bounds.low)
        return bounds._replace(high=np.where(boxes.lower[:, 0] > 1, -math.inf, bounds.high), low=low)

    found = maximise(half, Boxes.of([0.0, 0.0], [3.0, 0.5]), gap=1e-3)
    assert found.low <= math.sin(1.0) <= found.high < 0.99 * 1.0


def test_a_box_of_which_nothing_is_known_keeps_the_maximum_open() -> None:
    def blind(boxes: Boxes) -> BoxBounds:
        nothing = np.full(len(boxes.lower), math.nan)
        return BoxBounds(nothing, nothing, boxes.lower, widest_axis(boxes))

    found = maximise(blind, Boxes.of([0.0], [1.0]), max_boxes=20)
    assert found.status is ClosingStatus.INCONCLUSIVE and found.high == math.inf and found.low == -math.inf


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        ([1.0], [0.0], "empty"),
        ([0.0], [math.inf], "bounded"),
        ([math.nan], [1.0], "NaN"),
        ([], [], "not empty"),
        ([0.0, 0.0], [1.0], "one shape"),
    ],
)
def test_regions_that_are_none_are_refused(lower: Any, upper: Any, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words) as caught:
        Boxes.of(lower, upper)
    assert caught.value.name == "region"


def test_what_the_work_allowed_proves_does_not_depend_on_the_load_of_the_machine() -> None:
    """The same search on a machine that is busy: each batch of boxes takes much longer."""
    region = Boxes.of([-3.0, -3.0], [3.0, 3.0])
    enclose = interval_enclosure(bump)

    def busy(boxes: Boxes) -> BoxBounds:
        time.sleep(0.02)
        return enclose(boxes)

    each_budget: list[dict[str, Any]] = [{"max_boxes": 300, "gap": 1e-9}, {"gap": 0.05}]
    for options in each_budget:
        quiet, slow = (maximise(each, region, batch=16, **options) for each in (enclose, busy))
        assert slow.seconds > quiet.seconds
        assert dataclasses.replace(slow, seconds=quiet.seconds) == quiet
    # Where the clock ends a search, the result says so.
    by_clock = maximise(busy, region, batch=16, gap=1e-9, seconds=0.05)
    assert by_clock.ended_by is Ended.CLOCK and by_clock.boxes < 300


def overestimated(x: Intervals, y: Intervals, label: np.ndarray) -> Intervals:
    """sin x cos y, with bounds that are only as good as boxes are small."""
    return bump(x, y, label) + x * y - y * x


class Timed:
    """`overestimated` at so many seconds a box, by a clock of its own; it keeps who asked for how many boxes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds_a_box: float):
        self.seconds_a_box = seconds_a_box
        self.now = 0.0
        self.asked: list[tuple[str, int]] = []
        monkeypatch.setattr(branch_and_bound.time, "perf_counter", lambda: self.now)

    def by(self, who: str) -> Callable[[Boxes], BoxBounds]:
        enclose = interval_enclosure(overestimated)

        def timed(boxes: Boxes) -> BoxBounds:
            self.now += self.seconds_a_box * len(boxes.lower)
            self.asked.append((who, len(boxes.lower)))
            return enclose(boxes)

        return timed

    def maximise(self, **options: Any) -> tuple[Maximum, int]:
        """The result, and how many boxes the last ascent asked for."""
        region = Boxes.of([-3.0, -3.0], [3.0, 3.0])
        found = maximise(self.by("search"), region, ascent=Ascent(self.by("ascent")), **options)
        cuts = [i for i, (who, _) in enumerate(self.asked) if who == "search"]
        assert "ascent" in (who for who, _ in self.asked[: cuts[-1]]), "the first ascent comes before the cuts"
        return found, sum(number for _, number in self.asked[cuts[-1] + 1 :])


def test_a_search_that_the_clock_ended_is_polished_for_a_tenth_of_the_time_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timed = Timed(monkeypatch, seconds_a_box=0.01)
    found, late = timed.maximise(gap=0.0, seconds=10.0, batch=50)
    assert found.ended_by is Ended.CLOCK and found.seconds == pytest.approx(0.01 * found.boxes)
    assert 50 <= late <= 100, "at a hundred boxes a second"
    assert 10.0 < found.seconds <= 11.0 + 2 * 0.5


def test_a_search_that_used_up_its_boxes_is_polished_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = Timed(monkeypatch, seconds_a_box=0.01)
    found, late = timed.maximise(gap=0.0, seconds=600.0, batch=50, max_boxes=1000)
    assert found.ended_by is Ended.WORK and 0 < late <= 1000 / 8 and found.boxes <= 1000


@pytest.mark.parametrize(("name", "value"), [("gap", -0.1), ("gap", 2), ("seconds", 0), ("max_boxes", 0), ("batch", 0)])
def test_budgets_are_checked(name: str, value: Any) -> None:
    with pytest.raises(InvalidParameter) as caught:
        maximise(interval_enclosure(bump), Boxes.of([0.0, 0.0], [1.0, 1.0]), **{name: value})
    assert caught.value.name == name
