"""Runs that share a folder keep their own reports; the same run again replaces its own, and notes say what was run."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from anil_theory import load_results
from anil_theory.cli import app
from anil_theory.study.run_note import FOLDER, RunNote, notes_in

KEYS = st.lists(st.text("0123456789abcdef", min_size=16, max_size=16), max_size=5)


def verify_small_grid(out: Path, N: str) -> None:
    arguments = ["verify", "table2", "--family", "separable", "--mu", "0.2", "--geometry", "strongly-convex"]
    result = CliRunner().invoke(app, [*arguments, "--inner-steps", N, "--out", str(out)])
    assert result.exit_code == 0, result.output


def test_two_grids_in_one_folder_keep_their_reports(tmp_path: Path) -> None:
    verify_small_grid(tmp_path, "1")
    first = (tmp_path / "report.md").read_text()
    verify_small_grid(tmp_path, "2")
    reports = sorted(path.name for path in tmp_path.glob("report*.md"))
    assert len(reports) == 2 and (tmp_path / "report.md").read_text() == first
    verify_small_grid(tmp_path, "2")
    assert sorted(path.name for path in tmp_path.glob("report*.md")) == reports, "the same grid has the same name"
    assert len(notes_in(tmp_path)) == 2 == len(load_results(tmp_path).notes)
    assert len(load_results(tmp_path).rows()) == 24


@given(KEYS, KEYS)
def test_the_name_follows_from_the_cells_and_their_order_does_not_matter(one: list[str], other: list[str]) -> None:
    nowhere = Path("/nowhere")
    name = RunNote.of(nowhere, "verify", one).name
    assert name == RunNote.of(nowhere, "verify", reversed(one)).name
    assert name != RunNote.of(nowhere, "rates", one).name
    assert (name == RunNote.of(nowhere, "verify", other).name) == (sorted(one) == sorted(other))


def test_a_damaged_note_is_passed_over(tmp_path: Path) -> None:
    note = RunNote.of(tmp_path, "verify", ["a" * 16])
    note.write(tmp_path, [tmp_path / "report.md", Path("elsewhere/proof.txt")])
    (kept,) = notes_in(tmp_path)
    assert kept.files == ["report.md"] and kept.study == "verify" and kept.suffix == ""
    other = RunNote.of(tmp_path, "verify", ["b" * 16])
    assert other.suffix == f"-{other.name[:8]}"
    for content in ("", "[]", '{"name": 1}', "{"):
        (tmp_path / FOLDER / f"{note.name}.json").write_text(content)
        assert notes_in(tmp_path) == []
