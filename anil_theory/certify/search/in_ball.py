"""A search over boxes that counts the points of a ball alone: corners can be worse than all that is asked about."""

from collections.abc import Callable

import numpy as np

from anil_theory.certify.search.boxes import BoxBounds, Boxes
from anil_theory.certify.search.branch_and_bound import widest_axis


def in_ball(bounds: Callable[[Boxes, np.ndarray], BoxBounds], radius: float) -> Callable[[Boxes], BoxBounds]:
    """Bounds over the part of each box that lies in the ball |z| <= radius; -inf where there is none.

    bounds   of whole boxes, and from below at one point of each: an upper bound over a box is one over any part;
    radius   inf for no ball.

    The point is the middle of a box, or its nearest to the origin where the middle lies outside. The upper bounds hold
    for every point of the ball and the lower ones at a point of it, whatever the rounding here.
    """
    limit = radius * radius

    def bounds_in_ball(boxes: Boxes) -> BoxBounds:
        nearest = np.clip(0.0, boxes.lower, boxes.upper)
        middle = boxes.lower / 2 + boxes.upper / 2
        points = np.where(_surely_within(middle, limit)[:, None], middle, nearest)
        kept = np.flatnonzero(np.sum(nearest**2, axis=1) <= limit * (1 + 1e-12))
        high, low = np.full((2, len(points)), -np.inf)
        axis = widest_axis(boxes)
        jumps = np.zeros(len(points), bool)
        if len(kept):
            over = bounds(boxes.take(kept), points[kept])
            high[kept] = over.high
            low[kept] = np.where(_surely_within(points[kept], limit), over.low, -np.inf)
            axis[kept] = over.axis
            jumps[kept] = False if over.jumps is None else over.jumps
        return BoxBounds(high, low, points, axis, jumps)

    return bounds_in_ball


def _surely_within(points: np.ndarray, limit: float) -> np.ndarray:
    return np.sum(points**2, axis=1) * (1 + 1e-14) <= limit
