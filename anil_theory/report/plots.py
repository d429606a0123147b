"""Plots of block constants from rows: each constant against N beside its bounds, and how tight each bound is."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anil_theory._printable import in_figure
from anil_theory.report.block_overlays import (
    draw_band,
    draw_bounds,
    draw_points,
    draw_turning,
    drawable,
    legend_names,
    seen_points,
)
from anil_theory.report.block_settings import (
    Regime,
    Traced,
    block_constants_of,
    blocks_of,
    in_regime,
    one_setting,
    regime_title,
    regimes_of,
    shared_words,
    steps_of,
    two_lines,
)
from anil_theory.report.certificates import CertificateRow
from anil_theory.report.house_style import (
    BLACK,
    BLOCK_COLOURS,
    BLOCK_TITLES,
    BOUNDS,
    GREY,
    STEPS_LABEL,
    in_order,
)
from anil_theory.report.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

MEASUREMENTS = (
    ("blocks", "sampled", "sampled"),
    ("blocks", "measured", "worst"),
    ("attained", "measured", "extremal"),
)
"""Check, the number of its rows, and its name in `house_style.MEASURED`."""

SHARES = {"ww": ("o", 4.0), "wphi": ("^", 3.0), "phiw": ("v", 2.0), "phiphi": ("s", 1.0)}
"""Marker and width of line of each block. Where lines lie on one another, the wider ones show beside the narrower."""


def plot_blocks(
    rows: Sequence[Row],
    *,
    curves: Sequence[Traced] = (),
    certificates: Sequence[CertificateRow] = (),
    axes: "GivenAxes" = None,
) -> "Figure | None":
    """Each block's constant against N: what is measured beside the bounds, all on logarithmic axes.

    A line of panels is a geometry and a regime of the step size, at the constants that were run for the most N; a panel
    is a block. Bounds are lines, measured values are markers (`house_style` has both). A value that is not finite or
    not positive has no place here and is left out.

    rows           as `all_rows` gives them; those that are no block constants are passed over;
    curves         bounds at every N, which take the place of those of the rows where constants and step size are the
                   same; with the printed order, the turning points, and the functions that reach the bounds;
    certificates   rows of `anil-theory certify`: the intervals of those with the same constants and step sizes;
    axes           one per panel, line by line; left out: a new figure.

    Returns the figure, or None when no row is a block constant. Raises InvalidParameter for a wrong number of axes.
    """
    constants = block_constants_of(rows)
    if not constants:
        return None
    from anil_theory.report.panels import panels

    regimes = regimes_of(constants)
    blocks = blocks_of(constants)
    settings = {regime: one_setting(in_regime(constants, regime)) for regime in regimes}
    shared = shared_words([setting.words for setting in settings.values()])
    with panels(len(regimes), len(blocks), axes, panel_height=1.55, sharex=not curves) as sheet:
        handles: dict[str, Any] = {}
        steps: dict[Regime, list[int]] = {}
        for line, (regime, setting) in zip(sheet.axes, settings.items(), strict=True):
            traced = next((trace for trace in curves if setting.is_of(trace)), None)
            certified = [row for row in certificates if setting.certified(row)]
            for axis, block in zip(line, blocks, strict=True):
                members = [row for row in setting.rows if row["block"] == block]
                handles |= draw_band(axis, [row for row in certified if row["block"] == block])
                handles |= _draw_bounds(axis, members, traced, block)
                handles |= _draw_measured(axis, members, traced, block)
            own = [word for word in setting.words if word not in shared]
            line[0].set_ylabel("\n".join(filter(None, (*two_lines(regime), ", ".join(own)))))
            steps[regime] = [steps_of(row) for row in setting.rows]
        for axis, block in zip(sheet.axes[0], blocks, strict=True):
            axis.set_title(BLOCK_TITLES.get(block, in_figure(block)))
        every = [N for values in steps.values() for N in values]
        _label_axes(sheet.axes, list(steps.values()) if curves else [every] * len(regimes))
        sheet.legend(_in_legend_order(handles), columns=3)
        title = "Lipschitz constants of the meta-gradient beside their bounds"
        sheet.title(f"{title}; {', '.join(shared)}" if shared else title)
    return sheet.figure


def plot_tightness(rows: Sequence[Row], *, axes: "GivenAxes" = None) -> "Figure | None":
    """Shares of the smallest bound against N: sampled tasks as points, the best of each N as a line per block.

    A panel is a geometry and a regime of the step size. A line is the largest tightness (measured/smallest bound) of
    any instance; a star is the extremal task. A row that could not tell (INCONCLUSIVE) has no share to show.

    rows   as `all_rows` gives them; those that are no block constants are passed over;
    axes   one per panel; left out: a new figure.

    Returns the figure, or None when no row is a block constant. Raises InvalidParameter for a wrong number of axes.
    """
    constants = block_constants_of(rows)
    if not constants:
        return None
    from matplotlib.ticker import MaxNLocator, MultipleLocator

    from anil_theory.report.panels import key, panels

    regimes = regimes_of(constants)
    shares = [row for row in constants if _has_share(row)]
    highest = max((row["tightness"] for row in shares), default=1.0)
    with panels(1, len(regimes), axes, panel_height=2.2, sharex=True, sharey=True) as sheet:
        handles: dict[str, Any] = {}
        for axis, regime in zip(sheet.axes[0], regimes, strict=True):
            axis.axhline(1.0, color=BLACK, lw=0.8, ls="--", zorder=1)
            for block in blocks_of(constants):
                members = [row for row in in_regime(shares, regime) if row["block"] == block]
                handles |= _draw_shares(axis, members, block)
            axis.set_title(regime_title(regime))
            axis.set_ylim(bottom=0)
            # Some ten ticks, however far a bound that was broken on purpose is exceeded.
            axis.yaxis.set_major_locator(MultipleLocator(0.2) if highest <= 2 else MaxNLocator(10))
        _label_axes(sheet.axes, [[steps_of(row) for row in constants]], logarithmic=False)
        sheet.axes[0][0].set_ylabel("largest measured / smallest bound")
        stars = {"extremal task": key(ls="", marker="*", ms=7)} if any(_is_extremal(row) for row in shares) else {}
        points = {"sampled tasks": key(ls="", marker="o", mfc="none")}
        sheet.legend(handles | points | stars, columns=6)
        sheet.title("How much of each bound is reached")
    return sheet.figure


def _draw_bounds(axis: "Axes", rows: Sequence[Row], traced: Traced | None, block: str) -> dict[str, Any]:
    """The bounds as lines, at every N where they were traced, else at the N that were run; handles for a legend."""
    if traced is None:
        bounds = {steps_of(r): r["bounds"] for r in sorted(rows, key=steps_of)}
        kinds = [kind for kind in BOUNDS if kind != "order"]
        return draw_bounds(axis, {kind: [(N, b.get(kind, math.inf)) for N, b in bounds.items()] for kind in kinds})
    last = max((steps_of(row) for row in rows), default=traced["N"][-1])
    shown = [(i, N) for i, N in enumerate(traced["N"]) if last >= N]
    lines = {kind: [(N, values[i]) for i, N in shown] for kind, values in traced["curves"][block].items()}
    return draw_bounds(axis, lines) | draw_turning(axis, traced["turning"][block]["refined"])


def _draw_measured(axis: "Axes", rows: Sequence[Row], traced: Traced | None, block: str) -> dict[str, Any]:
    """What was measured as markers; handles for a legend.

    A row on sampled tasks has two numbers, which are both drawn: the largest on those tasks and on the worst instance.
    Where functions that reach the bounds were traced, these are the worst instances, and are drawn instead.
    """
    handles: dict[str, Any] = {}
    for check, name, kind in MEASUREMENTS:
        if kind == "worst" and traced is not None and traced["reached"]["N"]:
            continue
        members = [row for row in rows if row["check"] == check]
        points = _largest(members, lambda row, name=name: row.get(name, math.nan))
        handles |= draw_points(axis, points, kind)
    if traced is not None:
        last = max((steps_of(row) for row in rows), default=math.inf)
        reached = zip(traced["reached"]["N"], traced["reached"].get(block, ()), strict=False)
        handles |= draw_points(axis, [(N, value) for N, value in reached if last >= N], "realised")
    return handles


def _in_legend_order(handles: Mapping[str, Any]) -> dict[str, Any]:
    """Bounds first, then what is measured, each in the order of the house, then what else there is."""
    return {name: handles[name] for name in in_order(handles, legend_names())}


def _largest(rows: Iterable[Row], value: Callable[[Row], float]) -> list[tuple[int, float]]:
    """The largest drawable value of each N, in the order of N."""
    largest: dict[int, float] = {}
    for row in rows:
        number = value(row)
        if drawable(number):
            largest[steps_of(row)] = max(largest.get(steps_of(row), 0.0), number)
    return sorted(largest.items())


def _draw_shares(axis: "Axes", rows: Sequence[Row], block: str) -> dict[str, Any]:
    """The shares of one block; returns the handle of its line for a legend."""
    colour = BLOCK_COLOURS.get(block, GREY)
    marker, width = SHARES.get(block, ("D", 1.0))
    sampled = [(steps_of(row), _sampled_share(row)) for row in rows if not _is_extremal(row)]
    if sampled:
        axis.plot(*zip(*sampled, strict=True), marker, color=colour, mfc="none", mew=0.8, ms=3.5)
    extremal = [(steps_of(row), _sampled_share(row)) for row in rows if _is_extremal(row)]
    if extremal:
        axis.plot(*zip(*extremal, strict=True), "*", color=colour, mec="white", mew=0.4, ms=8, zorder=4)
    best: dict[int, float] = {}
    for row in rows:
        best[steps_of(row)] = max(best.get(steps_of(row), 0.0), row["tightness"])
    if not best:
        return {}
    (line,) = axis.plot(*zip(*seen_points(sorted(best.items())), strict=True), "-", color=colour, lw=width)
    return {BLOCK_TITLES.get(block, in_figure(block)): line}


def _is_extremal(row: Row) -> bool:
    return row["check"] == "attained"


def _has_share(row: Row) -> bool:
    return math.isfinite(row["tightness"]) and row["outcome"] != "INCONCLUSIVE"


def _sampled_share(row: Row) -> float:
    """The tightness on the row's own tasks."""
    return row["tightness"] * row.get("sampled", row["measured"]) / row["measured"] if row["measured"] else 0.0


def _label_axes(grid: Any, steps: Sequence[Iterable[int]], *, logarithmic: bool = True) -> None:
    """Ticks at the N that were run, by line of panels, and round ticks on a logarithmic y-axis."""
    from anil_theory.report.panels import log_steps, log_values

    for line, own in zip(grid, steps, strict=True):
        for axis in line:
            # First the y-axis: setting a scale has matplotlib compute both limits.
            if logarithmic:
                log_values(axis, most=5)
            log_steps(axis, own, most=4)
    for axis in grid[-1]:
        axis.set_xlabel(STEPS_LABEL)
