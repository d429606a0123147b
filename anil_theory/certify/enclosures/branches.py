"""What an interpreter could not decide over a box: the record that the rules of branching primitives write.

Two things are told apart, box by box:

    undecided   a `select_n`, `sign`, `max`, `min`, `abs`, `floor`, `clamp` or conditional took no single branch over
                the box: derivatives of the program miss what happens between the branches, so that nothing may rest
                on them (the mean value form);
    jumps       one of these may be discontinuous there. `max`, `min`, `abs` and `clamp` never are, a `select_n` is
                not where both branches are the same number, and all the others count as jumps.

Claim: over a box without a recorded jump, and whose enclosures are finite, every value that the program computes is a
locally Lipschitz function of its inputs, its derivative exists almost everywhere, and there it is one of the values
that the derivative's program takes with one branch or the other at each undecided place.

The record belongs to the context (`contextvars`), so that threads do not see each other's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

OF_ITSELF = {"eq": True, "le": True, "ge": True, "ne": False, "lt": False, "gt": False}
"""How a real number compares with itself: programs ask so whether it is NaN, which no real number is."""


class Branches:
    """The record of one run over `rows` boxes: two Boolean arrays of shape (rows,), and what jumped first."""

    def __init__(self, rows: int = 1):
        self.undecided = np.zeros(rows, bool)
        self.jumps = np.zeros(rows, bool)
        self.first_jump: Any = None

    def add(self, where: np.ndarray, equation: Any, *, jump: bool) -> None:
        """Mark the boxes (the first axis of `where`, of length 1 for what holds in every box) with an entry True."""
        entries = np.asarray(where, bool)
        boxes = np.any(entries.reshape(len(entries), -1), axis=1)
        if len(boxes) > len(self.jumps):
            # A record that is kept of all boxes together.
            boxes = np.any(boxes, keepdims=True)
        self.undecided |= boxes
        if jump:
            self.jumps |= boxes
            if self.first_jump is None and boxes.any():
                self.first_jump = equation


_record: ContextVar[Branches | None] = ContextVar("branches", default=None)


@contextmanager
def recorded(rows: int = 1) -> Iterator[Branches]:
    """What is interpreted inside the block is recorded here, and nowhere else."""
    branches = Branches(rows)
    token = _record.set(branches)
    try:
        yield branches
    finally:
        _record.reset(token)


def undecided(where: Any, equation: Any, *, jump: bool) -> None:
    """Called by a rule: where a branch is undecided. `where` has boxes first; in balls it is one Boolean."""
    branches = _record.get()
    if branches is not None:
        branches.add(np.atleast_1d(where), equation, jump=jump)
