"""What a run leaves beside its records: which study it was, how it was asked for, which cells and files are its own.

A folder may hold the records of several runs. Each has a note in `runs/`, a JSON file of its name; the name follows
from the study and its cells, so that the same run made again has the same one. The first run of a folder writes
report.md, another one report-NAME.md: none takes the place of another's report.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from anil_theory._atomic import write_atomically

FOLDER = "runs"
"""The folder of the notes, beside that of the records."""


@dataclass(frozen=True)
class RunNote:
    """The note of one run.

    name      16 hexadecimal digits of the SHA-256 of the study and of the keys of its cells;
    study     the command;
    command   what was typed;
    suffix    of the names of its files: empty, or a dash and the beginning of the name;
    cells     the keys of its records;
    files     the names of its report and figures.
    """

    name: str
    study: str
    command: str
    suffix: str
    cells: list[str]
    files: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, out: Path, study: str, cells: Iterable[str]) -> Self:
        """The note of a run that is about to begin in the folder `out`."""
        keys = sorted(cells)
        name = hashlib.sha256(" ".join([study, *keys]).encode()).hexdigest()[:16]
        earlier = notes_in(out)
        known = next((note for note in earlier if note.name == name), None)
        suffix = known.suffix if known else (f"-{name[:8]}" if any(not note.suffix for note in earlier) else "")
        return cls(name, study, " ".join(["anil-theory", *sys.argv[1:]]), suffix, keys)

    def write(self, out: Path, files: Sequence[Path]) -> None:
        """Keep the note in the folder `out`, with the files that the run has written there."""
        names = [path.name for path in files if path.parent == out]
        text = json.dumps(asdict(self) | {"files": names}, indent=1)
        folder = out / FOLDER
        folder.mkdir(exist_ok=True)
        write_atomically(folder / f"{self.name}.json", lambda file: file.write(text.encode()))


def notes_in(out: Path) -> list[RunNote]:
    """The notes in a folder; a file that is none is passed over, since nothing is computed from notes."""
    notes = (_read(path) for path in sorted((out / FOLDER).glob("*.json")))
    return [note for note in notes if note is not None]


def _read(path: Path) -> RunNote | None:
    try:
        members: Any = json.loads(path.read_text(encoding="utf-8"))
        note = RunNote(**members)
    except (OSError, ValueError, TypeError):
        return None
    words = (note.name, note.study, note.command, note.suffix, *note.cells, *note.files)
    return note if all(isinstance(word, str) for word in words) else None
