"""A job: one cell, how it is measured, and what the measuring may say and ask while it is at work."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from anil_theory.record import Status


class Stopped(Exception):
    """Raised by a job that ends early because `Hand.stopping`; the run goes on as if it had not been started."""


@dataclass(frozen=True)
class Hand:
    """What a job at work holds: whether the run is stopping, and where its progress is shown.

    report   called with the work done so far (in units of `Job.work`) and a line of text.
    """

    stop: Event
    report: Callable[[float, str], None] = lambda done, text: None

    @property
    def stopping(self) -> bool:
        """Whether Ctrl-C was pressed: a job that takes long may raise Stopped."""
        return self.stop.is_set()


@dataclass(frozen=True)
class Result:
    """What a job found: the members of a record that are not known before."""

    verdicts: Sequence[Mapping[str, Any]] = ()
    measurements: Mapping[str, Any] = field(default_factory=dict)
    status: str = Status.COMPLETE
    reason: str = ""


Measure = Callable[[Hand], Result]
"""What makes the result of a job."""


@dataclass(frozen=True)
class Batch:
    """What a job adds to a call that measures several.

    key       jobs of one key go together;
    part      what the job adds;
    together  the parts of some jobs -> what makes the result of each, in their order; it is called in the thread that
              measures them, and nothing is measured before the first result is asked for;
    most      how many go together.
    """

    key: Hashable
    part: Any
    together: Callable[[Sequence[Any]], Sequence[Measure]]
    most: int


@dataclass(frozen=True)
class Job:
    """One cell of a run.

    cell      everything that defines the record, plain;
    measure   makes the result;
    name      what messages call the cell;
    shape     jobs of one shape share a compilation: the first is measured ahead of the others. None: no other shares;
    work      its share of the progress bar;
    batch     how it is measured together with others; None: alone.
    """

    cell: Mapping[str, Any]
    measure: Measure
    name: str = "a cell"
    shape: Hashable = None
    work: float = 1.0
    batch: Batch | None = None


def in_groups(jobs: Sequence[Job], indices: Sequence[int]) -> list[tuple[int, ...]]:
    """The indices in groups of jobs that are measured together; a group stands where the first of its jobs stood."""
    groups: list[list[int]] = []
    open_groups: dict[Hashable, list[int]] = {}
    for index in indices:
        batch = jobs[index].batch
        group = None if batch is None else open_groups.get(batch.key)
        if batch is None or group is None or len(group) >= batch.most:
            group = []
            groups.append(group)
            if batch is not None:
                open_groups[batch.key] = group
        group.append(index)
    return [tuple(group) for group in groups]


def measures_of(group: Sequence[Job], *, together: bool) -> Sequence[Measure]:
    """What makes the result of each job of a group, in one call (`together`) or one by one."""
    first = group[0].batch
    if first is None or not together:
        return [job.measure for job in group]
    return first.together([job.batch.part for job in group if job.batch is not None])
