"""The precision that balls are computed with: one owner for the whole process."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import flint

from anil_theory._admissible import count

DEFAULT_PRECISION = 200
"""Bits; rounding errors of a few thousand operations then stay far below those of float64."""

_PRECISION_IN_USE = RLock()
"""Flint's precision is the process's, and cells of a grid run in threads: one thread computes in balls at a time."""


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Balls are computed with this many bits inside the block, whatever other threads ask for."""
    bits = count("precision", bits, minimum=2)
    with _PRECISION_IN_USE:
        before = flint.ctx.prec
        flint.ctx.prec = bits
        try:
            yield
        finally:
            flint.ctx.prec = before
