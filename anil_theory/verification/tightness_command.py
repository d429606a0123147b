"""What `anil-theory tightness` does: settings, searches with progress, records, table, figure."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory._plain import to_plain
from anil_theory.constants import Constants, Geometry
from anil_theory.record import RecordStore, encode_floats
from anil_theory.report.tightness_plot import plot_reached
from anil_theory.report.tightness_table import print_tightness
from anil_theory.schedule import Schedule
from anil_theory.study import Display, Ending, Hand, Job, Result, run_jobs
from anil_theory.verdict import Outcome
from anil_theory.verification.inner_steps import runnable
from anil_theory.verification.tightness import BLOCKS, TightnessCell, check_tightness


def tightness_cells(
    mu: Iterable[float],
    L: float,
    rho: Iterable[float],
    tau: Iterable[float],
    M: float,
    inner_steps: tuple[int, ...],
    geometries: tuple[Geometry, ...],
    c: float,
    seed: int,
) -> list[TightnessCell]:
    """The product of the values, alpha = mu/L^2 (strongly convex) or c/(N L) (nonconvex)."""
    runnable(inner_steps)
    cells = []
    for geometry in geometries:
        for one_mu in tuple(mu) if geometry is Geometry.STRONGLY_CONVEX else (None,):
            for one_rho in rho:
                for one_tau in tau:
                    constants = Constants(one_mu, L, one_rho, one_tau, M)
                    for N in inner_steps:
                        schedule = (
                            Schedule.strongly_convex(constants, N)
                            if one_mu is not None
                            else Schedule.nonconvex(constants, N, c)
                        )
                        cells.append(TightnessCell(constants, schedule, max(inner_steps), seed=seed))
    if not cells:
        raise InvalidParameter("grid", "at least one setting", "an empty grid")
    return cells


def run_tightness(
    cells: list[TightnessCell], *, out: Path, broken: str | None, resume: bool, workers: int = 1, console: Console
) -> tuple[int, dict[str, Any]]:
    """Check every setting, `workers` at a time; the exit status (`study.ending`) and the rows as plain values."""
    if broken is not None:
        one_of("break", broken, tuple(BLOCKS))
    store = RecordStore(out / "records")
    jobs = [_job(cell, broken) for cell in cells]
    summary = run_jobs(jobs, store, resume=resume, workers=workers, display=Display("searching", "settings"))
    ending = Ending()
    rows = [row for record in summary.records for row in record.measurements["rows"]]
    ending.attempt("the rows were not printed", lambda: print_tightness(console, rows))
    drawn = ending.draw({out / "tightness.png": lambda: plot_reached(rows)})
    refuted = sum(outcome == Outcome.REFUTED for row in rows for outcome in row["verdicts"].values())
    console.print(f"{len(rows)} rows, {refuted} bounds refuted", highlight=False)
    if broken is not None:
        console.print(f"the bounds of {broken} were halved on purpose: refutations are what should be seen")
        for row in rows:
            for kind, text in row["replayed"].items():
                console.print(f"- {row['block']} {kind}: {row['reasons'][kind]}; {text}", highlight=False)
    code = ending.close(console, summary, store, noun="settings", written=drawn, refuted=refuted > 0)
    return code, {"rows": encode_floats(to_plain(rows))}


def _job(cell: TightnessCell, broken: str | None) -> Job:
    def measure(hand: Hand) -> Result:
        return Result(measurements={"rows": check_tightness(cell, broken)})

    description = to_plain(cell) | {"command": "tightness", "broken": broken}
    return Job(cell=description, measure=measure, name=cell.describe())
