"""A map of how tight the bounds are: the share of a bound that functions reach, over mu/L and N."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anil_theory.report.house_style import BLACK, CROSS_TITLES, STEPS_LABEL, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes

KINDS = ("refined", "explicit")
"""The bounds whose shares are drawn, a line of panels each."""

LEAST_COLOUR = 0.4
"""The share that has the darkest colour."""


def plot_share_map(traced: Sequence[Mapping[str, Any]], *, axes: "GivenAxes" = None) -> "Figure | None":
    """Reached constant / bound over (mu/L, N), strongly convex, alpha = mu/L^2: 1 is a bound that is attained.

    A line of panels is a kind of bound, a panel is a block; the cross blocks, which have the same refined bound, are
    drawn once. The line is N = L^2/mu^2. A cell is empty where float64 does not hold what was reached.

    traced   as `anil-theory bounds` keeps them, for several mu: "constants", "N", "curves" and "reached";
    axes     one per panel, line by line; left out: a new figure.

    Returns the figure, or None where fewer than two mu have functions that reach the bounds. Raises InvalidParameter
    for a wrong number of axes.
    """
    chosen = [trace for trace in traced if trace["constants"]["mu"] is not None and trace["reached"]["N"]]
    chosen.sort(key=lambda trace: _conditioning(trace))
    if len({_conditioning(trace) for trace in chosen}) < 2:
        return None
    from anil_theory.report.panels import panels

    with panels(len(KINDS), len(CROSS_TITLES), axes, panel_height=2.3, sharex=True, sharey=True) as sheet:
        handles: dict[str, Any] = {}
        for line, kind in zip(sheet.axes, KINDS, strict=True):
            for axis, block in zip(line, CROSS_TITLES, strict=True):
                handles |= _draw(axis, chosen, kind, block)
                axis.set_title(f"{CROSS_TITLES[block]} / {kind} bound")
            line[0].set_ylabel(STEPS_LABEL)
        for axis in sheet.axes[-1]:
            axis.set_xlabel(r"$\mu/L$")
        sheet.legend(handles, columns=1)
        sheet.title(r"What realised functions reach of the bounds, strongly convex, $\alpha=\mu/L^2$")
    return sheet.figure


def _conditioning(trace: Mapping[str, Any]) -> float:
    return trace["constants"]["mu"] / trace["constants"]["L"]


def _draw(axis: "Axes", traced: Sequence[Mapping[str, Any]], kind: str, block: str) -> dict[str, Any]:
    """One map: a cell for each mu/L and N, with its share in figures; returns the handle of the line."""
    import numpy as np

    steps = traced[0]["reached"]["N"]
    shares = np.array([_shares(trace, kind, block) for trace in traced]).T
    axis.imshow(shares, origin="lower", aspect="auto", cmap="cividis", vmin=LEAST_COLOUR, vmax=1.0)
    for place, share in np.ndenumerate(shares):
        if math.isnan(share):
            continue
        colour = BLACK if share > (1 + LEAST_COLOUR) / 2 else "white"
        axis.text(place[1], place[0], _in_figures(share), ha="center", va="center", color=colour, clip_on=True)
    axis.set_xticks(range(len(traced)), [f"{_conditioning(trace):g}" for trace in traced])
    axis.set_yticks(range(len(steps)), [str(N) for N in steps])
    axis.grid(False)
    # The cells are evenly spaced, whatever their values: the line is drawn between the nearest of them.
    turns = [_conditioning(trace) ** -2 for trace in traced]
    places = np.interp(np.log(turns), np.log(steps), np.arange(len(steps)))
    inside = [(x, y) for x, (y, turn) in enumerate(zip(places, turns, strict=True)) if steps[0] <= turn <= steps[-1]]
    (line,) = axis.plot(*zip(*inside, strict=True), "--", color=VERMILLION, lw=1.2)
    return {r"$N=L^2/\mu^2$": line}


def _shares(trace: Mapping[str, Any], kind: str, block: str) -> list[float]:
    """What is reached of a bound at the N at which functions were built."""
    bounds = dict(zip(trace["N"], trace["curves"][block][kind], strict=True))
    reached = zip(trace["reached"]["N"], trace["reached"][block], strict=True)
    return [math.nan if math.isnan(value) else value / bounds[N] for N, value in reached]


def _in_figures(share: float) -> str:
    """Two digits, without the 0 before the point: a cell is narrow."""
    return "1.0" if share >= 0.995 else f"{share:.2f}".removeprefix("0")
