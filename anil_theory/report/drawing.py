"""What `anil-theory figures` does: pictures of the gallery from records, with captions; or what is missing for them."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from anil_theory._admissible import one_of
from anil_theory.report.files import save_figure, write_report
from anil_theory.report.gallery import FIGURES, PaperFigure, drawn, records_for
from anil_theory.report.kept_records import keep_records
from anil_theory.study.ending import Ending

FORMATS = ("png", "pdf")
"""What each figure is saved as: pixels for pages, vectors for a paper."""

CAPTIONS = "captions.md"


def draw_figures(
    names: Sequence[str], *, records: Path, out: Path, console: Console, keep: Path | None = None
) -> tuple[int, dict[str, Any]]:
    """Draw figures of the gallery into a folder; returns the exit status and the report.

    names     of the figures; empty: all;
    records   the folder of the results of commands;
    out       the folder of the pictures; it is made where there is none;
    keep      a folder for short copies of the records that were drawn.

    A figure that cannot be drawn costs itself: standard error says what to run for it, the others are drawn, and the
    status is 3. Raises InvalidParameter for a name that no figure has, before anything is drawn.
    """
    chosen = [FIGURES[one_of("figure", name, tuple(FIGURES))] for name in names] or list(FIGURES.values())
    ending = Ending()
    out.mkdir(parents=True, exist_ok=True)
    captions: dict[str, str] = {}
    written: list[Path] = []
    for figure in chosen:
        paths = ending.attempt("", partial(_draw_one, figure, records=records, out=out, keep=keep, captions=captions))
        written += paths or []
        for path in paths or []:
            console.print(str(path), highlight=False, markup=False, soft_wrap=True)
    if captions:
        page = captions_page(_in_order({**_kept_captions(out / CAPTIONS), **captions}))
        written += ending.write(out / CAPTIONS, partial(write_report, page, out / CAPTIONS))
    drawn_names = list(captions)
    missing = [figure.name for figure in chosen if figure.name not in captions]
    report = {"drawn": drawn_names, "missing": missing, "files": [str(path) for path in written]}
    return ending.status(), report


def _draw_one(
    figure: PaperFigure, *, records: Path, out: Path, keep: Path | None, captions: dict[str, str]
) -> list[Path]:
    """Save one figure in every format and note its caption; returns the files."""
    sources = records_for(figure, records)
    picture = drawn(figure, sources)
    paths = [out / f"{figure.name}.{suffix}" for suffix in FORMATS]
    for path in paths:
        save_figure(picture, path)
    if keep is not None:
        for source, members in sources.items():
            keep_records(source, list(members), keep)
    captions[figure.name] = figure.caption(sources)
    return paths


def captions_page(captions: Mapping[str, str]) -> str:
    """The captions as a page of Markdown, each below its picture."""
    lines = ["# Figures and their captions", ""]
    for name, caption in captions.items():
        lines += [f"## {name}", "", f"![{name}]({name}.png)", "", caption, ""]
    return "\n".join(lines)


def _kept_captions(page: Path) -> dict[str, str]:
    """The captions that an earlier run has left beside its pictures, by the names of their figures."""
    if not page.is_file():
        return {}
    sections = page.read_text(encoding="utf-8", errors="replace").split("\n## ")[1:]
    parts = [section.strip().split("\n\n", 2) for section in sections]
    return {name: caption for name, _, caption in (part for part in parts if len(part) == 3) if name in FIGURES}


def _in_order(captions: Mapping[str, str]) -> dict[str, str]:
    """The captions in the order of the figures."""
    return {name: captions[name] for name in FIGURES if name in captions}
