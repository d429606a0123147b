"""Certified constants on a terminal: each enclosed, beside its bound derived on paper."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory.constants import Knowledge
from anil_theory.report.rows import heuristic_legend, marked, number
from anil_theory.report.tables import print_whole
from anil_theory.report.terminal import STYLES, print_heuristics

COLUMNS = ("found", "certified", "analytic", "analytic/certified", "better", "search")


def print_constants(console: Console, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line per constant: what a point shows, the certified bound, the analytic bound, the verdict on it."""
    console.print(Text(title, style="bold cyan"))
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("constant", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        verdict = Text("-") if row["outcome"] is None else Text(row["outcome"], style=STYLES[row["outcome"]])
        sign = ">=" if row["name"] == "mu" else "<="
        table.add_row(
            row["name"],
            marked(number(row["lower"]), row),
            f"{sign} {number(row['upper'])}",
            "-" if math.isnan(row["analytic"]) else number(row["analytic"]),
            _share(row),
            row["best_from"],
            row["status"],
            verdict,
        )
    print_whole(console, table)
    print_heuristics(console, heuristic_legend(list(rows), "name", noun="constants found"))


def print_reading(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print which bound holds, where some analytic bound is proved."""
    if any(row["known"] != Knowledge.ESTIMATED for row in rows):
        console.print(
            "The analytic bound is proved on paper, so the better of the two holds; verdicts use the certified one.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _share(row: Mapping[str, Any]) -> str:
    """The analytic bound over the certified one; a quotient says nothing where a certified mu is not positive."""
    if row["upper"] <= 0 or math.isnan(row["analytic"]):
        return "-"
    return f"{row['analytic'] / row['upper']:.3g}"
