"""Certified estimates of statements C, D and E: upper ones, in `check` they confirm, and what is beyond the region."""

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.certify import bilevel_measurements
from anil_theory.certify.bilevel_measurements import (
    DISTANCE,
    ERROR_MEASUREMENT,
    OBJECTIVE_MEASUREMENT,
    ball_of,
)
from anil_theory.certify.phi_search import refused
from anil_theory.checks import MEASUREMENTS, check_by, measurements_of
from anil_theory.constants import Constants, Knowledge, Region
from anil_theory.estimators import Direction, Effort
from anil_theory.estimators.hypergradients import ERRORS, SMOOTHNESS
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.tasks import CosineFamily, LinearBodyFamily, SeparableFamily
from anil_theory.verdict import Outcome
from tests.certify.convex_tasks import LOSSES

SCHEDULE = Schedule(0.1, 2)
CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
EFFORT = Effort()


def problem(**changes: Any) -> Problem:
    """Two quadratic tasks of one's own, with exact constants: L_S = h w^2/2 - c w phi + phi^2/2, L_D = sin(w)."""
    data = {"h": jnp.array([0.5, 0.8]), "c": jnp.array([0.3, -0.2])}

    def support(w: Any, phi: Any, task: Any) -> Any:
        return task["h"] * w[0] ** 2 / 2 - task["c"] * w[0] * phi[0] + 0.5 * phi[0] ** 2

    def query(w: Any, phi: Any, task: Any) -> Any:
        return jnp.sin(w[0])

    constants = Constants(0.5, 1.0, 0.0, 0.0, 1.0)
    made = Problem.from_losses(support, query, data, w=jnp.zeros(1), phi=jnp.zeros(1), constants=constants)
    return dataclasses.replace(made, **changes)


def rows(of: Problem, *names: str) -> dict[str, Any]:
    found = []
    for name in names:
        for measurement in (OBJECTIVE_MEASUREMENT, ERROR_MEASUREMENT):
            if measurement in measurements_of(STATEMENTS[name]):
                found += check_by(STATEMENTS[name], measurement, of, SCHEDULE, effort=EFFORT)
    return {f"{row.statement}/{row.block}": row for row in found}


def test_the_statements_are_confirmed_on_own_losses() -> None:
    found = rows(problem(), "bilevel_smoothness", "unrolled", "implicit")
    assert len(found) == 7
    assert {row.outcome for row in found.values()} == {Outcome.CONFIRMED.value}
    assert all(row.direction == Direction.UPPER.value and math.isnan(row.power) for row in found.values())
    # D^2 Phi = -(c/h)^2 sin(w*): the larger of the two ratios, over |phi| <= 4.
    ratio = 0.3 / 0.5
    smooth = found["bilevel_smoothness/phiphi"].measured
    assert ratio**2 * np.sin(ratio * 2.6) <= smooth <= ratio**2 * (1 + 1e-3)
    # |C H^(-1) T^N p| from w*, largest at phi = 0, where p = 1.
    assert found["unrolled/solved"].measured == pytest.approx(ratio * (1 - 0.1 * 0.5) ** 2, rel=0.01)
    assert found["unrolled/started"].verdicts[0]["bound"]["note"] == f"d0 = {DISTANCE:g}"


def test_a_bound_that_is_too_small_is_not_confirmed() -> None:
    """INCONCLUSIVE, as for every upper estimate: M declared at a hundredth."""
    small = problem(constants=Constants(0.5, 1.0, 0.0, 0.0, 0.01))
    found = rows(small, "unrolled")
    assert {row.outcome for row in found.values()} == {Outcome.INCONCLUSIVE.value}


def test_constants_that_are_estimates_confirm_nothing() -> None:
    estimated = problem(constants=dataclasses.replace(problem().constants, known=Knowledge.ESTIMATED))
    (row,) = rows(estimated, "bilevel_smoothness").values()
    assert row.outcome == Outcome.INCONCLUSIVE.value and "estimates" in row.reason


def test_minima_beyond_the_region_say_by_how_much() -> None:
    """|(w*, phi)| <= 4 sqrt(1 + 0.6^2) = 4.66 > 4.2."""
    (row,) = rows(
        problem(constants=dataclasses.replace(problem().constants, region=Region(4.2))), "bilevel_smoothness"
    ).values()
    assert row.outcome == Outcome.NOT_APPLICABLE.value and "every iterate stays in the ball of radius 4.2" in row.reason
    outside = row.estimates[0]["outside"]
    assert math.hypot(4, 2.4) - 4.2 - 1e-9 <= outside <= 1.05 * math.hypot(4, 2.4) - 4.2
    (inside,) = rows(
        problem(constants=dataclasses.replace(problem().constants, region=Region(5.0))), "bilevel_smoothness"
    ).values()
    assert inside.outcome == Outcome.CONFIRMED.value


def test_a_task_without_a_bound_leaves_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    def second_fails(losses: Any, data: Any, ball: Any, **options: Any) -> Any:
        if float(data["h"]) == 0.8:
            return refused(SMOOTHNESS, ball, "Krawczyk's operator does not contract")
        return dataclasses.replace(refused(SMOOTHNESS, ball, ""), upper=0.1, reach=1.0)

    monkeypatch.setattr(bilevel_measurements, "certify_exact_objective", second_fails)
    (row,) = rows(problem(), "bilevel_smoothness").values()
    assert row.outcome == Outcome.INCONCLUSIVE.value and math.isnan(row.measured)
    assert row.reason == "task 1: Krawczyk's operator does not contract"


def test_they_are_registered_and_refuse_what_they_cannot_enclose() -> None:
    assert MEASUREMENTS["enclosed-objective"] is OBJECTIVE_MEASUREMENT
    assert MEASUREMENTS["enclosed-hypergradients"] is ERROR_MEASUREMENT
    assert set(ERROR_MEASUREMENT.quantities) == set(ERRORS)
    large = SeparableFamily(CONSTANTS, 2, 2).problem(tasks=1)
    nonconvex = CosineFamily(Constants(None, 1.0, 1.0, 1.0, 1.0)).problem(tasks=1)
    for measurement in (OBJECTIVE_MEASUREMENT, ERROR_MEASUREMENT):
        assert "n_w + n_phi <= 3" in measurement.why_not(large, SCHEDULE)
        assert "not strongly convex" in measurement.why_not(nonconvex, SCHEDULE)
        assert measurement.why_not(problem(), SCHEDULE) == ""


def test_the_ball_is_where_points_are_drawn() -> None:
    family = LinearBodyFamily.smallest()
    ball = ball_of(family.problem(tasks=1))
    assert ball.centre == (0.0,) and ball.radius == pytest.approx(4 * family.length_scale)
    assert ball.radius < family.constants.region.radius
    made = Problem.from_losses(*LOSSES, {"x": jnp.zeros(1)}, w=jnp.ones(1), phi=jnp.array([3.0]), constants=CONSTANTS)
    assert ball_of(made).centre == (3.0,)


def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "certificates.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.count("status=CLOSED") == 2 and "unrolled_error/solved" in printed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_random_separable_tasks_are_confirmed(seed: int) -> None:
    of = SeparableFamily(CONSTANTS, 1, 1).problem(tasks=2, seed=seed)
    found = rows(of, "bilevel_smoothness", "unrolled", "implicit")
    assert {row.outcome for row in found.values()} == {Outcome.CONFIRMED.value}
