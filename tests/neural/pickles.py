"""Pickles as old programs wrote them, put together opcode by opcode: Python 2 can no longer be asked to write one."""

import struct
from typing import Any

import numpy as np


def python2_pickle(value: Any) -> bytes:
    """`value` (dict, list, str, int, array) as Python 2's protocol 2 with numpy 1 wrote it: text is byte strings."""
    return b"\x80\x02" + _written(value) + b"."


def calling(module: str, name: str, argument: str) -> bytes:
    """A protocol 0 pickle that calls module.name(argument) when it is loaded."""
    return f"c{module}\n{name}\n(S{argument!r}\ntR.".encode()


def _written(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"}(" + b"".join(_written(key) + _written(part) for key, part in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(_written, value)) + b"e"
    if isinstance(value, str):
        return _string(value.encode("latin1"))
    if isinstance(value, (bool, int)):
        return b"J" + struct.pack("<i", value)
    return _array(value)


def _string(raw: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(raw)) + raw


def _array(value: np.ndarray) -> bytes:
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    kind = value.dtype.str
    dtype = b"cnumpy\ndtype\n(" + _string(kind[1:].encode()) + b"K\x00K\x01tR(K\x03" + _string(kind[:1].encode())
    dtype += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"(" + b"".join(map(_written, value.shape)) + b"t"
    return empty + b"(K\x01" + shape + dtype + b"\x89" + _string(value.tobytes()) + b"tb"
