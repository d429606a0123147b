"""What `anil-theory rates` does: curves with progress, records, three plots, and what they say in words."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory._plain import to_plain
from anil_theory.constants import Constants
from anil_theory.record import RecordStore, encode_floats
from anil_theory.report.rate_plots import plot_convergence, plot_cost, plot_floor
from anil_theory.report.rows import heuristic_legend, marked, number
from anil_theory.report.tables import print_whole
from anil_theory.report.terminal import print_heuristics
from anil_theory.study import Display, Ending, Hand, Job, Result, run_jobs
from anil_theory.verification.inner_steps import runnable
from anil_theory.verification.rate_curves import CurveCell, StepRule, Study, trace
from anil_theory.verification.runner import WORKERS

FLOOR_STEPS = 5
"""The N at which the floor is traced against B."""


def curve_cells(
    constants: Constants,
    *,
    inner_steps: tuple[int, ...],
    batch: tuple[int, ...],
    quick: bool = False,
    **options: Any,
) -> list[CurveCell]:
    """All curves of a study, both geometries (the nonconvex one with the same L, rho, tau, M).

    inner_steps   the N of the cost study; convergence takes at most four of them;
    batch         the B of the floor study.
    """
    runnable(inner_steps)
    cells = []
    spread = sorted({inner_steps[round(i * (len(inner_steps) - 1) / 3)] for i in range(4)})
    for each in (constants, replace(constants, mu=None)):
        common: dict[str, Any] = {"constants": each, **options}
        at_each_batch: dict[str, Any] = {**common, "batch": batch}
        cells += [CurveCell(Study.CONVERGENCE, inner_steps=(N,), **common) for N in spread]
        cells.append(CurveCell(Study.FLOOR, inner_steps=(FLOOR_STEPS,), **at_each_batch))
        cells.append(CurveCell(Study.COST, inner_steps=inner_steps, **common))
        if not quick:
            cells.append(CurveCell(Study.COST, inner_steps=inner_steps, rule=StepRule.FIXED, **common))
            cells.append(CurveCell(Study.COST, inner_steps=inner_steps, maml=True, **common))
    return cells


def run_rates(
    cells: list[CurveCell], *, out: Path, resume: bool, workers: int = WORKERS, console: Console
) -> tuple[int, dict[str, Any]]:
    """Trace every curve, keep each as a record when it is done, print and draw; exit status and plain values.

    workers   curves at a time.

    Exit status: `study.ending`; after Ctrl-C finished curves are kept. Raises InvalidParameter for a folder that cannot
    be written.
    """
    store = RecordStore(out / "records")
    summary = run_jobs(
        [_job(cell) for cell in cells],
        store,
        resume=resume,
        workers=workers,
        display=Display("tracing", "curves"),
    )
    ending = Ending()
    traced = [record.measurements for record in summary.records]
    ending.attempt("the curves were not printed", lambda: _print(console, traced))
    drawn = ending.draw(
        {
            out / "convergence.png": lambda: plot_convergence(_curves(traced, Study.CONVERGENCE)),
            out / "floor.png": lambda: plot_floor(_curves(traced, Study.FLOOR)),
            out / "cost.png": lambda: plot_cost(_curves(traced, Study.COST)),
        }
    )
    code = ending.close(console, summary, store, noun="curves", written=drawn)
    return code, {"studies": encode_floats(to_plain(traced))}


def _job(cell: CurveCell) -> Job:
    def measure(hand: Hand) -> Result:
        found = trace(cell)
        return Result(measurements=found, status=found["status"], reason=found["reason"])

    return Job(cell=to_plain(cell), measure=measure, name=f"{cell.study}, {cell.label()}")


def _curves(traced: list[Any], study: Study) -> list[Any]:
    return [curve for one in traced if one["study"] == study.value for curve in one["curves"]]


def _print(console: Console, traced: list[Any]) -> None:
    _print_grouped(
        console,
        "average squared gradients after K steps, and the slope of the average in K",
        [
            (
                f"{c['geometry']}, {c['block']} block, K = {c['K'][-1]}",
                (
                    str(c["N"]),
                    *(number(c[name][-1]) for name in ("measured", "stderr")),
                    marked(number(c["bound"][-1]), c),
                    _slope(c),
                ),
            )
            for c in sorted(_curves(traced, Study.CONVERGENCE), key=lambda c: (c["geometry"], c["block"], c["N"]))
        ],
        ("N", "measured", "stderr", "bound", "slope in K"),
    )
    _print_grouped(
        console,
        "cost to eps, medians over seeds",
        [
            (
                f"{c['geometry']}, {c['label']}, eps = {c['eps']:.3g}",
                (
                    str(N),
                    *(number(c[name][i]) for name in ("iterations", "calls", "seconds")),
                    marked(number(c["predicted"][i]), c),
                ),
            )
            for c in _curves(traced, Study.COST)
            for i, N in enumerate(c["N"])
        ],
        ("N", "iterations", "calls", "seconds", "predicted calls"),
    )
    bounds = [{"geometry": c["geometry"], "rounding_kind": c["rounding_kind"]} for one in traced for c in one["curves"]]
    print_heuristics(console, heuristic_legend(bounds, "geometry", noun="curves of bounds and predictions"))
    for one in traced:
        for note in one["notes"]:
            console.print(f"- {note}", highlight=False)
        if one["reason"]:
            console.print(f"- {one['status']}: {one['reason']}", style="yellow", highlight=False)


def _slope(curve: Any) -> str:
    low, high = curve["slope_interval"]
    return f"{curve['slope']:.2f} [{low:.2f}, {high:.2f}]"


def _print_grouped(
    console: Console, title: str, rows: list[tuple[str, tuple[str, ...]]], names: tuple[str, ...]
) -> None:
    console.print(Text(title, style="italic"))
    for heading, members in groupby(rows, key=lambda row: row[0]):
        console.print(Text(heading, style="bold cyan"))
        table = Table(box=None, header_style="dim", padding=(0, 1))
        for name in names:
            table.add_column(name, justify="right", no_wrap=True, min_width=4 if name == "N" else max(11, len(name)))
        if "slope in K" in names:
            table.columns[-1].min_width = 21
        for _, cells in members:
            table.add_row(*cells)
        print_whole(console, table)
