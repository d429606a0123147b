"""Results as files: CSV and Parquet of the rows, LaTeX of the tables."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from anil_theory.results.tables import data_frame, library

FILES = {"latex": "tables.tex", "csv": "rows.csv", "parquet": "rows.parquet"}
"""What can be written, and the names of the files."""


def csv_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Comma-separated values with a line of names; numbers are written so that they are read back exactly."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    return text.getvalue()


def parquet_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A Parquet file. Raises MissingLibrary without pandas and pyarrow."""
    library("pyarrow")
    frame = data_frame(rows)
    for name in frame.columns:
        if len({type(value) for value in frame[name].dropna()} - {int, float}) > 1:
            frame[name] = frame[name].map(lambda value: None if value is None else str(value))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
