"""How a command ends: the exit status, and what went wrong, each in one line.

| status | meaning                                                                                             |
|--------|-----------------------------------------------------------------------------------------------------|
| 0      | everything ran and nothing was refuted                                                              |
| 1      | something was refuted (of the ledger: a proof failed), and nothing else                             |
| 2      | misuse: a parameter outside its admissible set, a plug-in that cannot be used                       |
| 3      | a failure inside: full disk, damaged record, a figure that could not be drawn, an unexpected error  |
| 4      | the run did not show what it was to show: nothing refuted a bound that was broken on purpose        |
| 130    | interrupted by Ctrl-C                                                                               |

A reader that closes standard output early, as `head -1` does, is status 3 too, and costs what it would have read:
records, reports and figures are written all the same.

What applies first from below decides, except that a refutation stands whatever else failed: 130, 1, 2, 3, 4, 0.
"""

import os
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.text import Text

from anil_theory._admissible import InvalidParameter
from anil_theory._atomic import save_figure
from anil_theory._printable import printable
from anil_theory._registry import ExtensionError
from anil_theory.errors import AnilTheoryError
from anil_theory.record import RecordStore
from anil_theory.study.interruption import EXIT_INTERRUPTED
from anil_theory.study.run import RunSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXIT_REFUTED, EXIT_MISUSE, EXIT_FAILED, EXIT_NOT_SHOWN = 1, 2, 3, 4

TRACEBACK = "ANIL_THEORY_TRACEBACK"
"""With this variable in the environment the traceback of a failure is printed too."""

Plot = Callable[[], "Figure | None"]
"""What draws one figure, of matplotlib; None where there is nothing to draw."""

T = TypeVar("T")


class Ending:
    """Collects what goes wrong while a command shows its results: each failure costs its own product and no more."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.misuse = False

    def attempt(self, what: str, action: Callable[[], T]) -> T | None:
        """The result of `action`, or None where it fails: the failure is said in one line, and the command goes on."""
        try:
            return action()
        except Exception as error:
            self.fail(error, what)
            return None

    def draw(self, plots: dict[Path, Plot]) -> list[Path]:
        """Draw and save every plot that has something to show; the paths of those that were saved."""
        drawn = []
        for path, plot in plots.items():
            if self.attempt(f"{path} was not drawn", partial(_draw, plot, path)):
                drawn.append(path)
        return drawn

    def write(self, path: Path, action: Callable[[], object]) -> list[Path]:
        """Have `action` write the file `path`: a list with the path, empty where that failed."""

        def written() -> Path:
            action()
            return path

        done = self.attempt(f"{path} was not written", written)
        return [] if done is None else [done]

    def fail(self, error: BaseException, what: str = "") -> None:
        """Print a failure to standard error, in one line, and remember it."""
        text = described(error)
        if isinstance(error, OSError) and error.filename is not None and os.fsdecode(error.filename) in what:
            # `what` has named the file already.
            text = _one_line(error.strerror or str(error))
        self.failures.append(f"{what}: {text}" if what else text)
        self.misuse = self.misuse or isinstance(error, InvalidParameter | ExtensionError)
        print_error(self.failures[-1])
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)

    def close(
        self,
        console: Console,
        summary: RunSummary,
        store: RecordStore | None = None,
        *,
        noun: str = "cells",
        written: Sequence[Path] = (),
        refuted: bool = False,
    ) -> int:
        """Say how many cells there are and what was written, tell what ended the run early; the exit status.

        written   the files of results beside the records.
        """
        places = ", ".join(str(place) for place in [*([store.folder] if store else []), *written])
        text = f"{summary.counts(noun)}{f'; {places}' if places else ''}"
        self.attempt("", lambda: console.print(text, highlight=False, markup=False, soft_wrap=True))
        if summary.failure is not None:
            self.fail(summary.failure, summary.failed)
        if summary.interrupted or summary.failure is not None:
            begin = "interrupted" if summary.interrupted else "stopped"
            kept = f"{begin}: finished {noun} are kept in {store.folder}; --resume goes on" if store else begin
            Console(stderr=True).print(kept, style="yellow", highlight=False, markup=False, soft_wrap=True)
        return self.status(interrupted=summary.interrupted, refuted=refuted)

    def status(self, *, interrupted: bool = False, refuted: bool = False) -> int:
        """The exit status."""
        if interrupted:
            return EXIT_INTERRUPTED
        if refuted:
            return EXIT_REFUTED
        if self.misuse:
            return EXIT_MISUSE
        return EXIT_FAILED if self.failures else 0


def _draw(plot: Plot, path: Path) -> bool:
    """Save what a plot returns; False where that is nothing."""
    figure = plot()
    if figure is None:
        return False
    save_figure(figure, path)
    return True


def print_error(text: str) -> None:
    """One line on standard error. Brackets in the text, as in anil_theory[digits], are no markup."""
    Console(stderr=True).print(Text.assemble(("error:", "bold red"), " ", text), soft_wrap=True)


def described(error: BaseException) -> str:
    """An error in one line: its message where it says what to do, or else its kind, its message and where it arose."""
    message = _one_line(str(error))
    if isinstance(error, AnilTheoryError):
        return message
    if isinstance(error, OSError):
        name = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return _one_line(f"{name}{error.strerror or message}")
    if isinstance(error, MemoryError):
        return f"the memory does not suffice{f' ({message})' if message else ''}"
    kind = type(error).__name__
    return f"{kind}{f': {message}' if message else ''}{_place(error)}"


def _one_line(text: str) -> str:
    """`text` without line ends, and with every other control character as its escape."""
    return printable(" ".join(text.split()))


def _place(error: BaseException) -> str:
    """The innermost line of this package that the error passed through."""
    root = Path(__file__).parents[1]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(root)]
    if not ours:
        return ""
    where = Path(ours[-1].filename).relative_to(root.parent).as_posix()
    return f" (in {where}, line {ours[-1].lineno}; {TRACEBACK}=1 shows the traceback)"
