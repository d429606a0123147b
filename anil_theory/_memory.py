"""What the memory of this machine holds: sizes beyond it are refused before anything is allocated.

An allocation far beyond the memory ends the process, in a library's abort or by the kernel: nothing can be caught then.
The needs that are compared here are counted from below, so that a size is refused only where it cannot do. What lies
between may still fail, while it runs, as any program may.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from anil_theory._admissible import InvalidParameter

FLOAT64 = 8
"""Bytes of a number."""

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""Where a container on Linux says how much of the machine is its own."""


class NotEnoughMemory(InvalidParameter):
    """A size at which a computation needs more memory than the machine has: it is not begun."""


def memory_of_machine() -> int:
    """Bytes of main memory that this process may have at most; 2^62 where the system does not tell."""
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        installed = 2**62
    try:
        limit = int(CGROUP_LIMIT.read_text())
    except (OSError, ValueError):
        # No such file, or the word "max".
        limit = installed
    return min(installed, limit)


def require_memory(what: str, needed: int, sizes: Mapping[str, int]) -> None:
    """Refuse sizes at which `needed` bytes, counted from below, are more than the memory of this machine.

    what    takes the memory, in words ("the tasks"), in the plural;
    sizes   the parameters that `needed` was counted from: the largest is the one that is named.

    Raises NotEnoughMemory.
    """
    there = memory_of_machine()
    if needed <= there:
        return
    name = max(sizes, key=lambda each: sizes[each])
    beside = ", ".join(f"{each} = {value}" for each, value in sizes.items() if each != name)
    at = f" at {beside}" if beside else ""
    allowed = f"such that {what} fit into the {in_units(there)} of this machine ({in_units(needed)} or more{at})"
    raise NotEnoughMemory(name, allowed, sizes[name])


def in_units(number: int) -> str:
    """A number of bytes for people; integers of any size."""
    power = min(max(number.bit_length() - 1, 0) // 10, len(UNITS) - 1)
    # Integers are divided, since the quotient may be beyond float64.
    tenths = number * 10 // 1024**power
    if tenths >= 10 * 1024:
        return f"over 1024 {UNITS[power]}"
    return f"{tenths // 10}.{tenths % 10} {UNITS[power]}" if power else f"{number} bytes"
