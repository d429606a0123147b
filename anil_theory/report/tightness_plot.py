"""A picture of how tight the bounds are: what is reached of the refined bound, from below and from above."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from anil_theory.report.files import save_figure

LABELS = {"ww": "w, w", "wphi": "cross", "phiphi": "phi, phi"}
SERIES = (
    ("scalar", "scalar", "o", 4),
    ("tensors", "tensors", "^", 5),
    ("realised", "realised", "*", 9),
    ("family", "worst task of the separable family (searched)", "x", 5),
)


def plot_reached(rows: Sequence[dict[str, Any]], path: Path) -> bool:
    """One panel per geometry and block: shares of the refined bound against N. False when there is nothing to draw."""
    if not rows:
        return False
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator

    steps = sorted({row["N"] for row in rows})
    geometries = sorted({row["geometry"] for row in rows})
    shape = {"squeeze": False, "sharex": True, "sharey": True, "layout": "constrained"}
    figure, axes = plt.subplots(len(geometries), len(LABELS), figsize=(9.5, 0.8 + 2.6 * len(geometries)), **shape)
    for line, geometry in zip(axes, geometries, strict=True):
        for axis, (block, heading) in zip(line, LABELS.items(), strict=True):
            members = [r for r in rows if r["geometry"] == geometry and r["block"] == block]
            for name, label, marker, size in SERIES:
                points = [(r["N"], r[name] / r["bounds"]["refined"]) for r in members]
                axis.plot(*zip(*points, strict=True), marker, ms=size, alpha=0.7, label=label)
            lines = [(r["N"], r["bounds"]["sharp"] / r["bounds"]["refined"]) for r in members]
            axis.plot(*zip(*lines, strict=True), "_", ms=14, color="black", label="sharp bound")
            axis.axhline(1.0, color="grey", lw=0.8, ls="--")
            axis.set(xscale="log", title=f"{geometry}: {heading}")
            axis.title.set_fontsize(9)
            axis.grid(alpha=0.25)
            axis.set_xticks(steps, [str(N) for N in steps])
            axis.xaxis.set_minor_locator(NullLocator())
    for axis in axes[-1]:
        axis.set_xlabel("inner steps N")
    axes[0][0].set_ylabel("share of the refined bound")
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=5, frameon=False)
    save_figure(figure, path, dpi=120)
    return True
