"""Where a study shows its results: the terminal, and files of its folder. What fails costs its own product only."""

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from anil_theory.record import Record
from anil_theory.study.ending import EXIT_NOT_SHOWN, Ending, Plot
from anil_theory.study.run import RunSummary
from anil_theory.study.run_note import RunNote


class Page:
    """The results of one run on their way to the reader.

    console    the terminal;
    out        the folder of the results;
    summary    what the run did;
    note       what was typed, and the suffix of the names of its files;
    written    the files written so far;
    refuted    whether something was refuted: status 1;
    blind      whether a bound that was broken on purpose was refuted by nothing: status 4.
    """

    def __init__(self, console: Console, out: Path, summary: RunSummary, note: RunNote):
        self.console, self.out, self.summary = console, out, summary
        self.note = note
        self.ending = Ending()
        self.written: list[Path] = []
        self.refuted = summary.refuted > 0
        self.blind = False

    @property
    def records(self) -> list[Record]:
        """The records of the cells that are finished, in the order of the cells."""
        return self.summary.records

    @property
    def measured(self) -> list[dict[str, Any]]:
        """The measurements of each record."""
        return [dict(record.measurements) for record in self.records]

    def rows(self) -> list[dict[str, Any]]:
        """The rows of all records."""
        return [dict(row) for record in self.records for row in record.verdicts]

    def say(self, text: str, style: str = "") -> None:
        """One line of text."""
        self.console.print(text, style=style or None, highlight=False, markup=False, soft_wrap=True)

    def show(self, what: str, action: Callable[..., object], *arguments: Any) -> None:
        """Print something through `action(console, *arguments)`; `what` says what is missing where that fails."""
        self.ending.attempt(f"{what} not printed", partial(action, self.console, *arguments))

    def show_broken(self, broken: str | None, what: str, action: Callable[..., object], *arguments: Any) -> None:
        """Print what became of bounds that were `broken` on purpose, if any were: one at least is to be refuted."""
        if broken is not None:
            self.show(what, action, *arguments, broken)
            self.blind = not self.refuted

    def place(self, name: str) -> Path:
        """Where a file of this run lies: beside those of other runs in the folder, and in the place of none."""
        plain = Path(name)
        return self.out / f"{plain.stem}{self.note.suffix}{plain.suffix}"

    def draw(self, plots: Mapping[str, Plot]) -> dict[str, Path]:
        """Draw and save every figure that has something to show, by names of files; where those lie that are there.

        Without matplotlib there are none, and a line says so.
        """
        if not matplotlib_is_there():
            self.say("no figures: matplotlib is not installed")
            return {}
        drawn = self.ending.draw({self.place(name): plot for name, plot in plots.items()})
        self.written += drawn
        return {name: self.place(name) for name in plots if self.place(name) in drawn}

    def write(self, path: Path, action: Callable[[Path], object]) -> None:
        """Have `action(path)` write a file."""
        self.written += self.ending.write(path, partial(action, path))

    def status(self, *, refutes: bool = False) -> int:
        """The exit status; where the study is to refute something (`refutes`), only that it does not is told."""
        refuted = self.refuted and not refutes
        blind = self.blind or (refutes and not self.refuted)
        code = self.ending.status(interrupted=self.summary.interrupted, refuted=refuted)
        return EXIT_NOT_SHOWN if code == 0 and blind else code


def matplotlib_is_there() -> bool:
    """Whether figures can be drawn: a machine with an accelerator may have no matplotlib, or half of it."""
    try:
        importlib.import_module("matplotlib")
    except ImportError:
        return False
    return True
