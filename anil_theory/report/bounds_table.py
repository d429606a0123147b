"""Where the bounds of the block constants turn, as a table on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory.report.house_style import BLOCK_TITLES
from anil_theory.report.rows import number
from anil_theory.report.tables import print_whole

KINDS = ("refined", "sharp", "order")
"""The kinds of bound that the table has room for."""


def print_turning(console: Console, traced: Sequence[Mapping[str, Any]]) -> None:
    """Print at which N each bound is largest, with its value there; "-" where it rises or falls all along.

    traced   as `anil-theory bounds` keeps them: "geometry", "regime", "constants", "N" and "turning".
    """
    for trace in traced:
        mu = trace["constants"]["mu"]
        setting = f"{trace['geometry']}, {trace['regime']}" + ("" if mu is None else f", mu = {mu:g}")
        if not any(turn for block in trace["turning"].values() for turn in block.values()):
            console.print(Text(f"{setting}: no bound turns up to N = {trace['N'][-1]}", style="bold cyan"))
            continue
        console.print(Text(f"{setting}: largest at", style="bold cyan"))
        table = Table(box=None, header_style="dim", padding=(0, 1))
        table.add_column("block")
        for kind in KINDS:
            table.add_column(f"{kind}: N", justify="right", no_wrap=True)
            table.add_column("value", justify="right", no_wrap=True)
        for block in BLOCK_TITLES:
            table.add_row(block, *(text for kind in KINDS for text in _peak(trace["turning"][block][kind])))
        print_whole(console, table)


def _peak(turning: Sequence[float] | None) -> tuple[str, str]:
    if turning is None:
        return "-", "-"
    N, value = turning
    return f"{N:g}", number(value)
