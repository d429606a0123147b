"""Reading the arrays of an .npz from anywhere: no pickles, no more memory than the file accounts for.

numpy.load trusts the file: it allocates the shape that a header names, and hands on whatever zipfile and zlib raise.
Here the directory of the zip and the header of each array are compared with each other and with the size of the file
before anything is allocated. No function that could read a pickle is called.
"""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory._printable import printable
from anil_theory.errors import MemoryTooSmall
from anil_theory.neural.regular_files import ZIP, foreign, open_regular, size_of

_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
_KINDS = "biufU"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_CHUNK = 2**20
LARGEST_RATIO = 64
"""The arrays together may take this many times the size of the file."""
FREE_BYTES = 2**24
"""The arrays together may take this many bytes more."""


class _Unsound(Exception):
    """What is wrong with an .npz; the text says it."""


class ZippedArrays:
    """The arrays of an open .npz; `names` are those of its members, without the ending .npy."""

    def __init__(self, archive: zipfile.ZipFile, largest: int):
        self._archive = archive
        self._members = _sound_members(archive, largest)
        self.names = tuple(self._members)

    def read(self, name: str) -> np.ndarray:
        """The array called `name`, read in full and compared with its checksum."""
        if name not in self._members:
            raise _Unsound(f"no array {name!r}")
        info = self._members[name]
        with self._archive.open(info) as member:
            shape, fortran, dtype = _header(member, name)
            length = math.prod(shape) * dtype.itemsize
            present = info.file_size - member.tell()
            if length != present:
                raise _Unsound(f"{name}: a header for {length} bytes before {present} bytes of content")
            raw = np.empty(length, np.uint8)
            _fill(member, raw.data, name)
        return raw.view(dtype).reshape(shape, order="F" if fortran else "C")


@contextmanager
def zipped_arrays(path: Path, allowed: str) -> Iterator[ZippedArrays]:
    """The arrays of the .npz at `path`, for the length of a with block.

    allowed   what the file should be, in words, for the error.

    Raises InvalidParameter, named after the file and with the reason, for whatever is wrong with it, and MemoryTooSmall
    where its arrays do not fit; any other error of the block becomes an InvalidParameter too.
    """
    with open_regular(path) as file:
        try:
            what = foreign(file)
            if what is not None and what != ZIP:
                raise _Unsound(what)
            with zipfile.ZipFile(file) as archive:
                yield ZippedArrays(archive, largest=LARGEST_RATIO * size_of(file) + FREE_BYTES)
        except InvalidParameter:
            raise
        except MemoryError:
            raise MemoryTooSmall(f"{path} does not fit in memory; it has {size_of(file)} bytes") from None
        except _Unsound as error:
            raise InvalidParameter(str(path), allowed, printable(str(error), most=200)) from None
        except Exception as error:  # damaged bytes make zipfile, zlib and numpy raise more kinds than can be listed
            why = printable(f"{type(error).__name__}: {error}", most=200)
            raise InvalidParameter(str(path), allowed, why) from None


def _sound_members(archive: zipfile.ZipFile, largest: int) -> dict[str, zipfile.ZipInfo]:
    """The members by name, once the directory of the zip gives no reason to refuse them."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in members:
            raise _Unsound(f"two members {name!r}")
        if info.flag_bits & _ENCRYPTED:
            raise _Unsound(f"an encrypted member {name!r}")
        if info.compress_type not in _COMPRESSIONS:
            raise _Unsound(f"a member {name!r} with the compression method {info.compress_type}")
        members[name] = info
    total = sum(info.file_size for info in members.values())
    if total > largest:
        raise _Unsound(f"members of {total} bytes, where at most {largest} are taken from a file of this size")
    return members


def _header(member: Any, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, Fortran order, type) from the header of an array; the member then stands at its content."""
    try:
        version = np.lib.format.read_magic(member)
        shape, fortran, dtype = _HEADERS[version](member)
    except zipfile.BadZipFile:
        raise
    except Exception as error:  # the header is parsed as a Python literal, which can fail in many ways
        raise _Unsound(f"{name}: a broken header ({type(error).__name__})") from None
    if dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise _Unsound(f"{name}: an array of {'Python objects' if dtype.hasobject else f'type {dtype.str}'}")
    if any(side < 0 for side in shape):
        raise _Unsound(f"{name}: a negative axis")
    return shape, fortran, dtype


def _fill(member: Any, target: memoryview, name: str) -> None:
    """Fill `target` from the member, piece by piece: one copy in memory. The last piece compares the checksum."""
    done = 0
    while done < len(target):
        piece = member.read(min(_CHUNK, len(target) - done))
        if not piece:
            raise _Unsound(f"{name}: it ends too early")
        target[done : done + len(piece)] = piece
        done += len(piece)
