"""Plot of certificates: each block's interval [witness, certified bound] against N, beside its bounds."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anil_theory._printable import in_figure
from anil_theory.report.block_overlays import draw_bounds
from anil_theory.report.certificates import CertificateRow
from anil_theory.report.house_style import (
    BLACK,
    BLOCK_TITLES,
    GEOMETRY_TITLES,
    STEPS_LABEL,
    geometry_title,
    in_order,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes


def plot_certificates(rows: Sequence[CertificateRow], *, axes: "GivenAxes" = None) -> "Figure | None":
    """The proved interval of each constant against N, beside its bounds.

    A line of panels is a geometry, a panel is a block. An interval that is not finite is left out.

    rows   as `anil-theory certify` keeps them: "geometry", "block", "N", "lower", "upper", "bounds" and "region";
    axes   one per panel, line by line; left out: a new figure.

    Returns the figure, or None without rows. Raises InvalidParameter for a wrong number of axes.

    >>> row = {"geometry": "nonconvex", "block": "ww", "N": 3, "region": "the ball of radius 4"}
    >>> row |= {"lower": 3.52, "upper": 3.55, "bounds": {"sharp": 4.1, "refined": 4.85, "explicit": 4.85}}
    >>> figure = plot_certificates([row])
    >>> [axis.get_title() for axis in figure.axes]
    ['$L_{ww}$, nonconvex']
    """
    if not rows:
        return None
    from anil_theory.report.panels import log_steps, panels

    geometries = in_order((row["geometry"] for row in rows), GEOMETRY_TITLES)
    blocks = in_order((row["block"] for row in rows), BLOCK_TITLES)
    with panels(len(geometries), len(blocks), axes, panel_height=1.9) as sheet:
        handles: dict[str, Any] = {}
        for line, geometry in zip(sheet.axes, geometries, strict=True):
            for axis, block in zip(line, blocks, strict=True):
                chosen = [row for row in rows if (row["geometry"], row["block"]) == (geometry, block)]
                handles |= _draw(axis, sorted(chosen, key=lambda row: row["N"]))
                axis.set_title(f"{BLOCK_TITLES.get(block, in_figure(block))}, {geometry_title(geometry)}")
                axis.set_ylim(bottom=0)
                log_steps(axis, sorted({row["N"] for row in rows}))
            line[0].set_ylabel("block constant")
        for axis in sheet.axes[-1]:
            axis.set_xlabel(STEPS_LABEL)
        sheet.legend(handles, columns=3)
        sheet.title(f"Certified constants of the meta-gradient on {in_figure(rows[0]['region'])}")
    return sheet.figure


def _draw(axis: "Axes", rows: Sequence[CertificateRow]) -> dict[str, Any]:
    """Bounds as lines, intervals as bars with both ends; returns the handles for a legend."""
    kinds = ("explicit", "refined", "sharp")
    handles = draw_bounds(
        axis, {kind: [(row["N"], row["bounds"].get(kind, math.inf)) for row in rows] for kind in kinds}
    )
    finite = [row for row in rows if math.isfinite(row["upper"])]
    if finite:
        middle = [(row["lower"] + row["upper"]) / 2 for row in finite]
        half = [(row["upper"] - row["lower"]) / 2 for row in finite]
        steps = [row["N"] for row in finite]
        bars = axis.errorbar(steps, middle, yerr=half, fmt="none", ecolor=BLACK, elinewidth=1.5, capsize=4)
        handles["truth, enclosed"] = bars
    return handles
