"""Measure jobs, in parallel where asked, and keep each as a record as soon as it is done.

Jobs that can be measured together are handed on in groups; each has a record of its own all the same.

Nothing that is finished is lost: not by Ctrl-C, which lets the jobs in hand finish and starts no other; not by a job
that fails, nor by a disk that is full, which end the run in the same way and are told in `RunSummary.failure`.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Lock
from typing import NamedTuple

from anil_theory._options import Options
from anil_theory.provenance import differing_origin, provenance
from anil_theory.record import OtherSchema, Record, RecordStore, Status, UnreadableRecord, key
from anil_theory.study.complete import what_is_missing
from anil_theory.study.interruption import interruptible
from anil_theory.study.job import Hand, Job, Measure, Stopped, in_groups, measures_of
from anil_theory.study.memory_maps import MemoryMaps
from anil_theory.study.progress import Bar, Display, bar_for

POLL = 0.2
"""Seconds between two looks at whether Ctrl-C was pressed."""

REUSABLE = (Status.COMPLETE, Status.DIVERGED)
"""Ends of a run that another run of the cell would repeat."""


@dataclass
class RunSummary:
    """What a run did.

    records      in the order of the jobs: those that are there;
    reused       how many came from an earlier run;
    outdated     records of earlier runs that were not reused, counted by what differs from this run;
    interrupted  by Ctrl-C;
    failure      what ended the run early, and `failed`, the name of the job (empty: none was in hand).
    """

    records: list[Record] = field(default_factory=list)
    total: int = 0
    reused: int = 0
    outdated: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False
    failure: Exception | None = None
    failed: str = ""
    seconds: float = 0.0

    def outcomes(self) -> Counter[str]:
        """How many rows have each outcome."""
        return Counter(row["outcome"] for record in self.records for row in record.verdicts)

    @property
    def refuted(self) -> int:
        """How many rows are refuted."""
        return self.outcomes()["REFUTED"]

    def counts(self, noun: str = "cells") -> str:
        """How many are there, in words, and why earlier ones were not reused."""
        text = f"{len(self.records)} of {self.total} {noun}"
        if self.reused:
            text += f", {self.reused} from an earlier run"
        if self.outdated:
            kinds = ", ".join(f"{n} of other {what}" for what, n in self.outdated.items())
            text += f"; earlier records not reused: {kinds}"
        return text


def run_jobs(
    jobs: Sequence[Job],
    store: RecordStore | None,
    *,
    resume: bool = False,
    workers: int = 1,
    on_done: Callable[[Record], None] = lambda record: None,
    display: Display | None = None,
    stop: Callable[[], bool] = lambda: False,
    settings: type[Options] = Options,
) -> RunSummary:
    """Measure every job and put its record into the store (None: nowhere) as soon as it is there.

    resume    take from the store the records that a run with these sources, libraries and device made;
    workers   jobs at a time;
    on_done   called with each record, in the order of completion, from the thread of the caller;
    stop      asked several times a second; true ends the run as Ctrl-C does;
    settings  the class of the study's settings, which says what its records hold.

    Jobs run in other threads, so that this one sees Ctrl-C at once whatever they compute. An error in a job, in the
    store or in `on_done` is not raised: it ends the run after the jobs in hand, and is in the summary.
    """
    run = _Run(jobs, store, on_done, display or Display(), stop, settings)
    started = time.perf_counter()
    work = sum(job.work for job in jobs)
    with bar_for(run.display, len(jobs), work) as bar, interruptible() as interrupted:
        run.bar, run.interrupted = bar, interrupted
        if resume:
            run.take_known()
        run.measure(workers)
    run.summary.seconds = time.perf_counter() - started
    return run.summary


class _Outcome(NamedTuple):
    """What became of a job: its record, or the error that ended it."""

    index: int
    ended: Record | Exception


class _Run:
    """The state of a run; all of it belongs to the thread that started the run, but for the work in hand."""

    bar: Bar
    interrupted: Event

    def __init__(
        self,
        jobs: Sequence[Job],
        store: RecordStore | None,
        on_done: Callable[[Record], None],
        display: Display,
        stop: Callable[[], bool],
        settings: type[Options],
    ):
        self.settings = settings
        self.jobs, self.store, self.on_done, self.display, self.stop = jobs, store, on_done, display, stop
        self.summary = RunSummary(total=len(jobs))
        self.done: dict[int, Record] = {}
        self.halt, self.told = Event(), False
        self.in_hand: dict[int, float] = {}
        self.lock = Lock()
        self.grouped: set[Hashable] = set()
        self.maps = MemoryMaps()

    @property
    def _stopping(self) -> bool:
        return self.halt.is_set() or self.interrupted.is_set()

    def take_known(self) -> None:
        """Take the records that the store has. A damaged one ends the run: deleting it is for the user to decide."""
        for index, job in enumerate(self.jobs):
            try:
                record = self._known(job)
                if record is not None:
                    self.summary.reused += 1
                    self._keep(index, record)
            except Exception as error:
                self._fail(error, "")

    def _known(self, job: Job) -> Record | None:
        name = key(job.cell)
        if self.store is None or name not in self.store:
            return None
        try:
            record = self.store.get(name)
        except OtherSchema:
            self.summary.outdated["schema"] += 1
            return None
        differing = differing_origin(record.provenance)
        if differing:
            self.summary.outdated[differing[0]] += 1
            return None
        missing = what_is_missing(record, self.settings)
        if missing:
            raise UnreadableRecord(self.store.path_of(name), missing)
        return record if record.status in REUSABLE else None

    def measure(self, workers: int) -> None:
        """Measure what is not known, the first group of each shape ahead of the others, which wait for it."""
        todo = [index for index in range(len(self.jobs)) if index not in self.done]
        groups = in_groups(self.jobs, todo)
        # What is left over of a shape takes the program of its groups: one for itself would have to be compiled.
        self.grouped = {self._shape(group) for group in groups if len(group) > 1} - {None}
        leaders: dict[Hashable, tuple[int, ...]] = {}
        for group in groups:
            if self._shape(group) is not None:
                leaders.setdefault(self._shape(group), group)
        compiled = {shape: Event() for shape in leaders}
        first = set(leaders.values())
        with ThreadPoolExecutor(workers) as executor:
            pending: set[Future[list[_Outcome]]] = set()
            for group in sorted(groups, key=lambda group: (group not in first, group)):
                pending.add(executor.submit(self._measured, group, compiled.get(self._shape(group)), group in first))
            while pending:
                try:
                    self._collect(pending)
                except KeyboardInterrupt:
                    self.interrupted.set()
        self.summary.interrupted = self.interrupted.is_set()
        self.summary.records = [self.done[index] for index in sorted(self.done)]

    def _shape(self, group: tuple[int, ...]) -> Hashable:
        return self.jobs[group[0]].shape

    def _collect(self, pending: set[Future[list[_Outcome]]]) -> None:
        """Take what is finished; once the run is stopping, drop what was not started."""
        if self.stop():
            self.interrupted.set()
        if self.interrupted.is_set() and not self.told:
            self.told = True
            self.halt.set()
            self.bar.say("stopping after the cells in hand (Ctrl-C again ends at once)")
        if self.halt.is_set():
            pending.difference_update([future for future in pending if future.cancel()])
        finished, _ = wait(pending, timeout=POLL, return_when=FIRST_COMPLETED)
        for future in finished:
            pending.remove(future)
            for outcome in future.result():
                self._take(outcome)

    def _take(self, outcome: _Outcome) -> None:
        """Keep a record, or what went wrong; a job that ended early leaves nothing."""
        try:
            if isinstance(outcome.ended, Record):
                self._keep(outcome.index, outcome.ended, put=True)
            elif not isinstance(outcome.ended, Stopped):
                self._fail(outcome.ended, self.jobs[outcome.index].name)
        except Exception as error:
            self._fail(error, self.jobs[outcome.index].name)

    def _measured(self, group: tuple[int, ...], compiled: Event | None, leads: bool) -> list[_Outcome]:
        """In a thread of its own: what became of every job of a group. One that fails takes no other with it."""
        while compiled is not None and not leads and not self._stopping and not compiled.wait(POLL):
            pass
        # A group that waited for a compilation is not in hand.
        if self._stopping:
            return []
        try:
            jobs = [self.jobs[index] for index in group]
            measures = measures_of(jobs, together=len(jobs) > 1 or self._shape(group) in self.grouped)
            return [self._outcome(index, measure) for index, measure in zip(group, measures, strict=True)]
        except Exception as error:
            self.halt.set()
            return [_Outcome(group[0], error)]
        finally:
            if leads and compiled is not None:
                compiled.set()

    def _outcome(self, index: int, measure: Measure) -> _Outcome:
        job = self.jobs[index]
        try:
            started = datetime.now(UTC)
            result = measure(Hand(self.interrupted, lambda done, text: self._report(index, done, text)))
            record = Record(
                cell=job.cell,
                verdicts=result.verdicts,
                measurements=result.measurements,
                # What is kept nowhere needs no origin, and the ledger, which needs no JAX, would import it for that.
                provenance={} if self.store is None else provenance(started),
                status=result.status,
                reason=result.reason,
            )
        except Exception as error:
            # At once, and not when the main thread comes round to it: until then other jobs would be started.
            if not isinstance(error, Stopped):
                self.halt.set()
            return _Outcome(index, error)
        return _Outcome(index, record)

    def _keep(self, index: int, record: Record, put: bool = False) -> None:
        self.done[index] = record
        with self.lock:
            self.in_hand.pop(index, None)
        self.bar.finish(self._work())
        self.maps.check()
        if put and self.store is not None:
            self.store.put(record)
        self.on_done(record)

    def _fail(self, error: Exception, name: str) -> None:
        """The first failure is the one to tell: those after it may follow from it."""
        if self.summary.failure is None:
            self.summary.failure, self.summary.failed = error, name
        self.halt.set()

    def _report(self, index: int, done: float, text: str) -> None:
        with self.lock:
            self.in_hand[index] = done
        self.bar.report(self._work(), text)

    def _work(self) -> float:
        with self.lock:
            finished = sum(self.jobs[index].work for index in list(self.done))
            return finished + sum(done for index, done in self.in_hand.items() if index not in self.done)
