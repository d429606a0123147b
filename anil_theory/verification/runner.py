"""Run cells in parallel, keep each as a record as soon as it is done, and lose nothing when the run is killed."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

from anil_theory._plain import to_plain
from anil_theory.provenance import provenance
from anil_theory.record import Record, RecordStore, Status, key
from anil_theory.verdict import Outcome
from anil_theory.verification.cells import Cell
from anil_theory.verification.checks import check_cell

WORKERS = 2
"""Cells at a time: XLA compiles and computes outside Python's lock, so two cells fill two cores."""


@dataclass
class RunSummary:
    """What a run did: records in the order of its cells (those that are done), how many came from an earlier run."""

    records: list[Record] = field(default_factory=list)
    total: int = 0
    reused: int = 0
    interrupted: bool = False
    seconds: float = 0.0

    def outcomes(self) -> dict[str, int]:
        """How many rows have each outcome."""
        counts = {outcome.value: 0 for outcome in Outcome}
        for record in self.records:
            for row in record.verdicts:
                counts[row["outcome"]] += 1
        return counts

    @property
    def refuted(self) -> int:
        return self.outcomes()[Outcome.REFUTED.value]


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
    """Check every cell and put its record into the store as soon as it is there.

    resume    take cells that the store has, with the same package version and commit, from there;
    on_done   called with each record, in the order of completion (a progress bar).

    Ctrl-C stops the run after the cells in hand; the summary says so, and every finished cell has its record.
    """
    started = time.perf_counter()
    summary = RunSummary(total=len(cells))
    done: dict[int, Record] = {}
    todo: list[int] = []
    for index, cell in enumerate(cells):
        known = _known(store, cell_description(cell, broken)) if resume else None
        if known is None:
            todo.append(index)
        else:
            done[index] = known
            summary.reused += 1
            on_done(known)
    executor = ThreadPoolExecutor(workers)
    futures = _submit(executor, [cells[i] for i in todo], broken)
    try:
        for future in as_completed(futures):
            record = future.result()
            store.put(record)
            done[todo[futures[future]]] = record
            on_done(record)
    except KeyboardInterrupt:
        summary.interrupted = True
        executor.shutdown(wait=True, cancel_futures=True)
        for future, record in _finished(futures):
            store.put(record)
            done[todo[futures[future]]] = record
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    else:
        executor.shutdown()
    summary.records = [done[index] for index in sorted(done)]
    summary.seconds = time.perf_counter() - started
    return summary


def _submit(executor: ThreadPoolExecutor, cells: list[Cell], broken: str | None) -> dict[Future, int]:
    """Submit every cell, the first of each compiled shape ahead of the others, which wait for its compilation."""
    leaders: dict[tuple, int] = {}
    for index, cell in enumerate(cells):
        leaders.setdefault(cell.compiled_shape, index)
    compiled = {shape: Event() for shape in leaders}
    first = set(leaders.values())

    def run(index: int) -> Record:
        cell = cells[index]
        if index not in first:
            compiled[cell.compiled_shape].wait()
        try:
            return _record(cell, broken)
        finally:
            compiled[cell.compiled_shape].set()

    order = sorted(range(len(cells)), key=lambda index: (index not in first, index))
    return {executor.submit(run, index): index for index in order}


def _record(cell: Cell, broken: str | None) -> Record:
    started = datetime.now(UTC)
    rows = check_cell(cell, broken)
    return Record(
        cell=cell_description(cell, broken),
        verdicts=to_plain(rows),
        provenance=provenance(started),
        status=Status.COMPLETE,
    )


def _known(store: RecordStore, description: dict) -> Record | None:
    name = key(description)
    if name not in store:
        return None
    record = store.get(name)
    return record if same_origin(record) and record.status == Status.COMPLETE else None


def same_origin(record: Record) -> bool:
    """Whether a record was made by this version and commit of the package."""
    here = provenance()
    return all(record.provenance.get(what) == here[what] for what in ("anil_theory", "commit"))


def _finished(futures: dict[Future, int]) -> Iterator[tuple[Future, Record]]:
    for future in futures:
        if future.done() and not future.cancelled() and future.exception() is None:
            yield future, future.result()
