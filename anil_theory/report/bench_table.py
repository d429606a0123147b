"""Training runs on a terminal: one line each, and the claims of the figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from anil_theory.record import Record
from anil_theory.report.tables import print_whole

COLUMNS = ("geometry", "N", "seed", "status", "loss", "ms", "untrained %", "test %")


def print_runs(console: Console, records: Sequence[Record], verdicts: Sequence[Mapping[str, Any]]) -> None:
    """The mean loss of the last quarter, the median time of an iteration and the accuracies of every run; verdicts."""
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "geometry" else "right", no_wrap=True)
    for record in records:
        measured = record.measurements
        losses = measured["loss"]
        seconds = sorted(measured["seconds"])
        test = measured["test"]
        tail = max(1, len(losses) // 4)
        table.add_row(
            record.cell["settings"]["geometry"],
            str(record.cell["inner_steps"]),
            str(record.cell["seed"]),
            str(record.status),
            f"{sum(losses[-tail:]) / tail:.4g}",
            f"{1e3 * seconds[len(seconds) // 2]:.1f}",
            f"{100 * measured['untrained']['mean']:.1f}",
            "-" if test is None else f"{100 * test['mean']:.1f} +- {100 * test['half_width']:.1f}",
        )
    print_whole(console, table)
    for line in compilations(records):
        console.print(line, highlight=False, soft_wrap=True)
    for verdict in verdicts:
        claim = f"{verdict['geometry']} on {verdict['dataset']}: {verdict['claim']}"
        text = f"{verdict['outcome']:13} {claim} ({verdict['reason']})"
        console.print(text, highlight=False, soft_wrap=True)


def compilations(records: Sequence[Record]) -> list[str]:
    """What was compiled for each geometry, and how long that took: one program serves every N and every seed."""
    lines = []
    for record in records:
        settings = record.cell["settings"]
        what = f"one outer step, its update and the accuracy, with up to {settings['max_inner_steps']} inner steps"
        seconds = f"{record.measurements['compile_seconds']:.1f} s"
        lines.append(f"compiled for {settings['geometry']}: {what}, in {seconds}")
    return list(dict.fromkeys(lines))
