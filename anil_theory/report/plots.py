"""Plots of block constants from rows: each constant against N beside its bounds, and how tight each bound is."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from anil_theory._printable import in_figure
from anil_theory.report.house_style import (
    BLACK,
    BLOCK_COLOURS,
    BLOCK_TITLES,
    CLAIM_LINES,
    GREY,
    STEPS_LABEL,
    geometry_title,
    in_order,
)
from anil_theory.report.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

Regime = tuple[str, str]
"""A geometry, and how the step size alpha depends on N and the constants."""

REGIMES: dict[Regime, str] = {
    ("strongly-convex", "alpha = mu/L^2"): r"$\alpha=\mu/L^2$",
    ("strongly-convex", "alpha fixed"): r"$\alpha$ fixed",
    ("nonconvex", "alpha fixed"): r"$\alpha$ fixed",
    ("nonconvex", "alpha = c/(N L)"): r"$\alpha=c/(NL)$",
}
"""The regimes in the order in which they are drawn; others follow them."""

MEASURED = ("blocks", "attained")
"""The checks whose rows are block constants: sampled tasks, and the extremal task."""

MEASUREMENTS = (
    ("blocks", "sampled", "o", 3.5, "measured, sampled tasks"),
    ("blocks", "measured", "_", 8, "measured, worst instance"),
    ("attained", "measured", "*", 7, "measured, extremal task"),
)
"""Check, the number of its rows, marker, size and name."""

SHARES = {"ww": ("o", 4.0), "wphi": ("^", 3.0), "phiw": ("v", 2.0), "phiphi": ("s", 1.0)}
"""Marker and width of line of each block. Where lines lie on one another, the wider ones show beside the narrower."""


def plot_blocks(rows: Sequence[Row], *, axes: "GivenAxes" = None) -> "Figure | None":
    """Each block's constant against N: the largest measured value beside the bounds, all on logarithmic axes.

    A line of panels is a geometry and a regime of the step size, at the constants that were run for the most N; a panel
    is a block. Bounds are lines (solid: sharp, dashed: refined, dotted: explicit), measured values are markers. A value
    that is not finite or not positive has no place here and is left out.

    rows   as `all_rows` gives them; those that are no block constants are passed over;
    axes   one per panel, line by line; left out: a new figure.

    Returns the figure, or None when no row is a block constant. Raises InvalidParameter for a wrong number of axes.
    """
    constants = _block_constants(rows)
    if not constants:
        return None
    from anil_theory.report.panels import panels

    regimes = _regimes(constants)
    blocks = _blocks(constants)
    with panels(len(regimes), len(blocks), axes, panel_height=1.65, sharex=True) as sheet:
        handles: dict[str, Any] = {}
        for line, regime in zip(sheet.axes, regimes, strict=True):
            chosen, text = _one_setting(_of(constants, regime))
            for axis, block in zip(line, blocks, strict=True):
                members = [row for row in chosen if row["block"] == block]
                handles |= _draw_block(axis, members, BLOCK_COLOURS.get(block, GREY))
                axis.set_title(BLOCK_TITLES.get(block, in_figure(block)))
            line[0].set_ylabel(f"{regime_title(regime)}\n{text}", fontsize="small")
        _label_axes(sheet.axes, [_steps(row) for row in constants])
        sheet.legend(handles, columns=3, recolour=BLACK)
        sheet.title("Lipschitz constants of the meta-gradient: measured beside the bounds")
    return sheet.figure


def plot_tightness(rows: Sequence[Row], *, axes: "GivenAxes" = None) -> "Figure | None":
    """Shares of the smallest bound against N: sampled tasks as points, the best of each N as a line per block.

    A panel is a geometry and a regime of the step size. A line is the largest tightness (measured/smallest bound) of
    any instance; a star is the extremal task. A row that could not tell (INCONCLUSIVE) has no share to show.

    rows   as `all_rows` gives them; those that are no block constants are passed over;
    axes   one per panel; left out: a new figure.

    Returns the figure, or None when no row is a block constant. Raises InvalidParameter for a wrong number of axes.
    """
    constants = _block_constants(rows)
    if not constants:
        return None
    from matplotlib.ticker import MaxNLocator, MultipleLocator

    from anil_theory.report.panels import key, panels

    regimes = _regimes(constants)
    shares = [row for row in constants if _has_share(row)]
    highest = max((row["tightness"] for row in shares), default=1.0)
    with panels(1, len(regimes), axes, panel_height=2.2, sharex=True, sharey=True) as sheet:
        handles: dict[str, Any] = {}
        for axis, regime in zip(sheet.axes[0], regimes, strict=True):
            axis.axhline(1.0, color=BLACK, lw=0.8, ls="--", zorder=1)
            for block in _blocks(constants):
                handles |= _draw_shares(axis, [row for row in _of(shares, regime) if row["block"] == block], block)
            axis.set_title(regime_title(regime))
            axis.set_ylim(bottom=0)
            # Some ten ticks, however far a bound that was broken on purpose is exceeded.
            axis.yaxis.set_major_locator(MultipleLocator(0.2) if highest <= 2 else MaxNLocator(10))
        _label_axes(sheet.axes, [_steps(row) for row in constants], logarithmic=False)
        sheet.axes[0][0].set_ylabel("largest measured / smallest bound")
        stars = {"extremal task": key(ls="", marker="*", ms=7)} if any(_is_extremal(row) for row in shares) else {}
        points = {"sampled tasks": key(ls="", marker="o", mfc="none")}
        sheet.legend(handles | points | stars, columns=6)
        sheet.title("How much of each bound is reached")
    return sheet.figure


def regime_title(regime: Regime) -> str:
    """The geometry and the step size in words of a figure."""
    geometry, words = regime
    return f"{geometry_title(geometry)}, {REGIMES.get(regime, in_figure(words))}"


def _block_constants(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["check"] in MEASURED]


def _regimes(rows: Iterable[Row]) -> list[Regime]:
    """The regimes that have rows."""
    present = dict.fromkeys((row["geometry"], row["regime"]) for row in rows)
    known = [regime for regime in REGIMES if regime in present]
    return [*known, *(regime for regime in present if regime not in REGIMES)]


def _blocks(rows: Iterable[Row]) -> list[str]:
    return in_order((row["block"] for row in rows), BLOCK_TITLES)


def _steps(row: Row) -> int:
    return row["cell"]["schedule"]["inner_steps"]


def _of(rows: Iterable[Row], regime: Regime) -> list[Row]:
    return [row for row in rows if (row["geometry"], row["regime"]) == regime]


def _one_setting(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """The rows of the constants and step sizes that were run for the most values of N, and those constants in LaTeX."""

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
    words = [f"${letter}={value:g}$" for letter, value in zip(letters, chosen[:5], strict=True) if value is not None]
    sizes = {"alpha fixed": rf"$\alpha={chosen[5]:g}$", "alpha = c/(N L)": f"$c={chosen[5]:g}$"}
    words += [text for regime, text in sizes.items() if regime == rows[0]["regime"]]
    # Two lines: one is longer than a panel is high.
    return [r for r in rows if setting(r) == chosen], "\n".join((", ".join(words[:3]), ", ".join(words[3:])))


def _drawable(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _draw_block(axis: "Axes", rows: Sequence[Row], colour: str) -> dict[str, Any]:
    """Bounds as lines and measured values as markers; returns the handles for a legend.

    A row on sampled tasks has two numbers, which are both drawn: the largest on those tasks and on the worst instance.
    """
    handles: dict[str, Any] = {}
    bounds = {_steps(r): r["bounds"] for r in sorted(rows, key=_steps)}
    for kind in ("explicit", "refined", "sharp"):
        points = [(N, b[kind]) for N, b in bounds.items() if _drawable(b.get(kind, math.inf))]
        if points:
            (line,) = axis.plot(*zip(*_seen(points), strict=True), CLAIM_LINES[kind], color=colour)
            handles[f"{kind} bound"] = line
    for check, name, marker, size, label in MEASUREMENTS:
        members = [row for row in rows if row["check"] == check]
        points = _largest(members, lambda row, name=name: row.get(name, math.nan))
        if points:
            edge = float(marker == "_")
            (dots,) = axis.plot(*zip(*points, strict=True), marker, color=BLACK, ms=size, mew=edge)
            handles[label] = dots
    return handles


def _seen(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """The points of a line. A single point becomes a short level piece, because a line of one point is invisible."""
    if len(points) > 1:
        return points
    ((N, value),) = points
    return [(0.8 * N, value), (1.25 * N, value)]


def _largest(rows: Iterable[Row], value: Callable[[Row], float]) -> list[tuple[int, float]]:
    """The largest drawable value of each N, in the order of N."""
    largest: dict[int, float] = {}
    for row in rows:
        found = value(row)
        if _drawable(found):
            largest[_steps(row)] = max(largest.get(_steps(row), 0.0), found)
    return sorted(largest.items())


def _draw_shares(axis: "Axes", rows: Sequence[Row], block: str) -> dict[str, Any]:
    """The shares of one block; returns the handle of its line for a legend."""
    colour = BLOCK_COLOURS.get(block, GREY)
    marker, width = SHARES.get(block, ("D", 1.0))
    sampled = [(_steps(row), _sampled_share(row)) for row in rows if not _is_extremal(row)]
    if sampled:
        axis.plot(*zip(*sampled, strict=True), marker, color=colour, mfc="none", mew=0.8, ms=3.5)
    extremal = [(_steps(row), _sampled_share(row)) for row in rows if _is_extremal(row)]
    if extremal:
        axis.plot(*zip(*extremal, strict=True), "*", color=colour, mec="white", mew=0.4, ms=8, zorder=4)
    best: dict[int, float] = {}
    for row in rows:
        best[_steps(row)] = max(best.get(_steps(row), 0.0), row["tightness"])
    if not best:
        return {}
    (line,) = axis.plot(*zip(*_seen(sorted(best.items())), strict=True), "-", color=colour, lw=width)
    return {BLOCK_TITLES.get(block, in_figure(block)): line}


def _is_extremal(row: Row) -> bool:
    return row["check"] == "attained"


def _has_share(row: Row) -> bool:
    return math.isfinite(row["tightness"]) and row["outcome"] != "INCONCLUSIVE"


def _sampled_share(row: Row) -> float:
    """The tightness on the row's own tasks."""
    return row["tightness"] * row.get("sampled", row["measured"]) / row["measured"] if row["measured"] else 0.0


def _label_axes(grid: Any, steps: Iterable[int], *, logarithmic: bool = True) -> None:
    """Ticks at the N that were run, and round ticks on a logarithmic y-axis."""
    from anil_theory.report.panels import log_steps, log_values

    for axis in grid.flat:
        # First the y-axis: setting a scale has matplotlib compute both limits.
        if logarithmic:
            log_values(axis, most=5)
        log_steps(axis, steps, most=5)
    for axis in grid[-1]:
        axis.set_xlabel(STEPS_LABEL)
