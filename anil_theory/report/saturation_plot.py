"""Where the meta-gradient stops depending on N: seeds, the fitted exponential, and the interval of its flat point."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anil_theory.report.house_style import BLACK, BLUE, GREY, SKY, STEPS_LABEL, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

PARTS = {"w": r"mean $\|D_w L_\mathrm{meta}\|$", "phi": r"mean $\|D_\varphi L_\mathrm{meta}\|$"}
"""Names of the sizes of the two parts of the meta-gradient."""

REMAINING = 0.05
"""The share of the drop that is left at the flat point of a fit."""

FIT_POINTS = 200


def saturation_words(traced: Mapping[str, Any]) -> list[str]:
    """The fits of one setting as sentences."""
    sentences = []
    for part in PARTS:
        fit = traced[part]["fit"]
        place = f"mu = {traced['constants']['mu']:g}, {part} part"
        if not fit["resolved"]:
            sentences.append(f"{place}: no exponential saturation on this grid of N")
            continue
        length = _interval(fit["length"], fit["length_interval"])
        flat = _interval(fit["point"], fit["point_interval"])
        longest = f"1/log(1/q) = {traced['longest']:.3g}"
        sentences.append(f"{place}: decays over {length} inner steps (beside {longest}), flat from N = {flat}")
    return sentences


def plot_saturation(traced: Sequence[Mapping[str, Any]], *, axes: "GivenAxes" = None) -> "Figure | None":
    """The mean size of both parts of the meta-gradient against N, with the fit a + b exp(-N/s) and its flat point.

    A line of panels is a mu, a panel a part. Bars are two standard errors on either side, over seeds; the light lines
    are the seeds. The band is the interval of the N from which 5 % of the drop are left; the dashed line is the same
    N for the longest length that alpha and mu allow, 1/log(1/q).

    traced   as `anil-theory saturation` keeps them: "constants", "N", "longest", "w" and "phi";
    axes     two per mu, line by line; left out: a new figure.

    Returns the figure, or None without settings. Raises InvalidParameter for a wrong number of axes.
    """
    if not traced:
        return None
    from anil_theory.report.panels import panels

    ordered = sorted(traced, key=lambda trace: trace["constants"]["mu"])
    with panels(len(ordered), len(PARTS), axes, panel_height=1.75, sharex=True) as sheet:
        handles: dict[str, Any] = {}
        for line, trace in zip(sheet.axes, ordered, strict=True):
            for axis, part in zip(line, PARTS, strict=True):
                handles |= _draw(axis, trace, part)
                axis.set_title(rf"{PARTS[part]}, $\mu={trace['constants']['mu']:g}$")
        for axis in sheet.axes[-1]:
            axis.set_xlabel(STEPS_LABEL)
        sheet.legend(handles, columns=3)
        sheet.title(r"From which $N$ on the meta-gradient is flat, strongly convex, $\alpha=\mu/L^2$")
    return sheet.figure


def _draw(axis: "Axes", trace: Mapping[str, Any], part: str) -> dict[str, Any]:
    """One panel; its handles for a legend."""
    import numpy as np

    from anil_theory.report.panels import log_steps

    steps = np.asarray(trace["N"], float)
    curves = np.asarray(trace[part]["curves"], float)
    fit = trace[part]["fit"]
    handles: dict[str, Any] = {}
    for curve in curves:
        (handles["seeds"],) = axis.plot(steps, curve, "-", color=GREY, lw=0.5, alpha=0.35)
    error = 2 * curves.std(axis=0, ddof=1) / math.sqrt(len(curves))
    handles["mean over seeds"] = axis.errorbar(
        steps, curves.mean(axis=0), yerr=error, fmt="o", color=BLACK, ms=3, elinewidth=1.0, capsize=2
    )
    if fit["resolved"]:
        dense = np.geomspace(steps[0], steps[-1], FIT_POINTS)
        fitted = fit["level"] + fit["drop"] * np.exp(-dense / fit["length"])
        (handles[r"fit $a+b\,e^{-N/s}$"],) = axis.plot(dense, fitted, "-", color=BLUE, lw=1.3)
        interval = fit["point_interval"]
        band = axis.axvspan(interval["low"], interval["high"], color=SKY, alpha=0.45, lw=0)
        handles["flat point of the fit, 95 % interval"] = band
        axis.axvline(fit["point"], color=BLUE, lw=0.8)
    flat = trace["longest"] * math.log(1 / REMAINING)
    if flat <= steps[-1]:
        longest = axis.axvline(flat, color=VERMILLION, ls="--", lw=1.3)
        handles[r"the same at $s=1/\log(1/q)$"] = longest
    log_steps(axis, trace["N"], most=6)
    return handles


def _interval(value: float, interval: Mapping[str, float]) -> str:
    return f"{value:.3g} [{interval['low']:.3g}, {interval['high']:.3g}]"
