"""A search over a box that counts the points of a ball alone: its corners can be worse than all that is asked about."""

from collections.abc import Callable

import numpy as np

from anil_theory.certify.search.boxes import Boxes
from anil_theory.certify.search.branch_and_bound import BoxBounds, widest_axis


def in_ball(bounds: Callable[[Boxes], BoxBounds], radius: float) -> Callable[[Boxes], BoxBounds]:
    """Bounds over the part of each box that lies in the ball |z| <= radius; -inf where there is none.

    bounds   of whole boxes, with the middle of each as its point: an upper bound over a box is one over any part.

    The upper bounds hold for every point of the ball, whatever the rounding here. A middle outside says nothing from
    below.
    """
    limit = radius * radius

    def bounds_in_ball(boxes: Boxes) -> BoxBounds:
        nearest = np.clip(0.0, boxes.lower, boxes.upper)
        middle = boxes.lower / 2 + boxes.upper / 2
        kept = np.flatnonzero(np.sum(nearest**2, axis=1) <= limit * (1 + 1e-12))
        inside = np.sum(middle**2, axis=1) * (1 + 1e-14) <= limit
        high, low = np.full((2, len(middle)), -np.inf)
        axis = widest_axis(boxes)
        jumps = np.zeros(len(middle), bool)
        if len(kept):
            over = bounds(boxes.take(kept))
            high[kept] = over.high
            low[kept] = np.where(inside[kept], over.low, -np.inf)
            axis[kept] = over.axis
            jumps[kept] = False if over.jumps is None else over.jumps
        return BoxBounds(high, low, middle, axis, jumps)

    return bounds_in_ball
