"""The committed pictures are what their code draws of the committed records; what is missing is named."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text
from PIL import Image
from typer.testing import CliRunner

from anil_theory.cli import app
from anil_theory.record import RecordStore
from anil_theory.report import save_figure
from anil_theory.report.drawing import captions_page
from anil_theory.report.gallery import COMMANDS, FIGURES, drawn, records_for
from anil_theory.report.house_style import DOUBLE, DPI, LETTERS, SINGLE

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "paper_figures"
RECORDS = ROOT / "docs" / "records"

TOLERANCE = 0.5
"""Root mean square difference of pixels, of 255. The same versions make none; a tenth on one curve of one panel of the
largest figure makes more, which a test shows."""


def drawn_by(name: str) -> str:
    """The version of Matplotlib that drew a committed picture, as the file says."""
    with Image.open(PICTURES / f"{name}.png") as picture:
        return re.findall(r"version([0-9.]+)", picture.info["Software"])[0]


each = pytest.mark.parametrize("name", FIGURES)


def figure_of(name: str):
    return drawn(FIGURES[name], records_for(FIGURES[name], RECORDS))


@each
def test_a_committed_picture_is_what_its_code_draws_now(name: str, tmp_path: Path) -> None:
    """And in the size of a column or a page, with letters of eight points."""
    figure = figure_of(name)
    assert figure.get_figwidth() in (SINGLE, DOUBLE)
    sizes = {text.get_fontsize() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()}
    assert sizes == {LETTERS}
    now = tmp_path / f"{name}.png"
    save_figure(figure, now)
    if matplotlib.__version__ != drawn_by(name):
        # Its letters have other widths, and the panels give way to them.
        pytest.skip(f"Matplotlib {drawn_by(name)} drew the committed picture, and this is {matplotlib.__version__}")
    assert compare_images(str(PICTURES / now.name), str(now), tol=TOLERANCE) is None


def test_the_committed_pictures_are_of_the_version_that_is_pinned() -> None:
    """Else the comparison above would be skipped where it is to hold."""
    pinned = re.findall(r"^matplotlib==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M)
    assert {drawn_by(name) for name in FIGURES} == set(pinned)


def test_the_folder_holds_every_figure_twice_and_nothing_else() -> None:
    expected = {f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf")} | {"captions.md", "draw.py"}
    assert {path.name for path in PICTURES.iterdir() if path.is_file()} == expected
    for name in FIGURES:
        assert (PICTURES / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert imread(PICTURES / f"{name}.png").shape[1] in (round(SINGLE * DPI), round(DOUBLE * DPI))


def test_the_committed_captions_are_those_of_the_records() -> None:
    captions = {name: figure.caption(records_for(figure, RECORDS)) for name, figure in FIGURES.items()}
    assert (PICTURES / "captions.md").read_text(encoding="utf-8") == captions_page(captions)
    assert "ww at N = 59" in captions["block_constants"] and "wphi at N = 146" in captions["block_constants"]


def test_a_picture_of_other_numbers_is_found_out(tmp_path: Path) -> None:
    """One curve of the twelve panels is a tenth too high."""
    figure = figure_of("block_constants")
    line = next(line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 10)  # pyright: ignore[reportArgumentType]
    line.set_ydata(1.1 * np.asarray(line.get_ydata(), float))
    other = tmp_path / "block_constants.png"
    save_figure(figure, other)
    assert compare_images(str(PICTURES / other.name), str(other), tol=TOLERANCE) is not None


def test_committed_records_are_read_and_small_and_name_no_folder() -> None:
    used = {source for figure in FIGURES.values() for source in figure.sources}
    assert used == COMMANDS.keys()
    for source in used:
        records = list(RecordStore(RECORDS / source))
        assert records, source
        for record in records:
            text = record.to_json()
            assert len(text) < 60_000, (source, record.key)
            assert not re.search(r'"[^"]*(/home|/root|/tmp|/work)[/"]', text), (source, record.key)


def run_figures(*arguments: str):
    return CliRunner().invoke(app, ["figures", *arguments])


def test_the_command_draws_and_keeps_what_it_has_read(tmp_path: Path) -> None:
    asked = ["saturation", "--records", str(RECORDS), "--out", str(tmp_path / "out"), "--keep", str(tmp_path / "kept")]
    done = run_figures(*asked, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["drawn"] == ["saturation"] and report["missing"] == []
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"saturation.png", "saturation.pdf", "captions.md"}
    kept = RecordStore(tmp_path / "kept" / "saturation")
    assert {record.digest for record in kept} == {record.digest for record in RecordStore(RECORDS / "saturation")}


@each
def test_a_missing_record_is_named_with_its_command(name: str, tmp_path: Path) -> None:
    done = run_figures(name, "--records", str(tmp_path / "none"), "--out", str(tmp_path / "out"))
    assert done.exit_code == 3
    words = " ".join(done.output.split())
    assert f"error: {name}: no records in" in words
    for source in FIGURES[name].sources:
        assert f"{COMMANDS[source]}" in words
    assert not list((tmp_path / "out").glob("*.p*")) and not (tmp_path / "none").exists()


def test_records_that_hold_nothing_to_draw_are_named_too(tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "rates" / "records")
    for record in RecordStore(RECORDS / "rates"):
        if record.measurements["study"] == "floor":
            store.put(record)
    done = run_figures("floor", "cost_to_accuracy", "--records", str(tmp_path), "--out", str(tmp_path / "out"))
    assert done.exit_code == 3
    assert "cost_to_accuracy: its records hold nothing to draw; run anil-theory rates" in " ".join(done.output.split())
    assert (tmp_path / "out" / "floor.png").is_file() and not (tmp_path / "out" / "cost_to_accuracy.png").exists()


def test_a_name_that_no_figure_has_is_misuse(tmp_path: Path) -> None:
    done = run_figures("figure3", "--out", str(tmp_path / "out"))
    assert done.exit_code == 2 and "figure must be one of" in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_the_script_beside_the_pictures_draws_from_the_committed_records(tmp_path: Path) -> None:
    """In a copy of the folder, with the records where the script looks for them."""
    (tmp_path / "paper_figures").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "records").symlink_to(RECORDS)
    script = tmp_path / "paper_figures" / "draw.py"
    script.write_text((PICTURES / "draw.py").read_text(encoding="utf-8"), encoding="utf-8")
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script), "anil_against_maml"], env=surroundings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "paper_figures" / "anil_against_maml.png").is_file()


def test_drawing_one_figure_keeps_the_captions_of_the_others(tmp_path: Path) -> None:
    for name in ("saturation", "floor", "saturation"):
        assert run_figures(name, "--records", str(RECORDS), "--out", str(tmp_path)).exit_code == 0
    captions = {name: FIGURES[name].caption(records_for(FIGURES[name], RECORDS)) for name in ("floor", "saturation")}
    assert (tmp_path / "captions.md").read_text(encoding="utf-8") == captions_page(captions)
