"""ANIL against MAML: how many times less an inner step costs, against n_phi/n_w, beside Table 2."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anil_theory.report.house_style import BLUE, COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes


def plot_savings(rows: Sequence[Mapping[str, Any]], *, axes: "GivenAxes" = None) -> "Figure | None":
    """MAML's cost of an inner step over ANIL's, against n_phi/n_w: entries of Table 2, and operations of the compiler.

    Table 2's entries of second derivatives have the ratio (n_w + n_phi)^2/(n_w^2 + n_w n_phi) = 1 + n_phi/n_w, a line
    for all dimensions; the operations that XLA counts in the compiled meta-gradient are markers, by n_w.

    rows   each with "n_w", "n_phi", and for "anil" and "maml" "entries_per_step" and "flops_per_step", as
           experiments/compiler_cost.py keeps them;
    axes   one; left out: a new figure.

    Returns the figure, or None without rows. Raises InvalidParameter for a wrong number of axes.
    """
    if not rows:
        return None
    from anil_theory.report.panels import log_ticks, log_values, panels

    with panels(1, 1, axes, panel_height=2.4) as sheet:
        axis = sheet.axes[0][0]
        handles: dict[str, Any] = {}
        entries = sorted({(_shape(row), _saving(row, "entries_per_step")) for row in rows})
        (handles["entries, Table 2"],) = axis.plot(*zip(*entries, strict=True), "--", color=BLUE, lw=1.6)
        # The first colour is that of the line.
        for n_w, colour, marker in zip(sorted({row["n_w"] for row in rows}), COLOURS[1:], MARKERS, strict=False):
            mine = [row for row in rows if row["n_w"] == n_w]
            points = sorted((_shape(row), _saving(row, "flops_per_step")) for row in mine)
            style = {"color": colour, "marker": marker, "ms": 4, "mfc": "none", "ls": ""}
            (handles[f"operations, $n_w={n_w}$"],) = axis.plot(*zip(*points, strict=True), **style)
        log_values(axis, most=5)
        axis.set_xscale("log")
        log_ticks(axis.xaxis, most=5)
        axis.set_xlabel(r"$n_\varphi/n_w$")
        axis.set_ylabel("MAML / ANIL, per inner step")
        sheet.legend(handles, columns=2)
        sheet.title("What ANIL saves in an inner step")
    return sheet.figure


def _shape(row: Mapping[str, Any]) -> float:
    return row["n_phi"] / row["n_w"]


def _saving(row: Mapping[str, Any], name: str) -> float:
    return row["maml"][name] / row["anil"][name]
