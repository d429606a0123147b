"""ending.py: one line for each failure, the exit status, and what a failure costs."""

import errno
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from anil_theory import InvalidParameter
from anil_theory.record import UnreadableRecord
from anil_theory.study import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_MISUSE, EXIT_REFUTED, Ending, RunSummary, described


def test_the_statuses_are_those_of_the_table() -> None:
    assert (EXIT_REFUTED, EXIT_MISUSE, EXIT_FAILED, EXIT_INTERRUPTED) == (1, 2, 3, 130)
    clean, failed, misused = Ending(), Ending(), Ending()
    failed.fail(ArithmeticError("x"))
    misused.fail(InvalidParameter("mu", "> 0", 0))
    assert [each.status() for each in (clean, failed, misused)] == [0, 3, 2]
    for each in (clean, failed, misused):
        assert each.status(refuted=True) == 1 and each.status(interrupted=True, refuted=True) == 130


def test_what_fails_costs_its_own_product(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def full() -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", "x.png")

    ending = Ending()
    plots = {tmp_path / "a.png": full, tmp_path / "b.png": Figure, tmp_path / "c.png": lambda: None}
    assert ending.draw(plots) == [tmp_path / "b.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert ending.write(tmp_path / "report.md", full) == [] and ending.write(tmp_path / "d", lambda: None) != []
    assert ending.attempt("nothing", lambda: 7) == 7 and ending.status() == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all("No space left on device" in line and "error:" in line for line in lines)
    assert "a.png was not drawn" in lines[0] and "report.md was not written" in lines[1]


def test_a_figure_that_cannot_be_saved_costs_the_figure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ending = Ending()
    here, nowhere = tmp_path / "a.png", tmp_path / "no folder" / "b.png"
    assert ending.draw({nowhere: Figure, tmp_path / "c.tiff9": Figure, here: Figure}) == [here]
    first, second = capsys.readouterr().err.splitlines()
    assert "b.png was not drawn" in first and "No such file" in first
    assert "c.tiff9 was not drawn" in second and "tiff9" in second
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InvalidParameter("mu", "> 0", 0), "mu must be > 0; got 0"),
        (UnreadableRecord(Path("a.json"), "why\nnot"), "a.json is not a readable record (why not); delete it"),
        (OSError(errno.ENOSPC, "No space left on device", "a"), "a: No space left on device"),
        (OSError("plain"), "plain"),
        (MemoryError(), "the memory does not suffice"),
        (KeyError("x"), "KeyError: 'x'"),
        (UnicodeEncodeError("ascii", "\u2026", 0, 1, "why"), "UnicodeEncodeError: 'ascii' codec can't encode"),
    ],
)
def test_every_error_is_described_in_one_line(error: Exception, text: str) -> None:
    assert described(error).startswith(text) and "\n" not in described(error)


def test_an_unexpected_error_names_the_line_of_the_package_that_it_came_from() -> None:
    from anil_theory.record import Record

    with pytest.raises(TypeError) as caught:
        Record(**{"unknown": 1})  # pyright: ignore[reportArgumentType]
    assert "in anil_theory" not in described(caught.value), "the call is not from within the package"
    with pytest.raises(ValueError) as caught:
        Record.from_json("{}")
    assert "in anil_theory/record.py, line " in described(caught.value)


def test_markup_in_a_message_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    Ending().fail(ValueError("anil_theory[digits] [red]"))
    assert "anil_theory[digits] [red]" in capsys.readouterr().err


def test_the_end_of_a_run_says_what_is_there_and_what_ended_it(capsys: pytest.CaptureFixture[str]) -> None:
    summary = RunSummary(total=5, reused=1, failure=OSError(errno.ENOSPC, "No space left"), failed="cell 3")
    assert Ending().close(Console(width=60), summary, noun="curves", written=[Path("plot.png")]) == 3
    out, err = capsys.readouterr()
    assert "0 of 5 curves, 1 from an earlier run; plot.png" in out
    assert "error: cell 3: No space left" in err.splitlines()[0] and "stopped" in err
    summary = RunSummary(total=5, interrupted=True)
    assert Ending().close(Console(), summary) == 130 and "interrupted" in capsys.readouterr().err
