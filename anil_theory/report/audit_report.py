"""Findings of the audit as people read them: on a terminal, and as a Markdown report.

A finding comes from a record, as `audit.base.Finding` made plain; its words stand in it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory._printable import as_code, in_markdown
from anil_theory.report.files import write_report
from anil_theory.report.rows import heuristic_legend, marked

Plain = Mapping[str, Any]
"""A finding as `audit.base.Finding` lays it out, made plain."""

STYLES = {"SHOWN": "bold green", "NOT SHOWN": "bold yellow"}

INTRODUCTION = """\
Each finding says what the paper prints, what this run shows beside it, and what stays true. The findings are readings
and refinements of a theory whose constants the paper states as `poly(L, M, rho, tau)`. None of them touches its main
conclusions. SHOWN means that the numbers of this run bear the finding out."""


def print_finding(console: Console, name: str, finding: Plain) -> None:
    """Print one finding: what the paper prints, what the run shows, and what stays true."""
    verdict = marked(finding["verdict"], finding), STYLES[finding["verdict"]]
    console.print(Text.assemble((f"{name}. {finding['title']}  ", "bold cyan"), verdict))
    table = Table.grid(padding=(0, 1), pad_edge=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("printed", Text(finding["printed"]))
    for i, sentence in enumerate(finding["shown"]):
        table.add_row("" if i else "shown", Text(sentence))
    table.add_row("stays", Text(finding["stays"]))
    console.print(table)
    console.print()


def legend_of_findings(findings: Mapping[str, Plain]) -> str:
    """The meaning of the tilde behind a verdict, and the findings that carry it; empty where none does."""
    return heuristic_legend(
        [{"finding": name, **finding} for name, finding in findings.items()], "finding", noun="findings"
    )


def write_audit(
    path: Path,
    findings: Mapping[str, Plain],
    command: str,
    plots: Mapping[str, Path],
    provenance: Mapping[str, Any],
) -> None:
    """Write the Markdown report of a run: every finding with its figure, then the origin of the numbers.

    findings     by their names, each plain;
    command      made the findings;
    plots        the figures, each by its finding's `name` and ".png"; they lie beside the report;
    provenance   as `provenance.provenance` gives it.

    Raises OSError where the disk does not take the report.
    """
    lines = ["# Audit of the printed statements", "", as_code(command), "", INTRODUCTION, ""]
    for name, finding in findings.items():
        lines += [f"## {name}. {finding['title']}", "", f"**{marked(finding['verdict'], finding)}**", ""]
        lines += [f"*Printed.* {finding['printed']}", "", "*Shown by this run.*", ""]
        lines += [f"- {sentence}" for sentence in finding["shown"]]
        lines += ["", f"*What stays true.* {finding['stays']}", ""]
        plot = plots.get(f"{finding['name']}.png")
        if plot is not None:
            lines += [f"![{finding['title']}]({plot.name})", ""]
    legend = legend_of_findings(findings)
    if legend:
        lines += [in_markdown(legend), ""]
    lines += ["## Provenance", ""]
    lines += _items(provenance)
    write_report("\n".join([*lines, ""]), path)


def _items(provenance: Mapping[str, Any]) -> Sequence[str]:
    kept = {name: str(value) for name, value in provenance.items() if name not in ("started", "finished")}
    return [f"- {name}: {in_markdown(text)}" for name, text in kept.items()]
