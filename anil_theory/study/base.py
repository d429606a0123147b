"""A study: settings become jobs, and their records become a page that people read. Every command is one."""

import abc
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from anil_theory._options import Option, Options, option, options_of
from anil_theory._plain import to_plain
from anil_theory.study.empty_grid import EmptyGrid
from anil_theory.study.job import Hand, Job, Result
from anil_theory.study.page import Page

S = TypeVar("S", bound=Options)
C = TypeVar("C")


@dataclass(frozen=True)
class RunSettings(Options):
    """How a study is run, whatever it studies.

    out              the folder of records, reports and figures; None: results/NAME. Without records: no meaning;
    resume           whether finished cells are taken from the folder. Without records: no meaning;
    jobs             cells at a time; None: as many as suit the study;
    plugin           files with statements, families and measurements of one's own.
    """

    out: Path | None = option(None, "Folder for records, reports and figures; results/COMMAND, if left out.")
    resume: bool = option(False, "Take finished cells from the folder.")
    jobs: int | None = option(
        None, "Cells at a time, in threads; as many as suit the command, if left out.", short="-j"
    )
    plugin: tuple[Path, ...] = option((), "Python files with statements, families or measurements of one's own.")


def running_options(kind: type[Options]) -> list[Option]:
    """The options of a run that mean something to a study with such settings."""
    meant = {"out": kind.records, "resume": kind.records, "jobs": True, "plugin": kind.plugins}
    return [each for each in options_of(RunSettings) if meant[each.name]]


class Study(abc.ABC, Generic[S]):
    """What a command does, apart from running: which cells there are, and what their records say.

    verb, noun   of the progress bar: "checking 3/10 cells";
    workers      cells at a time unless --jobs says otherwise.
    """

    verb: ClassVar[str] = "checking"
    noun: ClassVar[str] = "cells"
    workers: ClassVar[int] = 1

    def __init__(self, settings: S):
        self.settings = settings

    @abc.abstractmethod
    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """The cells, each with what measures it.

        out, resume   for jobs that keep more than a record.

        Raises InvalidParameter for misuse, before any work is done.
        """

    @abc.abstractmethod
    def show(self, page: Page) -> dict[str, Any]:
        """Print, write and draw what the records say; the report of --json."""

    def around(self) -> AbstractContextManager[None]:
        """What holds while the cells are measured. Default: nothing special."""
        return nullcontext()


class CellStudy(Study[S], Generic[S, C]):
    """A study whose cells keep nothing but their records.

    A cell is whatever describes one measurement completely; `str` of it is what messages call it.
    """

    @abc.abstractmethod
    def cells(self) -> Iterable[C]:
        """The cells, in the order of the page. Raises InvalidParameter for misuse, before any work is done."""

    @abc.abstractmethod
    def measure(self, cell: C, hand: Hand) -> Result:
        """What a cell's record says beside the cell."""

    def key(self, cell: C) -> Mapping[str, Any]:
        """The cell as plain values: what defines its record."""
        return to_plain(cell)

    def job(self, cell: C) -> Job:
        """The cell as the engine takes it."""
        return Job(cell=self.key(cell), measure=partial(self.measure, cell), name=str(cell))

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job for each cell. Raises InvalidParameter for misuse, and EmptyGrid where there is no cell."""
        jobs = [self.job(cell) for cell in self.cells()]
        if not jobs:
            raise EmptyGrid("it has no settings")
        return jobs
