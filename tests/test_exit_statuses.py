"""What a command does when something goes wrong: one line, what is finished kept, and a status that says which kind."""

import errno
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from anil_theory import _console, provenance
from anil_theory._admissible import InvalidParameter
from anil_theory._atomic import write_atomically
from anil_theory.checks import Row
from anil_theory.cli import app, commands
from anil_theory.neural.data import command as data_command
from anil_theory.record import RecordStore
from anil_theory.report import drawing as drawing_report
from anil_theory.report import terminal
from anil_theory.studies.rates import study as rates_study
from anil_theory.studies.verify import cells as verify_cells
from anil_theory.studies.verify import study as verify_study
from anil_theory.studies.verify.cells import Cell

ROOT = Path(__file__).parents[1]
# Its package has an attribute of the same name, the application.
app_module = importlib.import_module("anil_theory.cli._app")
GRID = ["verify", "prop2", "--mu", "0.3", "--inner-steps", "1", "2", "--n-w", "1", "--n-phi", "1"]
"""Four cells: two values of N, sampled and extremal."""


def row(cell: Cell, outcome: str) -> Row:
    settings = (cell.statement, "ww", cell.measurement, cell.geometry.value, cell.regime.value, cell.describe())
    return Row(*settings, 1.889e-05, "ascent", "lower", {"refined": 1.0}, 1e-5, outcome, "", [], [])


@pytest.fixture(autouse=True)
def cheap_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_cells, "check_cell", lambda cell, broken=None, findings=None: [row(cell, "CONSISTENT")])


def run(*arguments: str, out: Path) -> Any:
    return CliRunner().invoke(app, [*arguments, "--out", str(out)], catch_exceptions=False)


def only_line(result: Any) -> str:
    """The one line of the error."""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert "Traceback" not in result.output
    return line


def refute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_cells, "check_cell", lambda cell, broken=None, findings=None: [row(cell, "REFUTED")])


def test_status_1_is_a_refutation_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(*GRID, out=tmp_path).exit_code == 0
    refute(monkeypatch)
    assert run(*GRID, out=tmp_path).exit_code == 1


def test_an_edited_record_is_found_out_and_deleting_it_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refute(monkeypatch)
    assert run(*GRID, out=tmp_path).exit_code == 1
    paths = sorted((tmp_path / "records").glob("*.json"))
    for path in paths:
        path.write_text(path.read_text().replace("REFUTED", "CONFIRMED"))
    result = run(*GRID, "--resume", out=tmp_path)
    assert result.exit_code == 3 and "damaged or edited" in only_line(result) and "CONFIRMED" not in result.stdout
    for path in paths[:-1]:
        path.unlink()
    result = run(*GRID, "--resume", out=tmp_path)
    assert result.exit_code == 3 and paths[-1].name in only_line(result)
    paths[-1].unlink()
    assert run(*GRID, "--resume", out=tmp_path).exit_code == 1


@pytest.mark.parametrize(
    "damage", ['{"$float": "' + "1" * 400 + '"}', "[" * 100_000, "1" * 5000, "1e999", '{"$float": 1}']
)
def test_a_record_with_a_broken_number_is_one_line_and_status_3(tmp_path: Path, damage: str) -> None:
    run(*GRID, out=tmp_path)
    path = min((tmp_path / "records").glob("*.json"))
    text = path.read_text()
    assert '"tightness": 1e-05' in text
    path.write_text(text.replace('"tightness": 1e-05', f'"tightness": {damage}'))
    result = run(*GRID, "--resume", out=tmp_path)
    line = only_line(result)
    assert result.exit_code == 3 and path.name in line and "delete it" in line and len(line) < 2000


