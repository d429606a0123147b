"""Draws tightness.png from the records of `anil-theory tightness`."""

import sys
from pathlib import Path

from anil_theory.record import RecordStore
from anil_theory.report.tightness_plot import plot_reached


def main() -> None:
    """Read the records, draw the figure beside this script."""
    folder = Path("results/tightness/records")
    target = Path(__file__).with_suffix(".png")
    records = list(RecordStore(folder)) if folder.is_dir() else []
    rows = [row for record in records if not record.cell["broken"] for row in record.measurements["rows"]]
    if not plot_reached(sorted(rows, key=lambda row: row["N"]), target):
        sys.exit(f"no records in {folder}: run anil-theory tightness first")
    print(target.name)


if __name__ == "__main__":
    main()
