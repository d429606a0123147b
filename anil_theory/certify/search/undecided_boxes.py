"""When a search may stop because a branch will not be decided: one box that contains the place is followed down."""

from collections.abc import Callable

import numpy as np

from anil_theory.certify.search.boxes import BoxBounds, Boxes

FINEST = 2.0**-16
"""A box that is below this share of the region in every coordinate, and still undecided, ends the search."""


def stays_undecided(enclose: Callable[[Boxes], BoxBounds], box: Boxes, widths: np.ndarray) -> tuple[bool, int]:
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


def _halves(box: Boxes, axis: int) -> Boxes | None:
    """A box cut in the middle of one axis; None where float64 has no number between its sides."""
    middle = box.lower[0, axis] / 2 + box.upper[0, axis] / 2
    if not box.lower[0, axis] < middle < box.upper[0, axis]:
        return None
    halves = box.take([0, 0])
    lower, upper = halves.lower.copy(), halves.upper.copy()
    upper[0, axis], lower[1, axis] = middle, middle
    return Boxes(lower, upper, halves.label)
