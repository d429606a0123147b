"""How much of its bound each block of a statement reaches, whatever is bounded: a point for each row."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anil_theory._printable import in_figure
from anil_theory.report.house_style import BLACK, GREY
from anil_theory.report.rows import BLOCK_LABELS, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

MARKERS = {"strongly-convex": "o", "nonconvex": "^"}
"""The geometries are told apart by their markers, also in grey."""

LEAST = 1e-6
"""A share below is drawn here and said to be smaller: one of a rounding, as of an idle block, would hide the others."""


def plot_shares(rows: Sequence[Row], *, axes: "GivenAxes" = None) -> "Figure | None":
    """Measured/bound of every row on a logarithmic axis, a column for each block; the dashed line is the bound.

    Those below LEAST stand at the lower end, with a marker of their own.

    rows   as `all_rows` gives them, of one statement; those without such a quotient are passed over;
    axes   one; left out: a new figure.

    Returns the figure, or None where no row has a quotient above 0. Raises InvalidParameter for other axes.
    """
    shown = [row for row in rows if math.isfinite(row["tightness"]) and row["tightness"] > 0]
    if not shown:
        return None
    from anil_theory.report.panels import panels

    blocks = list(dict.fromkeys(row["block"] for row in shown))
    with panels(1, 1, axes, panel_height=2.4) as sheet:
        (axis,) = sheet.axes.flat
        handles: dict[str, Any] = {}
        for geometry in dict.fromkeys(row["geometry"] for row in shown):
            members = [row for row in shown if row["geometry"] == geometry and row["tightness"] >= LEAST]
            places = [blocks.index(row["block"]) for row in members]
            shares = [row["tightness"] for row in members]
            marker = MARKERS.get(geometry, "s")
            (handles[in_figure(geometry)],) = axis.plot(places, shares, marker, color=BLACK, ms=3.5, mfc="none")
        smaller = sorted({blocks.index(row["block"]) for row in shown if row["tightness"] < LEAST})
        if smaller:
            ends = [LEAST] * len(smaller)
            (handles["smaller than $10^{-6}$"],) = axis.plot(smaller, ends, "v", color=GREY, ms=3.5)
        axis.axhline(1.0, color=GREY, linestyle="--", linewidth=0.8)
        axis.set_yscale("log")
        every = [max(row["tightness"], LEAST) for row in shown]
        axis.set_ylim(min(0.5, min(every) / 1.5), max(1.2, 1.5 * max(every)))
        axis.set_xticks(range(len(blocks)), [in_figure(str(BLOCK_LABELS.get(block, block))) for block in blocks])
        axis.set_xlim(-0.5, len(blocks) - 0.5)
        axis.set_ylabel("measured / bound")
        sheet.legend(handles, columns=2)
        sheet.title("Measured values over their bounds")
    return sheet.figure
