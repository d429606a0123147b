"""What changed between two results, on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from anil_theory._printable import printable

MOST = 20
"""Lines of each kind that are printed; --json has all."""


def print_comparison(console: Console, comparison: Mapping[str, Any]) -> None:
    """How many rows are the same, then each kind of change: a line for each, refutations first.

    comparison   `results.Comparison` made plain.
    """
    console.print(f"{comparison['same']} rows are the same", highlight=False)
    _print_lines(console, "refuted, and not before", comparison["refuted"], "bold red")
    verdicts = [f"{each['row']}: {each['before']} -> {each['after']}" for each in comparison["verdicts"]]
    _print_lines(console, "with another verdict", verdicts, "yellow")
    moved = [f"{each['row']}: {each['what']} {_moved(each['before'], each['after'])}" for each in comparison["moved"]]
    _print_lines(console, "values moved beyond rounding", moved, "yellow")
    _print_lines(console, "rows added", comparison["added"], "cyan")
    _print_lines(console, "rows gone", comparison["gone"], "cyan")


def _print_lines(console: Console, title: str, lines: Sequence[str], style: str) -> None:
    if not lines:
        return
    console.print(Text(f"{len(lines)} {title}", style=style))
    for line in lines[:MOST]:
        console.print(Text(f"  {printable(line)}"))
    if len(lines) > MOST:
        console.print(Text(f"  and {len(lines) - MOST} more (--json has all)", style="dim"))


def _moved(before: float | None, after: float | None) -> str:
    """Both numbers, with enough digits to tell them apart."""
    if before is None or after is None:
        return f"{before} -> {after}"
    return f"{before:.10g} -> {after:.10g}"
