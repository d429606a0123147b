"""Plots of rates from records: average squared gradients against K, the floor against B, the cost to eps against N."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from anil_theory._printable import in_figure
from anil_theory.report.house_style import (
    CLAIM_LINES,
    COLOURS,
    GEOMETRY_TITLES,
    GRADIENT_TITLES,
    MARKERS,
    dashes,
    geometry_title,
    in_order,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

Curve = Mapping[str, Any]
"""One measured curve: "geometry", "block", "N", and the lists that a plot names."""


def plot_convergence(curves: Sequence[Curve], *, axes: "GivenAxes" = None) -> "Figure | None":
    """Running averages of the squared block norms against K, a colour per N, beside their bounds (dashed).

    A line of panels is a block, a column is a geometry. The band is two standard errors on either side.

    curves   each with "geometry", "block", "N", and the lists "K", "measured", "stderr" and "bound";
    axes     one per panel, line by line; left out: a new figure.

    Returns the figure, or None without curves. Raises InvalidParameter for a wrong number of axes.
    """
    if not curves:
        return None
    from anil_theory.report.panels import key, log_ticks, log_values, panels, series

    geometries = in_order((curve["geometry"] for curve in curves), GEOMETRY_TITLES)
    blocks = in_order((curve["block"] for curve in curves), GRADIENT_TITLES)
    styles = series(curve["N"] for curve in curves)
    with panels(len(blocks), len(geometries), axes, panel_height=2.1) as sheet:
        for line, block in zip(sheet.axes, blocks, strict=True):
            for axis, geometry in zip(line, geometries, strict=True):
                for curve in curves:
                    if (curve["geometry"], curve["block"]) == (geometry, block):
                        _draw_average(axis, curve, styles[curve["N"]], list(styles).index(curve["N"]))
                log_values(axis)
                axis.set_xscale("log")
                log_ticks(axis.xaxis)
                axis.set_title(geometry_title(geometry))
            line[0].set_ylabel(f"average of {GRADIENT_TITLES.get(block, in_figure(block))}")
        for axis in sheet.axes[-1]:
            axis.set_xlabel("outer steps $K$")
        steps = {f"$N={N}$": key(**style) for N, style in styles.items()}
        kinds = {kind: key(ls=CLAIM_LINES[kind]) for kind in ("measured", "bound")}
        sheet.legend(steps | kinds, columns=6)
        sheet.title("Convergence of Algorithm 1 beside the bounds of Theorems 1 and 2")
    return sheet.figure


def plot_floor(curves: Sequence[Curve], *, axes: "GivenAxes" = None) -> "Figure | None":
    """The level at which the averages stop falling against the batch size B, beside the noise term of the bound.

    A panel is a geometry. Bars are two standard errors on either side.

    curves   each with "geometry", "block", "N", "slope" (a text), and the lists "B", "measured", "stderr" and "bound";
    axes     one per geometry; left out: a new figure.

    Returns the figure, or None without curves. Raises InvalidParameter for a wrong number of axes.

    >>> from matplotlib.figure import Figure
    >>> curve = {"geometry": "nonconvex", "block": "w", "N": 5, "slope": "B^-1.0", "B": [1, 2, 4]}
    >>> curve |= {"measured": [0.4, 0.2, 0.1], "stderr": [0.01, 0.01, 0.01], "bound": [4.0, 2.0, 1.0]}
    >>> mine = Figure()
    >>> left, right = mine.subplots(1, 2)
    >>> plot_floor([curve], axes=right) is mine
    True
    >>> right.get_title(), left.get_title()
    ('nonconvex', '')
    """
    if not curves:
        return None
    from anil_theory.report.panels import legend_below, log_steps, log_values, panels

    geometries = in_order((curve["geometry"] for curve in curves), GEOMETRY_TITLES)
    with panels(1, len(geometries), axes, panel_height=2.9) as sheet:
        for axis, geometry in zip(sheet.axes[0], geometries, strict=True):
            chosen = [curve for curve in curves if curve["geometry"] == geometry]
            styles = zip(cycle(COLOURS), cycle(MARKERS), strict=False)
            for index, (curve, (colour, marker)) in enumerate(zip(chosen, styles, strict=False)):
                block = GRADIENT_TITLES.get(curve["block"], in_figure(curve["block"]))
                label = f"{block}, N = {curve['N']}: {in_figure(curve['slope'])}"
                error = [2 * s for s in curve["stderr"]]
                axis.errorbar(curve["B"], curve["measured"], yerr=error, marker=marker, color=colour, label=label)
                axis.plot(curve["B"], curve["bound"], ls=dashes(index), color=colour)
            log_values(axis)
            log_steps(axis, [B for curve in chosen for B in curve["B"]])
            axis.set_title(geometry_title(geometry))
            axis.set_xlabel("tasks per outer step $B$")
            legend_below(axis)
        sheet.axes[0][0].set_ylabel("floor of the average squared gradient")
        sheet.title("Error floor against the batch size (dashed: noise term of the bound)")
    return sheet.figure


def _draw_average(axis: "Axes", curve: Curve, style: Mapping[str, Any], index: int) -> None:
    """One measured curve with its band, and its bound; `index` sets its markers apart from those of the others."""
    from anil_theory.report.panels import sparse

    lines: dict[str, Any] = {**style, "markevery": sparse(index, len(curve["K"]))}
    axis.plot(curve["K"], curve["measured"], ls=CLAIM_LINES["measured"], **lines)
    low = [m - 2 * s for m, s in zip(curve["measured"], curve["stderr"], strict=True)]
    high = [m + 2 * s for m, s in zip(curve["measured"], curve["stderr"], strict=True)]
    # A band that reaches 0 has no lower end on a logarithmic axis: it ends two decades below the line.
    lower = [value if value > 0 else m / 100 for value, m in zip(low, curve["measured"], strict=True)]
    axis.fill_between(curve["K"], lower, high, color=style["color"], alpha=0.2, lw=0)
    if all(math.isfinite(b) for b in curve["bound"]):
        axis.plot(curve["K"], curve["bound"], ls=CLAIM_LINES["bound"], **lines)
