"""What every command shares: the application, options that take several values, exit statuses, JSON."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand

from anil_theory.constants import Geometry
from anil_theory.study.ending import Ending

app = typer.Typer(
    help="Check the convergence theory of ANIL: measured constants and rates beside the paper's bounds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

data_app = typer.Typer(help="Convert and check the image data of the neural benchmarks.", no_args_is_help=True)
app.add_typer(data_app, name="data")


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
    """End a command with its exit status, after its report on standard output where that was asked for."""
    with failures_exit():
        if as_json:
            json.dump(report, sys.stdout, indent=1, allow_nan=False)
            sys.stdout.write("\n")
        sys.stdout.flush()
    raise typer.Exit(code)
