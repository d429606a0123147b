"""What `anil-theory rates` does: curves with progress, records, three plots, and what they say in words."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from anil_theory._plain import to_plain
from anil_theory.constants import Constants
from anil_theory.provenance import provenance
from anil_theory.record import Record, RecordStore, encode_floats, key
from anil_theory.report.rate_plots import plot_convergence, plot_cost, plot_floor
from anil_theory.report.rows import number
from anil_theory.verification.rate_curves import CurveCell, StepRule, Study, trace
from anil_theory.verification.runner import WORKERS, same_origin

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


def run_rates(cells: list[CurveCell], *, out: Path, resume: bool, console: Console) -> tuple[int, dict[str, Any]]:
    """Trace every curve, keep each as a record when it is done, draw and print; exit status and plain values.

    Exit status 0, or 130 after Ctrl-C (finished curves are kept). Raises InvalidParameter for an unwritable folder.
    """
    store = RecordStore(out / "records")
    done: dict[int, Record] = {}
    interrupted = False
    columns = (TextColumn("tracing"), BarColumn(), MofNCompleteColumn(), TextColumn("curves"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=len(cells))
        for i, cell in enumerate(cells):
            name = key(to_plain(cell))
            if resume and name in store and same_origin(store.get(name)):
                done[i] = store.get(name)
                progress.advance(bar)
        executor = ThreadPoolExecutor(WORKERS)
        futures = {executor.submit(_record, cell): i for i, cell in enumerate(cells) if i not in done}
        try:
            for future in as_completed(futures):
                done[futures[future]] = future.result()
                store.put(done[futures[future]])
                progress.advance(bar)
        except KeyboardInterrupt:
            interrupted = True
            executor.shutdown(wait=True, cancel_futures=True)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    traced = [done[i].measurements for i in sorted(done)]
    written = _draw(traced, out)
    _print(console, traced)
    console.print(
        f"{len(done)} of {len(cells)} curves; {', '.join(map(str, written))}", highlight=False, soft_wrap=True
    )
    if interrupted:
        console.print(f"interrupted: finished curves are kept in {store.folder}; --resume goes on", style="yellow")
        return 130, {}
    return 0, {"studies": encode_floats(to_plain(traced))}


def _record(cell: CurveCell) -> Record:
    started = datetime.now(UTC)
    return Record(cell=to_plain(cell), measurements=trace(cell), provenance=provenance(started))


def _curves(traced: list[Any], study: Study) -> list[Any]:
    return [curve for one in traced if one["study"] == study.value for curve in one["curves"]]


def _draw(traced: list[Any], out: Path) -> list[Path]:
    plots = (
        (out / "convergence.png", plot_convergence, Study.CONVERGENCE),
        (out / "floor.png", plot_floor, Study.FLOOR),
        (out / "cost.png", plot_cost, Study.COST),
    )
    return [path for path, draw, study in plots if draw(_curves(traced, study), path)]


def _print(console: Console, traced: list[Any]) -> None:
    _print_grouped(
        console,
        "average squared gradients after K steps, and the slope of the average in K",
        [
            (
                f"{c['geometry']}, {c['block']} block, K = {c['K'][-1]}",
                (str(c["N"]), *(number(c[name][-1]) for name in ("measured", "stderr", "bound")), _slope(c)),
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
                (str(N), *(number(c[name][i]) for name in ("iterations", "calls", "seconds", "predicted"))),
            )
            for c in _curves(traced, Study.COST)
            for i, N in enumerate(c["N"])
        ],
        ("N", "iterations", "calls", "seconds", "predicted calls"),
    )
    for one in traced:
        for note in one["notes"]:
            console.print(f"- {note}", highlight=False)


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
            table.add_column(name, justify="right", no_wrap=True, width=4 if name == "N" else max(11, len(name)))
        if "slope in K" in names:
            table.columns[-1].width = 21
        for _, cells in members:
            table.add_row(*cells)
        console.print(table)
