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


@dataclass(frozen=True)
class Job:
    """One cell of a run.

    cell      everything that defines the record, plain;
    measure   makes the result;
    name      what messages call the cell;
    shape     jobs of one shape share a compilation: the first is measured ahead of the others. None: no other shares;
    work      its share of the progress bar.
    """

    cell: Mapping[str, Any]
    measure: Callable[[Hand], Result]
    name: str = "a cell"
    shape: Hashable = None
    work: float = 1.0
