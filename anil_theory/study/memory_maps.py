"""The memory maps of the process, which its compiled programs use up.

Every program that XLA compiles or loads holds some 40 memory maps, and Linux gives a process 65,530. Beyond, XLA aborts
the process: while it compiles, or while the compilation cache has it write a program, which loads that program again.
"""

import sys
import time
from pathlib import Path

MOST_MAPS = 40_000
"""Far enough from the limit for the programs that are compiled between two looks."""

EVERY = 5.0
"""Seconds between two looks: the kernel takes some 20 ms to list that many maps."""


class MemoryMaps:
    """Looks at the maps of this process, and has JAX forget its compiled programs where there are too many."""

    def __init__(self, most: int = MOST_MAPS, every: float = EVERY):
        self.most = most
        self.every = every
        self._looked = time.monotonic()

    def check(self) -> bool:
        """Whether programs were forgotten; they are compiled, or read from the cache, when they are needed again."""
        now = time.monotonic()
        if "jax" not in sys.modules or now - self._looked < self.every:
            return False
        self._looked = now
        if held() <= self.most:
            return False
        import jax

        jax.clear_caches()
        return True


def held() -> int:
    """How many memory maps this process holds; 0 where the system does not say."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0
