"""The command line: wiring only."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Geometry

EXIT_REFUTED, EXIT_MISUSE, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="Check the convergence theory of ANIL: measured constants and rates beside the paper's bounds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
    """Whether a bare word goes on with a list: numbers follow numbers, geometries follow geometries."""
    if _is_number(previous):
        return _is_number(argument)
    return argument in {g.value for g in Geometry}


@app.callback()
def root() -> None:
    """Keeps `verify` a subcommand while it is the only one."""


@app.command(cls=ListCommand)
def verify(
    statement: Annotated[
        list[str] | None, typer.Argument(help="Which to check: assumptions, prop1, prop2, prop3. All, if left out.")
    ] = None,
    mu: Annotated[list[float] | None, typer.Option(help="Strong convexity (strongly convex geometry).")] = None,
    L: Annotated[list[float] | None, typer.Option("--L", help="Smoothness.")] = None,
    rho: Annotated[list[float] | None, typer.Option(help="Lipschitz constant of D_w^2 L_S.")] = None,
    tau: Annotated[list[float] | None, typer.Option(help="Lipschitz constant of D_phi D_w L_S.")] = None,
    M: Annotated[list[float] | None, typer.Option("--M", help="Lipschitz constant of L_D.")] = None,
    inner_steps: Annotated[list[int] | None, typer.Option(help="N.")] = None,
    n_w: Annotated[list[int] | None, typer.Option(help="Dimensions of w; paired with --n-phi.")] = None,
    n_phi: Annotated[list[int] | None, typer.Option(help="Dimensions of phi (0: MAML, needs --tau 0).")] = None,
    alpha: Annotated[
        list[float] | None, typer.Option(help="Inner step sizes; default mu/L^2 and, nonconvex, 0.1/L.")
    ] = None,
    c: Annotated[list[float] | None, typer.Option(help="c of alpha = c/(N L), nonconvex.")] = None,
    geometry: Annotated[list[Geometry] | None, typer.Option(help="Which geometries; both, if left out.")] = None,
    tasks: Annotated[int | None, typer.Option(help="Tasks per cell.")] = None,
    query: Annotated[str | None, typer.Option(help="Outer loss: sine or log-cosh.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of tasks and searches.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for records, report and plots.")] = Path("results/verify"),
    quick: Annotated[bool, typer.Option("--quick", help="A small grid.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Rows as JSON on standard output.")] = False,
    rows: Annotated[str, typer.Option(help="Rows to print: auto, tightest, all.")] = "auto",
    break_: Annotated[
        str | None, typer.Option("--break", help="Halve the bounds of a block on purpose: ww, wphi, phiw, phiphi.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take finished cells from the folder.")] = False,
) -> None:
    """Measure the constants of the meta-gradient and judge Propositions 1, 2 and 3 against them.

    Without axis options it runs the default grid; with any of them, the product of the values given (and defaults
    for the others). Exit status: 0 nothing refuted, 1 something refuted, 2 misuse, 130 interrupted.
    """
    given = {
        "mu": mu,
        "L": L,
        "rho": rho,
        "tau": tau,
        "M": M,
        "inner_steps": inner_steps,
        "alpha": alpha,
        "c": c,
        "geometries": geometry,
        "n_w": n_w,
        "n_phi": n_phi,
        "tasks": tasks,
        "query": query,
    }
    from anil_theory.verification.command import run_verify

    options = {k: v for k, v in given.items() if v is not None}
    console = Console(stderr=as_json)
    try:
        code, report = run_verify(
            tuple(statement or ()),
            options,
            seed=seed,
            out=out,
            quick=quick,
            broken=break_,
            resume=resume,
            shown=rows,
            console=console,
        )
    except InvalidParameter as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_MISUSE) from error
    if as_json:
        json.dump(report, sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
    raise typer.Exit(code)


def main() -> None:
    """Entry point of `anil-theory`."""
    try:
        app()
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted", style="yellow")
        sys.exit(EXIT_INTERRUPTED)
