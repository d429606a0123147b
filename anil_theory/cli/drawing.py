"""The command that draws: figures from records that others have measured."""

from pathlib import Path
from typing import Annotated

import typer

from anil_theory._console import Console
from anil_theory.cli._app import AsJson, app, finish


@app.command()
def figures(
    names: Annotated[list[str] | None, typer.Argument(help="Figures by name; all, if left out.")] = None,
    records: Annotated[Path, typer.Option(help="Folder of records, as commands fill it.")] = Path("results"),
    out: Annotated[Path, typer.Option(help="Folder of the pictures and of captions.md.")] = Path("figures"),
    keep: Annotated[Path | None, typer.Option(help="Also keep the records that the figures read here, short.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the figures from records, each as a png and as a pdf, with their captions; nothing is computed.

    Where records are missing it says which command writes them, draws the others, and ends with status 3.

    Exit status: 0 all drawn, 2 misuse, 3 records missing or a failure inside.
    """
    from anil_theory.report.drawing import draw_figures

    code, report = draw_figures(names or (), records=records, out=out, keep=keep, console=Console(stderr=as_json))
    finish(code, report, as_json)
