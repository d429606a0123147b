"""The command line: wiring only."""

import io
import sys

from anil_theory._console import Console
from anil_theory.cli import data, drawing, proofs, reporting
from anil_theory.cli._app import app, cache, note
from anil_theory.cli.commands import register_studies
from anil_theory.study.interruption import EXIT_INTERRUPTED

__all__ = ["app", "data", "drawing", "main", "proofs", "reporting"]

register_studies()


def main() -> None:
    """Entry point of `anil-theory`; ends the process with one of the statuses of `study.ending`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What the encoding of the stream lacks is written as an escape: a result is worth more than its looks.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted", style="yellow")
        sys.exit(EXIT_INTERRUPTED)
    finally:
        if trouble := cache.close():
            note(trouble)
