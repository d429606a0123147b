"""One run of one cell = one frozen record, and the store that keeps records as one JSON file each.

The format (schema 2) is strict JSON: no member twice, no number beyond float64. A float that JSON cannot say is
written as {"$float": "nan"}, {"$float": "inf"} or {"$float": "-inf"}; in memory it is a float. The member "digest" is
the SHA-256 of all the others: it finds out damage and edits, and no one who takes the trouble to compute it anew.
Nothing outside this file knows how records are kept.
"""

import errno
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory._atomic import WRITING, remove_remains, write_atomically
from anil_theory._plain import Plain, to_plain
from anil_theory.errors import AnilTheoryError
from anil_theory.provenance import provenance

__all__ = [
    "SCHEMA",
    "OtherSchema",
    "Record",
    "RecordStore",
    "Status",
    "UnreadableRecord",
    "key",
    "provenance",
    "read_records",
    "to_plain",
]

SCHEMA = 2
_TAG = "$float"
_TAGGED = ("nan", "inf", "-inf")
_DIGEST = "digest"
_KEY = re.compile(r"[0-9a-f]{16}")
LONGEST_SHOWN = 80
"""Characters of a damaged value that a message shows."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""A disk that takes no more: not the fault of the folder's name."""


class Status(StrEnum):
    """How a run ended; `Record.reason` says why when it is not complete."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"
    FAILED = "failed"


class UnreadableRecord(AnilTheoryError, ValueError):
    """A file that has the name of a record and is not one. `path` is the file; deleting it has its cell run again."""

    def __init__(self, path: Path, why: object):
        self.path = path
        super().__init__(f"{path} is not a readable record ({why}); delete it to have its cell run again")


class OtherSchema(UnreadableRecord):
    """A record in the format of another version of this package: it is not damaged, and cannot be read here."""


@dataclass(frozen=True)
class Record:
    """One cell of a run.

    cell          everything that defines the cell (family, constants, schedule, dimensions, seeds, kinds);
    verdicts      what was judged, each as to_plain(verdict);
    measurements  what was measured, by name;
    provenance    where and when, see `provenance.provenance`;
    status        how the run ended, and `reason` why;
    schema        version of the format.

    Values are copied and made plain with `to_plain`, so arrays, enums and dataclasses may be handed over. Raises
    InvalidParameter for a value that has no plain form, an unknown status and a schema that is not this version's.
    """

    cell: Mapping[str, Any]
    verdicts: Sequence[Mapping[str, Any]] = ()
    measurements: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    status: str = Status.COMPLETE
    reason: str = ""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        for name, kind in (("cell", dict), ("verdicts", list), ("measurements", dict), ("provenance", dict)):
            plain = to_plain(getattr(self, name), name)
            if not isinstance(plain, kind):
                raise InvalidParameter(name, "a mapping" if kind is dict else "a list of mappings", plain)
            object.__setattr__(self, name, plain)
        if not all(isinstance(verdict, dict) for verdict in self.verdicts):
            raise InvalidParameter("verdicts", "a list of mappings", self.verdicts)
        object.__setattr__(self, "status", Status(one_of("status", self.status, tuple(Status))))
        if not isinstance(self.reason, str):
            raise InvalidParameter("reason", "a string", self.reason)
        if self.schema != SCHEMA:
            raise InvalidParameter("schema", f"{SCHEMA}, the one this version reads and writes", self.schema)

    @property
    def key(self) -> str:
        """The key of the cell."""
        return key(self.cell)

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that change with every member: the SHA-256 of the record's canonical JSON."""
        return hashlib.sha256(_canonical(encode_floats(asdict(self)))).hexdigest()

    def to_json(self) -> str:
        """The record and its digest as strict JSON."""
        members = encode_floats(asdict(self)) | {_DIGEST: self.digest}
        return json.dumps(members, allow_nan=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`.

        Raises ValueError when the text is not the JSON of a record, has a member twice or a number beyond float64, or
        when its members do not have the digest that it states; SchemaError when it is of another schema.
        """
        members = json.loads(text, object_pairs_hook=_members, parse_constant=_not_json, parse_float=_finite)
        expected = {f.name for f in fields(cls)}
        if isinstance(members, dict) and type(members.get("schema")) is int and members["schema"] != SCHEMA:
            raise SchemaError(f"schema {members['schema']}; this version reads {SCHEMA}")
        if not isinstance(members, dict) or members.keys() != expected | {_DIGEST}:
            raise ValueError(f"a record has exactly the members {', '.join(sorted(expected | {_DIGEST}))}")
        stated = members.pop(_DIGEST)
        record = cls(**members)
        if record.digest != stated:
            raise ValueError("its members do not have the digest that it states: it was damaged or edited")
        return record


class SchemaError(AnilTheoryError, ValueError):
    """The text is the JSON of a record in another version's format."""


def key(cell: Mapping[str, Any]) -> str:
    """The name of a cell: 16 hexadecimal digits of the SHA-256 of its canonical JSON.

    Canonical: members sorted, no white space, 2.0 written as 2 and -0.0 as 0, so that cells that compare equal as
    numbers have one key. 64 bits: two of 1e5 different cells share a key with probability below 3e-10.
    """
    plain = encode_floats(_integral(to_plain(cell, "cell")))
    return hashlib.sha256(_canonical(plain)).hexdigest()[:16]


def _canonical(plain: Plain) -> bytes:
    return json.dumps(plain, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


class RecordStore:
    """Records in a folder, one file `<key>.json` each; a later record of the same cell replaces the earlier one.

    Writing is atomic: a reader, a crash or a full disk finds the old record or the new one, never a part; what killed
    runs left half written is removed at construction. Files with other names are ignored; a file with the name of a
    record that is not one raises UnreadableRecord on reading. Raises InvalidParameter("out", ...) at construction when
    the folder cannot be made or written, and OSError when its disk is full.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        probe = self.folder / f"{WRITING}probe-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(probe, lambda file: file.write(b"probe"))
            probe.unlink(missing_ok=True)
        except OSError as error:
            if error.errno in _FULL:
                raise
            raise InvalidParameter("out", f"a folder that can be written ({error.strerror})", str(folder)) from error
        remove_remains(self.folder)

    def put(self, record: Record) -> str:
        """Keep `record` and return its key. Raises OSError, with nothing changed, when the disk does not take it."""
        name = record.key
        text = record.to_json()
        write_atomically(self.path_of(name), lambda file: file.write(text.encode()))
        return name

    def get(self, key: str) -> Record:
        """The record with this key. Raises KeyError when there is none, UnreadableRecord when its file is damaged."""
        if key not in self:
            raise KeyError(key)
        try:
            return _read(self.path_of(key))
        except FileNotFoundError as error:
            raise KeyError(key) from error

    def keys(self) -> tuple[str, ...]:
        """The keys present, sorted."""
        return tuple(path.stem for path in _files_of(self.folder))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _KEY.fullmatch(key) is not None and self.path_of(key).is_file()

    def __iter__(self) -> Iterator[Record]:
        return (self.get(name) for name in self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def path_of(self, key: str) -> Path:
        """The file of the record with this key, whether there is one or not."""
        return self.folder / f"{key}.json"


def read_records(folder: Path) -> list[Record]:
    """The records in a folder, in the order of their keys; nothing is written there, and no folder is made.

    Raises UnreadableRecord for a file with the name of a record that is not one.
    """
    return [_read(path) for path in _files_of(folder)]


def _files_of(folder: Path) -> list[Path]:
    """The files with the names of records, in the order of their keys."""
    return sorted(path for path in folder.glob("*.json") if _KEY.fullmatch(path.stem) and path.is_file())


def _read(path: Path) -> Record:
    """The record in a file. Raises FileNotFoundError, OtherSchema and UnreadableRecord."""
    try:
        record = Record.from_json(path.read_text(encoding="utf-8"))
    except SchemaError as error:
        raise OtherSchema(path, error) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UnreadableRecord(path, error) from error
    if record.key != path.stem:
        raise UnreadableRecord(path, f"its cell has the key {record.key}")
    return record


def encode_floats(value: Plain) -> Plain:
    """`value` with the floats that JSON cannot say replaced by their tags."""
    if isinstance(value, dict):
        if value.keys() == {_TAG}:
            raise InvalidParameter("record", f"free of objects whose only member is {_TAG!r}", value)
        return {name: encode_floats(member) for name, member in value.items()}
    if isinstance(value, list):
        return [encode_floats(member) for member in value]
    if isinstance(value, float) and value - value != 0:  # only nan, inf and -inf
        return {_TAG: repr(value)}
    return value


def _members(pairs: list[tuple[str, Any]]) -> Any:
    """A JSON object as a dict, or the float that it stands for."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice!r} is there twice")
    if members.keys() != {_TAG}:
        return members
    text = members[_TAG]
    if text not in _TAGGED:
        shown = repr(text)[:LONGEST_SHOWN]
        raise ValueError(f"{shown} does not stand for a float; {', '.join(_TAGGED)} do")
    return float(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is beyond float64")
    return number


def _not_json(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _integral(value: Plain) -> Plain:
    """`value` with every float that is an integer written as one."""
    if isinstance(value, dict):
        return {name: _integral(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_integral(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
