"""Plot of certificates: each block's interval [witness, certified bound] against N, beside both bounds."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anil_theory.report.certificates import CertificateRow
from anil_theory.report.files import save_figure

BLOCKS = (
    ("ww", r"$L_{ww}$", "#1b6ca8"),
    ("wphi", r"$L_{w\varphi}=L_{\varphi w}$", "#c8553d"),
    ("phiphi", r"$L_{\varphi\varphi}$", "#7b4fa3"),
)
GEOMETRIES = {"strongly-convex": "strongly convex", "nonconvex": "nonconvex"}


def plot_certificates(rows: Sequence[CertificateRow], path: Path) -> bool:
    """A line of panels per geometry, a panel per block. Returns False, and writes nothing, without rows."""
    if not rows:
        return False
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    geometries = [name for name in GEOMETRIES if any(r["geometry"] == name for r in rows)]
    blocks = [block for block in BLOCKS if any(r["block"] == block[0] for r in rows)]
    size = (1.2 + 3.9 * len(blocks), 1.1 + 3.0 * len(geometries))
    figure, axes = plt.subplots(len(geometries), len(blocks), figsize=size, squeeze=False, layout="constrained")
    handles: dict[str, Any] = {}
    for line, geometry in enumerate(geometries):
        for column, (block, label, colour) in enumerate(blocks):
            axis = axes[line][column]
            chosen = sorted((r for r in rows if (r["geometry"], r["block"]) == (geometry, block)), key=lambda r: r["N"])
            handles |= _draw(axis, chosen, colour)
            axis.set_title(f"{label}, {GEOMETRIES[geometry]}", fontsize=10)
            axis.set_ylim(bottom=0)
            axis.grid(alpha=0.25)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            if line == len(geometries) - 1:
                axis.set_xlabel("inner steps $N$")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(f"Certified constants of the meta-gradient on {rows[0]['region']}")
    save_figure(figure, path, dpi=110)
    return True


def _draw(axis: Any, rows: list[CertificateRow], colour: str) -> dict[str, Any]:
    """Bounds as lines, intervals as bars with both ends; returns the handles for a legend."""
    handles: dict[str, Any] = {}
    for kind, style in (("explicit", ":"), ("refined", "-")):
        points = [(r["N"], r["bounds"][kind]) for r in rows if math.isfinite(r["bounds"].get(kind, math.inf))]
        if points:
            (handles[f"{kind} bound"],) = axis.plot(*zip(*points, strict=True), style, marker=".", color=colour)
    finite = [r for r in rows if math.isfinite(r["upper"])]
    if finite:
        middle = [(r["lower"] + r["upper"]) / 2 for r in finite]
        half = [(r["upper"] - r["lower"]) / 2 for r in finite]
        bars = axis.errorbar(
            [r["N"] for r in finite], middle, yerr=half, fmt="none", ecolor="black", elinewidth=2, capsize=5
        )
        handles["truth, enclosed"] = bars
    return handles
