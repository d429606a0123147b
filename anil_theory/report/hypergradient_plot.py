"""Unroll or solve: the errors of unrolled and implicit hypergradients against the products that they cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anil_theory.report.house_style import BLUE, BOUNDS, CLAIM_LINES, GREEN, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes


@dataclass(frozen=True)
class Way:
    """A way to a hypergradient.

    title     its name in the legend;
    blocks    statement and block of its errors, by where the loop starts;
    further   products beyond one per step: conjugate gradients take one per step for H x = p, and one for C x;
    style     colour and marker;
    width     of its sharp bound.
    """

    title: str
    blocks: Mapping[str, tuple[str, str]]
    further: int
    style: Mapping[str, Any]
    width: float


STARTS = {"solved": "from $w^*$", "started": "from a distance of 1"}
"""Where the inner loop starts, a column of panels each."""


def _of_solver(solver: str) -> dict[str, tuple[str, str]]:
    return {start: ("implicit", f"{solver} {start}") for start in STARTS}


WAYS = (
    Way(
        "unrolled, $N$ steps",
        {start: ("unrolled", start) for start in STARTS},
        0,
        {"color": BLUE, "marker": "o", "ms": 5.5},
        2.6,
    ),
    Way("implicit, Neumann series", _of_solver("neumann"), 0, {"color": VERMILLION, "marker": "s", "ms": 3.2}, 1.2),
    Way("implicit, conjugate gradients", _of_solver("cg"), 1, {"color": GREEN, "marker": "^", "ms": 4}, 1.2),
)
"""Narrower lines and smaller markers are drawn over wider ones, so that equal ones are both seen."""

EXPLICIT_WIDTH = 1.6

WITNESS = "first-order-witness"
"""The family that is made to attain the errors from w*."""

LEAST = 1e-7
"""Errors below are left out: what is measured there is rounding."""


def plot_hypergradients(rows: Iterable[Mapping[str, Any]], *, axes: "GivenAxes" = None) -> "Figure | None":
    """Errors of the gradient of the exact bilevel objective against products with second derivatives of L_S.

    A line of panels is a mu/L, a column where the inner loop starts. A product is v -> (H v, C v) at one point. The
    phi block of an unrolled loop of N steps costs N of them; N terms of the Neumann series cost N (the first one needs
    none, and C x is the last); N conjugate gradient steps cost N + 1. Each way takes the same N gradient steps first.
    Lines are bounds; full markers are the largest error of random tasks, hollow ones that of a quadratic. What is
    measured below its rounding is left out.

    rows   of `verify`, of the statements C and D (`all_rows`);
    axes   two per mu/L, line by line; left out: a new figure.

    Returns the figure, or None without rows of these statements. Raises InvalidParameter for a wrong number of axes.
    """
    known = {place for way in WAYS for place in way.blocks.values()}
    chosen = [row for row in rows if (row.get("statement"), row.get("block")) in known]
    if not chosen:
        return None
    from anil_theory.report.panels import key, panels

    ratios = sorted({_conditioning(row) for row in chosen})
    with panels(len(ratios), len(STARTS), axes, panel_height=1.9, sharex=True, sharey=True) as sheet:
        handles: dict[str, Any] = {}
        for line, ratio in zip(sheet.axes, ratios, strict=True):
            mine = [row for row in chosen if _conditioning(row) == ratio]
            for axis, start in zip(line, STARTS, strict=True):
                handles |= _draw(axis, mine, start)
                axis.set_title(rf"{STARTS[start]}, $\mu/L={ratio:g}$")
            line[0].set_ylabel(r"error $\|g_\varphi-D\Phi\|$")
        for axis in sheet.axes[-1]:
            axis.set_xlabel("products with second derivatives")
        lines = {BOUNDS[kind][0]: key(ls=CLAIM_LINES[kind]) for kind in ("sharp", "explicit")}
        markers = {
            "largest of random tasks": key(ls="", marker="o", ms=4),
            "a quadratic": key(ls="", marker="o", ms=5, mfc="none"),
        }
        sheet.legend(handles | lines | markers, columns=3)
        sheet.title(r"Unroll or solve? Hypergradients at equal products, $\alpha=1/L$")
    return sheet.figure


def first_solved(rows: Iterable[Mapping[str, Any]]) -> dict[float, int | None]:
    """For each mu/L the least number of products at which the Neumann series' explicit bound is below the unrolled one.

    From a distance of 1, among the numbers that were run; None where it never is.
    """
    bounds: dict[float, dict[str, dict[int, float]]] = {}
    for row in rows:
        if row["cell"]["family"] == WITNESS or row["block"] not in ("started", "neumann started"):
            continue
        of_ratio = bounds.setdefault(_conditioning(row), {"unrolled": {}, "implicit": {}})
        of_ratio[row["statement"]][_steps(row)] = row["bounds"]["explicit"]
    firsts: dict[float, int | None] = {}
    for ratio, by_statement in sorted(bounds.items()):
        unrolled, implicit = by_statement["unrolled"], by_statement["implicit"]
        below = [N for N in unrolled if N in implicit and implicit[N] < unrolled[N]]
        firsts[ratio] = min(below, default=None)
    return firsts


def _conditioning(row: Mapping[str, Any]) -> float:
    return row["cell"]["constants"]["mu"] / row["cell"]["constants"]["L"]


def _steps(row: Mapping[str, Any]) -> int:
    return row["cell"]["schedule"]["inner_steps"]


def _draw(axis: "Axes", rows: Sequence[Mapping[str, Any]], start: str) -> dict[str, Any]:
    """One panel; its handles for a legend: the ways."""
    from anil_theory.report.panels import log_values

    handles: dict[str, Any] = {}
    for way in WAYS:
        mine = [row for row in rows if (row["statement"], row["block"]) == way.blocks[start]]
        random = sorted((row for row in mine if row["cell"]["family"] != WITNESS), key=_steps)
        quadratic = [row for row in mine if row["cell"]["family"] == WITNESS and start == "solved"]
        for kind in ("explicit", "sharp"):
            curve = [(_steps(row) + way.further, row["bounds"][kind]) for row in random if kind in row["bounds"]]
            drawn = [point for point in curve if point[1] > LEAST]
            if drawn:
                # Only the sharp bounds are equal.
                width = way.width if kind == "sharp" else EXPLICIT_WIDTH
                axis.plot(*zip(*drawn, strict=True), color=way.style["color"], ls=CLAIM_LINES[kind], lw=width)
        for group, fill in ((random, way.style["color"]), (quadratic, "none")):
            points = [(_steps(row) + way.further, row["measured"]) for row in group if row["measured"] > _floor(row)]
            if points:
                axis.plot(*zip(*points, strict=True), **way.style, mfc=fill, ls="")
        (handles[way.title],) = axis.plot([], [], **way.style, ls="-", lw=way.width)
    log_values(axis, most=5)
    return handles


def _floor(row: Mapping[str, Any]) -> float:
    """What a measured error has to exceed: its own rounding, and the end of the axis."""
    return max(LEAST, *(verdict["slack"] for verdict in row["verdicts"]))
