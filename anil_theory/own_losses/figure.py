"""A study of own losses as a figure: constants, blocks beside their bounds, and the short run that tried the advice."""

import math
from typing import TYPE_CHECKING, Any

from anil_theory._printable import in_figure
from anil_theory.report.house_style import BLOCK_TITLES, BLUE, CLAIM_LINES, COLOURS, GREEN, GREY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

DIRECTION_COLOURS = {"certified": BLUE, "declared": GREEN, "estimated": VERMILLION}


def plot_study(study: dict[str, Any], *, axes: "GivenAxes" = None) -> "Figure":
    """Three panels, from the plain form of a study; or the short run alone, into one `Axes`.

    Raises InvalidParameter for axes that are neither one nor three.
    """
    from anil_theory.report.panels import panels

    alone = axes is not None and hasattr(axes, "plot")
    with panels(1, 1 if alone else 3, axes, panel_height=2.4) as sheet:
        parts = sheet.axes.flat
        if not alone:
            _constants(parts[0], study)
            _blocks(parts[1], study)
        _short_run(parts[-1], study)
        sheet.title(in_figure(f"{study['name']}, n = {study['n_w']} + {study['n_phi']}"))
    return sheet.figure


def _constants(axis: "Axes", study: dict[str, Any]) -> None:
    """Each constant as a bar from what a point shows to what bounds use."""
    names = [name for name, each in study["audited"].items() if each["value"] is not None and each["value"] > 0]
    seen = set()
    for i, name in enumerate(names):
        each = study["audited"][name]
        colour = DIRECTION_COLOURS[each["direction"]]
        label = None if each["direction"] in seen else each["direction"]
        seen.add(each["direction"])
        if each["extreme"] > 0:
            axis.plot([i, i], [each["extreme"], each["value"]], color=colour, lw=3, alpha=0.4)
            axis.plot(i, each["extreme"], "o", color=colour)
        axis.plot(i, each["value"], "_", color=colour, ms=12, mew=2, label=label)
    axis.set_xticks(
        range(len(names)), [rf"$\{name}$" if name in ("mu", "rho", "tau") else f"${name}$" for name in names]
    )
    axis.set_yscale("log")
    axis.set_title("constants: found (dot) and used (dash)")
    if names:
        axis.legend()


def _blocks(axis: "Axes", study: dict[str, Any]) -> None:
    """Each block: measured, enclosed, and its bounds."""
    rows = [row for row in study["rows"] if row["block"] in BLOCK_TITLES]
    blocks = [block for block in BLOCK_TITLES if any(row["block"] == block for row in rows)]
    drawn = set()

    def put(x: int, value: float, style: str, colour: str, label: str) -> None:
        if math.isfinite(value) and value > 0:
            # Hollow, so that an enclosure shows the measured value inside it.
            filled = "none" if style == "v" else "full"
            shown = None if label in drawn else label
            axis.plot(x, value, style, color=colour, mew=1.3, ms=6, fillstyle=filled, label=shown)
            drawn.add(label)

    for row in rows:
        x = blocks.index(row["block"])
        if row["direction"] == "upper":
            put(x, row["measured"], "v", COLOURS[3], "enclosed")
            continue
        put(x, row["measured"], "o", BLUE, "measured")
        for kind, colour in (("sharp", GREEN), ("explicit", VERMILLION)):
            put(x, row["bounds"].get(kind, math.nan), "_", colour, f"{kind} bound")
    axis.set_xticks(range(len(blocks)), [BLOCK_TITLES[block] for block in blocks])
    axis.set_title("blocks of the meta-gradient")
    if drawn:
        axis.set_yscale("log")
        axis.legend()


def _short_run(axis: "Axes", study: dict[str, Any]) -> None:
    """L_meta along the short run, for each step size."""
    axis.set_title(r"$L_\mathrm{meta}$ along the short run")
    axis.set_xlabel("outer step")
    if study["advice"] is None:
        return
    runs = study["advice"]["runs"]
    start = runs["as advised"]["loss"][0]
    highest = 3 * max(abs(start), 1e-12) + start
    styles = (CLAIM_LINES["measured"], CLAIM_LINES["bound"], CLAIM_LINES["explicit"])
    for (label, run), style, colour in zip(runs.items(), styles, (BLUE, VERMILLION, GREY), strict=True):
        # A run that grows beyond the panel ends where it leaves it.
        end = next((k for k, loss in enumerate(run["loss"]) if not loss <= highest), len(run["loss"]))
        axis.plot(run["loss"][:end], style, color=colour, label=label)
        if end < len(run["loss"]):
            axis.plot(end - 1, run["loss"][end - 1], "x", color=colour)
    axis.legend()
