"""Rows of `verify` are judged by the worst instance known: their power, and bounds that are broken on purpose."""

import json
import math
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anil_theory import Constants, Schedule
from anil_theory.checks import Row
from anil_theory.cli import app
from anil_theory.estimators import BLOCKS, Budget
from anil_theory.record import RecordStore
from anil_theory.report import all_rows
from anil_theory.studies.verify.cells import Cell, Regime, check_cell
from anil_theory.study import EXIT_NOT_SHOWN

FEW = Budget(pairs=4, points=2, lanczos_steps=2, starts=1, iterations=4)
SETTINGS = {
    "prop2": (Constants(0.2, 1.0, 1.0, 0.5, 1.0), Regime.STRONGLY_CONVEX),
    "prop3": (Constants(None, 1.0, 1.0, 0.5, 1.0), Regime.SCALED),
}
SMALL = ["--n-w", "1", "--n-phi", "1", "--tasks", "2"]


@cache
def cell(statement: str, N: int) -> Cell:
    constants, regime = SETTINGS[statement]
    schedule = Schedule.paper(constants, N)
    return Cell("blocks", statement, constants, schedule, regime, 2, 2, tasks=2, max_inner_steps=10, budget=FEW)


@cache
def rows(statement: str, N: int) -> dict[str, Row]:
    return {row.block: row for row in check_cell(cell(statement, N))}


@pytest.mark.parametrize("statement", SETTINGS)
def test_every_block_has_power_and_keeps_what_its_own_tasks_reach(statement: str) -> None:
    for row in rows(statement, 10).values():
        assert row.outcome == "CONSISTENT" and row.powered == "sharp" and 0.98 < row.power < 1
        assert row.method == "realised losses" and row.sampled < 0.9 * row.measured
        methods = [estimate["method"] for estimate in row.estimates]
        assert methods == ["pairs", "points", "ascent", "realised losses", "worst task, seed 0", "worst task, seed 1"]
        assert row.sampled == max(e["value"] for e in row.estimates[:3])
        assert "amplitude" in row.estimates[-1]["losses"] and row.estimates[3]["losses"]["block"] == row.block
        powers = {verdict["claim"].split("/")[-1]: verdict["power"] for verdict in row.verdicts}
        assert powers["sharp"] == row.power >= powers["refined"] >= powers["explicit"] and math.isnan(powers["order"])


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("statement", SETTINGS)
def test_halving_any_block_in_any_geometry_is_refuted_with_a_replay(statement: str, block: str) -> None:
    for row in check_cell(cell(statement, 5), broken=block):
        assert row.outcome == ("REFUTED" if row.block == block else "CONSISTENT")
        if row.block == block:
            refuted = [v for v in row.verdicts if v["outcome"] == "REFUTED"]
            assert {"sharp", "refined"} <= {v["claim"].split("/")[-1] for v in refuted}
            assert all("ball arithmetic" in v["replayed"] for v in refuted)


def run(*arguments: str, out: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["verify", *arguments, "--out", str(out)], catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.slow
def test_a_block_that_sampled_tasks_hardly_reach_is_broken_and_refuted(tmp_path: Path) -> None:
    code, text = run("prop2", "--break", "wphi", "--mu", "0.2", "--inner-steps", "5", "10", *SMALL, out=tmp_path)
    assert code == 1 and "2 of 2 rows with a halved bound are refuted" in text


@pytest.mark.parametrize("geometry", ["strongly-convex", "nonconvex"])
def test_the_range_of_curvature_is_broken_by_its_name(geometry: str, tmp_path: Path) -> None:
    setting = ["--geometry", geometry, "--mu", "0.3", "--inner-steps", "1"]
    code, text = run("assumptions", "--break", "L - mu", *setting, out=tmp_path)
    assert code == 1 and "1 of 1 rows with a halved bound are refuted" in text, text
    found = all_rows(RecordStore(tmp_path / "records"))
    assert {row["block"] for row in found if row["outcome"] == "REFUTED"} == {"L - mu"}
    assert {row["block"] for row in found} == {"L - mu", "L", "rho", "tau", "M"}


def test_a_break_that_nothing_refutes_has_a_status_of_its_own(tmp_path: Path) -> None:
    """The identity has no block of that name, so nothing was broken: that must not look like a clean run."""
    code, text = run("prop1", "--break", "phiphi", "--mu", "0.3", "--inner-steps", "1", *SMALL, out=tmp_path)
    assert code == EXIT_NOT_SHOWN == 4
    assert "nothing refuted the halved bounds of phiphi" in text and "0 of 0 rows" in text


@pytest.mark.slow
def test_bounds_far_below_rounding_are_judged_and_drawn(tmp_path: Path) -> None:
    """q^N is 1e-22 at mu/L = 0.9, N = 30: noise of the pair quotient is neither evidence nor on the figure."""
    code, text = run("prop2", "--mu", "0.9", "--inner-steps", "1", "30", *SMALL, out=tmp_path)
    assert code == 0 and "prop2 would notice, in every row, sharp bounds x0.99" in text
    found = all_rows(RecordStore(tmp_path / "records"))
    assert {row["outcome"] for row in found} == {"CONSISTENT"}
    assert all(0.98 < row["tightness"] <= 1 + 1e-9 and row["power"] > 0.98 for row in found)
    assert (tmp_path / "tightness.png").stat().st_size > 0
    report = (tmp_path / "report.md").read_text()
    assert "| notices |" in report and "| x0.99" in report


@pytest.mark.slow
def test_the_json_says_the_power(tmp_path: Path) -> None:
    arguments = ["prop3", "--geometry", "nonconvex", "--inner-steps", "2", *SMALL, "--json", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, ["verify", *arguments])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert len(report["rows"]) == 10 and all(
        row["power"] > 0.98 and row["powered"] == "sharp" for row in report["rows"]
    )
