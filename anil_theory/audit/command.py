"""What `anil-theory audit` does: run the findings with progress, keep records, draw, write the report, print."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from anil_theory._admissible import count, one_of
from anil_theory._plain import to_plain
from anil_theory.audit import FINDINGS
from anil_theory.provenance import provenance
from anil_theory.record import Record, RecordStore, encode_floats
from anil_theory.report.audit_figures import plot_finding
from anil_theory.report.audit_report import print_finding, write_audit


def run_audit(
    names: tuple[str, ...] = (), *, seed: int = 0, out: Path, quick: bool = False, console: Console
) -> tuple[int, dict[str, Any]]:
    """Run the findings named (all, if none is) and return exit status 0 and plain values for --json.

    Each finding is kept as a record under out/records as soon as it is done; out/audit.md is the report, beside one
    figure per finding. Raises InvalidParameter for an unknown finding, a negative seed or an unwritable folder.
    """
    for name in names:
        one_of("finding", name, tuple(FINDINGS))
    count("seed", seed, 0)
    store = RecordStore(out / "records")
    chosen = [name for name in FINDINGS if not names or name in names]
    findings: dict[str, Any] = {}
    plots: dict[str, Path] = {}
    columns = (TextColumn("auditing"), BarColumn(), MofNCompleteColumn(), TextColumn("findings"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=len(chosen))
        for name in chosen:
            started = datetime.now(UTC)
            finding = to_plain(FINDINGS[name](seed=seed, quick=quick))
            cell = {"audit": finding["name"], "settings": finding["settings"]}
            store.put(Record(cell=cell, measurements=finding, provenance=provenance(started)))
            path = out / f"{finding['name']}.png"
            if plot_finding(finding, path):
                plots[name] = path
            findings[name] = finding
            progress.advance(bar)
    command = " ".join(["anil-theory audit", *names, *(["--quick"] if quick else []), "--seed", str(seed)])
    write_audit(out / "audit.md", findings, command, plots, provenance())
    for name, finding in findings.items():
        print_finding(console, name, finding)
    written = ", ".join(map(str, [out / "audit.md", *plots.values()]))
    console.print(f"{len(findings)} findings; {written}", highlight=False, soft_wrap=True)
    return 0, {"findings": encode_floats(findings)}
