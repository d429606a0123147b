"""The progress of a run, on standard error, so that standard output holds results only.

A terminal gets a bar that goes away at the end. A file, or the log of another program, gets a line now and then.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY = 30.0
"""Seconds between two lines where there is no terminal: a run that is shorter says nothing."""


@dataclass(frozen=True)
class Display:
    """What a progress bar calls the run: "checking", and its cells: "cells"."""

    verb: str = "checking"
    noun: str = "cells"


class Bar:
    """A bar over the work of all jobs, with the number of finished ones and a line on the job in hand."""

    def __init__(self, progress: Progress, display: Display, total: int, work: float):
        self.progress, self.display, self.total = progress, display, total
        self.finished = 0
        self.told = time.monotonic()
        self.line = progress.add_task(self._heading(), total=work, text="")

    def report(self, done: float, text: str) -> None:
        """The work that is done in all, and a line about the job in hand."""
        self.progress.update(self.line, completed=done, text=escape(text))
        self._tell(text)

    def finish(self, done: float) -> None:
        """One more job is finished."""
        self.finished += 1
        self.progress.update(self.line, completed=done, text="", description=self._heading())
        self._tell("")

    def say(self, text: str) -> None:
        """A line above the bar."""
        self.progress.console.print(text, style="yellow", highlight=False, markup=False, soft_wrap=True)

    def _tell(self, text: str) -> None:
        """Where no bar is seen, and nothing was said for a while: how far the run is."""
        if self.progress.console.is_terminal or time.monotonic() - self.told < EVERY:
            return
        self.told = time.monotonic()
        self.say(f"{self._heading()}{f': {text}' if text else ''}")

    def _heading(self) -> str:
        return f"{self.display.verb} {self.finished}/{self.total} {self.display.noun}"


@contextmanager
def bar_for(display: Display, total: int, work: float) -> Iterator[Bar]:
    """A bar that goes away at the end of the block."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, display, total, work)
