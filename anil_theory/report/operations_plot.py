"""Operations that the compiler counts in an inner step, against the entries that Table 2 charges for it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anil_theory.report.house_style import BLACK, BLUE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

METHODS = {
    "anil": ("ANIL", {"marker": "o", "color": BLUE, "mfc": "none"}),
    "maml": ("MAML", {"marker": "s", "color": VERMILLION, "mfc": "none"}),
}
"""Name and marker of each method."""

LINES = {2: ":", 10: "--"}
"""Operations per entry, as lines to compare with."""


def plot_operations(rows: Sequence[Mapping[str, Any]], *, axes: "GivenAxes" = None) -> "Figure | None":
    """Operations per inner step against the entries of Table 2: one point per pair of dimensions and method.

    rows   each with, for "anil" and "maml", "entries_per_step" and "flops_per_step", as experiments/compiler_cost.py
           keeps them;
    axes   one; left out: a new figure.

    Returns the figure, or None without rows. Raises InvalidParameter for a wrong number of axes.
    """
    if not rows:
        return None
    from anil_theory.report.panels import log_ticks, log_values, panels

    with panels(1, 1, axes, panel_height=2.4) as sheet:
        axis = sheet.axes[0][0]
        handles: dict[str, Any] = {}
        for method, (name, style) in METHODS.items():
            entries = [row[method]["entries_per_step"] for row in rows]
            operations = [row[method]["flops_per_step"] for row in rows]
            (handles[name],) = axis.plot(entries, operations, ls="", ms=4, **style)
        counts = [row[method]["entries_per_step"] for row in rows for method in METHODS]
        ends = [min(counts), max(counts)]
        for factor, style in LINES.items():
            values = [factor * end for end in ends]
            (handles[f"{factor} per entry"],) = axis.plot(ends, values, ls=style, color=BLACK, lw=1)
        axis.set_xscale("log")
        log_ticks(axis.xaxis)
        log_values(axis)
        axis.set_xlabel("second-order entries of Table 2")
        axis.set_ylabel("operations (XLA)")
        sheet.legend(handles, columns=2)
        sheet.title("One inner step: operations against entries")
    return sheet.figure
