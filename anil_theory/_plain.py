"""Values of the package as plain JSON values: what records are made of."""

import dataclasses
from collections.abc import Mapping
from enum import Enum
from os import PathLike, fspath
from typing import Any

import numpy as np

from anil_theory._admissible import InvalidParameter

Plain = Any
"""None, bool, int, float (nan and inf included), str, a list of plain values, or a dict from str to plain values."""

_ALLOWED = "made of numbers, strings, enums, arrays, lists, mappings with string keys and dataclasses"


def to_plain(value: Any, name: str = "value") -> Plain:
    """A copy of `value` made of plain values: dict, list, str, int, float, bool, None.

    Dataclasses and named tuples become dicts of their fields, enums their values, NumPy and JAX scalars numbers and
    arrays nested lists (of any shape; floats keep their value exactly). `name` is how errors call the value.
    Raises InvalidParameter, naming the member at fault, for anything else: functions, sets, complex numbers.
    """
    if isinstance(value, Enum):
        return to_plain(value.value, name)
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):  # subclasses, such as np.float64, lose their type here
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidParameter(name, "a mapping with string keys", key)
        return {str(key): to_plain(member, f"{name}.{key}") for key, member in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return to_plain(members, name)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return to_plain(value._asdict(), name)  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(value, (list, tuple)):
        return [to_plain(member, f"{name}[{index}]") for index, member in enumerate(value)]
    if isinstance(value, PathLike):
        return fspath(value)
    if hasattr(value, "__array__"):
        return _array_to_plain(value, name)
    raise InvalidParameter(name, _ALLOWED, value)


def _array_to_plain(value: Any, name: str) -> Plain:
    try:
        array = np.asarray(value)
        if array.dtype.kind in "biuU":
            return array.tolist()
        return array.astype(np.float64, casting="safe").tolist()  # every value of a smaller float type is a float64
    except TypeError as error:
        raise InvalidParameter(name, _ALLOWED, value) from error
