"""What the few names that a pickle of data may call lead to: stand-ins, so that none of numpy's own functions runs.

What they make from what the file holds is charged to an allowance: a file may have one long text decoded over and over,
seven bytes a time.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from anil_theory.neural.data.pickle_scan import Refused

_NUMBER_OR_TEXT = re.compile(r"[|<>=]?(b1|\?|[iuf](1|2|4|8)|[SU]\d{1,6})")
_BYTES_PER_PAIR = 8
_LONGEST_KEY = 64  # bits: of longer integers many can be made that have one hash, and a dict of them takes for ever


def may_be_key(value: Any) -> bool:
    """Whether a dict of a pickle may have `value` as a key: a string or a number of at most 64 bits, or None."""
    if isinstance(value, int):
        return value.bit_length() <= _LONGEST_KEY
    return value is None or isinstance(value, (str, bytes, float, np.generic))


class Allowance:
    """How many bytes the calls of one pickle may still make. Every byte of a sound file is decoded once at most."""

    def __init__(self, total: int):
        self._left = self._total = total

    def spend(self, amount: int) -> None:
        """Raises Refused once the total is spent."""
        self._left -= amount
        if self._left < 0:
            raise Refused(f"a pickle that decodes to more than {self._total} bytes")


class Admitted:
    """A name that a pickle may call. It has no attributes to set and refuses to be given a state."""

    __slots__ = ("_allowance", "_function")

    def __init__(self, function: Callable[..., Any], allowance: Allowance):
        self._function, self._allowance = function, allowance

    def __call__(self, *arguments: Any) -> Any:
        return self._function(self._allowance, *arguments)

    def __setstate__(self, state: Any) -> None:
        raise Refused("a pickle that changes a function")


class TypeStandIn:
    """Stand-in for a pickled numpy.dtype: numbers and fixed-width text only."""

    __slots__ = ("dtype",)

    def __init__(self, _: Allowance, name: Any = None, *__: Any):
        text = name if isinstance(name, str) else ""  # anything else may be without end when it is written out
        if not _NUMBER_OR_TEXT.fullmatch(text):
            what = "numpy objects" if text.lstrip("|") in ("O", "O8", "O4") else f"numpy type {text[:40]!r}"
            raise Refused(f"an array of {what}")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, subdtype, names, fields, item size, alignment, flags[, metadata])
        if not isinstance(state, tuple) or len(state) < 5 or any(part is not None for part in state[2:5]):
            raise Refused("an array of structures")
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class ArrayStandIn:
    """Stand-in for a numpy.ndarray that is being rebuilt; `value` is the array once its state has come."""

    __slots__ = ("_allowance", "value")

    def __init__(self, allowance: Allowance, *_: Any):
        self._allowance = allowance
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise Refused("an array without a state of numpy's")
        shape, kind, fortran, raw = state[-4:]
        self.value = _filled(self._allowance, raw, kind, shape, "F" if fortran else "C")


def _filled(allowance: Allowance, raw: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    """The array with these bytes; np.frombuffer checks their number and copies nothing."""
    if not isinstance(kind, TypeStandIn):
        raise Refused("an array without a type")
    if isinstance(raw, str):  # bytes of Python 2
        allowance.spend(len(raw))
        raw = raw.encode("latin1")
    if not isinstance(raw, (bytes, bytearray)):
        raise Refused("an array of numpy objects")
    return np.frombuffer(raw, kind.dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(allowance: Allowance, kind: Any, raw: Any = b"") -> Any:
    value = _filled(allowance, raw, kind, (), "C")
    allowance.spend(value.nbytes)  # a scalar is a copy
    return value[()]


def _frombuffer(allowance: Allowance, raw: Any, kind: Any, shape: Any, order: Any = "C") -> ArrayStandIn:
    array = ArrayStandIn(allowance)
    array.value = _filled(allowance, raw, kind, shape, order)
    return array


def _encoded(allowance: Allowance, text: Any, encoding: Any = "latin1") -> bytes:
    """How Python 3 writes bytes for old protocols."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused(f"an encoding {encoding[:40] if isinstance(encoding, str) else type(encoding).__name__!r}")
    allowance.spend(len(text))
    return text.encode("latin1")


def _bytes(_: Allowance, *arguments: Any) -> bytes:
    """The empty bytes, which old protocols write as a call."""
    if arguments:
        raise Refused("a call of bytes")
    return b""


def _ordered(allowance: Allowance, pairs: Iterable[Any] = ()) -> dict[Any, Any]:
    """collections.OrderedDict, as a dict: members come later, or (Python 2) as a list of pairs."""
    paired = isinstance(pairs, list) and all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs)
    if not paired and pairs != ():
        raise Refused("an OrderedDict of something else than pairs")
    pairs = list(pairs)
    if not all(may_be_key(key) for key, _ in pairs):
        raise Refused("an OrderedDict with keys other than strings and numbers")
    allowance.spend(_BYTES_PER_PAIR * len(pairs))
    return dict(pairs)


def _defaulting(_: Allowance, factory: Any = None) -> dict[Any, Any]:
    """collections.defaultdict, as a dict: nothing asks it for a key that it lacks, so the factory is dropped."""
    if factory is not None and not isinstance(factory, Admitted):
        raise Refused("a defaultdict with a factory that is no type")
    return {}


def _never(_: Allowance, *__: Any) -> Any:
    """A type that a defaultdict names as its factory."""
    raise Refused("a call of a type of Python's")


_FACTORIES = ("list", "dict", "int", "float", "str", "tuple", "set", "bool")

ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): ArrayStandIn,
    ("numpy", "dtype"): TypeStandIn,
    ("_codecs", "encode"): _encoded,
    ("__builtin__", "bytes"): _bytes,
    ("collections", "OrderedDict"): _ordered,
    ("collections", "defaultdict"): _defaulting,
    **{(module, name): _never for module in ("__builtin__", "builtins") for name in _FACTORIES},
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", ArrayStandIn),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}
"""The names that a pickle of data may reach, each with its stand-in."""
