"""Figures 1 and 2 from records: training loss against iterations and against time, one curve per N."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from anil_theory._printable import in_figure
from anil_theory.report.house_style import geometry_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes


def bench_runs(records: Sequence[Any]) -> list[dict[str, Any]]:
    """The runs of the records that `anil-theory bench` wrote, each as one flat dict; other records are left out."""
    runs = []
    for record in records:
        cell, measured = record.cell, record.measurements
        if cell.get("study") == "bench" and "loss" in measured:
            about = {"dataset": cell["dataset"], "geometry": cell["settings"]["geometry"]}
            runs.append({**about, "N": cell["inner_steps"], "seed": cell["seed"], **measured, "status": record.status})
    return runs


def plot_training(runs: Sequence[Mapping[str, Any]], geometry: str, *, axes: "GivenAxes" = None) -> "Figure | None":
    """Training loss of one geometry against iterations (left) and against time (right), a colour per N.

    A line of panels is a data set. Curves are means over seeds, bands the range of the seeds; a cross ends a curve
    with runs that diverged.

    runs   as `bench_runs` gives them: "dataset", "geometry", "N", "seed", "loss", "seconds" and "status";
    axes   two per data set, line by line; left out: a new figure.

    Returns the figure, or None without runs of this geometry. Raises InvalidParameter for a wrong number of axes.
    """
    chosen = [run for run in runs if run["geometry"] == geometry and run["loss"]]
    if not chosen:
        return None
    from anil_theory.report.panels import panels, series

    datasets = sorted({run["dataset"] for run in chosen})
    styles = series(run["N"] for run in chosen)
    with panels(len(datasets), 2, axes, panel_height=2.2) as sheet:
        for line, dataset in zip(sheet.axes, datasets, strict=True):
            for index, (N, style) in enumerate(styles.items()):
                mine = [run for run in chosen if (run["dataset"], run["N"]) == (dataset, N)]
                if mine:
                    _draw(line, mine, f"$N={N}$", style, index)
            for axis, label in zip(line, ("meta-iterations", "seconds (compilation apart)"), strict=True):
                axis.set_xlabel(label)
                axis.set_title(in_figure(dataset))
            line[0].set_ylabel("training loss")
            line[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        seeds = len({run["seed"] for run in chosen})
        shown = "one seed" if seeds == 1 else f"mean over {seeds} seeds"
        method = geometry_title(geometry) if geometry == "maml" else f"ANIL, {geometry_title(geometry)} inner loss"
        sheet.title(f"{method}: {shown}")
    return sheet.figure


def _draw(
    line: Sequence["Axes"], runs: Sequence[Mapping[str, Any]], label: str, style: Mapping[str, Any], index: int
) -> None:
    """The curves of one N in both panels; `index` sets its markers apart from those of the others."""
    from anil_theory.report.panels import sparse

    length = min(len(run["loss"]) for run in runs)
    curves = np.array([_smooth(np.asarray(run["loss"][:length], float)) for run in runs])
    clock = np.mean([np.cumsum(run["seconds"][:length]) for run in runs], axis=0)
    diverged = sum(run["status"] == "diverged" for run in runs)
    if diverged:
        label = f"{label}\n({diverged} of {len(runs)} diverged)"
    for axis, x in zip(line, (np.arange(1, length + 1), clock), strict=True):
        axis.plot(x, curves.mean(axis=0), label=label, markevery=sparse(index, length), **style)
        axis.fill_between(x, curves.min(axis=0), curves.max(axis=0), color=style["color"], alpha=0.15, lw=0)
        if diverged and math.isfinite(curves[:, -1].mean()):
            axis.plot(x[-1], curves[:, -1].mean(), "x", color=style["color"], ms=7)


def _smooth(loss: np.ndarray) -> np.ndarray:
    """Running mean over the last 5 % of the iterations seen: batches of tasks are noisy."""
    window = max(1, len(loss) // 20)
    total = np.concatenate([[0.0], np.cumsum(loss)])
    end = np.arange(1, len(loss) + 1)
    start = np.maximum(end - window, 0)
    return (total[end] - total[start]) / (end - start)
