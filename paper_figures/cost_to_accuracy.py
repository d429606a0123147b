"""Draws cost_to_accuracy.png from the records of `anil-theory rates`."""

from collections.abc import Sequence
from typing import Any

from anil_theory.record import Record
from anil_theory.report import plot_cost
from anil_theory.report.paper_figure import redraw


def cost_curves(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The curves of the cost study, in the order of their labels."""
    studies = [record.measurements for record in records]
    curves = [curve for study in studies if study["study"] == "cost" for curve in study["curves"]]
    return sorted(curves, key=lambda curve: curve["label"])


if __name__ == "__main__":
    redraw(
        __file__,
        "results/rates/records",
        lambda records: plot_cost(cost_curves(records)),
        command="anil-theory rates",
    )
