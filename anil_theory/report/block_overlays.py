"""The layers of a panel of block constants: bounds, turning points, certified bands, measured values.

Each function draws into axes and returns its handles for a legend, by name; what has no place on logarithmic axes is
left out.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anil_theory.report.certificates import CertificateRow
from anil_theory.report.house_style import BOUNDS, CERTIFIED, MEASURED, TURNING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = Sequence[tuple[float, float]]
"""Pairs of N and a constant."""


def legend_names() -> list[str]:
    """The names of the layers in the order of a legend: bounds, then what is measured, then the rest."""
    return [name for name, _ in (*BOUNDS.values(), TURNING, *MEASURED.values(), CERTIFIED)]


def drawable(value: float) -> bool:
    """Whether a number has a place on a logarithmic axis."""
    return math.isfinite(value) and value > 0


def draw_bounds(axis: "Axes", curves: Mapping[str, Points]) -> dict[str, Any]:
    """The bounds of one block as lines, by kind."""
    handles = {}
    for kind, (name, style) in BOUNDS.items():
        points = [(N, value) for N, value in curves.get(kind, ()) if drawable(value)]
        if points:
            (handles[name],) = axis.plot(*zip(*seen_points(points), strict=True), **style)
    return handles


def seen_points(points: Points) -> Points:
    """The points of a line. A single point becomes a short level piece, because a line of one point is invisible."""
    if len(points) > 1:
        return points
    ((N, value),) = points
    return [(0.8 * N, value), (1.25 * N, value)]


def draw_turning(axis: "Axes", turning: Sequence[float] | None) -> dict[str, Any]:
    """The N from which on a bound falls, in figures above its largest value; nothing for one that does not turn."""
    if turning is None:
        return {}
    N, value = turning
    name, style = TURNING
    axis.axvline(N, color=style["color"], lw=0.6, zorder=0)
    # At the foot of the panel, where a curve that turns leaves room before its turn.
    foot = {"xycoords": axis.get_xaxis_transform(), "xytext": (-2, 0), "textcoords": "offset points"}
    axis.annotate(f"$N={N:.0f}$", (N, 0.05), color=style["color"], ha="right", va="bottom", **foot)
    (mark,) = axis.plot([N], [value], ls="", zorder=4, **style)
    return {name: mark}


def draw_band(axis: "Axes", rows: Sequence[CertificateRow]) -> dict[str, Any]:
    """The proved intervals of the constants: a band from the lower to the upper ends, against N."""
    ends = sorted((row["N"], row["lower"], row["upper"]) for row in rows if drawable(row["lower"]))
    finite = [(N, low, high) for N, low, high in ends if math.isfinite(high)]
    if not finite:
        return {}
    steps, low, high = zip(*finite, strict=True)
    name, style = CERTIFIED
    # Both ends are a hundredth apart: the width of the line is what shows.
    middle = [math.sqrt(a * b) for a, b in zip(low, high, strict=True)]
    axis.fill_between(steps, low, high, color=style["color"], lw=0)
    (band,) = axis.plot(steps, middle, zorder=1, solid_capstyle="butt", **style)
    return {name: band}


def draw_points(axis: "Axes", points: Points, kind: str) -> dict[str, Any]:
    """Measured constants as the markers of their kind."""
    shown = [(N, value) for N, value in points if drawable(value)]
    if not shown:
        return {}
    name, style = MEASURED[kind]
    (dots,) = axis.plot(*zip(*shown, strict=True), ls="", zorder=3, **style)
    return {name: dots}
