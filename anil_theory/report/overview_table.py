"""The overview of a run on 80 columns: a line for each statement, its formula, Table 2, two last lines."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory._printable import printable
from anil_theory.report.mathematics import plain_formula
from anil_theory.report.overview import (
    METHODS,
    StatementLine,
    bounded,
    counted_entries,
    guarantee,
    judged_kind,
    overview,
)
from anil_theory.report.rows import BLOCK_LABELS, STYLES, Row, marked, number, power, tightness
from anil_theory.report.tables import print_whole

RELATIONS = {"lower": ">=", "upper": "<=", "exact": "=", "mean": "="}
"""How a measured value stands to what it measures, by the direction of the estimate."""


def print_overview(console: Console, rows: Sequence[Row], opens: str = "report.md") -> None:
    """A line for each statement, then its formula, its printed order and its tightest setting.

    opens   the report, in which every statement has a section of its name.
    """
    lines = overview(rows)
    table = Table(header_style="dim", padding=(0, 1, 0, 0), box=None)
    for name in ("statement", "worst verdict"):
        table.add_column(name, no_wrap=True)
    for name in ("rows", "tightest"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("in", no_wrap=True)
    table.add_column("notices", justify="right", no_wrap=True)
    table.add_column(f"open {opens}", no_wrap=True)
    for line in lines:
        table.add_row(*_cells(line), Text(f"#{line.name}", style="dim"))
    print_whole(console, table)
    for line in lines:
        _print_formula(console, line)


def _cells(line: StatementLine) -> list[str | Text]:
    worst = Text(line.worst, style=STYLES[line.worst])
    if line.counts[line.worst] < line.rows:
        worst.append(f" x{line.counts[line.worst]}")
    tightest = line.tightest
    return [
        line.name,
        worst,
        str(line.rows),
        "-" if tightest is None else marked(tightness(tightest), tightest),
        "-" if tightest is None else _label(tightest),
        "-" if line.weakest is None else power(line.weakest),
    ]


def _label(row: Row) -> str:
    return str(BLOCK_LABELS.get(row["block"], row["block"]))


def _print_formula(console: Console, line: StatementLine) -> None:
    if not line.formula:
        return
    formula = plain_formula(line.formula)
    console.print(Text.assemble((line.name, "bold cyan"), f"  {formula}"), highlight=False)
    if line.drawn:
        _print_detail(console, line.drawn)
    if line.printed:
        value = "" if line.printed_value is None else f"; with poly = 1 that is {number(line.printed_value)} there"
        _print_detail(console, f"printed: {plain_formula(line.printed)}{value}")
    if line.tightest is not None:
        measured = f"{number(line.tightest['measured'])} measured in {_label(line.tightest)}"
        _print_detail(console, f"tightest: {measured} at {line.tightest['setting']}")


def _print_detail(console: Console, text: str) -> None:
    console.print(Text(f"  {printable(text)}", style="dim"), highlight=False)


def print_table_2(console: Console, rows: Sequence[Row]) -> None:
    """Table 2 at the first of its settings: counted by a run beside the formula, ANIL beside MAML."""
    settings = counted_entries(rows)
    if not settings:
        return
    setting, entries = next(iter(settings.items()))
    title = f"Table 2, one outer step: counted, and its formula; {setting}"
    console.print(Text(printable(title), style="italic"))
    table = Table(header_style="dim", padding=(0, 1, 0, 0), box=None)
    table.add_column("numbers of", no_wrap=True)
    for method in METHODS:
        table.add_column(method.upper(), justify="right", no_wrap=True)
        table.add_column("formula", overflow="fold")
    for entry in entries:
        cells: list[str | Text] = [entry.name]
        for method in METHODS:
            outcome = entry.outcomes.get(method, "")
            cells.append(Text(entry.counted.get(method, "-"), style=STYLES.get(outcome, "")))
            cells.append(plain_formula(entry.formulas.get(method, "")))
        table.add_row(*cells)
    print_whole(console, table)
    if len(settings) > 1:
        noun = "setting" if len(settings) == 2 else "settings"
        console.print(Text(f"{len(settings) - 1} more {noun} of Table 2: in the report", style="dim"))


def print_guarantees(console: Console, rows: Sequence[Row]) -> None:
    """Two last lines: the guarantee that was measured, and the one that is claimed, at the tightest row of the run."""
    row = guarantee(rows)
    if row is None:
        return
    what = bounded(row)
    kind = judged_kind(row)
    relation = RELATIONS.get(row["direction"], "=")
    others = [f"{name} {number(value)}" for name, value in row["bounds"].items() if name != kind]
    beside = f"; {', '.join(others)}" if others else ""
    where = f"{row['statement']} {_label(row)} at {row['setting']}"
    measurement = f"measured guarantee:  {what} {relation} {number(row['measured'])}  ({where})"
    claim = f"claimed guarantee:   {what} <= {number(row['bounds'][kind])}  ({kind}{beside})"
    for text in (measurement, claim):
        console.print(Text(printable(text), style="bold"), highlight=False)
