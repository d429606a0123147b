"""What can be wrong with an .npz: functions that damage a sound one, each with the words that refuse it."""

import io
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.neural.pickles import calling

_SIZES, _COMPRESSION, _FLAGS = 20, 10, 8
"""Where a member's directory entry holds its sizes, its compression and its flags (local headers: two bytes before)."""


def members(path: Path) -> dict[str, bytes]:
    """The members of a zip by name, each as its bytes."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """A zip of these members."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, raw in content.items():
            archive.writestr(name, raw)


def array_bytes(header: str, content: bytes = b"", version: bytes = b"\x01\x00", magic: bytes = b"\x93NUMPY") -> bytes:
    """A .npy with the header as given."""
    size = struct.pack("<H" if version[0] == 1 else "<I", len(header))
    return magic + version + size + header.encode("latin1") + content


def header(shape: str = "(2,)", descr: str = "'|u1'", fortran: str = "False") -> str:
    """The text by which numpy describes an array."""
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def replacing(raw: bytes) -> Callable[[Path], None]:
    """Puts `raw` in the place of the largest member."""

    def damage(path: Path) -> None:
        content = members(path)
        content[max(content, key=lambda name: len(content[name]))] = raw
        write(path, content)

    return damage


def _in_every_entry(path: Path, offset: int, value: bytes) -> None:
    raw = bytearray(path.read_bytes())
    for signature, shift in ((b"PK\x01\x02", 0), (b"PK\x03\x04", -2)):
        place = raw.find(signature)
        while place >= 0:
            raw[place + offset + shift : place + offset + shift + len(value)] = value
            place = raw.find(signature, place + 4)
    path.write_bytes(raw)


def _encrypted(path: Path) -> None:
    _in_every_entry(path, _FLAGS, b"\x01\x00")


def _unknown_compression(path: Path) -> None:
    _in_every_entry(path, _COMPRESSION, struct.pack("<H", 97))


def _bomb(path: Path) -> None:
    content = members(path)
    largest = max(content, key=lambda name: len(content[name]))
    bomb = array_bytes(header(f"({2**28},)"), bytes(2**28))
    write(path, content | {largest: bomb}, zipfile.ZIP_DEFLATED)


def _twice(path: Path) -> None:
    content = members(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(path, "a") as archive:
            name = next(iter(content))
            archive.writestr(name, content[name])


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _objects(path: Path) -> None:
    """An array of objects: reading it as numpy would, with pickles allowed, makes the file `mark` beside it."""
    program = calling("posix", "system", f"touch {path.parent / 'mark'}")
    replacing(array_bytes(header("(1,)", "'|O'"), program))(path)


def _numpy_array(path: Path) -> None:
    path.write_bytes(array_bytes(header(f"({2**50},)")))


def _without_checksum(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    place = raw.find(b"\x93NUMPY") + 300  # in the content of the first member
    raw[place] ^= 1
    path.write_bytes(raw)


def _compressed_and_cut(path: Path) -> None:
    write(path, members(path), zipfile.ZIP_DEFLATED)
    raw = bytearray(path.read_bytes())
    place = raw.find(b".npy") + 60
    raw[place : place + 20] = bytes(20)
    path.write_bytes(raw)


def _holding(content: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(content)

    return damage


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (_holding(b""), "BadZipFile"),
    "a pickle": (_holding(pickle.dumps({"a": [1] * 100})), "BadZipFile"),
    "an HTML page": (_holding(b"<html><body>404</body></html>"), "this is an HTML page"),
    "cut short": (_cut_short, "BadZipFile"),
    "an array alone, of a huge shape": (_numpy_array, "BadZipFile"),
    "encrypted": (_encrypted, "an encrypted member"),
    "unknown compression": (_unknown_compression, "the compression method 97"),
    "compressed with bzip2": (lambda path: write(path, members(path), zipfile.ZIP_BZIP2), "compression method 12"),
    "compressed with LZMA": (lambda path: write(path, members(path), zipfile.ZIP_LZMA), "compression method 14"),
    "damaged while compressed": (_compressed_and_cut, "must be a complete"),
    "damaged": (_without_checksum, "must be a complete"),
    "a bomb": (_bomb, "are taken from a file of this size"),
    "a member twice": (_twice, "two members"),
    "a pipe": (_pipe, "an ordinary file"),
    "a folder": (_folder, "Is a directory"),
    "objects": (_objects, "an array of Python objects"),
    "a huge shape": (replacing(array_bytes(header(f"({2**50}, {2**50})"), b"ab")), "before 2 bytes of content"),
    "a shape of many axes": (replacing(array_bytes(header("(" + "2," * 80 + ")"), b"ab")), "before 2 bytes"),
    "a shape without end": (replacing(array_bytes(header("(0, " + "9" * 50 + ")"))), "must be a complete"),
    "a small shape": (replacing(array_bytes(header("(1,)"), b"ab")), "1 bytes before 2 bytes"),
    "a negative shape": (replacing(array_bytes(header("(-1, -2)"), b"ab")), "a negative axis"),
    "no shape": (replacing(array_bytes(header("None"), b"ab")), "a broken header"),
    "no header": (replacing(b"ab"), "a broken header"),
    "an empty member": (replacing(b""), "a broken header"),
    "other magic": (replacing(array_bytes(header(), b"ab", magic=b"\x93NUMPX")), "a broken header"),
    "a version of tomorrow": (replacing(array_bytes(header(), b"ab", version=b"\x09\x00")), "a broken header"),
    "a header longer than the file": (replacing(b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{}"), "a broken header"),
    "a header that calls": (replacing(array_bytes("__import__('os').getcwd()\n")), "a broken header"),
    "a header of brackets": (replacing(array_bytes("(" * 9000)), "a broken header"),
    "a header of signs": (replacing(array_bytes("-" * 9000 + "1")), "a broken header"),
    "an unknown type": (replacing(array_bytes(header(descr="'zz'"), b"ab")), "a broken header"),
    "a type that is no text": (replacing(array_bytes(header(descr="{'a': 1}"), b"ab")), "a broken header"),
    "structures": (replacing(array_bytes(header(descr="[('a', 'u1')]"), b"ab")), "an array of type |V1"),
    "texts of no width": (replacing(array_bytes(header(f"({2**60},)", "'<U0'"))), "an array of type <U0"),
}


def sound_array() -> bytes:
    """A .npy as numpy writes it."""
    file = io.BytesIO()
    np.save(file, np.arange(5))
    return file.getvalue()
