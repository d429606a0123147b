"""Draws tightness.png from the records of `anil-theory tightness`."""

from collections.abc import Sequence
from typing import Any

from anil_theory.record import Record
from anil_theory.report import plot_reached
from anil_theory.report.paper_figure import redraw


def sound_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The rows of the settings in which no bound was broken on purpose."""
    return [row for record in records if not record.cell["broken"] for row in record.measurements["rows"]]


if __name__ == "__main__":
    redraw(
        __file__,
        "results/tightness/records",
        lambda records: plot_reached(sound_rows(records)),
        command="anil-theory tightness",
    )
