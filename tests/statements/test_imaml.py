"""Statement F: a task attains its bounds, random tasks keep to them, half is refuted, a small lam is no case of it."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from anil_theory._admissible import InvalidParameter
from anil_theory.checks import Row, check
from anil_theory.cli import app
from anil_theory.constants import Constants
from anil_theory.estimators import Effort
from anil_theory.problem import Problem
from anil_theory.record import RecordStore
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind, MissingFact
from anil_theory.studies.verify.grid import cells_of
from anil_theory.studies.verify.settings import VerifySettings
from anil_theory.tasks import ProximalWitness, SeparableFamily
from anil_theory.testing import conforms_claims

CONVEX = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
OTHER = Constants(0.13, 1.7, 0.6, 2.3, 0.9)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)
FLAT = dataclasses.replace(CONVEX, rho=0.0, tau=0.0)
LONGEST = 5
EFFORT = Effort(max_inner_steps=LONGEST)
ATTAINED = ("slope", "smoothness", "neumann", "steps")


def rows(problem: Problem, at: Schedule, broken: str | None = None) -> dict[str, Row]:
    return {row.block: row for row in check("imaml", problem, at, effort=EFFORT, broken=broken)}


@pytest.mark.parametrize("N", [1, LONGEST])
@pytest.mark.parametrize(
    ("constants", "lam"), [(CONVEX, 0.5), (OTHER, 0.05), (FLAT, 2.0), (NONCONVEX, 2.0), (NONCONVEX, 1.1)]
)
def test_a_task_attains_what_is_called_sharp_and_what_steps_leave(constants: Constants, lam: float, N: int) -> None:
    """Where alpha <= 1/(L + lam); the largest of 128 points is 0.999 or more of each bound."""
    at = Schedule(1 / (constants.L + lam), N, lam=lam)
    found = rows(ProximalWitness(constants).problem(tasks=1), at)
    for block in ATTAINED:
        row = found[block]
        assert row.outcome == "CONSISTENT" and 0.999 < row.power <= 1, (block, row.power, row.reason)
    assert found["smoothness"].tightness > 0.99999
    assert found["distance"].outcome == "CONSISTENT" and found["distance"].power > 0.6


@pytest.mark.parametrize("block", [*ATTAINED, "distance"])
def test_half_a_bound_is_refuted(block: str) -> None:
    at = Schedule(0.3, 2, lam=0.5)
    assert rows(ProximalWitness(CONVEX).problem(tasks=1), at, broken=block)[block].outcome == "REFUTED"


@pytest.mark.parametrize(("constants", "lam"), [(CONVEX, 0.5), (OTHER, 0.05), (NONCONVEX, 2.0)])
def test_no_random_task_of_the_family_exceeds_the_bounds(constants: Constants, lam: float) -> None:
    found = rows(SeparableFamily(constants, 3, 2).problem(tasks=20), Schedule(0.3, 2, lam=lam))
    assert set(found) == {*ATTAINED, "distance", "cg"}
    for block, row in found.items():
        assert row.outcome == "CONSISTENT" and row.tightness > 0.05, (block, row.reason)


def test_conjugate_gradients_that_end_with_the_solution_are_no_row() -> None:
    assert "cg" not in rows(SeparableFamily(CONVEX, 3, 2).problem(tasks=20), Schedule(0.3, 3, lam=0.5))


@pytest.mark.parametrize(("lam", "short"), [(0.5, "0.5"), (0.999, "0.001"), (1.0, "2.22e-16")])
def test_where_lam_is_too_small_nothing_is_claimed_and_the_row_says_by_how_much(lam: float, short: str) -> None:
    for family in (ProximalWitness(NONCONVEX), SeparableFamily(NONCONVEX, 3, 2)):
        for row in check("imaml", family.problem(tasks=1), Schedule(0.3, 2, lam=lam), effort=EFFORT):
            assert row.outcome == "NOT_APPLICABLE" and math.isnan(row.measured)
            condition = "lam > l = 1, where the curvature of L_S in w is at least -l"
            assert f"{condition}: fails by {short};" in row.reason and "need not be one point" in row.reason


def test_the_command_shows_a_lam_that_is_too_small_beside_one_that_is_not(tmp_path: Path) -> None:
    asked = ["verify", "imaml", "--family", "proximal-witness", "--geometry", "nonconvex", "--lam", "0.5", "2"]
    result = CliRunner().invoke(app, [*asked, "--inner-steps", "2", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    assert "fails by 0.5" in words and "NOT_APPLICABLE" in words and "CONSISTENT" in words
    outcomes = {}
    for record in RecordStore(tmp_path / "records"):
        of_lam = {row["outcome"] for row in record.verdicts}
        outcomes.setdefault(record.cell["schedule"]["lam"], set()).update(of_lam)
    assert outcomes == {0.5: {"NOT_APPLICABLE"}, 2.0: {"CONSISTENT"}}


def test_the_default_grid_has_the_witness_and_a_lam_that_is_too_small() -> None:
    cells = cells_of(VerifySettings(paper=("imaml",)))
    assert {cell.statement for cell in cells} == {"imaml"} and len(cells) <= 30
    of_grid = {(cell.family, cell.constants.mu is None, cell.schedule.lam) for cell in cells}
    for family in ("proximal-witness", "separable"):
        assert {(family, concave, lam) for concave in (False, True) for lam in (0.5, 2.0)} <= of_grid
    others = cells_of(VerifySettings(paper=("anil", "bilevel")))
    assert {cell.schedule.lam for cell in others} == {None}


def test_below_l_the_minimum_jumps_and_the_objective_has_no_lipschitz_gradient() -> None:
    """L_S = l cos: for lam < l there are two minima about w_0 = 0, and w* goes from one to the other at once."""
    grid = np.linspace(-4, 4, 800_001)

    def best(w_0: float, lam: float) -> float:
        return float(grid[np.argmin(np.cos(grid) + lam / 2 * (grid - w_0) ** 2)])

    h = 1e-3
    assert best(h, 0.5) - best(-h, 0.5) > 3
    k = 2.0 / (2.0 - 1.0)
    assert best(h, 2.0) - best(-h, 2.0) <= k * 2 * h + 2e-5


def test_bad_input_is_refused() -> None:
    problem = SeparableFamily(CONVEX, 3, 2).problem(tasks=1)
    with pytest.raises(InvalidParameter, match="the schedule has no lam, the weight of iMAML's proximal term"):
        check("imaml", problem, Schedule(0.1, 1))
    for lam in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(InvalidParameter, match="lam must be a finite number > 0"):
            Schedule(0.1, 1, lam=lam)
    for fact in ("d", "slope"):
        with pytest.raises(InvalidParameter, match=f"{fact} must be"):
            STATEMENTS["imaml"].given(**{"d": 1.0, "slope": 1.0, fact: -1.0})
    (claim,) = STATEMENTS["imaml"].select(Kind.REFINED, "distance")
    with pytest.raises(MissingFact, match="needs d "):
        claim.evaluate(CONVEX, Schedule(0.1, 1, lam=1.0))
    without = STATEMENTS["imaml"].given(d=1.0, slope=1.0).claims[0].hypotheses(CONVEX, Schedule(0.1, 1))
    assert [hypothesis.holds for hypothesis in without] == [False] and "lam > 0" in str(without[0])


def test_a_command_refuses_a_weight_that_is_none(tmp_path: Path) -> None:
    asked = ["verify", "imaml", "--family", "proximal-witness", "--lam", "0", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2 and "lam must be a finite number > 0" in " ".join(result.output.split())


@settings(max_examples=60)
@given(
    mu=st.one_of(st.none(), st.floats(1e-6, 1.0)),
    above=st.floats(1e-6, 1e3),
    d=st.floats(0.0, 1e6),
    rho=st.floats(0.0, 1e3),
    M=st.floats(1e-3, 1e3),
    N=st.integers(1, 40),
    alpha=st.floats(1e-3, 10.0),
)
def test_every_claim_conforms_at_any_weight(
    mu: float | None, above: float, d: float, rho: float, M: float, N: int, alpha: float
) -> None:
    constants = Constants(mu, 1.0, rho, 0.5, M)
    at = Schedule(alpha, N, lam=above if mu else 1.0 + above)
    conforms_claims(STATEMENTS["imaml"], constants, at, facts={"d": d, "slope": 1.0})


def test_the_smoothness_tends_to_that_of_the_query_as_lam_grows_and_the_numbers_are_those_of_the_page() -> None:
    (smoothness,) = STATEMENTS["imaml"].select(Kind.SHARP, "smoothness")
    assert smoothness.evaluate(CONVEX, Schedule(0.1, 1, lam=1e9)).value == pytest.approx(1.0, rel=1e-8)
    for lam, number in ((0.5, 0.8789), (2.0, 1.085)):
        assert smoothness.evaluate(CONVEX, Schedule(0.1, 1, lam=lam)).value == pytest.approx(number, rel=1e-3)
    assert smoothness.evaluate(NONCONVEX, Schedule(0.1, 1, lam=2.0)).value == pytest.approx(8.0)