def test_a_repaired_checker_is_not_believed_by_old_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sources changed and no commit was made."""
    refute(monkeypatch)
    assert run(*GRID, out=tmp_path).exit_code == 1
    monkeypatch.setattr(verify_cells, "check_cell", lambda cell, broken=None, findings=None: [row(cell, "CONSISTENT")])
    assert run(*GRID, "--resume", out=tmp_path).exit_code == 1, "nothing differs: the records are taken"
    here = provenance._machine()
    monkeypatch.setattr(provenance, "_machine", lambda: here | {"sources": "repaired"})
    result = run(*GRID, "--resume", out=tmp_path)
    assert result.exit_code == 0 and "4 of other sources" in result.stdout and "REFUTED" not in result.stdout


@pytest.mark.parametrize("refuted", [False, True])
def test_a_plot_that_fails_costs_the_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuted: bool) -> None:
    if refuted:
        refute(monkeypatch)

    def fail(rows: Any) -> Any:
        raise ValueError("no such style")

    monkeypatch.setattr(verify_study, "plot_tightness", fail)
    result = run(*GRID, out=tmp_path)
    assert result.exit_code == (1 if refuted else 3) and "tightness.png was not drawn: ValueError" in only_line(result)
    assert "1.889e-05" in result.stdout and (tmp_path / "blocks.png").exists()
    report = (tmp_path / "report.md").read_text()
    assert "blocks.png" in report and "tightness.png" not in report and "1.889e-05" in report


def test_tables_come_before_plots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(terminal, "print_rows", lambda *arguments: order.append("table"))
    monkeypatch.setattr(verify_study, "plot_blocks", lambda rows: order.append("plot"))
    run(*GRID, out=tmp_path)
    assert order == ["table", "plot"]


def test_a_disk_that_is_full_keeps_the_results_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put, kept = RecordStore.put, []

    def full(self: RecordStore, record: Any) -> str:
        if len(kept) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        kept.append(record)
        return put(self, record)

    monkeypatch.setattr(RecordStore, "put", full)
    result = run(*GRID, "--json", out=tmp_path)
    assert result.exit_code == 3 and "No space left on device" in only_line(result)
    assert len(json.loads(result.stdout)["rows"]) >= 2 and len(RecordStore(tmp_path / "records")) == 2
    assert "1.889e-05" in result.stderr, "with --json the table is on standard error"


def test_an_error_in_a_cell_names_the_cell_and_keeps_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(cell: Cell, broken: str | None = None, found: Any = None) -> list[Row]:
        if cell.schedule.inner_steps == 2:
            raise FloatingPointError("overflow")
        return [row(cell, "CONSISTENT")]

    monkeypatch.setattr(verify_cells, "check_cell", failing)
    result = run(*GRID, out=tmp_path)
    assert result.exit_code == 3 and "N=2" in only_line(result) and "FloatingPointError: overflow" in only_line(result)


def test_rates_keeps_finished_curves_when_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trace(cell: Any) -> dict[str, Any]:
        if cell.study == "cost":
            time.sleep(0.2)
            raise FloatingPointError("overflow")
        ended = {"status": "complete", "reason": ""}
        return {"study": cell.study.value, "curves": [], "notes": [f"note of {cell.study.value}"], **ended}

    monkeypatch.setattr(rates_study, "trace", trace)
    result = run("rates", "--quick", out=tmp_path)
    assert result.exit_code == 3 and "cost" in only_line(result) and "note of convergence" in result.stdout
    assert len(RecordStore(tmp_path / "records")) >= 2


SIGNALS = """
import os, signal, sys, time, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from anil_theory.study import Display, Ending, Job, Result, run_jobs
from anil_theory.record import RecordStore
from rich.console import Console
store = RecordStore(sys.argv[1])
def measure(hand):
    (store.folder / "begun").touch()
    time.sleep(float(sys.argv[2]))
    return Result()
summary = run_jobs([Job({"n": n}, measure) for n in range(5)], store)
sys.exit(Ending().close(Console(), summary, store))
"""


def interrupted(folder: Path, seconds: float, presses: int) -> tuple[int, str, float]:
    """Status, output, and how long the process lived after the last Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-c", SIGNALS, str(folder), str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (folder / "begun").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    begun = time.monotonic()
    text, _ = process.communicate(timeout=60)
    return process.returncode, text, time.monotonic() - begun


def test_the_first_ctrl_c_finishes_the_cells_in_hand(tmp_path: Path) -> None:
    status, text, _ = interrupted(tmp_path, 2.0, presses=1)
    assert status == 130 and "stopping after the cells in hand" in text and "interrupted: finished cells" in text
    assert len(RecordStore(tmp_path)) == 1 and "Traceback" not in text


