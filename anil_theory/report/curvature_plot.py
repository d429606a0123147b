"""Hessian blocks of the meta objective along training beside their predictions, from records: a table and a figure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from anil_theory._printable import in_figure
from anil_theory.report.house_style import HESSIAN_TITLES, geometry_title
from anil_theory.report.tables import print_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

BLOCKS = tuple(HESSIAN_TITLES)
HEADROOM = 6.0
"""Predictions more than this many powers of ten above the largest measured block are off the figure, and noted."""

NOTE = (
    "Constants are estimated from below (the lowest curvature in w, mu where it is positive, from above) at one "
    "episode's inner iterates, so a prediction is no bound: "
    "a block above it is INCONCLUSIVE and refutes nothing."
)


def curvature_points(records: Sequence[Any]) -> list[dict[str, Any]]:
    """One flat dict per measured point of the records of `anil-theory bench`; failed measurements are left out."""
    points = []
    for record in records:
        cell = record.cell
        if cell.get("study") != "bench":
            continue
        about = {"dataset": cell["dataset"], "geometry": cell["settings"]["geometry"], "N": cell["inner_steps"]}
        for look in record.measurements.get("probes", ()):
            if look["blocks"] is not None and look["predicted"] is not None:
                points.append({**about, **look})
    return sorted(points, key=lambda p: (p["dataset"], p["geometry"], p["N"], p["iteration"]))


def print_curvature(console: Console, points: Sequence[Mapping[str, Any]]) -> None:
    """For each geometry the constants, then blocks "measured/local/statement", and how many of each outcome."""
    for geometry in dict.fromkeys(point["geometry"] for point in points):
        mine = [point for point in points if point["geometry"] == geometry]
        constants = _table(f"{geometry}: constants, from below", ("lowest", "L", "rho", "tau", "M"))
        blocks = _table(f"{geometry}: Hessian blocks, measured/local/statement", BLOCKS)
        for point in mine:
            c, place = point["constants"], (str(point["N"]), str(point["iteration"]))
            lowest = "-" if c["mu"] is None else f"{c['mu']:.2g}"
            constants.add_row(*place, lowest, *(f"{c[name]:.3g}" for name in ("L", "rho", "tau", "M")))
            blocks.add_row(*place, *(_triple(point, block) for block in BLOCKS))
        print_whole(console, constants)
        print_whole(console, blocks)
        predicted = [point["predicted"][block] for point in mine for block in BLOCKS]
        tally = Counter(str(prediction["outcome"]) for prediction in predicted)
        console.print("  ".join(f"{outcome} {times}" for outcome, times in sorted(tally.items())), highlight=False)
        failed = [prediction["reason"] for prediction in predicted if prediction["statement"] is None]
        if failed:
            console.print(f"not applicable: a hypothesis fails, e.g. {failed[0]}", highlight=False, soft_wrap=True)
    if points:
        console.print(NOTE, highlight=False, soft_wrap=True)


def _table(title: str, names: Sequence[str]) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 1), title=title, title_justify="left")
    for name in ("N", "iteration", *names):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _triple(point: Mapping[str, Any], block: str) -> str:
    predicted = point["predicted"][block]
    return "/".join([f"{point['blocks'][block]:.3g}", *(_power(predicted[name]) for name in ("local", "statement"))])


def plot_curvature(
    points: Sequence[Mapping[str, Any]], geometries: Sequence[str], *, axes: "GivenAxes" = None
) -> "Figure | None":
    """Block norms of the Hessian (solid) beside what the propositions predict, against the iteration.

    A line of panels is a geometry and a data set, a panel is a block, a colour is an N; the local prediction is dashed,
    the statement's is dotted. Predictions far above every measured block are left out, and the panel says how many.

    points       as `curvature_points` gives them;
    geometries   those that are drawn, in this order;
    axes         one per panel, line by line; left out: a new figure.

    Returns the figure, or None without points of these geometries. Raises InvalidParameter for a wrong number of axes.
    """
    chosen = [point for point in points if point["geometry"] in geometries]
    if not chosen:
        return None
    from anil_theory.report.panels import key, panels, series

    lines = sorted({(p["geometry"], p["dataset"]) for p in chosen}, key=lambda r: (geometries.index(r[0]), r[1]))
    styles = series(point["N"] for point in chosen)
    with panels(len(lines), len(HESSIAN_TITLES), axes, panel_height=2.1) as sheet:
        for row, (geometry, dataset) in zip(sheet.axes, lines, strict=True):
            here = [p for p in chosen if (p["geometry"], p["dataset"]) == (geometry, dataset)]
            for axis, (block, name) in zip(row, HESSIAN_TITLES.items(), strict=True):
                absent = _panel(axis, here, block, styles)
                # Over the frame: inside, the number would lie on curves.
                above = f"\n{absent} predictions above" if absent else ""
                axis.set_title(f"{name}, {geometry_title(geometry)}{above}")
            row[0].set_ylabel(f"spectral norm, {in_figure(dataset)}")
        for axis in sheet.axes[-1]:
            axis.set_xlabel("meta-iterations")
        steps = {f"$N={N}$": key(**style) for N, style in styles.items()}
        kinds = {
            "measured, from below": key(ls="-"),
            "local prediction": key(ls="--"),
            "statement's prediction": key(ls=":"),
        }
        sheet.legend(steps | kinds, columns=6)
        sheet.title("Hessian blocks beside Propositions 2 and 3 with constants estimated from below")
    return sheet.figure


def _panel(axis: "Axes", points: Sequence[Mapping[str, Any]], block: str, styles: Mapping[int, Any]) -> int:
    """Draw one panel; returns how many predictions are off it."""
    from anil_theory.report.panels import log_values

    top = np.log10(max(p["blocks"][block] for p in points)) + HEADROOM
    absent = 0
    for N, style in styles.items():
        mine = [p for p in points if p["N"] == N]
        steps = [p["iteration"] for p in mine]
        axis.plot(steps, [p["blocks"][block] for p in mine], ls="-", **style)
        for name, line in (("local", "--"), ("statement", ":")):
            logs = [p["predicted"][block][name] for p in mine]
            absent += sum(log is not None and log > top for log in logs)
            shown = [np.nan if log is None or log > top else 10.0**log for log in logs]
            axis.plot(steps, shown, ls=line, lw=1.0, mfc="none", **style)
    log_values(axis)
    return absent


def _power(log: float | None) -> str:
    if log is None:
        return "-"
    if abs(log) < 3:
        return f"{10.0**log:.3g}"
    return f"10^{log:.1f}" if abs(log) < 10 else f"10^{log:.0f}"
