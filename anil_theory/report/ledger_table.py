"""The ledger on the terminal: its facts by section, and how many of them are proved."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {"PROVED": "bold green", "CHECKED": "cyan", "FAILED": "bold red"}

COLUMNS = (("statement", 5), ("assumption used", 3), ("how proved", 2))


def print_entries(console: Console, entries: Sequence[Mapping[str, Any]], sections: Mapping[str, str]) -> None:
    """Every entry of the ledger: statement, assumption used, how proved, status; and why a proof failed.

    sections   the names of the sections by their keys.
    """
    ordered = sorted(entries, key=lambda entry: entry["section"])
    for section, members in groupby(ordered, key=lambda entry: entry["section"]):
        title = f"section {section}: {sections[section]}"
        table = Table(title=title, title_style="bold cyan", title_justify="left", box=None, padding=(0, 1))
        for name, ratio in COLUMNS:
            table.add_column(name, overflow="fold", ratio=ratio, header_style="dim")
        table.add_column("status", no_wrap=True, width=8, header_style="dim")
        table.expand = True
        for entry in members:
            table.add_row(
                Text(entry["statement"]),
                Text("; ".join(entry["assumptions"]), style="dim"),
                Text(entry["method"]),
                Text(entry["status"], style=STYLES[entry["status"]]),
            )
            if entry["status"] == "FAILED":
                table.add_row(Text(f"{entry['name']}: {entry['detail']}", style="red"), "", "", "")
        console.print(table)


def print_sections(console: Console, entries: Sequence[Mapping[str, Any]], sections: Mapping[str, str]) -> None:
    """A line for each section: how many facts of each status, and how long they took; then the proofs that failed."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("section", no_wrap=True)
    table.add_column("about", overflow="fold", ratio=1)
    for name in ("facts", *STYLES, "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    ordered = sorted(entries, key=lambda entry: entry["section"])
    for section, members in groupby(ordered, key=lambda entry: entry["section"]):
        facts = list(members)
        counts = Counter(entry["status"] for entry in facts)
        tallies = [
            Text(str(counts[status] or "-"), style=STYLES[status] if counts[status] else "dim") for status in STYLES
        ]
        seconds = f"{sum(entry['seconds'] for entry in facts):.1f}"
        table.add_row(section, Text(sections[section]), str(len(facts)), *tallies, seconds)
    console.print(table)
    failed = [entry for entry in ordered if entry["status"] == "FAILED"]
    for entry in failed:
        console.print(Text(f"FAILED {entry['name']}: {entry['statement']}; {entry['detail']}", style="red"))
    console.print(Text("every fact with its assumption and its proof: --all, or --section SECTION", style="dim"))


def print_tallies(console: Console, entries: Sequence[Mapping[str, Any]], tried: int, accepted: Sequence[str]) -> None:
    """How many facts have each status, and which of the wrong formulas that were tried were accepted."""
    counts = Counter(entry["status"] for entry in entries)
    seconds = sum(entry["seconds"] for entry in entries)
    tallies = [Text.assemble((status, STYLES[status]), f" {counts[status]}") for status in STYLES if counts[status]]
    console.print(Text.assemble(f"{len(entries)} facts in {seconds:.1f} s:  ", Text("   ").join(tallies)))
    if tried:
        console.print(f"{tried - len(accepted)} of {tried} wrong formulas refused")
    for fault in accepted:
        console.print(Text(f"accepted, though wrong: {fault}", style="bold red"))
