"""What `anil-theory audit` does: run the findings with progress, keep records, draw, write the report, print."""

from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from anil_theory._admissible import one_of
from anil_theory._admissible import seed as admissible_seed
from anil_theory._plain import to_plain
from anil_theory.audit import FINDINGS
from anil_theory.provenance import provenance
from anil_theory.record import RecordStore, encode_floats
from anil_theory.report.audit_figures import plot_finding
from anil_theory.report.audit_report import legend_of_findings, print_finding, write_audit
from anil_theory.report.terminal import print_heuristics
from anil_theory.study import Display, Ending, Hand, Job, Result, run_jobs


def run_audit(
    names: tuple[str, ...] = (),
    *,
    seed: int = 0,
    out: Path,
    quick: bool = False,
    resume: bool = False,
    workers: int = 1,
    console: Console,
) -> tuple[int, dict[str, Any]]:
    """Run the findings named (all, if none is); returns the exit status (`study.ending`) and plain values for --json.

    Each finding is kept as a record under out/records as soon as it is done; out/audit.md is the report, beside one
    figure per finding. `workers` findings run at a time. Raises InvalidParameter for an unknown finding, a negative
    seed or an unwritable folder.
    """
    for name in names:
        one_of("finding", name, tuple(FINDINGS))
    admissible_seed("seed", seed)
    store = RecordStore(out / "records")
    chosen = [name for name in FINDINGS if not names or name in names]
    jobs = [_job(name, seed, quick) for name in chosen]
    summary = run_jobs(jobs, store, resume=resume, workers=workers, display=Display("auditing", "findings"))
    findings = {record.cell["audit"]: dict(record.measurements) for record in summary.records}
    ending = Ending()
    for name, finding in findings.items():
        ending.attempt(f"finding {name} was not printed", partial(print_finding, console, name, finding))
    print_heuristics(console, legend_of_findings(findings))
    figures = {name: out / f"{finding['name']}.png" for name, finding in findings.items()}
    drawn = ending.draw({figures[name]: partial(plot_finding, finding) for name, finding in findings.items()})
    plots = {name: path for name, path in figures.items() if path in drawn}
    command = " ".join(["anil-theory audit", *names, *(["--quick"] if quick else []), "--seed", str(seed)])
    report = out / "audit.md"
    written = ending.write(report, lambda: write_audit(report, findings, command, plots, provenance()))
    code = ending.close(console, summary, store, noun="findings", written=[*written, *drawn])
    return code, {"findings": encode_floats(findings)}


def _job(name: str, seed: int, quick: bool) -> Job:
    def measure(hand: Hand) -> Result:
        return Result(measurements=to_plain(FINDINGS[name](seed=seed, quick=quick)))

    return Job(cell={"audit": name, "seed": seed, "quick": quick}, measure=measure, name=f"finding {name}")
