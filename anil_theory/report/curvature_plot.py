"""Hessian blocks of the meta objective along training beside their predictions, from records: a table and a figure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from anil_theory.report.files import save_figure
from anil_theory.report.tables import print_whole

BLOCKS = ("ww", "cross", "phiphi")
LABELS = {"ww": r"$D_w^2$", "cross": r"$D_\phi D_w$", "phiphi": r"$D_\phi^2$"}
HEADROOM = 6.0
"""Predictions further than so many powers of ten above the largest measured block are off the figure, and noted."""

NOTE = (
    "Constants are estimated from below (the lowest curvature in w, mu where it is positive, from above) at one "
    "episode's inner iterates, so a prediction is no bound: "
    "a block above it is INCONCLUSIVE and refutes nothing."
)


def curvature_points(records: Sequence[Any]) -> list[dict[str, Any]]:
    """One flat dict per measured point of the records of `anil-theory bench`; failed measurements are left out."""
    found = []
    for record in records:
        cell = record.cell
        if cell.get("study") != "bench":
            continue
        about = {"dataset": cell["dataset"], "geometry": cell["settings"]["geometry"], "N": cell["inner_steps"]}
        for look in record.measurements.get("probes", ()):
            if look["blocks"] is not None and look["predicted"] is not None:
                found.append({**about, **look})
    return sorted(found, key=lambda p: (p["dataset"], p["geometry"], p["N"], p["iteration"]))


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
        tally = Counter(str(one["outcome"]) for one in predicted)
        console.print("  ".join(f"{outcome} {times}" for outcome, times in sorted(tally.items())), highlight=False)
        failed = [one["reason"] for one in predicted if one["statement"] is None]
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


def plot_curvature(points: Sequence[Mapping[str, Any]], geometries: Sequence[str], path: Path) -> bool:
    """Draw block norms (solid) and predictions (dashed: local; dotted: the statement) against the iteration.

    One row per geometry and data set, one panel per block, one colour per N. Returns False without points.
    """
    chosen = [point for point in points if point["geometry"] in geometries]
    if not chosen:
        return False
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    rows = sorted({(p["geometry"], p["dataset"]) for p in chosen}, key=lambda r: (geometries.index(r[0]), r[1]))
    figure, axes = plt.subplots(
        *(len(rows), 3), figsize=(11.4, 1.3 + 3.3 * len(rows)), squeeze=False, layout="constrained"
    )
    values = sorted({p["N"] for p in chosen})
    shade = plt.get_cmap("viridis")
    colours = {N: shade(0.05 + 0.85 * i / max(1, len(values) - 1)) for i, N in enumerate(values)}
    for row, (geometry, dataset) in zip(axes, rows, strict=True):
        here = [p for p in chosen if (p["geometry"], p["dataset"]) == (geometry, dataset)]
        for axis, block in zip(row, BLOCKS, strict=True):
            _panel(axis, here, block, colours)
            axis.set_title(f"{geometry} on {dataset}: {LABELS[block]} of the meta objective", fontsize=9)
        row[0].set_ylabel("spectral norm")
    lines = [Line2D([], [], color=colours[N], lw=1.6, label=f"N = {N}") for N in values]
    styles = (("-", "o", "measured, from below"), ("--", "", "local prediction"), (":", "", "statement's prediction"))
    lines += [Line2D([], [], color="0.3", ls=ls, marker=m, ms=4, label=label) for ls, m, label in styles]
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), fontsize=8, frameon=False)
    figure.suptitle("Hessian blocks beside Propositions 2 and 3 with constants estimated from below", fontsize=11)
    save_figure(figure, path, dpi=110)
    return True


def _panel(axis: Any, points: Sequence[Mapping[str, Any]], block: str, colours: Mapping[int, Any]) -> None:
    top = np.log10(max(p["blocks"][block] for p in points)) + HEADROOM
    absent = 0
    for N, colour in colours.items():
        mine = [p for p in points if p["N"] == N]
        steps = [p["iteration"] for p in mine]
        axis.semilogy(steps, [p["blocks"][block] for p in mine], "-o", color=colour, ms=4, lw=1.6)
        for name, style in (("local", "--"), ("statement", ":")):
            logs = [p["predicted"][block][name] for p in mine]
            absent += sum(log is not None and log > top for log in logs)
            shown = [np.nan if log is None or log > top else 10.0**log for log in logs]
            axis.semilogy(steps, shown, style, color=colour, lw=1.2, marker="_", ms=7)
    axis.set_xlabel("meta-iterations")
    axis.grid(alpha=0.25)
    if absent:
        axis.text(0.98, 0.98, f"{absent} predictions above", transform=axis.transAxes, ha="right", va="top", fontsize=7)


def _power(log: float | None) -> str:
    if log is None:
        return "-"
    if abs(log) < 3:
        return f"{10.0**log:.3g}"
    return f"10^{log:.1f}" if abs(log) < 10 else f"10^{log:.0f}"
