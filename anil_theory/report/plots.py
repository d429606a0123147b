"""Plots of block constants from rows: each constant against N beside its bounds, and how tight each bound is."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anil_theory.report.files import save_figure
from anil_theory.report.rows import Row

REGIMES = (
    ("strongly-convex", "alpha = mu/L^2", r"strongly convex, $\alpha=\mu/L^2$"),
    ("strongly-convex", "alpha fixed", r"strongly convex, $\alpha$ fixed"),
    ("nonconvex", "alpha fixed", r"nonconvex, $\alpha$ fixed"),
    ("nonconvex", "alpha = c/(N L)", r"nonconvex, $\alpha=c/(NL)$"),
)
BLOCKS = (
    ("ww", r"$L_{ww}$", "#1b6ca8"),
    ("wphi", r"$L_{w\varphi}$", "#c8553d"),
    ("phiw", r"$L_{\varphi w}$", "#588b3a"),
    ("phiphi", r"$L_{\varphi\varphi}$", "#7b4fa3"),
)
MEASURED = ("blocks", "attained")
"""The checks whose rows are block constants: sampled tasks, and the extremal task."""


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _steps(row: Row) -> int:
    return row["cell"]["schedule"]["inner_steps"]


def _of(rows: Sequence[Row], regime: tuple[str, str, str]) -> list[Row]:
    """The block constants of one geometry and step-size regime."""
    return [r for r in rows if (r["geometry"], r["regime"]) == regime[:2] and r["check"] in MEASURED]


def _one_setting(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """The rows of the constants and step sizes that were run for the most values of N, and those constants in LaTeX."""
    if not rows:
        return [], ""

    def setting(row: Row) -> tuple:
        constants, regime = row["cell"]["constants"], row["regime"]
        alpha = row["cell"]["schedule"]["alpha"]
        size = {"alpha fixed": alpha, "alpha = c/(N L)": round(alpha * _steps(row) * constants["L"], 9)}.get(
            regime, 0.0
        )
        return (*(constants[k] for k in ("mu", "L", "rho", "tau", "M")), size)

    steps: dict[tuple, set[int]] = {}
    for row in rows:
        steps.setdefault(setting(row), set()).add(_steps(row))
    attained = {setting(r) for r in rows if r["check"] == "attained"}
    chosen = max(steps, key=lambda s: (len(steps[s]), s in attained))
    letters = (r"\mu", "L", r"\rho", r"\tau", "M")
    text = ", ".join(
        f"${letter}={value:g}$" for letter, value in zip(letters, chosen[:5], strict=True) if value is not None
    )
    size = {"alpha fixed": rf", $\alpha={chosen[5]:g}$", "alpha = c/(N L)": f", $c={chosen[5]:g}$"}
    return [r for r in rows if setting(r) == chosen], text + size.get(rows[0]["regime"], "")


def plot_blocks(rows: Sequence[Row], path: Path) -> bool:
    """Each block's constant against N, the largest measured value beside both bounds: a line per geometry and regime.

    Returns False, and writes nothing, when no row has a block constant.
    """
    live = [regime for regime in REGIMES if _of(rows, regime)]
    if not live:
        return False
    plt = _pyplot()
    figure, axes = plt.subplots(
        len(live), len(BLOCKS), figsize=(13, 0.9 + 2.9 * len(live)), sharex=True, squeeze=False, layout="constrained"
    )
    handles: dict[str, Any] = {}
    for line, regime in enumerate(live):
        chosen, text = _one_setting(_of(rows, regime))
        for column, (block, label, colour) in enumerate(BLOCKS):
            axis = axes[line][column]
            handles |= _draw_block(axis, [r for r in chosen if r["block"] == block], colour)
            axis.set_title(label, fontsize=11)
            _log_axes(plt, axis)
            if line == len(live) - 1:
                axis.set_xlabel("inner steps $N$")
        axes[line][0].set_ylabel(f"{regime[2]}\n{text}", fontsize=8.5)
    legend = figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
    for handle in legend.legend_handles:
        handle.set_color("black")
    figure.suptitle("Lipschitz constants of the meta-gradient: measured beside the bounds")
    save_figure(figure, path, dpi=110)
    return True


def _draw_block(axis: Any, rows: Sequence[Row], colour: str) -> dict[str, Any]:
    """Bounds as lines and measured values as markers; returns the handles for a legend."""
    handles: dict[str, Any] = {}
    bounds = {_steps(r): r["bounds"] for r in sorted(rows, key=_steps)}
    for kind, style in (("explicit", ":"), ("refined", "--"), ("sharp", "-")):
        points = [(N, b[kind]) for N, b in bounds.items() if math.isfinite(b.get(kind, math.inf))]
        if points:
            (line,) = axis.plot(*zip(*points, strict=True), style, color=colour, lw=1.7)
            handles[f"{kind} bound"] = line
    for check, marker, size, name in (
        ("blocks", "o", 4.5, "measured, sampled tasks"),
        ("attained", "*", 10, "measured, extremal task"),
    ):
        largest: dict[int, float] = {}
        for row in rows:
            if row["check"] == check:
                largest[_steps(row)] = max(largest.get(_steps(row), 0.0), row["measured"])
        if largest:
            (dots,) = axis.plot(*zip(*sorted(largest.items()), strict=True), marker, color="black", ms=size, mew=0)
            handles[name] = dots
    return handles


def _log_axes(plt: Any, axis: Any) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.xaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10000]))
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        one.set_minor_formatter(NullFormatter())
    axis.xaxis.set_minor_locator(plt.NullLocator())
    axis.yaxis.set_minor_locator(plt.NullLocator())
    axis.grid(alpha=0.25)


def plot_tightness(rows: Sequence[Row], path: Path) -> bool:
    """Tightness (measured/smallest bound) against N: all settings as points, the best of each N as a line, per regime.

    Returns False, and writes nothing, when no row has a block constant.
    """
    live = [regime for regime in REGIMES if _of(rows, regime)]
    if not live:
        return False
    plt = _pyplot()
    figure, axes = plt.subplots(
        1, len(live), figsize=(1.2 + 3.7 * len(live), 3.9), sharey=True, squeeze=False, layout="constrained"
    )
    handles: dict[str, Any] = {}
    for axis, regime in zip(axes[0], live, strict=True):
        for block, label, colour in BLOCKS:
            chosen = [r for r in _of(rows, regime) if r["block"] == block and not math.isnan(r["tightness"])]
            best: dict[int, float] = {}
            for check, marker, size in (("blocks", "o", 3), ("attained", "*", 9)):
                points = [(_steps(r), r["tightness"]) for r in chosen if r["check"] == check]
                if points:
                    axis.plot(*zip(*points, strict=True), marker, color=colour, alpha=0.4, ms=size, mew=0)
                for N, value in points:
                    best[N] = max(best.get(N, 0.0), value)
            if best:
                # Both cross constants are one number wherever the search found it: dashes let the other colour show.
                style = "--" if block == "phiw" else "-"
                (handles[label],) = axis.plot(*zip(*sorted(best.items()), strict=True), style, color=colour, lw=1.6)
        axis.axhline(1.0, color="black", lw=0.8, ls="--")
        _log_axes(plt, axis)
        axis.set_yscale("linear")
        axis.yaxis.set_major_locator(plt.MultipleLocator(0.2))
        axis.set_ylim(bottom=0)
        axis.set_title(regime[2], fontsize=10)
        axis.set_xlabel("inner steps $N$")
    axes[0][0].set_ylabel("largest measured / smallest bound")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle("How much of each bound is reached (stars: the extremal task)")
    save_figure(figure, path, dpi=110)
    return True
