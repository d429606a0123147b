"""The figure of a finding, drawn from its panels: whatever a finding measures, its record says how it is drawn."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anil_theory.report.files import save_figure

MARKERS = "osD^v"
STYLES = {"line": {"ls": "-", "lw": 1.5}, "dashed": {"ls": "--", "lw": 1.2}, "points": {"ls": ":", "lw": 0.8, "ms": 6}}


def plot_finding(finding: Mapping[str, Any], path: Path) -> bool:
    """One axis per panel, side by side. Returns False, and writes nothing, for a finding without panels."""
    panels = finding["panels"]
    if not panels:
        return False
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(panels), figsize=(0.6 + 4.5 * len(panels), 4.8), squeeze=False, layout="constrained"
    )
    for axis, panel in zip(axes[0], panels, strict=True):
        _draw(axis, panel)
    figure.suptitle(finding["title"], fontsize=11)
    save_figure(figure, path, dpi=110)
    return True


def _draw(axis: Any, panel: Mapping[str, Any]) -> None:
    for i, curve in enumerate(panel["curves"]):
        style: dict[str, Any] = dict(STYLES[curve["style"]])
        if curve["style"] == "points":
            style["marker"] = MARKERS[i % len(MARKERS)]
        axis.plot(curve["x"], curve["y"], color=f"C{i % 10}", label=curve["label"], **style)
    if panel["log_x"]:
        axis.set_xscale("log")
    if panel["log_y"]:
        axis.set_yscale("log")
    _label_decades(axis)
    axis.set_title(panel["title"], fontsize=10)
    axis.set_xlabel(panel["x_label"])
    axis.set_ylabel(panel["y_label"])
    axis.grid(alpha=0.25)
    # Below the axes: curves of several orders of magnitude leave no corner free.
    axis.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _label_decades(axis: Any) -> None:
    """On a logarithmic axis of more than a decade, labels between the decades run into each other: none there."""
    from matplotlib.ticker import NullFormatter

    for scale, limits, dimension in (
        (axis.get_xscale(), axis.get_xlim(), axis.xaxis),
        (axis.get_yscale(), axis.get_ylim(), axis.yaxis),
    ):
        if scale == "log" and limits[1] > 10 * limits[0]:
            dimension.set_minor_formatter(NullFormatter())
