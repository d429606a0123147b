"""The results of a folder: its records, what each run of it was, and their rows as flat tables."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory._atomic import write_atomically
from anil_theory._display import Displayed
from anil_theory.record import Record, UnreadableRecord, read_records
from anil_theory.report.rows import all_rows
from anil_theory.results.flat_rows import flat_rows
from anil_theory.studies import STUDIES, settings_of
from anil_theory.study.complete import what_is_missing
from anil_theory.study.run_note import RunNote, notes_in

if TYPE_CHECKING:
    import pandas
    import xarray

RECORDS = "records"
"""The folder of the records, below that of a run."""

FIRST = ("verify", "certify", "constants", "tightness", "rates", "audit", "bench")
"""The order in which studies are shown."""


@dataclass(frozen=True, repr=False)
class Results(Displayed):
    """Records that runs left in a folder or in folders below it.

    folder    where they were read;
    studies   the records by the study that made them;
    notes     what each run was (`study.run_note`), with its folder; runs of older versions have none.
    """

    folder: Path
    studies: Mapping[str, tuple[Record, ...]]
    notes: tuple[tuple[Path, RunNote], ...] = field(default=())

    def _shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"folder": str(self.folder)}
        for study, records in self.studies.items():
            outcomes = Counter(row["outcome"] for row in self.rows(study) if row.get("outcome"))
            tally = ", ".join(f"{outcome} {number}" for outcome, number in outcomes.items())
            shown[study] = f"{len(records)} records" + (f": {tally}" if tally else "")
        return shown

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        return [row for study, records in self.studies.items() for row in flat_rows(study, records)]

    def rows(self, study: str | None = None, statement: str | None = None) -> list[dict[str, Any]]:
        """Every row as a flat dictionary: its setting beside what was measured.

        study, statement   only the rows of these; default: all.

        Raises InvalidParameter where the results have no such study or statement.
        """
        rows = self._rows
        for name, value in (("study", study), ("statement", statement)):
            if value is None:
                continue
            known = list(dict.fromkeys(row[name] for row in rows if row.get(name)))
            if value not in known:
                raise InvalidParameter(name, f"one of those in the results: {', '.join(known) or 'none'}", value)
            rows = [row for row in rows if row.get(name) == value]
        return rows

    def verdict_rows(self) -> list[dict[str, Any]]:
        """The rows of `anil-theory verify` as its reports take them (`report.rows`)."""
        return sorted(all_rows(self.studies.get("verify", ())), key=_place)

    def to_pandas(self, study: str | None = None, statement: str | None = None) -> "pandas.DataFrame":
        """A data frame with a line for each row. Raises MissingLibrary without pandas."""
        from anil_theory.results.tables import data_frame

        return data_frame(self.rows(study, statement))

    def to_xarray(
        self, statement: str | None = None, *, study: str = "verify", axes: Sequence[str] | None = None
    ) -> "xarray.Dataset":
        """A labelled array for each number of the rows of one statement; its axes are what the rows differ in.

        statement   may be left out where the results have one only;
        axes        names of columns that tell the rows apart; left out: they are chosen from the rows.

        A combination that was not measured is NaN. Rows that assume nothing of the curvature have mu = 0. Raises
        InvalidParameter where axes do not tell the rows apart, and MissingLibrary without xarray.
        """
        from anil_theory.results.tables import labelled_arrays

        return labelled_arrays(self.rows(study, statement), axes)

    def to_latex(self, statement: str | None = None) -> str:
        """Tables 1 and 2, and the verdicts of each statement (or of the one named), for LaTeX with booktabs."""
        from anil_theory.results.latex_tables import latex_tables

        rows = self.verdict_rows()
        if statement is not None:
            self.rows("verify", statement)
            rows = [row for row in rows if row["statement"] == statement]
        return latex_tables(rows)

    def content(self, kind: str, statement: str | None = None) -> bytes:
        """A file's content; `kind` is "latex", "csv" or "parquet". Raises InvalidParameter for another kind."""
        from anil_theory.results.files import FILES, csv_of, parquet_of

        one_of("kind", kind, tuple(FILES))
        if kind == "latex":
            return self.to_latex(statement).encode()
        rows = self.rows(statement=statement)
        return csv_of(rows).encode() if kind == "csv" else parquet_of(rows)

    def write(self, kind: str, path: str | os.PathLike[str], statement: str | None = None) -> None:
        """Write a file of `content` whole or not at all."""
        content = self.content(kind, statement)
        write_atomically(Path(path), lambda file: file.write(content))


def load_results(folder: str | os.PathLike[str]) -> Results:
    """The results in a folder: that of one run (`--out`), that of its records, or one with such folders below it.

    Nothing is written. Raises InvalidParameter where there are no records, UnreadableRecord for a damaged one, which it
    names, and OtherSchema for one that another version wrote.
    """
    top = Path(folder)
    if top.name == RECORDS and not (top / RECORDS).is_dir():
        top = top.parent
    places = [place for place in (top, *sorted(_below(top))) if (place / RECORDS).is_dir()]
    studies: dict[str, dict[str, Record]] = {}
    notes: list[tuple[Path, RunNote]] = []
    for place in places:
        for record in read_records(place / RECORDS):
            study = study_of(record)
            _require_complete(record, study, place)
            studies.setdefault(study, {})[f"{place}/{record.key}"] = record
        notes += [(place, note) for note in notes_in(place)]
    if not studies:
        allowed = "a folder with the records of a run; `anil-theory verify --out FOLDER` makes one"
        raise InvalidParameter("results", allowed, str(folder))
    order = sorted(studies, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return Results(top, {name: tuple(studies[name].values()) for name in order}, tuple(notes))


def _below(top: Path) -> list[Path]:
    """The folders right below one, hidden ones left out."""
    if not top.is_dir():
        return []
    return [path for path in top.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Where a row stands among others: by statement, geometry and constants, then by N; blocks stay together."""
    constants, schedule = row["cell"]["constants"], row["cell"]["schedule"]
    sizes = tuple(constants[letter] or 0.0 for letter in ("mu", "L", "rho", "tau", "M"))
    kind = (row["statement"], row["geometry"], row["regime"], row["check"], str(row["cell"].get("family")))
    return (*kind, *sizes, schedule["inner_steps"], row["setting"])


def study_of(record: Record) -> str:
    """The study whose cell this is: cells of different studies have different members."""
    cell = record.cell
    if "measurement" in cell and "statement" in cell:
        return "verify"
    if cell.get("command") == "tightness":
        return "tightness"
    if cell.get("check") in ("certificate", "constants"):
        return "certify" if cell["check"] == "certificate" else "constants"
    if "audit" in cell:
        return "audit"
    return "bench" if cell.get("study") == "bench" else ("rates" if "study" in cell else "other")


def _require_complete(record: Record, study: str, place: Path) -> None:
    if study not in STUDIES:
        return
    missing = what_is_missing(record, settings_of(study))
    if missing:
        raise UnreadableRecord(place / RECORDS / f"{record.key}.json", missing)
