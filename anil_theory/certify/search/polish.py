"""A local ascent from the best boxes of a search: the maximum often sits on a face or a corner, never a midpoint.

Claim: every value that is returned is a lower bound which the enclosure itself gives at a point of the region. The
ascent only chooses where to ask. It can raise the lower end of a search and do nothing else: it bounds no box.

Each question is a box of SIDE of the region inside the region, with a midpoint off every face: at a point of the
boundary a program may take a branch that is not the one of the points inside.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from anil_theory.certify.search.boxes import BoxBounds, Boxes

ROUNDS = 8
"""Batches of one ascent: the first asks at corners, the others step along the axes."""

SIDE = 2.0**-40
"""In widths of the region: what a maximum on a face loses is of this order."""

CORNERS_UP_TO = 4
"""Dimensions; a box has 2^d corners, and beyond this the steps along the axes have to do."""

SHRINK = 0.25
"""A step that raises nothing is cut to this share of it."""


class Ascent(NamedTuple):
    """What a local ascent asks, and where.

    ask      gives lower bounds at the midpoints of boxes, as `enclose` of `maximise` does (upper bounds are not used);
    project  takes points (n, d) into a region that is smaller than its boxes.
    """

    ask: Callable[[Boxes], BoxBounds]
    project: Callable[[np.ndarray], np.ndarray] = lambda points: points


class Found(NamedTuple):
    """A lower bound of the function `label` at `point`, and how many boxes were enclosed to find the best one."""

    low: float
    point: tuple[float, ...]
    label: int
    enclosed: int


def ascend(
    ascent: Ascent,
    starts: Boxes,
    region: Boxes,
    *,
    budget: int,
    enough: float = np.inf,
) -> Found:
    """The best of what `enclose` says at corners of some boxes and along a few steps from there.

    starts   (n, d) boxes, the most promising first; each is followed on its own, as far as the budget has room;
    region   the boxes that the search started from: the ascent stays within the smallest box around those of a label;
    budget   how many boxes may be enclosed;
    enough   a value that is as good as the maximum: the ascent ends there.
    """
    d = starts.lower.shape[1]
    corners = 2**d if d <= CORNERS_UP_TO else 0
    widest_batch = max(corners, 2 * d) + 1
    # Half of the rounds at least are paid for.
    followed = max(1, min(len(starts.lower), 2 * budget // (ROUNDS * widest_batch)))
    climbers = _Climbers(ascent, starts.take(np.arange(followed)), region)
    for number in range(ROUNDS):
        at_corners = number == 0 and corners > 0
        questions = climbers.corners() if at_corners else climbers.steps()
        if climbers.enclosed + len(questions) * followed > budget or climbers.best().low >= enough:
            break
        climbers.ask(questions, along_axes=not at_corners)
    return climbers.best()


class _Climbers:
    """Points that climb side by side, in one batch a round; arrays start with the number of climbers."""

    def __init__(self, ascent: Ascent, starts: Boxes, region: Boxes):
        self.ascent = ascent
        self.label = starts.label
        mine = [region.label == label for label in starts.label]
        self.floor = np.array([region.lower[which].min(axis=0) for which in mine])
        self.ceiling = np.array([region.upper[which].max(axis=0) for which in mine])
        self.points = starts.lower / 2 + starts.upper / 2
        self.sizes = (starts.upper - starts.lower) / 2
        self.values = np.full(len(starts.label), -np.inf)
        # What was shown by the enclosure, which may be at another point than asked.
        self.shown = self.points.copy()
        self.slopes = np.zeros_like(self.points)
        self.enclosed = 0

    def corners(self) -> list[np.ndarray]:
        """The middle and the corners of the boxes."""
        signs = itertools.product((-1.0, 1.0), repeat=self.points.shape[1])
        return [self.points, *(self.points + self.sizes * np.array(sign) for sign in signs)]

    def steps(self) -> list[np.ndarray]:
        """A step to both sides along every axis, and one along all axes that have risen last."""
        axes = np.eye(self.points.shape[1])
        along = [self.points + sign * self.sizes * axis for axis in axes for sign in (-1.0, 1.0)]
        return [*along, self.points + 2 * self.sizes * self.slopes]

    def ask(self, questions: list[np.ndarray], *, along_axes: bool) -> None:
        """Enclose the questions of all climbers in one batch, and move each climber to the best answer to its own."""
        asked = np.stack([np.clip(self.ascent.project(q), self.floor, self.ceiling) for q in questions])
        side = SIDE * (self.ceiling - self.floor)
        lower, upper = np.maximum(asked - side, self.floor), np.minimum(asked + side, self.ceiling)
        flat = -1, asked.shape[2]
        boxes = Boxes(lower.reshape(flat), upper.reshape(flat), np.tile(self.label, len(asked)))
        bounds = self.ascent.ask(boxes)
        self.enclosed += len(boxes.lower)
        shown = bounds.point.reshape(asked.shape)
        # Not so where float64 has no room for SIDE.
        inside = np.all((side == 0) | ((self.floor < shown) & (shown < self.ceiling)), axis=2)
        lows = bounds.low.reshape(inside.shape)
        lows = np.where(inside & ~np.isnan(lows), lows, -np.inf)
        if along_axes:
            self._look_uphill(lows)
        best, each = np.argmax(lows, axis=0), np.arange(len(self.values))
        rises = lows[best, each] > self.values
        self.sizes = np.where(rises[:, None], self.sizes, SHRINK * self.sizes)
        self.values = np.where(rises, lows[best, each], self.values)
        self.points = np.where(rises[:, None], asked[best, each], self.points)
        self.shown = np.where(rises[:, None], shown[best, each], self.shown)

    def _look_uphill(self, lows: np.ndarray) -> None:
        """Along which axes, and to which side, the steps have risen."""
        d = self.points.shape[1]
        down, up = lows[0 : 2 * d : 2].T, lows[1 : 2 * d : 2].T
        rises = np.maximum(down, up) > self.values[:, None]
        self.slopes = np.where(rises, np.where(up > down, 1.0, -1.0), 0.0)

    def best(self) -> Found:
        """The climber that got highest."""
        i = int(np.argmax(self.values))
        return Found(float(self.values[i]), tuple(map(float, self.shown[i])), int(self.label[i]), self.enclosed)


def into_ball(radius: float) -> Callable[[np.ndarray], np.ndarray]:
    """Points outside the ball of this radius move towards its centre, to just inside."""

    def project(points: np.ndarray) -> np.ndarray:
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        # So far inside that the rounding of the squares, and half a SIDE, do not put a point outside again.
        return points * np.minimum(1.0, radius * (1 - 1e-11) / np.maximum(norms, 1e-300))

    return project
