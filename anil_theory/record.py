"""One run of one cell = one frozen record, and the store that keeps records as one JSON file each.

The format (schema 1) is strict JSON. A float that JSON cannot say is written as {"$float": "nan"}, {"$float": "inf"}
or {"$float": "-inf"}; in memory it is a float. Nothing outside this file knows how records are kept.
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory._plain import Plain, to_plain
from anil_theory.provenance import provenance

__all__ = ["SCHEMA", "Record", "RecordStore", "Status", "UnreadableRecord", "key", "provenance", "to_plain"]

SCHEMA = 1
_TAG = "$float"
_KEY = re.compile(r"[0-9a-f]{16}")
_WRITING = ".writing-"


class Status(StrEnum):
    """How a run ended; `Record.reason` says why when it is not complete."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"
    FAILED = "failed"


class UnreadableRecord(ValueError):
    """A file that has the name of a record and is not one. `path` is the file; deleting it has its cell run again."""

    def __init__(self, path: Path, why: object):
        self.path = path
        super().__init__(f"{path} is not a readable record ({why}); delete it to have its cell run again")


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

    def to_json(self) -> str:
        """The record as strict JSON."""
        return json.dumps(encode_floats(asdict(self)), allow_nan=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`. Raises ValueError when the text is not the JSON of a record."""
        members = json.loads(text, object_hook=_decode, parse_constant=_reject_constant)
        expected = {f.name for f in fields(cls)}
        if not isinstance(members, dict) or members.keys() != expected:
            raise ValueError(f"a record has exactly the members {', '.join(sorted(expected))}")
        return cls(**members)


def key(cell: Mapping[str, Any]) -> str:
    """The name of a cell: 16 hexadecimal digits of the SHA-256 of its canonical JSON.

    Canonical: members sorted, no white space, 2.0 written as 2 and -0.0 as 0, so that cells that compare equal as
    numbers have one key. 64 bits: two of 1e5 different cells share a key with probability below 3e-10.
    """
    canonical = encode_floats(_integral(to_plain(cell, "cell")))
    text = json.dumps(canonical, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class RecordStore:
    """Records in a folder, one file `<key>.json` each; a later record of the same cell replaces the earlier one.

    Writing is atomic: a reader, a crash or a full disk finds the old record or the new one, never a part. Files with
    other names are ignored; a file with the name of a record that is not one raises UnreadableRecord on reading.
    Raises InvalidParameter("out", ...) at construction when the folder cannot be made or written.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self._temporary()
            probe.write_bytes(b"probe")
            probe.unlink()
        except OSError as error:
            raise InvalidParameter("out", f"a folder that can be written ({error.strerror})", str(folder)) from error

    def put(self, record: Record) -> str:
        """Keep `record` and return its key. Raises OSError, with nothing changed, when the disk does not take it."""
        name = record.key
        text = record.to_json()
        temporary = self._temporary()
        try:
            with temporary.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path(name))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return name

    def get(self, key: str) -> Record:
        """The record with this key. Raises KeyError when there is none, UnreadableRecord when its file is damaged."""
        path = self._path(key)
        if key not in self:
            raise KeyError(key)
        try:
            record = Record.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise KeyError(key) from error
        except (ValueError, TypeError, RecursionError) as error:
            raise UnreadableRecord(path, error) from error
        if record.key != key:
            raise UnreadableRecord(path, f"its cell has the key {record.key}")
        return record

    def keys(self) -> tuple[str, ...]:
        """The keys present, sorted."""
        names = (path.stem for path in self.folder.glob("*.json") if path.is_file())
        return tuple(sorted(name for name in names if _KEY.fullmatch(name)))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _KEY.fullmatch(key) is not None and self._path(key).is_file()

    def __iter__(self) -> Iterator[Record]:
        return (self.get(name) for name in self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _temporary(self) -> Path:
        # In the same folder, because a rename is atomic within one file system only; `keys` does not see the name.
        return self.folder / f"{_WRITING}{secrets.token_hex(8)}"


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


def _decode(members: dict[str, Any]) -> Any:
    return float(members[_TAG]) if members.keys() == {_TAG} else members


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _integral(value: Plain) -> Plain:
    """`value` with every float that is an integer written as one."""
    if isinstance(value, dict):
        return {name: _integral(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_integral(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
