"""Certified hypergradients in a study of own losses: rows that are confirmed, and why there are none."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory import study_losses
from anil_theory.constants import Constants, Knowledge, Region
from anil_theory.own_losses.following import ball_sampler
from anil_theory.own_losses.hypergradients import SHARE, study_hypergradients
from anil_theory.problem import Problem, TaskSet
from anil_theory.schedule import Schedule
from anil_theory.verdict import Outcome

RADIUS = 0.5


def support(w: Any, phi: Any, task: Any) -> Any:
    return 0.4 * w[0] ** 2 - 0.3 * w[0] * jnp.tanh(phi[0] * task) + 0.05 * jnp.cos(w[0])


def query(w: Any, phi: Any, task: Any) -> Any:
    return jnp.sin(w[0] - task) / 2


def problem(mu: float | None = 0.7) -> Problem:
    tasks = TaskSet(support, query, jnp.array([-1.0]))
    constants = Constants(mu, 1.0, 0.06, 0.5, 0.5, region=Region(1.5), known=Knowledge.CERTIFIED)
    return Problem("mine", constants, 1, 1, lambda: tasks, ball_sampler(2, RADIUS), jnp.zeros(2), RADIUS / 4)


def test_the_rows_of_three_statements_are_confirmed() -> None:
    rows, remark = study_hypergradients(problem(), Schedule(0.5, 2), RADIUS, seed=0)
    assert remark == "" and len(rows) == 7
    assert {row.statement for row in rows} == {"bilevel_smoothness", "unrolled", "implicit"}
    assert {row.outcome for row in rows} == {Outcome.CONFIRMED.value}
    started = next(row for row in rows if row.statement == "unrolled" and row.block == "started")
    assert started.verdicts[0]["bound"]["note"] == f"d0 = {SHARE * RADIUS:g}"


def test_with_a_lam_statement_F_is_confirmed_too() -> None:
    rows, remark = study_hypergradients(problem(), Schedule(0.5, 2, lam=0.5), RADIUS, seed=0)
    of_imaml = {row.block: row for row in rows if row.statement == "imaml"}
    assert remark == "" and len(rows) == 13 and len(of_imaml) == 6
    assert {row.outcome for row in of_imaml.values()} == {Outcome.CONFIRMED.value}
    assert of_imaml["distance"].verdicts[0]["bound"]["note"] == f"d = {SHARE * RADIUS:g}"
    # It needs no strong convexity: lam above the negative curvature is enough, and below it nothing holds.
    for lam, outcome in ((2.0, Outcome.CONFIRMED), (0.5, Outcome.NOT_APPLICABLE)):
        rows, remark = study_hypergradients(problem(mu=None), Schedule(0.5, 2, lam=lam), RADIUS, seed=0)
        assert "not strongly" in remark and {row.statement for row in rows} == {"imaml"}
        assert {row.outcome for row in rows} == {outcome.value}


def test_without_a_strong_convexity_there_is_a_reason() -> None:
    rows, remark = study_hypergradients(problem(mu=None), Schedule(0.5, 2), RADIUS, seed=0)
    assert rows == [] and remark.startswith("no enclosure of the hypergradients: the inner problem is not strongly")


def test_a_region_that_is_too_small_says_so() -> None:
    small = problem()
    small = dataclasses.replace(small, constants=dataclasses.replace(small.constants, region=Region(0.505)))
    rows, _ = study_hypergradients(small, Schedule(0.5, 2), RADIUS, seed=0)
    outcomes = {f"{row.statement}/{row.block}": row.outcome for row in rows}
    assert outcomes["unrolled/started"] == Outcome.NOT_APPLICABLE.value


@pytest.mark.slow
def test_a_study_with_certificates_has_these_rows_and_one_without_has_not() -> None:
    given: dict[str, Any] = {"w": jnp.zeros(1), "phi": jnp.array([0.3]), "data": np.array([0.5, -1.0]), "region": 1.5}
    certified = study_losses((support, query), certify=True, **given)
    plain = study_losses((support, query), **given)
    of_study = [row for row in certified.rows if row.check.startswith("enclosed-")]
    assert len(of_study) == 7 and {row.outcome for row in of_study} == {Outcome.CONFIRMED.value}
    assert [row for row in plain.rows if row.check.startswith("enclosed-")] == []
