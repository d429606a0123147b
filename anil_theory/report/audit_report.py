"""Findings of the audit as people read them: on a terminal, and as a Markdown report. Findings are plain records."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory.report.files import write_report

Plain = Mapping[str, Any]
"""A finding as `audit.base.Finding` lays it out, made plain."""

STYLES = {"SHOWN": "bold green", "NOT SHOWN": "bold yellow"}

INTRODUCTION = """\
What a run of this toolkit shows about the printed statements, beside what is printed and what stays true. They are
readings and refinements of a theory whose constants the paper states as `poly(L, M, rho, tau)`; none of them
touches its main conclusions. SHOWN means that the numbers of this run bear the finding out."""


def print_finding(console: Console, name: str, finding: Plain) -> None:
    """One finding: printed, shown, what stays true."""
    console.print(
        Text.assemble((f"{name}. {finding['title']}  ", "bold cyan"), (finding["verdict"], STYLES[finding["verdict"]]))
    )
    table = Table.grid(padding=(0, 1), pad_edge=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("printed", Text(finding["printed"]))
    for i, sentence in enumerate(finding["shown"]):
        table.add_row("" if i else "shown", Text(sentence))
    table.add_row("stays", Text(finding["stays"]))
    console.print(table)
    console.print()


def write_audit(
    path: Path,
    findings: Mapping[str, Plain],
    command: str,
    plots: Mapping[str, Path],
    provenance: Mapping[str, Any],
) -> None:
    """The Markdown report of a run: every finding with its figure, then the origin of the numbers."""
    lines = ["# Audit of the printed statements", "", f"`{command}`", "", INTRODUCTION, ""]
    for name, finding in findings.items():
        lines += [f"## {name}. {finding['title']}", "", f"**{finding['verdict']}**", ""]
        lines += [f"*Printed.* {finding['printed']}", "", "*Shown by this run.*", ""]
        lines += [f"- {sentence}" for sentence in finding["shown"]]
        lines += ["", f"*What stays true.* {finding['stays']}", ""]
        if name in plots:
            lines += [f"![{finding['title']}]({plots[name].name})", ""]
    lines += ["## Provenance", ""]
    lines += _items(provenance)
    write_report("\n".join([*lines, ""]), path)


def _items(provenance: Mapping[str, Any]) -> Sequence[str]:
    return [f"- {name}: {value}" for name, value in provenance.items() if name not in ("started", "finished")]
