"""Draws compiler_cost.png from the records of experiments/compiler_cost.py."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from anil_theory.record import Record
from anil_theory.report.house_style import BLACK, DOUBLE
from anil_theory.report.paper_figure import redraw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = {"anil": "o", "maml": "s"}
LINES = {2: ":", 10: "--"}
"""Operations per entry, as lines to compare with."""


def plot_operations(records: Sequence[Record]) -> "Figure | None":
    """Operations per inner step against the entries of Table 2: one point per pair of dimensions and method."""
    rows = [record.measurements for record in records]
    if not rows:
        return None
    from anil_theory.report.panels import log_ticks, log_values, panels

    with panels(1, 1, panel_height=2.8, width=0.7 * DOUBLE) as sheet:
        axis = sheet.axes[0][0]
        for method, marker in MARKERS.items():
            entries = [row[method]["entries_per_step"] for row in rows]
            operations = [row[method]["flops_per_step"] for row in rows]
            axis.plot(entries, operations, marker, label=method.upper(), alpha=0.7)
        counts = [row[method]["entries_per_step"] for row in rows for method in MARKERS]
        ends = [min(counts), max(counts)]
        for factor, style in LINES.items():
            axis.plot(ends, [factor * end for end in ends], style, color=BLACK, lw=1, label=f"{factor} per entry")
        axis.set_xscale("log")
        log_ticks(axis.xaxis)
        log_values(axis)
        axis.set_xlabel("second-order entries of Table 2 per inner step")
        axis.set_ylabel("operations per inner step (XLA)")
        axis.legend(loc="upper left")
    return sheet.figure


if __name__ == "__main__":
    redraw(__file__, "results/compiler_cost", plot_operations, command="python experiments/compiler_cost.py")
