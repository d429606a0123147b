"""Opening a file that somebody else made: an ordinary file, and not something else under its name."""

import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

from anil_theory._admissible import InvalidParameter

ZIP = "this is a zip file (unpack it first)"
_HEAD = 256
_FOREIGN = (
    (rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml|!--)", "this is an HTML page (a failed download?)"),
    (rb"version https://git-lfs", "this is a pointer of Git LFS (the file itself was not downloaded)"),
    (rb"\x1f\x8b", "this is a gzip file (unpack it first)"),
    (rb"BZh[1-9]1AY", "this is a bzip2 file (unpack it first)"),
    (rb"\xfd7zXZ\x00", "this is an xz file (unpack it first)"),
    (rb"7z\xbc\xaf", "this is a 7-Zip file (unpack it first)"),
    (rb"PK\x03\x04", ZIP),
    (rb"Rar!", "this is a RAR file (unpack it first)"),
    (rb"\x89HDF", "this is an HDF5 file (not one of the layouts)"),
)


def open_regular(path: Path) -> BinaryIO:
    """The file at `path`, open for reading in bytes.

    Raises InvalidParameter, named after the file, when there is none, when it cannot be read, and when it is no
    ordinary file: reading a pipe or a device need not end.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 the caller closes it
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        what = getattr(error, "strerror", None) or str(error)
        raise InvalidParameter(str(path), "a file that exists and can be read", what) from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InvalidParameter(str(path), "an ordinary file", "a pipe, a socket or a device")
    return file


def _without_waiting(path: Any, flags: int) -> int:
    """Open as `open` does, save that opening a pipe does not wait for somebody who writes (Windows has no such)."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def foreign(file: BinaryIO) -> str | None:
    """What the open file is, when its first bytes are those of a file of another kind; the position stays."""
    start = file.tell()
    head = file.read(_HEAD)
    file.seek(start)
    for beginning, what in _FOREIGN:
        if re.match(beginning, head, re.IGNORECASE):
            return what
    return None


def size_of(file: BinaryIO) -> int:
    """The number of bytes of an open file."""
    return os.fstat(file.fileno()).st_size
