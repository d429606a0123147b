"""How tight the bounds are, as tables on a terminal: shares of the sharp bound, and the scalar program."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory.report.rows import heuristic_legend, is_heuristic, marked
from anil_theory.report.tables import print_whole
from anil_theory.report.terminal import print_heuristics

REACHED = ("scalar", "tensors", "choice", "realised")
BLOCKS = {"ww": "ww", "wphi": "cross", "phiphi": "phiphi"}

LEGEND = """\
scalar, tensors: the local worst-case programs. choice: derivatives written
down. realised: a function that has them, by the meta-gradient's difference
quotient. family: the worst task found in the separable family / refined bound."""


def print_tightness(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """Print shares by geometry, block and N, each the smallest of all settings, with verdicts; then the scalar program.

    Prints nothing without rows.
    """
    if not rows:
        return
    title = "sharp/refined bound, then what is reached of the sharp bound; the smallest of all settings each"
    console.print(Text(title, style="italic"))
    grouped = sorted(rows, key=lambda r: (r["geometry"], r["block"], r["N"]))
    for (geometry, block), members in groupby(grouped, key=lambda r: (r["geometry"], r["block"])):
        console.print(Text(f"{geometry}, {block}", style="bold cyan"))
        table = Table(box=None, header_style="dim", padding=(0, 1))
        for name in ("N", "of", "sharp/refined", *REACHED, "family", "verdict"):
            table.add_column(name, justify="right", no_wrap=True)
        for N, same in groupby(members, key=lambda r: r["N"]):
            group = list(same)
            shares = [_least([r[name] / r["bounds"]["sharp"] for r in group]) for name in REACHED]
            refined = _least([r["bounds"]["sharp"] / r["bounds"]["refined"] for r in group])
            family = _least([r["family"] / r["bounds"]["refined"] for r in group])
            outcomes = sorted({outcome for r in group for outcome in r["verdicts"].values()})
            guessed = next(filter(is_heuristic, group), {})
            table.add_row(str(N), str(len(group)), refined, *shares, family, marked(", ".join(outcomes), guessed))
        print_whole(console, table)
    console.print(Text(LEGEND, style="dim"))
    print_heuristics(console, heuristic_legend(rows, "statement"))
    _print_ranges(console, rows)


def _print_ranges(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """The table of the scalar program (`estimators.local_program`): value/refined bound, smallest to largest."""
    console.print(Text("scalar program / refined bound, smallest to largest (docs/sharp_bounds.md)", style="italic"))
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in ("geometry", *BLOCKS.values()):
        table.add_column(name, no_wrap=True)
    order = sorted(rows, key=lambda r: (r["mu"] is None, r["mu"] or 0.0))
    for mu, members in groupby(order, key=lambda r: r["mu"]):
        group = list(members)
        shares = {b: [r["scalar"] / r["bounds"]["refined"] for r in group if r["block"] == b] for b in BLOCKS}
        name = "nonconvex" if mu is None else f"strongly convex, mu = {mu:g}"
        table.add_row(name, *(f"{min(s):.3f} to {max(s):.3f}" if s else "-" for s in shares.values()))
    print_whole(console, table)


def _least(values: list[float]) -> str:
    """The smallest of the values that exist."""
    known = [v for v in values if not math.isnan(v)]
    return f"{min(known):.4f}" if known else "-"


def print_replays(console: Console, rows: Sequence[Mapping[str, Any]], broken: str) -> None:
    """What refuted the bounds of a block that were halved on purpose, and its replay in ball arithmetic."""
    console.print(f"the bounds of {broken} were halved on purpose: refutations are what should be seen")
    for row in rows:
        for kind, text in row["replayed"].items():
            console.print(f"- {row['block']} {kind}: {row['reasons'][kind]}; {text}", highlight=False)
