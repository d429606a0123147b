"""Reading pickles of arrays, lists, dicts, strings and numbers, and nothing else.

A pickle is a program: it may import any function and call it. Here the only names that it can reach are the handful by
which numpy has spelt an array since Python 2, and each leads to a stand-in of this file, so that not even numpy's own
reconstruction of arrays runs. Every other import is refused, by its name, before anything of it is loaded.
"""

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from anil_theory._admissible import InvalidParameter

ALLOWED = "a pickle of arrays, lists, dicts, strings and numbers"
_NUMBER_OR_TEXT = re.compile(r"[|<>=]?(b1|\?|[iuf](1|2|4|8)|[SU]\d{1,6})")


class Refused(Exception):
    """What a pickle wanted and may not have; the text says it."""


def load_pickle(path: Path) -> Any:
    """The content of the pickle at `path`, strings of Python 2 read as latin1.

    Raises InvalidParameter, named after the file, when the file cannot be read, is truncated or no pickle, or wants to
    import anything but arrays. The file is not executed: see the module.
    """
    try:
        with path.open("rb") as file:
            return _resolved(_Reader(file, encoding="latin1").load())
    except Refused as error:
        raise InvalidParameter(str(path), ALLOWED, str(error)) from None
    except OSError as error:
        raise InvalidParameter(str(path), "a file that can be read", error.strerror or str(error)) from None
    except EOFError as error:
        raise InvalidParameter(str(path), "a complete pickle; it ends too early", str(error)) from None
    except RecursionError:
        raise InvalidParameter(str(path), ALLOWED, "nesting without end") from None
    except Exception as error:  # a damaged stream can make the unpickler raise almost anything
        what = f"{type(error).__name__}: {error}"
        allowed = "a complete pickle; it ends too early" if "truncated" in what else "a readable pickle"
        raise InvalidParameter(str(path), allowed, what) from None


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise Refused(f"a pickle that wants to import {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise Refused(f"a pickle with an outside reference {pid!r}")


class _Admitted:
    """A name that a pickle may call. It has no attributes to set and refuses to be given a state."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise Refused("a pickle that changes a function")


class _Type:
    """Stand-in for a pickled numpy.dtype: numbers and fixed-width text only."""

    __slots__ = ("dtype",)

    def __init__(self, name: Any, *_: Any):
        if not isinstance(name, str) or not _NUMBER_OR_TEXT.fullmatch(name):
            what = "numpy objects" if str(name).lstrip("|") in ("O", "O8", "O4") else f"numpy type {name!r}"
            raise Refused(f"an array of {what}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, subdtype, names, fields, item size, alignment, flags[, metadata])
        if not isinstance(state, tuple) or len(state) < 5 or any(part is not None for part in state[2:5]):
            raise Refused("an array of structures")
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stand-in for a numpy.ndarray that is being rebuilt; `value` is the array once its state has come."""

    __slots__ = ("value",)

    def __init__(self, *_: Any):
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise Refused("an array without a state of numpy's")
        shape, kind, fortran, raw = state[-4:]
        self.value = _filled(raw, kind, shape, "F" if fortran else "C")


def _filled(raw: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    """The array with these bytes; np.frombuffer checks their number and copies nothing."""
    if not isinstance(kind, _Type):
        raise Refused("an array without a type")
    if isinstance(raw, str):  # bytes of Python 2
        raw = raw.encode("latin1")
    if not isinstance(raw, (bytes, bytearray)):
        raise Refused("an array of numpy objects")
    return np.frombuffer(raw, kind.dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(kind: Any, raw: Any = b"") -> Any:
    return _filled(raw, kind, (), "C")[()]


def _frombuffer(raw: Any, kind: Any, shape: Any, order: Any = "C") -> _Array:
    array = _Array()
    array.value = _filled(raw, kind, shape, order)
    return array


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """How Python 3 writes bytes for old protocols."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused(f"an encoding {encoding!r}")
    return text.encode("latin1")


def _bytes(*arguments: Any) -> bytes:
    """The empty bytes, which old protocols write as a call."""
    if arguments:
        raise Refused("a call of bytes")
    return b""


_ADMITTED: dict[tuple[str, str], _Admitted] = {
    ("numpy", "ndarray"): _Admitted(_Array),
    ("numpy", "dtype"): _Admitted(_Type),
    ("_codecs", "encode"): _Admitted(_encoded),
    ("__builtin__", "bytes"): _Admitted(_bytes),
    **{
        (f"numpy.{core}.{module}", name): _Admitted(function)
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}


def _resolved(value: Any) -> Any:
    """`value` with every stand-in replaced by its array."""
    if isinstance(value, _Array):
        if value.value is None:
            raise Refused("an array without content")
        return value.value
    if isinstance(value, (_Admitted, _Type)):
        raise Refused("a function or type as data")
    if isinstance(value, dict):
        return {_resolved(key): _resolved(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_resolved(member) for member in value)
    if value is None or isinstance(value, (str, bytes, bytearray, int, float, complex, np.generic)):
        return value
    raise Refused(f"a pickle of a {type(value).__name__}")
