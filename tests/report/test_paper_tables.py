"""The Markdown report lays Tables 1 and 2 out with symbols, numbers of the bounds and measured numbers."""

from pathlib import Path

from anil_theory import Constants, Schedule
from anil_theory.record import RecordStore
from anil_theory.report import write_markdown
from anil_theory.studies.verify.cells import Cell, Regime, job_of
from anil_theory.study import run_jobs


def test_table_2_stands_in_the_report_with_symbols_and_counts(tmp_path: Path) -> None:
    constants = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
    cell = Cell("count", "table2", constants, Schedule(0.1, 2, batch=2), Regime.FIXED, 2, 1, max_inner_steps=2)
    summary = run_jobs([job_of(cell)], RecordStore(tmp_path))
    write_markdown(tmp_path / "report.md", summary.records, "anil-theory verify table2")
    report = (tmp_path / "report.md").read_text()
    assert "## Table 2: oracle calls of one outer step" in report
    w = r"$B \left(N + 1\right)$ | CONFIRMED"
    assert rf"| gradient w | 6 | {w} | 6 | {w} |" in report
    assert "| mixed | 4 | $B N$ | CONFIRMED | 0 | $0$ | CONFIRMED |" in report
    assert report.count("| CONFIRMED |") >= 12, "six lines with a verdict for each method"
