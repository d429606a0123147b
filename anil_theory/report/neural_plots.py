"""Figures 1 and 2 from records: training loss against iterations and against time, one curve per N."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anil_theory._printable import in_figure
from anil_theory.report.files import save_figure

TITLES = {"strongly-convex": "strongly convex inner loss", "nonconvex": "nonconvex inner loss", "maml": "MAML"}


def bench_runs(records: Sequence[Any]) -> list[dict[str, Any]]:
    """The runs of the records that `anil-theory bench` wrote, each as one flat dict; other records are left out."""
    found = []
    for record in records:
        cell, measured = record.cell, record.measurements
        if cell.get("study") == "bench" and "loss" in measured:
            about = {"dataset": cell["dataset"], "geometry": cell["settings"]["geometry"]}
            found.append({**about, "N": cell["inner_steps"], "seed": cell["seed"], **measured, "status": record.status})
    return found


def plot_training(runs: Sequence[Mapping[str, Any]], geometry: str, path: Path) -> bool:
    """Draw the runs of one geometry into `path`: means over seeds, and the range of the seeds as a band.

    A run has "dataset", "geometry", "N", "seed", "loss" and "seconds"; runs that diverged end with a cross. Returns
    False, and writes nothing, without runs.
    """
    chosen = [run for run in runs if run["geometry"] == geometry and run["loss"]]
    if not chosen:
        return False
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    datasets = sorted({run["dataset"] for run in chosen})
    figure, axes = plt.subplots(
        len(datasets), 2, figsize=(10.2, 0.9 + 3.4 * len(datasets)), squeeze=False, layout="constrained"
    )
    values = sorted({run["N"] for run in chosen})
    shade = plt.get_cmap("viridis")
    for row, dataset in zip(axes, datasets, strict=True):
        for i, N in enumerate(values):
            mine = [run for run in chosen if (run["dataset"], run["N"]) == (dataset, N)]
            if mine:
                _draw(row, mine, N, shade(0.05 + 0.85 * i / max(1, len(values) - 1)))
        for axis, label in zip(row, ("meta-iterations", "seconds (compilation apart)"), strict=True):
            axis.set_xlabel(label)
            axis.set_ylabel("training loss")
            axis.set_title(in_figure(dataset), fontsize=10)
            axis.grid(alpha=0.25)
        row[0].legend(fontsize=8, frameon=False)
    seeds = len({run["seed"] for run in chosen})
    shown = "one seed" if seeds == 1 else f"mean over {seeds} seeds"
    figure.suptitle(f"ANIL, {TITLES.get(geometry, geometry)}: {shown}")
    save_figure(figure, path, dpi=110)
    return True


def _draw(row: Any, runs: Sequence[Mapping[str, Any]], N: int, colour: Any) -> None:
    length = min(len(run["loss"]) for run in runs)
    curves = np.array([_smooth(np.asarray(run["loss"][:length], float)) for run in runs])
    clock = np.mean([np.cumsum(run["seconds"][:length]) for run in runs], axis=0)
    diverged = sum(run["status"] == "diverged" for run in runs)
    label = f"N = {N}" + (f" ({diverged} of {len(runs)} diverged)" if diverged else "")
    for axis, x in zip(row, (np.arange(1, length + 1), clock), strict=True):
        axis.plot(x, curves.mean(axis=0), color=colour, lw=1.6, label=label)
        axis.fill_between(x, curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.15, lw=0)
        if diverged and math.isfinite(curves[:, -1].mean()):
            axis.plot(x[-1], curves[:, -1].mean(), "x", color=colour, ms=8)


def _smooth(loss: np.ndarray) -> np.ndarray:
    """Running mean over the last 5 % of the iterations seen: batches of tasks are noisy."""
    window = max(1, len(loss) // 20)
    total = np.concatenate([[0.0], np.cumsum(loss)])
    end = np.arange(1, len(loss) + 1)
    start = np.maximum(end - window, 0)
    return (total[end] - total[start]) / (end - start)
