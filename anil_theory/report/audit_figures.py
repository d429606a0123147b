"""The figure of a finding, drawn from its panels: whatever a finding measures, its record says how it is drawn."""

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

from anil_theory.report.house_style import COLOURS, DOUBLE, MARKERS, dashes
from anil_theory.report.typeset import typeset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

STYLES: dict[str, dict[str, Any]] = {
    "line": {"ls": "-", "ms": 3.5, "mfc": "none"},
    "dashed": {"ms": 5, "mfc": "none"},
    "points": {"ls": "-", "lw": 0.5, "ms": 5},
}
"""The styles of a curve of many points, a bound (see `dashes`) and a measurement."""

PANELS_A_LINE = 2
"""The most panels in a line: the labels of more would not fit the width of a page."""


def plot_finding(finding: Mapping[str, Any], *, axes: "GivenAxes" = None) -> "Figure | None":
    """What a finding of the audit measured, a panel for each of its "panels", two to a line.

    finding   as `anil-theory audit` keeps it: "title" and "panels";
    axes      one per panel; left out: a new figure.

    Returns the figure, or None for a finding without panels. Raises InvalidParameter for a wrong number of axes.
    """
    contents = finding["panels"]
    if not contents:
        return None
    from anil_theory.report.panels import panels

    columns = min(len(contents), PANELS_A_LINE)
    lines = -(-len(contents) // columns)
    if axes is not None:
        lines, columns = 1, len(contents)
    deepest = max(-(-len(content["curves"]) // _legend_columns(content)) for content in contents)
    width = DOUBLE if columns > 1 else 0.65 * DOUBLE
    with panels(lines, columns, axes, panel_height=2.2 + 0.15 * deepest, width=width) as sheet:
        for axis, content in zip(sheet.axes.flat, contents, strict=False):
            _draw(axis, content)
        for axis in sheet.axes.flat[len(contents) :]:
            axis.remove()
        sheet.title(typeset(finding["title"]))
    return sheet.figure


def _draw(axis: "Axes", content: Mapping[str, Any]) -> None:
    from anil_theory.report.panels import key, legend_below, log_ticks, log_values, sparse

    dashed = 0
    entries = {}
    for index, (curve, colour, marker) in enumerate(
        zip(content["curves"], cycle(COLOURS), cycle(MARKERS), strict=False)
    ):
        style = {**STYLES[curve["style"]], "color": colour, "marker": marker}
        points = len(curve["x"])
        if curve["style"] != "points":
            # Markers of one line stand between those of the others: they tell lines apart without their colours.
            style["markevery"] = sparse(index, points)
        entry = dict(style)
        if curve["style"] == "dashed":
            style["ls"] = dashes(dashed)
            # In the legend every dashed line begins with a dash: a gap there looks like another style.
            entry["ls"] = dashes(0)
            dashed += 1
        axis.plot(curve["x"], curve["y"], **style)
        entries[typeset(curve["label"])] = key(**{name: value for name, value in entry.items() if name != "markevery"})
    if content["log_y"]:
        log_values(axis)
    if content["log_x"]:
        axis.set_xscale("log")
        log_ticks(axis.xaxis)
    axis.set_title(typeset(content["title"]))
    axis.set_xlabel(typeset(content["x_label"]))
    axis.set_ylabel(typeset(content["y_label"]))
    # Below the axes: curves of several orders of magnitude leave no corner free.
    legend_below(axis, columns=_legend_columns(content), entries=entries)


def _legend_columns(content: Mapping[str, Any]) -> int:
    from anil_theory.report.panels import columns_in

    return min(2, columns_in(0.9 * DOUBLE / PANELS_A_LINE, [typeset(curve["label"]) for curve in content["curves"]]))
