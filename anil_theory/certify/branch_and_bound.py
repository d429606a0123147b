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
from typing import Any, NamedTuple, Self

import numpy as np

from anil_theory._admissible import InvalidParameter, count, nonnegative, positive, within
from anil_theory.certify.undecided_boxes import FINEST, stays_undecided

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


class Boxes(NamedTuple):
    """n boxes in d dimensions, corners of shape (n, d); `label` (n,) says which function of a set each belongs to."""

    lower: np.ndarray
    upper: np.ndarray
    label: np.ndarray

    @classmethod
    def of(cls, lower: Any, upper: Any, label: Any = None, name: str = "region") -> Self:
        """Validated boxes; one box may be given by two vectors.

        Raises InvalidParameter for corners that are NaN, infinite, of different shapes, or in the wrong order.
        """
        low, high = np.asarray(lower, float), np.asarray(upper, float)
        low, high = (np.atleast_2d(corner) if corner.ndim < 2 else corner for corner in (low, high))
        if low.shape != high.shape or low.ndim != 2 or not low.size:
            raise InvalidParameter(name, "two corners of one shape (d,) or (n, d), not empty", (low.shape, high.shape))
        if not np.all(np.isfinite(low) & np.isfinite(high)):
            raise InvalidParameter(name, "bounded: finite corners, no NaN", (low.tolist(), high.tolist()))
        if np.any(low > high):
            raise InvalidParameter(name, "not empty: lower <= upper in every coordinate", (low.tolist(), high.tolist()))
        labels = np.zeros(len(low), int) if label is None else np.asarray(label, int)
        if labels.shape != (len(low),):
            raise InvalidParameter("label", f"one integer per box, shape ({len(low)},)", labels.shape)
        return cls(low, high, labels)

    def take(self, index: Any) -> Self:
        """The boxes that an index array selects."""
        return type(self)(*(part[index] for part in self))


class BoxBounds(NamedTuple):
    """What `enclose` says of n boxes.

    high   (n,) at least the supremum over the box; -inf for a box without admissible points, which is dropped;
    low    (n,) at most the value at `point`; -inf where `point` is not admissible;
    point  (n, d) a point of each box;
    axis   (n,) the coordinate to cut next;
    jumps  (n,) whether `high` is infinite because a branch is undecided there; None where that cannot be.
    """

    high: np.ndarray
    low: np.ndarray
    point: np.ndarray
    axis: np.ndarray
    jumps: np.ndarray | None = None


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
) -> Maximum:
    """Enclose the maximum over all boxes of `region` (the largest over all labels).

    gap        stop when (high - low)/high <= gap;  absolute  or when high - low <= absolute;
    max_boxes  the budget: when it is used up the best enclosure so far is returned as INCONCLUSIVE;
    seconds    a ceiling on the time, with the same effect, which the result names;
    batch      how many boxes are cut at a time.

    Raises InvalidParameter for a region that is empty, unbounded or NaN, and for budgets that are not positive.
    """
    gap = within("gap", gap, 0.0, 1.0, "in [0, 1]")
    absolute, seconds = nonnegative("absolute", absolute), positive("seconds", seconds)
    max_boxes, batch = count("max_boxes", max_boxes), count("batch", batch)
    search = _Search(enclose, gap, absolute)
    started = time.perf_counter()
    pending = Boxes.of(*region)
    search.add(pending, np.full(len(pending.lower), math.inf))
    widths = pending.upper.max(axis=0) - pending.lower.min(axis=0)
    rounds = 0
    while True:
        rounds += 1
        if search.is_undecided(rounds, widths):
            reason = f"a branch stays undecided on boxes of {FINEST:.1g} of the region, where the function may jump"
            return search.result(time.perf_counter() - started, ClosingStatus.UNDECIDED_BRANCH, reason)
        elapsed = time.perf_counter() - started
        on_progress(Progress(search.low, search.high, search.boxes, elapsed))
        if search.closed:
            return search.result(elapsed, ClosingStatus.CLOSED, f"closed to {_percent(search)}", Ended.GAP)
        ended, stopped = None, ""
        if search.boxes >= max_boxes:
            ended, stopped = Ended.WORK, f"the boxes allowed ({max_boxes}) were used up"
        elif elapsed >= seconds:
            stopped = (
                f"the time allowed ({seconds:.3g} s) was used up after {search.boxes} of the {max_boxes} boxes allowed "
                "(more time, or a machine less busy, gets further)"
            )
            ended = Ended.CLOCK
        elif not search.cut(min(batch, max(1, (max_boxes - search.boxes) // 2))):
            ended, stopped = Ended.RESOLUTION, "no box can be cut further in float64"
        if ended is not None:
            if search.jumps.any():
                reason = f"{stopped} while a branch is undecided, where the function may jump"
                return search.result(elapsed, ClosingStatus.UNDECIDED_BRANCH, reason, ended)
            reason = f"{stopped}: the enclosure is {_percent(search)} wide"
            return search.result(elapsed, ClosingStatus.INCONCLUSIVE, reason, ended)


class _Search:
    """The boxes that may still hold the maximum, their upper bounds, and the best point so far."""

    def __init__(self, enclose: Callable[[Boxes], BoxBounds], gap: float, absolute: float):
        self.enclose, self.gap, self.absolute = enclose, gap, absolute
        self.low, self.point, self.label = -math.inf, (), -1
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

    def _narrow(self, high: Any) -> Any:
        if self.low == -math.inf:
            return np.zeros(np.shape(high), bool)
        width = high - self.low
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
            self.active, self.highs, self.axes, self.jumps = boxes, highs, np.asarray(bounds.axis), jumps
        else:
            parts = zip(self.active, boxes, strict=True)
            self.active = Boxes(*(np.concatenate(pair) for pair in parts))
            self.highs = np.concatenate([self.highs, highs])
            self.axes = np.concatenate([self.axes, bounds.axis])
            self.jumps = np.concatenate([self.jumps, jumps])
        self._keep(self.highs > self.low)

    def _keep(self, which: np.ndarray) -> None:
        assert self.active is not None
        if not which.all():
            self.active, self.highs, self.axes = self.active.take(which), self.highs[which], self.axes[which]
            self.jumps = self.jumps[which]

    def is_undecided(self, rounds: int, widths: np.ndarray) -> bool:
        """Whether a branch stays undecided in one of the boxes; asked in the rounds 1, 2, 4, 8, .."""
        if rounds & (rounds - 1) or not self.jumps.any():
            return False
        assert self.active is not None
        undecided = np.flatnonzero(self.jumps)
        sizes = np.max(self.active.upper[undecided] - self.active.lower[undecided], axis=1)
        smallest = self.active.take([undecided[np.argmin(sizes)]])
        found, enclosed = stays_undecided(self.enclose, smallest, widths)
        self.boxes += enclosed
        return found

    def cut(self, batch: int) -> bool:
        """Replace the `batch` boxes of largest upper bound by their halves; False when none of them can be cut."""
        assert self.active is not None
        wide = np.flatnonzero(np.logical_not(self._narrow(self.highs)))
        if len(wide) > batch:
            wide = wide[np.argpartition(-self.highs[wide], batch - 1)[:batch]]
        chosen, axes, parents = self.active.take(wide), self.axes[wide], self.highs[wide]
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
        row, axes, middle = np.arange(splits.sum()), axes[splits], middle[splits]
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
