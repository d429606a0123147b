"""What every command shares: the application, options that take several values, exit statuses, JSON."""

import gc
import json
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from anil_theory._compile_cache import CompileCache, UnusableFolder, switch_off
from anil_theory._console import READER_GONE, Console, drop_output
from anil_theory._precision import enable_float64
from anil_theory._version import __version__
from anil_theory.constants import Geometry
from anil_theory.studies import STUDIES
from anil_theory.study.ending import Ending

app = typer.Typer(
    help="Check the convergence theory of ANIL: measured constants and rates beside the paper's bounds.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

cache = CompileCache()
"""The compiled programs of this process."""

COMPILING = {*STUDIES, "run"} - {"ledger", "advise"}
"""The commands that compile: the others have no use for a folder of programs."""

COLLECT_AFTER = (200_000, 20, 50)
"""When Python looks for garbage: tracing makes millions of objects that stay, and the search took a sixth of it."""

AsJson = Annotated[bool, typer.Option("--json", help="The results as JSON on standard output.")]
"""The option of every command with results."""

data_app = typer.Typer(help="Convert and check the image data of the neural benchmarks.", no_args_is_help=True)
app.add_typer(data_app, name="data")


def _print_versions(wanted: bool) -> None:
    if not wanted:
        return
    from anil_theory.provenance import versions

    numbers = versions() | {"anil_theory": __version__, "python": platform.python_version()}
    for name, number in numbers.items():
        print(f"{name} {number or 'is not installed'}")
    raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_versions,
            is_eager=True,
            help="Print the versions of this package and its libraries, and exit.",
        ),
    ] = False,
    compile_cache: Annotated[
        bool, typer.Option(help="Keep compiled programs in the user's cache folder, for the next command.")
    ] = True,
) -> None:
    # A command has its process to itself.
    enable_float64()
    gc.set_threshold(*COLLECT_AFTER)
    if not compile_cache:
        switch_off()
    elif context.invoked_subcommand in COMPILING:
        try:
            cache.switch_on()
        except UnusableFolder as fault:
            note(f"compiled programs are not kept: {fault}")


def note(text: str) -> None:
    """One line on standard error about what does not change the results."""
    Console(stderr=True).print(f"note: {text}", style="yellow", highlight=False, soft_wrap=True)


class ListCommand(TyperCommand):
    """A command whose repeatable options also take several values at once: --inner-steps 1 5 20."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        lists = {name for p in self.params if getattr(p, "multiple", False) for name in p.opts}
        expanded: list[str] = []
        current = None
        for argument in args:
            if argument.startswith("-") and not _is_number(argument):
                current = argument if argument in lists else None
                expanded.append(argument)
            elif current is not None and expanded[-1] != current:
                expanded += [current, argument] if _continues(argument, expanded[-1]) else [argument]
            else:
                expanded.append(argument)
        return super().parse_args(ctx, expanded)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _continues(argument: str, previous: str) -> bool:
    """Whether a bare word goes on with a list: numbers follow numbers, geometries and families their like."""
    if _is_number(previous):
        return _is_number(argument)
    if argument in {*(g.value for g in Geometry), "maml"}:
        return True
    # The families are imported where a list of words is read, which is seldom: they need JAX.
    from anil_theory.tasks import FAMILIES

    return argument in FAMILIES


@contextmanager
def failures_exit() -> Iterator[None]:
    """An error inside the block becomes one line on standard error and an exit status: `study.ending` has the table.

    Bad input is status 2 and everything else 3, so that status 1 says that something was refuted and nothing else.
    """
    try:
        yield
    except typer.Exit:
        raise
    except Exception as error:
        ending = Ending()
        ending.fail(error)
        raise typer.Exit(ending.status()) from error


def finish(code: int, report: Any, as_json: bool) -> None:
    """End a command with its exit status, after its report on standard output where that was asked for.

    A report that cannot be written is a failure, which does not hide a refutation.
    """
    ending = Ending()
    ending.attempt("standard output", lambda: _write(report if as_json else None))
    raise typer.Exit(code or ending.status())


def _write(report: Any) -> None:
    """Write a report, if there is one, and what is still to be written. `cli.main` tells of a reader that has gone."""
    try:
        if report is not None:
            json.dump(report, sys.stdout, indent=1, allow_nan=False)
            sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError as error:
        drop_output(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise
        READER_GONE.set()
