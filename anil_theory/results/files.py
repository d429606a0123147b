"""Results as files: CSV and Parquet of the rows, LaTeX of the tables; whole or not at all."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anil_theory._admissible import one_of
from anil_theory._atomic import write_atomically
from anil_theory.results.tables import data_frame, library

if TYPE_CHECKING:
    from anil_theory.results.base import Results

FILES = {"latex": "tables.tex", "csv": "rows.csv", "parquet": "rows.parquet"}
"""What can be written, and the names of the files."""


def write_results(results: "Results", kind: str, path: Path, statement: str | None = None) -> None:
    """Write one file. Raises InvalidParameter for an unknown kind, MissingLibrary without pyarrow for Parquet."""
    one_of("kind", kind, tuple(FILES))
    content = content_of(results, kind, statement)
    write_atomically(path, lambda file: file.write(content))


def content_of(results: "Results", kind: str, statement: str | None = None) -> bytes:
    """The bytes of a file."""
    if kind == "latex":
        return results.to_latex(statement).encode()
    rows = results.rows(statement=statement)
    return csv_of(rows).encode() if kind == "csv" else _parquet_of(rows)


def csv_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Comma-separated values with a line of names; numbers are written so that they are read back exactly."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    return text.getvalue()


def _parquet_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    library("pyarrow")
    frame = data_frame(rows)
    for name in frame.columns:
        if len({type(value) for value in frame[name].dropna()} - {int, float}) > 1:
            frame[name] = frame[name].map(lambda value: None if value is None else str(value))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
