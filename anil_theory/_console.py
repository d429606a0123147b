"""The console of the command line: what is printed stands there as it is, and a reader that has gone ends nothing."""

import os
import sys
from contextlib import suppress
from threading import Event
from typing import IO, Any

import rich.console
from rich.text import Text

from anil_theory._printable import printable

READER_GONE = Event()
"""Set once whoever read standard output has closed it, as `head -1` does: what is printed afterwards goes nowhere."""


def drop_output(stream: IO[str]) -> None:
    """Let what is still to be written to `stream` go nowhere: the interpreter flushes it once more when it ends."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_output(text: str = "") -> None:
    """Write `text`, and what is left from before, to standard output; a reader that has gone is noted in READER_GONE.

    Raises OSError where a disk is full. What is written afterwards goes nowhere, so that this is said once.
    """
    try:
        if text:
            # Even an empty text would be a second failure, after that of an earlier write.
            sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        drop_output(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise
        READER_GONE.set()


class Console(rich.console.Console):
    """A Rich console that reads no markup and no emoji codes in strings, and escapes their control characters.

    Paths, names of data sets and reasons in records come from outside; a bracket in one is a bracket. Style is given
    with `rich.text.Text`. Line ends in a string stay.
    """

    def __init__(self, **options: Any):
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """`text` without markup, and without control characters other than line ends."""
        lines = text.split("\n")
        return super().render_str("\n".join(printable(line, most=len(line)) for line in lines), **options)

    def on_broken_pipe(self) -> None:
        """Print no more, and go on: records, reports and figures do not need a reader."""
        self.quiet = True
        if not self.stderr:
            READER_GONE.set()
        drop_output(sys.stderr if self.stderr else sys.stdout)
