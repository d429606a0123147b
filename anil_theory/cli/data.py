"""Commands of the image data: data convert, data check."""

from pathlib import Path
from typing import Annotated

import typer

from anil_theory._console import Console
from anil_theory.cli._app import data_app


@data_app.command("convert")
def data_convert(
    source: Annotated[Path, typer.Argument(help="Folder with the pickles (docs/datasets.md).")],
    out: Annotated[Path, typer.Argument(help="The .npz to write.")],
    dataset: Annotated[str, typer.Option(help="fc100, mini-imagenet or cifar-fs.")],
    allow_smaller: Annotated[bool, typer.Option("--allow-smaller", help="Take other split sizes.")] = False,
) -> None:
    """Turn the pickles of a benchmark into one .npz; prints checksums and split sizes."""
    from anil_theory.neural.data.command import convert

    convert(source, out, dataset, allow_smaller=allow_smaller, console=Console())


@data_app.command("check")
def data_check(
    source: Annotated[str, typer.Argument(help="An .npz, a folder with pickles, or glyphs or digits.")],
    dataset: Annotated[str | None, typer.Option(help="What it should be: fc100, mini-imagenet or cifar-fs.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the glyphs.")] = 0,
    allow_smaller: Annotated[bool, typer.Option("--allow-smaller", help="Take other split sizes.")] = False,
) -> None:
    """Read a data set, check its splits, and print checksums and sizes."""
    from anil_theory.neural.data.command import check

    check(source, dataset, seed=seed, allow_smaller=allow_smaller, console=Console())
