"""`anil-theory constants`: certified constants beside those on paper, verdicts, records, misuse."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anil_theory.cli import app
from anil_theory.record import RecordStore
from anil_theory.report.rows import number


def run(*arguments: str, out: Path) -> Any:
    return CliRunner().invoke(app, ["constants", *arguments, "--out", str(out)], catch_exceptions=False)


def test_what_a_family_declares_is_enclosed_and_confirmed(tmp_path: Path) -> None:
    result = run("linear-body", "--seconds", "60", "--gap", "0.2", "--json", out=tmp_path)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    rows = {row["name"]: row for row in report["constants"]["linear-body"]}
    assert list(rows) == ["M", "L", "mu", "rho", "tau"]
    mu = rows.pop("mu")
    assert mu["upper"] <= mu["analytic"] == 0.1 and mu["outcome"] is None
    for row in rows.values():
        assert row["status"] == "CLOSED" and 0 < row["lower"] <= row["upper"] * (1 + 1e-12) <= row["analytic"] * 1.001
        assert row["outcome"] == "CONFIRMED" and "radius 1" in row["region"]
    (record,) = RecordStore(tmp_path / "records")
    assert record.cell["family"] == "linear-body" and len(record.verdicts) == 5
    words = " ".join(result.stderr.split())
    # What was found is an audit's, whose rounding is counted; what is certified needs none.
    for row in (mu, *rows.values()):
        assert row["rounding_kind"].startswith("heuristic") and f"{number(row['lower'])}~" in words
    assert "~ 5 of 5 constants found (M, L, mu, rho, tau): the rounding of the estimate is a heuristic" in words
    assert words.count("CONFIRMED") == 4 and "linear-body, n = 1 + 1, the ball of radius 1" in words


def test_a_used_up_budget_says_so(tmp_path: Path) -> None:
    """One batch of boxes for each constant: nothing closes, and every enclosure still holds."""
    result = run("linear-body", "--seconds", "1e-3", "--gap", "1e-6", "--json", out=tmp_path)
    (record,) = RecordStore(tmp_path / "records")
    rows = record.verdicts
    assert len(rows) == len(json.loads(result.stdout)["constants"]["linear-body"]) == 5
    assert result.exit_code == 0 and "INCONCLUSIVE" in {row["status"] for row in rows}
    for row in rows:
        low, high = (row["upper"], row["lower"]) if row["name"] == "mu" else (row["lower"], row["upper"])
        assert low <= high * (1 + 1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cube"], "family must be one of"),
        (["--radius", "0"], "radius"),
        (["--radius", "inf"], "radius"),
        (["--gap", "2"], "gap"),
        (["--seconds", "0"], "seconds"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_misuse_exits_2_and_names_the_parameter(tmp_path: Path, arguments: list[str], words: str) -> None:
    result = run(*arguments, out=tmp_path)
    assert result.exit_code == 2 and words in " ".join(result.output.split())
