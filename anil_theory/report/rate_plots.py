"""Plots of rates from records: average squared gradients against K, the floor against B, the cost to eps against N."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anil_theory.report.files import save_figure

Curve = Mapping[str, Any]
"""One measured curve: "geometry", "block", "N", and the lists that a plot names."""

GEOMETRIES = {"strongly-convex": "strongly convex", "nonconvex": "nonconvex"}
BLOCKS = {"w": r"$\|D_w L_{meta}\|^2$", "phi": r"$\|D_\varphi L_{meta}\|^2$"}
MARKERS = "osD^vP*X"


def _figure(lines: int, columns: int) -> tuple[Any, Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        lines, columns, figsize=(1.0 + 4.6 * columns, 0.8 + 3.2 * lines), squeeze=False, layout="constrained"
    )
    return plt, figure, axes


def _colours(plt: Any, values: Sequence[int]) -> dict[int, Any]:
    shades = plt.get_cmap("viridis")
    ordered = sorted(set(values))
    return {v: shades(0.05 + 0.85 * i / max(1, len(ordered) - 1)) for i, v in enumerate(ordered)}


def _present(curves: Sequence[Curve], key: str, names: Mapping[str, str]) -> list[str]:
    return [name for name in names if any(c[key] == name for c in curves)]


def _finish(plt: Any, figure: Any, path: Path, title: str) -> bool:
    figure.suptitle(title)
    save_figure(figure, path, dpi=110)
    return True


def plot_convergence(curves: Sequence[Curve], path: Path) -> bool:
    """Running averages of the squared block norms against K, a line per N, beside their bounds (dashed).

    A curve has "K", "measured", "stderr" and "bound". Returns False, and writes nothing, without curves.
    """
    if not curves:
        return False
    geometries, blocks = _present(curves, "geometry", GEOMETRIES), _present(curves, "block", BLOCKS)
    plt, figure, axes = _figure(len(blocks), len(geometries))
    colours = _colours(plt, [c["N"] for c in curves])
    for line, block in enumerate(blocks):
        for column, geometry in enumerate(geometries):
            axis = axes[line][column]
            for curve in curves:
                if (curve["geometry"], curve["block"]) != (geometry, block):
                    continue
                colour = colours[curve["N"]]
                axis.plot(curve["K"], curve["measured"], color=colour, lw=1.6, label=f"N = {curve['N']}")
                low = [m - 2 * s for m, s in zip(curve["measured"], curve["stderr"], strict=True)]
                high = [m + 2 * s for m, s in zip(curve["measured"], curve["stderr"], strict=True)]
                axis.fill_between(curve["K"], [max(v, 1e-300) for v in low], high, color=colour, alpha=0.2, lw=0)
                if all(math.isfinite(b) for b in curve["bound"]):
                    axis.plot(curve["K"], curve["bound"], "--", color=colour, lw=1.0)
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.grid(alpha=0.25)
            axis.set_title(f"{GEOMETRIES[geometry]}: average of {BLOCKS[block]}", fontsize=10)
            axis.set_xlabel("outer steps $K$")
            axis.legend(fontsize=8, frameon=False)
    return _finish(plt, figure, path, "Convergence of Algorithm 1 (lines) and the bounds of Theorems 1 and 2 (dashed)")


def plot_floor(curves: Sequence[Curve], path: Path) -> bool:
    """The level at which the averages stop falling against the batch size B, beside the noise term of the bound.

    A curve has "B", "measured", "stderr", "bound" and "slope" (a text). Returns False without curves.
    """
    if not curves:
        return False
    geometries = _present(curves, "geometry", GEOMETRIES)
    plt, figure, axes = _figure(1, len(geometries))
    for axis, geometry in zip(axes[0], geometries, strict=True):
        chosen = [c for c in curves if c["geometry"] == geometry]
        for curve, marker in zip(chosen, MARKERS, strict=False):
            label = f"{BLOCKS[curve['block']]}, N = {curve['N']}: {curve['slope']}"
            error = [2 * s for s in curve["stderr"]]
            drawn = axis.errorbar(curve["B"], curve["measured"], yerr=error, marker=marker, ms=5, lw=1.3, label=label)
            axis.plot(curve["B"], curve["bound"], "--", color=drawn[0].get_color(), lw=1.0)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.grid(alpha=0.25)
        axis.set_title(GEOMETRIES[geometry], fontsize=10)
        axis.set_xlabel("tasks per outer step $B$")
        axis.legend(fontsize=7.5, frameon=False)
    axes[0][0].set_ylabel("floor of the average squared gradient")
    return _finish(plt, figure, path, "Error floor against the batch size (dashed: noise term of the bound)")


def plot_cost(curves: Sequence[Curve], path: Path) -> bool:
    """Cost to reach eps in both blocks against N: outer iterations, and oracle calls beside those the bound predicts.

    A curve has "label", "N" (a list), "iterations", "calls" and "predicted". Returns False without curves.
    """
    if not curves:
        return False
    geometries = _present(curves, "geometry", GEOMETRIES)
    plt, figure, axes = _figure(2, len(geometries))
    for column, geometry in enumerate(geometries):
        chosen = [c for c in curves if c["geometry"] == geometry]
        for curve, colour in zip(chosen, ("C0", "C1", "C2", "C3"), strict=False):
            _draw_cost(axes[0][column], curve, "iterations", "o-", colour, curve["label"], relative=False)
            _draw_cost(axes[1][column], curve, "calls", "o-", colour, f"{curve['label']}: measured", relative=True)
            _draw_cost(axes[1][column], curve, "predicted", "s--", colour, f"{curve['label']}: bound", relative=True)
        axes[0][column].set_title(GEOMETRIES[geometry], fontsize=10)
        axes[1][column].set_xlabel("inner steps $N$")
        for line in (0, 1):
            axis = axes[line][column]
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.grid(alpha=0.25, which="both")
            if axis.get_legend_handles_labels()[0]:
                axis.legend(fontsize=7.5, frameon=False)
            else:
                axis.text(0.5, 0.5, "eps was not reached", ha="center", transform=axis.transAxes)
    axes[0][0].set_ylabel("outer iterations to eps")
    # The bound is far above the truth; its shape is what is compared, so each curve is scaled by its minimum.
    axes[1][0].set_ylabel("oracle calls to eps / their minimum")
    return _finish(plt, figure, path, "Cost to accuracy against the number of inner steps")


def _draw_cost(axis: Any, curve: Curve, name: str, style: str, colour: str, label: str, *, relative: bool) -> None:
    points = [(n, v) for n, v in zip(curve["N"], curve[name], strict=True) if v and math.isfinite(v)]
    if not points:
        return
    unit = min(v for _, v in points) if relative else 1.0
    text = f"{label} (minimum {unit:.2g})" if relative else label
    axis.plot([n for n, _ in points], [v / unit for _, v in points], style, color=colour, ms=4, label=text)
