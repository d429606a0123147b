"""Curves of Algorithm 1 on a terminal: averages beside their bounds, costs beside their predictions."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory.report.rows import heuristic_legend, marked, number
from anil_theory.report.tables import print_whole
from anil_theory.report.terminal import print_heuristics

Traced = Mapping[str, Any]
"""What was traced of one study: "study", "curves", "notes", "status", "reason"."""

SLOPE = "slope in K"
WIDTHS = {"N": 4, SLOPE: 21}
"""The least widths of columns; the others have room for a number and their name."""


def print_rates(console: Console, traced: Sequence[Traced]) -> None:
    """A table of the averages after K steps, one of the costs, and the notes of all curves."""
    _print_averages(console, curves_of(traced, "convergence"))
    _print_costs(console, curves_of(traced, "cost"))
    curves = [curve for trace in traced for curve in trace["curves"]]
    bounds = [{"geometry": curve["geometry"], "rounding_kind": curve["rounding_kind"]} for curve in curves]
    print_heuristics(console, heuristic_legend(bounds, "geometry", noun="curves of bounds and predictions"))
    for trace in traced:
        for note in trace["notes"]:
            console.print(f"- {note}", highlight=False)
        if trace["reason"]:
            console.print(f"- {trace['status']}: {trace['reason']}", style="yellow", highlight=False)


def curves_of(traced: Sequence[Traced], study: str) -> list[Any]:
    """The curves of one study."""
    return [curve for trace in traced if trace["study"] == study for curve in trace["curves"]]


def _print_averages(console: Console, curves: Sequence[Mapping[str, Any]]) -> None:
    console.print(Text("average squared gradients after K steps, and the slope of the average in K", style="italic"))
    ordered = sorted(curves, key=lambda c: (c["geometry"], c["block"], c["N"]))
    for (geometry, block, K), members in groupby(ordered, key=lambda c: (c["geometry"], c["block"], c["K"][-1])):
        table = _table(console, f"{geometry}, {block} block, K = {K}", ("N", "measured", "stderr", "bound", SLOPE))
        for curve in members:
            low, high = curve["slope_interval"]
            measured, stderr = number(curve["measured"][-1]), number(curve["stderr"][-1])
            bound = marked(number(curve["bound"][-1]), curve)
            table.add_row(str(curve["N"]), measured, stderr, bound, f"{curve['slope']:.2f} [{low:.2f}, {high:.2f}]")
        print_whole(console, table)


def _print_costs(console: Console, curves: Sequence[Mapping[str, Any]]) -> None:
    console.print(Text("cost to eps, medians over seeds", style="italic"))
    measured = ("iterations", "calls", "seconds")
    for curve in curves:
        heading = f"{curve['geometry']}, {curve['label']}, eps = {curve['eps']:.3g}"
        table = _table(console, heading, ("N", *measured, "predicted calls"))
        for i, N in enumerate(curve["N"]):
            predicted = marked(number(curve["predicted"][i]), curve)
            table.add_row(str(N), *(number(curve[name][i]) for name in measured), predicted)
        print_whole(console, table)


def _table(console: Console, heading: str, names: Sequence[str]) -> Table:
    """An empty table under its heading."""
    console.print(Text(heading, style="bold cyan"))
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in names:
        table.add_column(name, justify="right", no_wrap=True, min_width=WIDTHS.get(name, max(11, len(name))))
    return table
