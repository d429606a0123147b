"""The command line: exit statuses, messages for bad input, lists of values, Ctrl-C."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anil_theory.cli import app
from anil_theory.record import RecordStore

SMALL = ["--mu", "0.3", "--inner-steps", "1", "2", "--n-w", "1", "--n-phi", "1", "--tasks", "2"]
"""A grid of two values of N that compiles once for all tests of this module."""


def run(*arguments: str, out: Path) -> tuple[int, str]:
    """Exit status and everything printed, without the line breaks that depend on the width of the terminal."""
    result = CliRunner().invoke(app, ["verify", *arguments, "--out", str(out)], catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


def test_a_clean_run_exits_0_and_writes_records_report_and_plots(tmp_path: Path) -> None:
    code, text = run("prop2", *SMALL, out=tmp_path)
    assert code == 0, text
    assert "CONSISTENT" in text and "REFUTED" not in text
    for name in ("report.md", "blocks.png", "tightness.png"):
        assert (tmp_path / name).stat().st_size > 0
    assert len(RecordStore(tmp_path / "records")) == 4  # two values of N, sampled and extremal
    report = (tmp_path / "report.md").read_text()
    assert "extremal" in report and "1.000000" in report


def test_a_halved_bound_is_refuted_with_suspects_and_a_replay(tmp_path: Path) -> None:
    code, text = run("prop2", *SMALL, "--break", "ww", out=tmp_path)
    assert code == 1, text
    assert "REFUTED" in text and "suspects: the statement itself" in text and "in ball arithmetic" in text
    rows = [row for record in RecordStore(tmp_path / "records") for row in record.verdicts]
    assert {row["block"] for row in rows if row["outcome"] == "REFUTED"} == {"ww"}
    attained = [row for row in rows if row["check"] == "attained"]
    assert len(attained) == 2 and all(abs(row["tightness"] - 2) < 1e-6 for row in attained)
    broken_keys = set(RecordStore(tmp_path / "records").keys())
    run("prop2", *SMALL, out=tmp_path)
    assert broken_keys.isdisjoint(set(RecordStore(tmp_path / "records").keys()) - broken_keys)
    assert len(RecordStore(tmp_path / "records")) == 2 * len(broken_keys), "a broken run must not replace a clean one"


def test_json_is_strict_and_complete(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["verify", "prop2", *SMALL, "--json", "--out", str(tmp_path)])
    assert result.exit_code == 0
    report = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert report["outcomes"]["REFUTED"] == 0
    assert {row["block"] for row in report["rows"]} == {"ww", "wphi", "phiw", "phiphi"}


def test_alpha_beyond_its_limit_is_not_applicable_with_the_amount(tmp_path: Path) -> None:
    code, text = run("prop2", *SMALL, "--alpha", "3", out=tmp_path)
    assert code == 0
    assert "NOT_APPLICABLE" in text and "alpha <= 1/L: fails by 2" in text


def test_resume_takes_finished_cells_and_gives_the_same_rows(tmp_path: Path) -> None:
    first = run("prop2", *SMALL, out=tmp_path)[1]
    second = run("prop2", *SMALL, "--resume", out=tmp_path)[1]
    assert "4 of 4 cells, 4 from an earlier run" in second
    assert first.split("rows:")[0] == second.split("rows:")[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mu", "-0.1"], ["mu", "> 0", "-0.1"]),
        (["--mu", "2", "--L", "1"], ["mu", "(0, L]", "2"]),
        (["--mu", "nan"], ["mu", "finite", "nan"]),
        (["--L", "inf"], ["L", "finite", "inf"]),
        (["--rho", "-1"], ["rho", ">= 0", "-1"]),
        (["--M", "0"], ["M", "> 0", "0"]),
        (["--rho", "0", "--tau", "1"], ["tau", "rho = 0", "1"]),
        (["--inner-steps", "0"], ["inner_steps", ">= 1", "0"]),
        (["--alpha", "0"], ["alpha", "> 0", "0"]),
        (["--c", "-1"], ["c", "> 0", "-1"]),
        (["--tasks", "0"], ["tasks", ">= 1", "0"]),
        (["--n-w", "0"], ["n_w", ">= 1", "0"]),
        (["--n-w", "1", "2", "--n-phi", "1", "2", "3"], ["n_phi", "as many as n_w", "3"]),
        (["--query", "cosine"], ["query", "sine", "cosine"]),
        (["--break", "xx"], ["break", "ww", "'L - mu'", "w_noise", "xx"]),
        (["--break", "mu"], ["break", "one of", "'L - mu'"]),
        (["--rows", "none"], ["rows", "tightest", "none"]),
        (["--seed", "-1"], ["seed", ">= 0", "-1"]),
        (["prop9"], ["statement", "prop1", "prop9"]),
        (["prop2", "--geometry", "nonconvex"], ["the grid has no cell"]),
    ],
)
def test_misuse_exits_2_and_names_parameter_allowed_and_given(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    code, text = run(*arguments, out=tmp_path)
    assert code == 2, text
    assert all(word in text for word in words), text
    assert "Traceback" not in text


def test_an_unwritable_folder_is_misuse_before_any_work(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    code, text = run("prop2", *SMALL, out=file / "below")
    assert code == 2
    assert "out must be a folder that can be written" in text


def test_ctrl_c_keeps_the_finished_records_and_exits_130(tmp_path: Path) -> None:
    many = [str(n) for n in range(1, 200)]
    # A job that a shell runs in the background inherits SIGINT ignored; a user's does not.
    start = "import signal, anil_theory.cli as c; signal.signal(signal.SIGINT, signal.default_int_handler); c.main()"
    command = [sys.executable, "-c", start, "verify", "prop1", "--inner-steps", *many, "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    records = tmp_path / "records"
    deadline = time.monotonic() + 120
    while len(list(records.glob("*.json"))) < 3:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 130, text
    assert "interrupted" in text and "Traceback" not in text
    kept = list(RecordStore(records))  # each one is whole
    assert 3 <= len(kept) < 2 * len(many)
