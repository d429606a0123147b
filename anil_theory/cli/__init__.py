"""The command line: wiring only."""

import io
import sys

import typer

from anil_theory._console import READER_GONE, Console, drop_output
from anil_theory.cli import data, drawing, proofs, reporting
from anil_theory.cli._app import app, cache, note
from anil_theory.cli.commands import register_studies
from anil_theory.study.ending import EXIT_FAILED, EXIT_REFUTED, Ending, print_error
from anil_theory.study.interruption import EXIT_INTERRUPTED

__all__ = ["app", "data", "drawing", "main", "proofs", "reporting"]

register_studies()


def main() -> None:
    """Entry point of `anil-theory`; ends the process with one of the statuses of `study.ending`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What the encoding of the stream lacks is written as an escape: a result is worth more than its looks.
            stream.reconfigure(errors="backslashreplace")
    status = _run()
    trouble = cache.close()
    if trouble:
        note(trouble)
    sys.exit(status)


def _run() -> int:
    try:
        app()
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted", style="yellow")
        status = EXIT_INTERRUPTED
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
        if status == EXIT_REFUTED and not isinstance(ended.__context__, typer.Exit):
            # The library that reads the command line also ends with 1, when a pipe is closed for example.
            status = EXIT_FAILED
    except Exception as error:
        ending = Ending()
        ending.fail(error)
        status = ending.status()
    else:
        status = 0
    return _flushed(status)


def _flushed(status: int) -> int:
    """The status after standard output was flushed: what nobody takes, or no disk holds, is a failure too."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        READER_GONE.set()
        drop_output(sys.stdout)
    except OSError as error:
        ending = Ending()
        ending.fail(error, "standard output")
        status = status or ending.status()
        drop_output(sys.stdout)
    if READER_GONE.is_set():
        print_error("standard output was closed by its reader: what was left was not printed")
        status = status or EXIT_FAILED
    return status
