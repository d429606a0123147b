"""Keep freed memory in the process. glibc hands large blocks back to the system, and every iteration asks again.

A meta-iteration allocates the same activations, some 10 MB each, over and over. By default glibc maps them anew and
unmaps them when they are freed, so the system fills each with zeros, page by page, whenever it is used again: a third
of the time of an iteration on the CPU (`experiments/speed/neural.py`). Source: mallopt(3).
"""

import ctypes

# The numbers that mallopt has for them.
_TRIM_THRESHOLD = -1
_TOP_PAD = -2
_MMAP_MAX = -4
_KEEP = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**28}
"""No block is made by mmap, none is returned to the system, and the heap grows in steps of 256 MiB."""


def keep_freed_memory() -> bool:
    """Make the C library of this process keep freed memory for later use. False where it cannot, which needs glibc.

    The peak of the memory in use does not change, and the process holds on to that much.
    """
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - musl has a mallopt that does nothing
        mallopt = library.mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in _KEEP.items())
