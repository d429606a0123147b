"""The commands that read what runs left: report, export, compare. They measure nothing and need no JAX."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from anil_theory._admissible import ConflictingArguments
from anil_theory._console import Console, write_output
from anil_theory._plain import to_plain
from anil_theory.cli._app import AsJson, app, finish
from anil_theory.errors import NoBrowser
from anil_theory.study.ending import EXIT_NOT_SHOWN, EXIT_REFUTED

Folder = Annotated[Path, typer.Argument(help="What --out named: a folder with records, or one with such folders.")]


@app.command()
def report(
    results: Folder,
    out: Annotated[Path | None, typer.Option(help="The file; RESULTS/report.html, if left out.")] = None,
    opened: Annotated[bool, typer.Option("--open", help="Open it in the browser of this machine.")] = False,
) -> None:
    """One HTML page from the records: overview, a section for each statement, a table to filter, bounds to play with.

    The file needs no network and no other file. Exit status: 0 written, 2 no results there, 3 a damaged record, no
    browser for --open, or a failure inside.
    """
    from anil_theory.results import load_results
    from anil_theory.results.page import write_page

    loaded = load_results(results)
    path = loaded.folder / "report.html" if out is None else out
    write_page(loaded, path)
    Console().print(str(path), highlight=False, soft_wrap=True)
    if opened and not webbrowser.open(path.resolve().as_uri()):
        raise NoBrowser(f"no browser was found on this machine: open {path} in one")


@app.command()
def export(
    results: Folder,
    latex: Annotated[bool, typer.Option("--latex", help="Tables 1 and 2 and the verdicts, booktabs.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Every row.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Every row, with types.")] = False,
    statement: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file, for one kind; - is standard output.")] = None,
) -> None:
    """Tables for a paper and for other programs: RESULTS/tables.tex, rows.csv, rows.parquet.

    Exit status: 0 written, 2 misuse, 3 a damaged record or a failure inside.
    """
    from anil_theory.results import load_results
    from anil_theory.results.files import FILES

    asked = {"latex": latex, "csv": csv, "parquet": parquet}
    kinds = [kind for kind, wanted in asked.items() if wanted]
    if not kinds:
        raise ConflictingArguments("--latex", "name at least one of --latex, --csv, --parquet")
    if out is not None and len(kinds) > 1:
        raise ConflictingArguments("--out", "--out names one file: ask for one kind at a time")
    loaded = load_results(results)
    if out == Path("-"):
        if parquet:
            raise ConflictingArguments("--out", "--parquet is binary: name a file")
        write_output(loaded.content(kinds[0], statement).decode())
    else:
        for kind in kinds:
            path = loaded.folder / FILES[kind] if out is None else out
            loaded.write(kind, path, statement)
            Console().print(str(path), highlight=False, soft_wrap=True)


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="The earlier results.", metavar="RESULTS1")],
    after: Annotated[Path, typer.Argument(help="The later results.", metavar="RESULTS2")],
    as_json: AsJson = False,
) -> None:
    """What changed from one run to another: rows added and gone, other verdicts, values moved beyond their rounding.

    Exit status: 0 nothing changed, 1 a row is refuted that was not before, 2 misuse, 3 a failure inside, 4 anything
    else changed.
    """
    from anil_theory.record import encode_floats
    from anil_theory.report.comparison_table import print_comparison
    from anil_theory.results import compare_results, load_results

    comparison = compare_results(load_results(before), load_results(after))
    if not as_json:
        print_comparison(Console(), to_plain(comparison))
    code = EXIT_REFUTED if comparison.refuted else (EXIT_NOT_SHOWN if comparison.differs else 0)
    finish(code, encode_floats(to_plain(comparison)), as_json)
