"""Plot of the cost to eps against N: outer iterations, and oracle calls beside those that the bound predicts."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from anil_theory._printable import in_figure
from anil_theory.report.house_style import (
    CLAIM_LINES,
    COLOURS,
    GEOMETRY_TITLES,
    MARKERS,
    STEPS_LABEL,
    geometry_title,
    in_order,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

Curve = Mapping[str, Any]
"""One measured curve: "geometry", "label", and the lists that a plot names."""

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "calls": ("measured", {"ls": CLAIM_LINES["measured"]}),
    "predicted": ("bound", {"ls": CLAIM_LINES["bound"], "mfc": "none"}),
}
"""The lists of a cost curve that count oracle calls, what each is, and its line."""

STEP_RULES = {"mu/L^2": r"$\alpha=\mu/L^2$", "c/(N L)": r"$\alpha=c/(NL)$"}
"""How alpha depends on N in words of a figure; a number stands for itself."""

LINES_OF_ENTRY = 2
"""Lines of text that an entry of the legend has: the method, and its minima."""

RING = {"marker": "o", "ms": 9, "mfc": "none", "mew": 1.0, "ls": ""}
"""What marks the smallest value of a curve."""


def plot_cost(curves: Sequence[Curve], *, axes: "GivenAxes" = None) -> "Figure | None":
    """Cost to reach eps in both blocks against N: outer iterations, and oracle calls beside those the bound predicts.

    A column is a geometry; the upper panel has the iterations, the lower one the calls. The bound is far above the
    truth; its shape is what is compared, so in the lower panel each curve is divided by its minimum, which the legend
    names. A ring marks the minimum. Bars hold the median over all seeds, with the confidence that the record
    states; an arrow is a bar without an end: too few seeds reached eps.

    curves   each with "geometry", "label", and the lists "N", "iterations", "calls" and "predicted", whose entries are
             None or infinite where eps was not reached; where they are there, "iterations_interval" and
             "calls_interval" are the ends of the bars;
    axes     one per panel, line by line; left out: a new figure.

    Returns the figure, or None without curves. Raises InvalidParameter for a wrong number of axes.
    """
    if not curves:
        return None
    from anil_theory.report.panels import LINE, key, legend_below, log_steps, log_values, panels

    geometries = in_order((curve["geometry"] for curve in curves), GEOMETRY_TITLES)
    steps = [N for curve in curves for N in curve["N"]]
    with panels(2, len(geometries), axes, panel_height=1.8, sharex=True) as sheet:
        deepest = max(sum(curve["geometry"] == geometry for curve in curves) for geometry in geometries)
        sheet.grow(LINES_OF_ENTRY * LINE * deepest)
        for (above, below), geometry in zip(sheet.axes.T, geometries, strict=True):
            chosen = [curve for curve in curves if curve["geometry"] == geometry]
            entries: dict[str, Any] = {}
            styles = zip(chosen, cycle(COLOURS), cycle(MARKERS), strict=False)
            for curve, colour, marker in styles:
                style = {"color": colour, "marker": marker}
                _draw_iterations(above, curve, style)
                entries[f"{_method(curve)}\n{_draw_calls(below, curve, style)}"] = key(ls="-", **style)
            for axis, names in ((above, ("iterations",)), (below, tuple(CALLS))):
                if any(_reached(curve, name) for curve in chosen for name in names):
                    log_values(axis, most=4)
                else:
                    axis.text(0.5, 0.5, "eps was not reached", ha="center", transform=axis.transAxes)
                    axis.set_yticks([])
                log_steps(axis, steps)
            above.set_title(geometry_title(geometry))
            below.set_xlabel(STEPS_LABEL)
            legend_below(below, entries=entries)
        sheet.axes[0][0].set_ylabel(r"outer iterations to $\epsilon$")
        sheet.axes[1][0].set_ylabel(r"calls to $\epsilon$ / their minimum")
        sheet.title("Cost to accuracy (dashed: as the bound predicts; bars: median over seeds; rings: minima)")
    return sheet.figure


def _method(curve: Curve) -> str:
    """The label of a curve with its step size typeset."""
    label = curve["label"]
    parts = re.fullmatch(r"(.*), alpha = (.+)", label)
    if parts is None:
        return in_figure(label)
    method, rule = parts.groups()
    number = rf"$\alpha={in_figure(rule)}$"
    return f"{in_figure(method)}, {STEP_RULES.get(rule, number)}"


def _draw_iterations(axis: "Axes", curve: Curve, style: Mapping[str, Any]) -> None:
    points = _reached(curve, "iterations")
    if not points:
        return
    axis.plot(*zip(*points, strict=True), ls=CLAIM_LINES["measured"], **style)
    _draw_bars(axis, points, _ends(curve, "iterations"), style["color"])
    _ring(axis, points, style["color"])


def _draw_calls(axis: "Axes", curve: Curve, style: Mapping[str, Any]) -> str:
    """Measured and predicted calls over their minima; the minima in words."""
    words = []
    for name, (what, line) in CALLS.items():
        points = _reached(curve, name)
        if not points:
            continue
        minimum = min(cost for _, cost in points)
        shares = [(N, cost / minimum) for N, cost in points]
        axis.plot(*zip(*shares, strict=True), **style, **line)
        if name == "calls":
            ends = {N: (low / minimum, high / minimum) for N, (low, high) in _ends(curve, name).items()}
            _draw_bars(axis, shares, ends, style["color"])
        _ring(axis, shares, style["color"])
        words.append(f"{_plain(minimum)} {what}")
    return f"minimum: {', '.join(words)}" if words else r"did not reach $\epsilon$"


def _draw_bars(
    axis: "Axes", points: Sequence[tuple[int, float]], ends: Mapping[int, tuple[float, float]], colour: str
) -> None:
    """Bars from end to end; an upper end that is infinite is an arrow."""
    for N, value in points:
        if N not in ends:
            continue
        low, high = ends[N]
        axis.errorbar([N], [value], yerr=[[max(0.0, value - low)], [0.0]], color=colour, capsize=2, elinewidth=1.0)
        if math.isfinite(high):
            axis.errorbar([N], [value], yerr=[[0.0], [max(0.0, high - value)]], color=colour, capsize=2, elinewidth=1.0)
        else:
            # A quarter of a decade: long enough to be seen, and no value.
            axis.errorbar([N], [value], yerr=0.78 * value, lolims=True, color=colour, capsize=2, elinewidth=1.0)


def _ring(axis: "Axes", points: Sequence[tuple[int, float]], colour: str) -> None:
    lowest = min(points, key=lambda point: point[1])
    axis.plot([lowest[0]], [lowest[1]], color=colour, **RING)


def _plain(value: float) -> str:
    """A number of two digits in full where it has at most six, or else as a power of ten."""
    rounded = float(f"{value:.2g}")
    if rounded < 1e6:
        return f"{rounded:,.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def _ends(curve: Curve, name: str) -> dict[int, tuple[float, float]]:
    """The ends of the bars, by N."""
    ends = curve.get(f"{name}_interval") or []
    return {N: (low, high) for N, (low, high) in zip(curve["N"], ends, strict=False)}


def _reached(curve: Curve, name: str) -> list[tuple[int, float]]:
    """The N at which there is a cost, with it."""
    return [(N, value) for N, value in zip(curve["N"], curve[name], strict=True) if value and math.isfinite(value)]
