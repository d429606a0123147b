"""Reading pickles of arrays, lists, dicts, strings and numbers, and nothing else.

A pickle is a program: it may import any function and call it. Here the only names that it can reach are the handful by
which numpy has spelt an array since Python 2, and a dict that is ordered or has a default; each leads to a stand-in of
`pickle_stand_ins`, so that not even numpy's own reconstruction of arrays runs. Every other import is refused, by its
name, before anything of it is loaded.

A pickle may also ask for memory and time without end. `pickle_scan` walks over it first, the stand-ins have an
allowance, and what was built is refused when it would unfold to far more than the file wrote.
"""

import pickle
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory._printable import printable
from anil_theory.errors import MemoryTooSmall
from anil_theory.neural.data.pickle_scan import MAX_DEPTH, Refused, scan_pickle
from anil_theory.neural.data.pickle_stand_ins import (
    ADMITTED,
    Admitted,
    Allowance,
    ArrayStandIn,
    TypeStandIn,
    may_be_key,
)
from anil_theory.neural.regular_files import foreign, open_regular, size_of

ALLOWED = "a pickle of arrays, lists, dicts, strings and numbers"
_FREE_BYTES = 2**20
_UNFOLDING = 16
"""Values may be shared. Counted as often as they are reached, they may be this many times the opcodes."""
_FREE_MEMBERS = 1000
"""Values that any pickle may have, however few its opcodes."""


def load_pickle(path: Path) -> Any:
    """The content of the pickle at `path`, strings of Python 2 read as latin1.

    Raises InvalidParameter, named after the file, when the file cannot be read, is truncated or no pickle, wants to
    import anything but arrays, or would take far more memory than its size, and MemoryTooSmall where there is not even
    that. The file is not executed: see the module.
    """
    with open_regular(path) as file:
        what = foreign(file)
        if what is not None:
            raise InvalidParameter(str(path), ALLOWED, what)
        try:
            return _read(file)
        except Refused as error:
            raise InvalidParameter(str(path), ALLOWED, printable(str(error), most=200)) from None
        except EOFError as error:
            raise InvalidParameter(str(path), "a complete pickle; it ends too early", str(error)) from None
        except MemoryError:
            raise MemoryTooSmall(f"{path} does not fit in memory; it has {size_of(file)} bytes") from None
        except OSError as error:
            raise InvalidParameter(str(path), "a file that can be read", error.strerror or str(error)) from None
        except Exception as error:  # a damaged stream can make the unpickler raise almost anything
            what = printable(f"{type(error).__name__}: {error}", most=200)
            allowed = "a complete pickle; it ends too early" if "truncated" in what else "a readable pickle"
            raise InvalidParameter(str(path), allowed, what) from None


def _read(file: BinaryIO) -> Any:
    size = size_of(file)
    opcodes = scan_pickle(file, size)
    file.seek(0)
    content = _Reader(file, Allowance(2 * size + _FREE_BYTES)).load()
    return _Resolver(largest=_UNFOLDING * opcodes + _FREE_MEMBERS).resolved(content)


class _Reader(pickle.Unpickler):
    def __init__(self, file: BinaryIO, allowance: Allowance):
        super().__init__(file, encoding="latin1")
        self._allowance = allowance

    def find_class(self, module: str, name: str) -> Any:
        try:
            return Admitted(ADMITTED[module, name], self._allowance)
        except KeyError:
            raise Refused(f"a pickle that wants to import {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise Refused(f"a pickle with an outside reference {pid[:40] if isinstance(pid, str) else ''!r}")


class _Resolved(NamedTuple):
    """A value without stand-ins, the number of values in it when what is shared is written out, and its depth."""

    value: Any
    members: int
    depth: int


_PLAIN = (str, bytes, bytearray, int, float, complex, np.generic)
_OPEN = _Resolved(None, 0, 0)  # stands in the memo for a container whose members are being resolved


class _Resolver:
    """Replaces the stand-ins in what was built by their arrays. What is shared is resolved once, and stays shared."""

    def __init__(self, largest: int):
        self._largest = largest
        self._memo: dict[int, _Resolved] = {}  # by identity; what was built is alive until the end

    def resolved(self, value: Any) -> Any:
        """`value` without stand-ins. Raises Refused for what is no data, and for nesting and sharing without end."""
        return self._visit(value, 0).value

    def _visit(self, value: Any, above: int) -> _Resolved:
        if value is None or isinstance(value, _PLAIN):
            return _Resolved(value, 1, 0)
        if isinstance(value, ArrayStandIn):
            if value.value is None:
                raise Refused("an array without content")
            return _Resolved(value.value, 1, 0)
        if isinstance(value, (Admitted, TypeStandIn)):
            raise Refused("a function or type as data")
        if not isinstance(value, (dict, list, tuple)):
            raise Refused(f"a pickle of a {type(value).__name__}")
        known = self._memo.get(id(value))
        if known is _OPEN:
            raise Refused("nesting without end")
        if known is None:
            self._memo[id(value)] = _OPEN
            known = self._memo[id(value)] = self._container(value, above + 1)
        if above + known.depth > MAX_DEPTH:
            raise Refused(f"nesting deeper than {MAX_DEPTH}")
        return known

    def _container(self, value: Any, depth: int) -> _Resolved:
        if depth > MAX_DEPTH:
            raise Refused(f"nesting deeper than {MAX_DEPTH}")
        if isinstance(value, dict) and not all(map(may_be_key, value)):
            raise Refused("a dict with keys other than strings and numbers")
        values = []
        members = 1
        deepest = 0
        for part in value.values() if isinstance(value, dict) else value:
            visited = self._visit(part, depth)
            values.append(visited.value)
            members += visited.members
            deepest = max(deepest, visited.depth)
        if members > self._largest:
            raise Refused(f"a pickle whose shared parts unfold to more than {self._largest} values")
        built = dict(zip(value, values, strict=True)) if isinstance(value, dict) else type(value)(values)
        return _Resolved(built, members, 1 + deepest)
