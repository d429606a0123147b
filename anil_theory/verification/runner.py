"""The cells of `anil-theory verify` as jobs of the engine."""

from collections.abc import Callable

from anil_theory._plain import to_plain
from anil_theory.checks import Row, check_by
from anil_theory.record import Record, RecordStore
from anil_theory.statements import STATEMENTS
from anil_theory.study import Display, Hand, Job, Result, RunSummary, run_jobs
from anil_theory.verification.cells import Cell

WORKERS = 2
"""Cells at a time: XLA compiles and computes outside Python's lock, so two cells fill two cores."""


def check_cell(cell: Cell, broken: str | None = None) -> list[Row]:
    """All rows of one cell.

    broken   a block whose bounds are halved on purpose, to show that the checker can fail.
    """
    return check_by(
        STATEMENTS[cell.statement],
        cell.by,
        cell.problem,
        cell.schedule,
        effort=cell.effort,
        broken=broken,
        regime=cell.regime.value,
    )


def cell_description(cell: Cell, broken: str | None) -> dict:
    """What defines a record: the cell, and the block whose bound was halved on purpose, if any."""
    plain = to_plain(cell)
    return plain | {"broken": broken} if broken else plain


def run_cells(
    cells: list[Cell],
    store: RecordStore,
    *,
    broken: str | None = None,
    resume: bool = False,
    on_done: Callable[[Record], None] = lambda record: None,
    workers: int = WORKERS,
) -> RunSummary:
    """Check every cell and put its record into the store as soon as it is there: `study.run_jobs` says how."""
    jobs = [_job(cell, broken) for cell in cells]
    display = Display("checking", "cells")
    return run_jobs(jobs, store, resume=resume, workers=workers, on_done=on_done, display=display)


def _job(cell: Cell, broken: str | None) -> Job:
    def measure(hand: Hand) -> Result:
        return Result(verdicts=to_plain(check_cell(cell, broken)))

    return Job(
        cell=cell_description(cell, broken),
        measure=measure,
        name=f"{cell.statement} ({cell.measurement}) at {cell.describe()}",
        shape=cell.compiled_shape,
    )
