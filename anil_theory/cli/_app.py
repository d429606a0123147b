"""What every command shares: the application, exit statuses, options that take several values, JSON."""

import gc
import json
import platform
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from anil_theory._compile_cache import CompileCache, UnusableFolder, switch_off
from anil_theory._console import READER_GONE, Console, write_output
from anil_theory._precision import enable_float64
from anil_theory._version import __version__
from anil_theory.constants import Geometry
from anil_theory.studies import STUDIES
from anil_theory.study.ending import EXIT_FAILED, EXIT_REFUTED, Ending, print_error


class Application(TyperGroup):
    """All commands. Here alone an error becomes one line on standard error and an exit status: see `study.ending`."""

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run the command that was asked for, write what is left for standard output, and end the process.

        Bad input is status 2 and everything else 3, so that status 1 says that something was refuted and nothing else.
        """
        ending = Ending()
        status = 0
        try:
            super().main(*arguments, **options)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
            if status == EXIT_REFUTED and not isinstance(ended.__context__, typer.Exit):
                # The library that reads the command line also ends with 1, when a pipe is closed for example.
                status = EXIT_FAILED
        except Exception as error:
            ending.fail(error)
        ending.attempt("standard output", write_output)
        if READER_GONE.is_set():
            print_error("standard output was closed by its reader: what was left was not printed")
            status = status or EXIT_FAILED
        sys.exit(status or ending.status())


app = typer.Typer(
    cls=Application,
    help="Check the convergence theory of ANIL: measured constants and rates beside the paper's bounds.",
    no_args_is_help=True,
)

cache = CompileCache()
"""The compiled programs of this process."""

COMPILING = {*STUDIES, "run"} - {"ledger"}
"""The commands that compile: the others have no use for a folder of programs."""

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
    # Garbage is looked for seldom: tracing makes millions of objects that stay, and the search took a sixth of it.
    gc.set_threshold(200_000, 20, 50)
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
        flag = ""
        for word in args:
            if word.startswith("-") and not _is_number(word):
                flag = word
            elif flag in lists and expanded[-1] != flag and _continues(word, expanded[-1]):
                expanded.append(flag)
            expanded.append(word)
        return super().parse_args(ctx, expanded)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _continues(word: str, previous: str) -> bool:
    """Whether a bare word goes on with a list: numbers follow numbers, geometries and families their like."""
    if _is_number(previous):
        return _is_number(word)
    # The families are imported where a list of words is read, which is seldom: they need JAX.
    from anil_theory.tasks import FAMILIES

    return word in {*Geometry, "maml", *FAMILIES}


def finish(code: int, report: Any, as_json: bool) -> NoReturn:
    """End a command with its exit status, after its report on standard output where that was asked for.

    A report that cannot be written is a failure, which does not hide a refutation.
    """
    ending = Ending()
    if as_json:
        ending.attempt("standard output", lambda: write_output(json.dumps(report, indent=1, allow_nan=False) + "\n"))
    raise typer.Exit(code or ending.status())
