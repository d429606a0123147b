"""When a search may stop because a branch will not be decided: one box that contains the place is followed down."""

from collections.abc import Callable
from typing import Any

import numpy as np

FINEST = 2.0**-16
"""In widths of the region: a box this small in every coordinate, and still undecided, ends the search."""


def stays_undecided(enclose: Callable[[Any], Any], box: Any, widths: np.ndarray) -> tuple[bool, int]:
    """Whether halves of halves of a box are undecided down to FINEST of the region, and how many were enclosed.

    enclose  as for `maximise`;  box  one box in which a branch is undecided;  widths  (d,) of the region.

    True is no proof that the function jumps: the bound over the last box is infinite, and cutting on is hopeless.
    """
    enclosed = 0
    scale = np.where(widths > 0, widths, 1.0)
    while True:
        share = (box.upper[0] - box.lower[0]) / scale
        axis = int(np.argmax(share))
        if share[axis] <= FINEST:
            return True, enclosed
        halves = _halves(box, axis)
        if halves is None:
            return True, enclosed
        jumps = enclose(halves).jumps
        enclosed += 2
        if jumps is None or not jumps.any():
            return False, enclosed
        box = halves.take([int(np.argmax(jumps))])


def _halves(box: Any, axis: int) -> Any:
    middle = box.lower[0, axis] / 2 + box.upper[0, axis] / 2
    if not box.lower[0, axis] < middle < box.upper[0, axis]:
        return None
    halves = box.take([0, 0])
    lower, upper = halves.lower.copy(), halves.upper.copy()
    upper[0, axis], lower[1, axis] = middle, middle
    return type(box)(lower, upper, halves.label)
