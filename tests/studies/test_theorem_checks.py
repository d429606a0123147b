"""Theorems and tables through the checker: confirmed with their constants, refuted when halved or miscounted."""

import math
from dataclasses import replace

import pytest

from anil_theory import Constants, Schedule
from anil_theory.algorithm.oracle_count import OracleCounts
from anil_theory.checks import check_by, oracle_counts
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.rates import step_sizes
from anil_theory.studies.verify.cells import Cell, Regime, check_cell

CONSTANTS = {"thm1": Constants(0.3, 1.0, 1.0, 0.5, 1.0), "thm2": Constants(None, 1.0, 1.0, 0.5, 1.0)}


def rate_cell(statement: str, **changes: float) -> Cell:
    constants = CONSTANTS[statement]
    schedule = replace(Schedule.paper(constants, 2), batch=4, outer_steps=60)
    schedule = replace(step_sizes(constants, schedule, constants.geometry, Kind.EXPLICIT), **changes)
    return Cell("rate", statement, constants, schedule, Regime.SCALED, 2, 2, 4, seeds=8, max_inner_steps=2)


@pytest.mark.parametrize("statement", ["thm1", "thm2"])
def test_a_run_confirms_its_theorem_in_every_row(statement: str) -> None:
    rows = {row.block: row for row in check_cell(rate_cell(statement))}
    assert set(rows) == {"weighted", "w", "phi"}
    for row in rows.values():
        assert row.outcome == "CONFIRMED", row.reason
        assert 0 < row.tightness < 1 and row.direction == "mean"
        assert set(row.bounds) >= {"explicit", "refined"} and row.bounds["refined"] <= row.bounds["explicit"]


def test_a_bound_divided_by_its_slack_is_refuted() -> None:
    """The gap D0 drives the bound; a gap far below the real one, at little noise, is a false statement."""
    cell = rate_cell("thm1", batch=2000, outer_steps=3)
    problem = replace(cell.problem, facts={"D0": 0.0})
    rows = check_by(STATEMENTS["thm1"], cell.by, problem, cell.schedule, effort=cell.effort)
    assert {row.outcome for row in rows} == {"REFUTED"}, [(row.block, row.measured, row.bounds) for row in rows]


def test_a_step_beyond_its_limit_is_not_applicable_with_the_amount() -> None:
    rows = check_cell(rate_cell("thm1", beta_w=50.0))
    assert {row.outcome for row in rows} == {"NOT_APPLICABLE"}
    assert all("beta_w <= 1/Lam_w" in row.reason and "fails by" in row.reason for row in rows)


def test_a_diverging_run_is_a_status_with_its_step() -> None:
    rows = check_cell(rate_cell("thm2", beta_w=1e12, beta_phi=1e12))
    for row in rows:
        assert row.outcome == "NOT_APPLICABLE" and math.isnan(row.measured)
        assert "diverged" in row.reason and "first at step" in row.reason


@pytest.mark.slow
def test_table_1_puts_measured_terms_below_their_bounds() -> None:
    constants = CONSTANTS["thm1"]
    cell = Cell("terms", "table1", constants, Schedule.paper(constants, 2), Regime.STRONGLY_CONVEX, max_inner_steps=2)
    rows = check_cell(cell)
    assert {row.block for row in rows} == {"w_decay", "w_noise", "phi_decay", "phi_noise"}
    assert all(row.outcome == "CONSISTENT" and row.measured > 0 for row in rows)


def test_table_2_counts_agree_exactly_and_a_miscount_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = CONSTANTS["thm1"]
    schedule = replace(Schedule.paper(constants, 3), batch=2)
    cell = Cell("count", "table2", constants, schedule, Regime.STRONGLY_CONVEX, 3, 2, max_inner_steps=3)
    rows = check_cell(cell)
    assert len(rows) == 12 and {row.outcome for row in rows} == {"CONFIRMED"}
    assert any("counted 8, formula 8" in row.reason for row in rows)
    monkeypatch.setattr(oracle_counts, "count_outer_step", lambda *args: OracleCounts(9, 2, 6, 6))
    wrong = {row.block: row.outcome for row in check_cell(cell)}
    assert wrong["anil_gradient_w"] == "REFUTED" and wrong["anil_hessian_w"] == "CONFIRMED"
