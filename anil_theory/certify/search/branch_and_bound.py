"""The largest value of a function over boxes, enclosed: best-first branch and bound over whole arrays of boxes.

Claim: if `enclose` gives, for every box, an upper bound of the function over that box and a lower bound of its value
at a point of the box, then max f lies in [low, high] whatever the status; CLOSED says that the interval is as narrow
as asked. Nothing here computes with the function: all rigour is that of `enclose`. A box that is split is replaced by
two boxes that share the cut, so that no point is lost to rounding.

Source of the scheme: R. E. Moore, R. B. Kearfott, M. J. Cloud, Introduction to Interval Analysis, chapter 5 (best
first, in batches: the boxes with the largest upper bounds are split together, so that `enclose` can be vectorised).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from anil_theory._admissible import count, nonnegative, positive, within
from anil_theory.certify.search.boxes import BoxBounds, Boxes
from anil_theory.certify.search.polish import Ascent, ascend
from anil_theory.certify.search.undecided_boxes import FINEST, stays_undecided

__all__ = [
    "CEILING",
    "BoxBounds",
    "Boxes",
    "ClosingStatus",
    "Ended",
    "Maximum",
    "Progress",
    "maximise",
    "widest_axis",
]

CEILING = 600.0
"""Seconds that a search may take unless told otherwise: far more than its work takes on an ordinary machine."""


class ClosingStatus(StrEnum):
    """How a search ended."""

    CLOSED = "CLOSED"
    """the enclosure is as narrow as asked"""
    INCONCLUSIVE = "INCONCLUSIVE"
    """a budget was used up; the enclosure is right and wider than asked"""
    UNDECIDED_BRANCH = "UNDECIDED_BRANCH"
    """the function may jump where a branch of its program stays undecided: the upper bound is infinite"""


FOLLOWED = 4
"""Boxes from which a local ascent starts."""

POLISHING = 1 / 8
"""The share of the boxes allowed that one local ascent may take, of which there are two."""

POLISH_BOXES, POLISH_BATCHES = 512, 16
"""What one may take otherwise, in boxes, and in batches of boxes that are dear."""

LATE = 0.1
"""By this share of the time allowed the last ascent may pass it."""

AT_TOP = 1e-9
"""An enclosure of this relative width is not polished."""


class Ended(StrEnum):
    """What ended a search."""

    GAP = "gap"
    """the enclosure is as narrow as asked"""
    WORK = "work"
    """the boxes allowed: the same on every machine"""
    CLOCK = "clock"
    """the ceiling on the time, before the boxes allowed: another machine, or this one less busy, gets further"""
    RESOLUTION = "resolution"
    """cutting boxes further does not help, or float64 has none to cut"""


@dataclass(frozen=True)
class Maximum:
    """max f in [low, high]; low is (at most) the value at `point`, of the function `label`.

    boxes    how many boxes were enclosed;  seconds  how long it took;
    status   CLOSED, INCONCLUSIVE or UNDECIDED_BRANCH, with the reason in words;
    ended_by what ended the search: `Ended.CLOCK` alone depends on the load of the machine.
    """

    low: float
    high: float
    point: tuple[float, ...]
    label: int
    boxes: int
    seconds: float
    status: ClosingStatus
    reason: str
    ended_by: Ended

    @property
    def gap(self) -> float:
        """(high - low)/high, the relative width; 0 when both are 0, inf when nothing is known."""
        if self.high == self.low:
            return 0.0
        return (self.high - self.low) / self.high if math.isfinite(self.high) and self.high > 0 else math.inf


class Progress(NamedTuple):
    """The state that a progress callback sees."""

    low: float
    high: float
    boxes: int
    seconds: float


def widest_axis(boxes: Boxes) -> np.ndarray:
    """The coordinate in which each box is widest: a cut for enclosures that know no better."""
    return np.argmax(boxes.upper - boxes.lower, axis=1)


def maximise(
    enclose: Callable[[Boxes], BoxBounds],
    region: Boxes,
    *,
    gap: float = 0.05,
    absolute: float = 0.0,
    seconds: float = CEILING,
    max_boxes: int = 2_000_000,
    batch: int = 2048,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    ascent: Ascent | None = None,
) -> Maximum:
    """Enclose the maximum over all boxes of `region` (the largest over all labels).

    gap        stop when (high - low)/high <= gap;  absolute  or when high - low <= absolute;
    max_boxes  the budget: when it is used up the best enclosure so far is returned as INCONCLUSIVE;
    seconds    a ceiling on the time, with the same effect, which the result names;
    batch      how many boxes are cut at a time;
    ascent     polishes `low` after the first batch and at the end (`polish`), each time with an eighth of the boxes
               allowed at most; without it `low` is of midpoints.

    Raises InvalidParameter for a region that is empty, unbounded or NaN, and for budgets that are not positive.
    """
    gap = within("gap", gap, 0.0, 1.0, "in [0, 1]")
    absolute, seconds = nonnegative("absolute", absolute), positive("seconds", seconds)
    max_boxes, batch = count("max_boxes", max_boxes), count("batch", batch)
    started = time.perf_counter()
    pending = Boxes.of(*region)
    search = _Search(enclose, gap, absolute)
    search.add(pending, np.full(len(pending.lower), math.inf))
    polishing = 0 if ascent is None else min(POLISH_BATCHES * batch, POLISH_BOXES, int(POLISHING * max_boxes))
    if ascent is not None and time.perf_counter() - started < seconds:
        search.polish(ascent, pending, polishing)
    widths = pending.upper.max(axis=0) - pending.lower.min(axis=0)

    def polished(ended: Ended, stopped: str) -> Maximum:
        spent = time.perf_counter() - started
        room = polishing
        if ended is Ended.CLOCK:
            # A tenth of the time more, at the speed so far.
            room = min(room, int(LATE * seconds * search.boxes / spent))
        if ascent is not None:
            search.polish(ascent, pending, room)
        spent = time.perf_counter() - started
        if search.closed:
            return search.result(spent, ClosingStatus.CLOSED, f"closed to {_percent(search)}", Ended.GAP)
        reason = f"{stopped}: the enclosure is {_percent(search)} wide"
        return search.result(spent, ClosingStatus.INCONCLUSIVE, reason, ended)

    rounds = 0
    while True:
        rounds += 1
        if search.is_undecided(rounds, widths):
            reason = f"a branch stays undecided on boxes of {FINEST:.1g} of the region, where the function may jump"
            return search.result(time.perf_counter() - started, ClosingStatus.UNDECIDED_BRANCH, reason)
        elapsed = time.perf_counter() - started
        on_progress(Progress(search.low, search.high, search.boxes, elapsed))
        if search.closed:
            return polished(Ended.GAP, "")
        ended, stopped = None, ""
        left = max_boxes - polishing - search.boxes
        if left <= 0:
            ended, stopped = Ended.WORK, f"the boxes allowed ({max_boxes}) were used up"
        elif elapsed >= seconds:
            stopped = (
                f"the time allowed ({seconds:.3g} s) was used up after {search.boxes} of the {max_boxes} boxes allowed "
                "(more time, or a machine less busy, gets further)"
            )
            ended = Ended.CLOCK
        elif not search.cut(min(batch, max(1, left // 2))):
            ended, stopped = Ended.RESOLUTION, "no box can be cut further in float64"
        if ended is not None:
            if search.jumps.any():
                reason = f"{stopped} while a branch is undecided, where the function may jump"
                return search.result(elapsed, ClosingStatus.UNDECIDED_BRANCH, reason, ended)
            return polished(ended, stopped)


class _Search:
    """The boxes that may still hold the maximum, their upper bounds, and the best point so far."""

    def __init__(self, enclose: Callable[[Boxes], BoxBounds], gap: float, absolute: float):
        self.enclose = enclose
        self.gap = gap
        self.absolute = absolute
        self.low = -math.inf
        self.point = ()
        self.label = -1
        self.boxes = 0
        self.active: Boxes | None = None
        self.highs, self.axes = np.empty(0), np.empty(0, int)
        self.jumps = np.empty(0, bool)

    @property
    def high(self) -> float:
        # Dropped boxes have upper bounds of at most `low`, so they never raise the maximum.
        return max(self.low, float(self.highs.max(initial=-math.inf)))

    @property
    def closed(self) -> bool:
        return bool(self._narrow(self.high))

    def _narrow(self, high: float | np.ndarray) -> np.ndarray:
        if self.low == -math.inf:
            return np.zeros(np.shape(high), bool)
        width = np.asarray(high - self.low)
        return np.isfinite(high) & ((width <= self.gap * np.abs(high)) | (width <= self.absolute))

    def add(self, boxes: Boxes, parents: np.ndarray) -> None:
        """Enclose boxes and keep those that may hold the maximum; a child is never above its parent."""
        self.boxes += len(boxes.lower)
        bounds = self.enclose(boxes)
        # NaN means that nothing is known.
        highs = np.minimum(np.where(np.isnan(bounds.high), math.inf, bounds.high), parents)
        lows = np.where(np.isnan(bounds.low), -math.inf, bounds.low)
        jumps = np.zeros(len(highs), bool) if bounds.jumps is None else np.asarray(bounds.jumps)
        best = int(np.argmax(lows))
        if lows[best] > self.low:
            self.low, self.label = float(lows[best]), int(boxes.label[best])
            self.point = tuple(map(float, bounds.point[best]))
        if self.active is None:
            self.active = boxes
            self.highs = highs
            self.axes = np.asarray(bounds.axis)
            self.jumps = jumps
        else:
            parts = zip(self.active, boxes, strict=True)
            self.active = Boxes(*(np.concatenate(pair) for pair in parts))
            self.highs = np.concatenate([self.highs, highs])
            self.axes = np.concatenate([self.axes, bounds.axis])
            self.jumps = np.concatenate([self.jumps, jumps])
        self._keep(self.highs > self.low)

    def polish(self, ascent: Ascent, region: Boxes, budget: int) -> None:
        """Raise `low` by local ascents from the best point and from the boxes of largest upper bounds."""
        assert self.active is not None
        top = np.argsort(-self.highs, kind="stable")[:FOLLOWED]
        starts = self.active.take(top)
        if self.point and len(top):
            # The best point may be of a box that is gone: the sides are those of the best box that is left.
            sides = (starts.upper[:1] - starts.lower[:1]) / 2
            around = Boxes(np.array([self.point]) - sides, np.array([self.point]) + sides, np.array([self.label]))
            starts = Boxes(*(np.concatenate(pair) for pair in zip(around, starts, strict=True)))
        enough = self.high - AT_TOP * abs(self.high)
        if not len(starts.lower) or self.low >= enough:
            return
        ascended = ascend(ascent, starts, region, budget=budget, enough=enough)
        self.boxes += ascended.enclosed
        if ascended.low > self.low:
            self.low = ascended.low
            self.point = ascended.point
            self.label = ascended.label
            self._keep(self.highs > self.low)

    def _keep(self, which: np.ndarray) -> None:
        assert self.active is not None
        if not which.all():
            self.active = self.active.take(which)
            self.highs = self.highs[which]
            self.axes = self.axes[which]
            self.jumps = self.jumps[which]

    def is_undecided(self, rounds: int, widths: np.ndarray) -> bool:
        """Whether a branch stays undecided in one of the boxes; asked in the rounds 1, 2, 4, 8, .."""
        if rounds & (rounds - 1) or not self.jumps.any():
            return False
        assert self.active is not None
        undecided = np.flatnonzero(self.jumps)
        sizes = np.max(self.active.upper[undecided] - self.active.lower[undecided], axis=1)
        smallest = self.active.take([undecided[np.argmin(sizes)]])
        stays, enclosed = stays_undecided(self.enclose, smallest, widths)
        self.boxes += enclosed
        return stays

    def cut(self, batch: int) -> bool:
        """Replace the `batch` boxes of largest upper bound by their halves; False when none of them can be cut."""
        assert self.active is not None
        wide = np.flatnonzero(np.logical_not(self._narrow(self.highs)))
        if len(wide) > batch:
            wide = wide[np.argpartition(-self.highs[wide], batch - 1)[:batch]]
        chosen = self.active.take(wide)
        axes = self.axes[wide]
        parents = self.highs[wide]
        row = np.arange(len(wide))
        a, b = chosen.lower[row, axes], chosen.upper[row, axes]
        middle = a / 2 + b / 2
        whole = ~((middle > a) & (middle < b))
        if whole.any():
            # The preferred coordinate is a point: the widest one is tried instead.
            axes = np.where(whole, widest_axis(chosen), axes)
            a, b = chosen.lower[row, axes], chosen.upper[row, axes]
            middle = a / 2 + b / 2
        splits = (middle > a) & (middle < b)
        if not splits.any():
            return False
        row = np.arange(splits.sum())
        axes = axes[splits]
        middle = middle[splits]
        chosen, parents = chosen.take(splits), parents[splits]
        keep = np.ones(len(self.highs), bool)
        keep[wide[splits]] = False
        self._keep(keep)
        left, right = chosen.upper.copy(), chosen.lower.copy()
        left[row, axes], right[row, axes] = middle, middle
        halves = (
            np.concatenate([chosen.lower, right]),
            np.concatenate([left, chosen.upper]),
            np.concatenate([chosen.label] * 2),
        )
        self.add(Boxes(*halves), np.concatenate([parents] * 2))
        return True

    def result(self, seconds: float, status: ClosingStatus, reason: str, ended: Ended = Ended.RESOLUTION) -> Maximum:
        return Maximum(self.low, self.high, self.point, self.label, self.boxes, seconds, status, reason, ended)


def _percent(search: _Search) -> str:
    if not math.isfinite(search.high) or search.low == -math.inf:
        return "unbounded"
    return (
        f"{100 * (search.high - search.low) / search.high:.2g} %"
        if search.high > 0
        else f"{search.high - search.low:.3g}"
    )
