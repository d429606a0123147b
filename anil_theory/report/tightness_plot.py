"""A picture of how tight the bounds are: what is reached of the refined bound, from below and from above."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anil_theory.report.house_style import (
    BLACK,
    BOUNDS,
    CROSS_TITLES,
    GEOMETRY_TITLES,
    GREY,
    MEASURED,
    PURPLE,
    STEPS_LABEL,
    VERMILLION,
    geometry_title,
    in_order,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

SERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "realised": MEASURED["realised"],
    "tensors": ("program over tensors", {"marker": "^", "ms": 6.5, "color": VERMILLION, "mfc": "none"}),
    "scalar": ("program over scalars", {"marker": "o", "ms": 8, "color": PURPLE, "mfc": "none"}),
    "family": ("worst task of the separable family (searched)", {"marker": "x", "ms": 5, "color": GREY}),
}
"""What is reached, its name and its marker. Hollow markers are drawn over full ones, so that all show at one place."""


def plot_reached(rows: Sequence[dict[str, Any]], *, axes: "GivenAxes" = None) -> "Figure | None":
    """How much of the refined bound programs and functions reach, and what the sharp bound allows, against N.

    A line of panels is a geometry, a panel is a block; the cross blocks, which have the same numbers, are drawn once.
    The dashed line is the refined bound.

    rows   as `anil-theory tightness` keeps them: "geometry", "block", "N", "bounds" and the numbers that are reached;
    axes   one per panel, line by line; left out: a new figure.

    Returns the figure, or None without rows. Raises InvalidParameter for a wrong number of axes.
    """
    if not rows:
        return None
    from anil_theory.report.panels import log_steps, panels

    geometries = in_order((row["geometry"] for row in rows), GEOMETRY_TITLES)
    present = {row["block"] for row in rows}
    blocks = [block for block in CROSS_TITLES if block in present]
    with panels(len(geometries), len(blocks), axes, panel_height=1.9, sharex=True, sharey=True) as sheet:
        handles: dict[str, Any] = {}
        for line, geometry in zip(sheet.axes, geometries, strict=True):
            for axis, block in zip(line, blocks, strict=True):
                members = [row for row in rows if (row["geometry"], row["block"]) == (geometry, block)]
                steps = [row["N"] for row in members]
                name, style = BOUNDS["refined"]
                handles[name] = axis.axhline(1.0, zorder=1, **style)
                sharp = [row["bounds"]["sharp"] / row["bounds"]["refined"] for row in members]
                (handles["sharp bound"],) = axis.plot(steps, sharp, ls="", marker="_", ms=16, color=BLACK)
                for name, (label, style) in SERIES.items():
                    shares = [row[name] / row["bounds"]["refined"] for row in members]
                    (handles[label],) = axis.plot(steps, shares, ls="", **style)
                axis.set_title(f"{CROSS_TITLES[block]}, {geometry_title(geometry)}")
                axis.margins(x=0.2)
                log_steps(axis, [row["N"] for row in rows], most=8)
            line[0].set_ylabel("share of the refined bound")
        for axis in sheet.axes[-1]:
            axis.set_xlabel(STEPS_LABEL)
        sheet.legend(handles, columns=3)
        sheet.title("What is reached of the refined bound")
    return sheet.figure