def test_the_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    status, text, seconds = interrupted(tmp_path, 50.0, presses=2)
    assert status == 130 and "Traceback" not in text and len(RecordStore(tmp_path)) == 0
    assert seconds < 25, "it waited for the cell"


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    python = f"{sys.executable} -m anil_theory"
    return subprocess.run(
        ["bash", "-c", command.replace("anil-theory", python)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )


ADVISE = "advise --L 1 --rho 1 --tau 0.5 --M 1 --eps 0.1"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(("arguments", "lines"), [(ADVISE, 2), (f"{ADVISE} --json", 1), ("--help", 1)])
def test_standard_output_on_a_full_disk_is_a_failure(arguments: str, lines: int) -> None:
    done = shell(f"anil-theory {arguments} > /dev/full")
    assert done.returncode == 3 and "No space left on device" in done.stderr and "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if "error:" in line]) == lines, "each is said once"


def test_a_closed_pipe_is_no_refutation() -> None:
    done = shell(f"set -o pipefail; (sleep 0.1; anil-theory {ADVISE}; echo status $? >&2) | true")
    assert "status 3" in done.stderr and "Traceback" not in done.stderr


def test_a_size_beyond_any_memory_is_one_line_and_no_abort(tmp_path: Path) -> None:
    done = shell(f"anil-theory verify prop2 --mu 0.3 --inner-steps 1 --n-w 1000000000 --out {tmp_path}")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and line.startswith("error: n_w must be such that the tasks fit into the ")


@pytest.mark.parametrize("options", ["", "--json"])
def test_a_reader_that_has_gone_costs_what_it_does_not_read(tmp_path: Path, options: str) -> None:
    command = f"anil-theory verify assumptions --mu 0.3 --inner-steps 1 --n-w 1 --n-phi 1 --out {tmp_path} {options}"
    done = shell(f"set -o pipefail; ({command}; echo status $? >&2) | true")
    assert "status 3" in done.stderr and "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert line == "error: standard output was closed by its reader: what was left was not printed"
    assert (tmp_path / "report.md").exists() and len(RecordStore(tmp_path / "records")) > 0


class Refusing(io.StringIO):
    """A standard output that takes nothing."""

    def __init__(self, problem: OSError):
        super().__init__()
        self.problem = problem

    def write(self, text: str) -> int:
        raise self.problem


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("problem", [BrokenPipeError(errno.EPIPE, "x"), OSError(errno.ENOSPC, "No space left")])
def test_a_report_that_cannot_be_written_does_not_hide_a_refutation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: OSError, code: int
) -> None:
    reader_gone = Event()
    monkeypatch.setattr(_console, "READER_GONE", reader_gone)
    monkeypatch.setattr(sys, "stdout", Refusing(problem))
    with pytest.raises(typer.Exit) as ended:
        app_module.finish(code, {}, as_json=True)
    pipe = isinstance(problem, BrokenPipeError)
    # Of a reader that has gone the application tells in the end, once for all commands.
    assert ended.value.exit_code == (code if pipe else code or 3) and reader_gone.is_set() == pipe
    assert ("standard output: No space left" in capsys.readouterr().err) != pipe


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (InvalidParameter("mu", "> 0", -1), 2, "error: mu must be > 0; got -1"),
        (OSError(errno.ENOSPC, "No space left"), 3, "error: No space left"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 3, ""),
        (FloatingPointError("overflow"), 3, "error: FloatingPointError: overflow"),
        (EOFError(), 3, "Aborted"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Exit(1), 1, ""),
        (typer.Exit(4), 4, ""),
    ],
)
def test_every_way_to_end_a_command_has_its_status(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, words: str
) -> None:
    """Whatever the command, and whoever raises: the library that reads the command line ends with 1 of its own."""

    def ending(*arguments: Any, **options: Any) -> None:
        raise error

    for words_of_command in (["advise", *ADVISE.split()[1:]], ["figures"], ["data", "check", "glyphs"]):
        monkeypatch.setattr(commands, "study_of", ending)
        monkeypatch.setattr(drawing_report, "draw_figures", ending)
        monkeypatch.setattr(data_command, "check", ending)
        result = CliRunner().invoke(app, words_of_command, catch_exceptions=False)
        assert result.exit_code == status and words in result.stderr and "Traceback" not in result.output


def test_an_ascii_terminal_gets_an_answer(tmp_path: Path) -> None:
    out = tmp_path / "r\u00e9sultats"
    for arguments in (
        ADVISE,
        "--help",
        "ledger --section 2",
        f"verify assumptions --mu 0.3 --inner-steps 1 --out {out}",
    ):
        done = shell(f"anil-theory {arguments}", PYTHONIOENCODING="ascii", COLUMNS="40")
        assert done.returncode == 0 and done.stdout.isascii(), done.stderr
    assert "r\\xe9sultats" in done.stdout and (out / "report.md").exists()


def test_a_write_that_a_full_disk_refuses_names_its_file(tmp_path: Path) -> None:
    """The system's error of a write has no name, and a reader of the message has many files."""

    def refused(file: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"rows\.csv"):
        write_atomically(tmp_path / "rows.csv", refused)
