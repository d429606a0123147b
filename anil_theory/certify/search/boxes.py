"""Boxes in arrays, and what an enclosure says of them."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from anil_theory._admissible import InvalidParameter


class Boxes(NamedTuple):
    """n boxes in d dimensions, corners of shape (n, d); `label` (n,) says which function of a set each belongs to."""

    lower: np.ndarray
    upper: np.ndarray
    label: np.ndarray

    @classmethod
    def of(cls, lower: ArrayLike, upper: ArrayLike, label: ArrayLike | None = None, name: str = "region") -> Self:
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
