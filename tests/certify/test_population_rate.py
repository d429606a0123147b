"""Theorem I judged by runs: attained by two small populations, refuted when halved, silent on estimates and outside."""

from dataclasses import replace

import numpy as np
import pytest

from anil_theory import Constants
from anil_theory.certify import population_rate
from anil_theory.certify.population_rate import MEASUREMENT, facts_of, numbers_of
from anil_theory.checks import check
from anil_theory.checks.checking import check_by
from anil_theory.constants import Geometry, Knowledge
from anil_theory.estimators import Effort
from anil_theory.estimators.algorithm_runs import run_algorithm
from anil_theory.estimators.visited_box import distance_outside, visited_box
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.rates import step_sizes
from anil_theory.tasks import PairDecayFamily, PairNoiseFamily, SeparableFamily

FLAT = Constants(0.2, 1.0, 0.0, 0.0, 1.0)
RANDOM = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
EFFORT = Effort(seeds=8)
STATEMENT = STATEMENTS["population"]


def steps(constants: Constants, batch: int, outer_steps: int) -> Schedule:
    schedule = Schedule.paper(constants, 1, batch=batch, outer_steps=outer_steps)
    return step_sizes(constants, schedule, Geometry.STRONGLY_CONVEX, Kind.EXPLICIT)


DECAY = steps(FLAT, 4096, 20)
NOISE = steps(FLAT, 128, 2000)


def pair_decay() -> Problem:
    return PairDecayFamily(FLAT, DECAY).problem()


def pair_noise() -> Problem:
    return PairNoiseFamily(FLAT, NOISE).problem()


def judged(problem: Problem, schedule: Schedule, **changed: float) -> dict[str, str]:
    """The outcome of each row, where some of the facts are multiplied."""

    def facts(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, float]:
        known = facts_of(problem, schedule, effort)
        return {name: value * changed.get(name, 1.0) for name, value in known.items()}

    measurement = replace(MEASUREMENT, facts=facts)
    rows = check_by(STATEMENT, measurement, problem, schedule, effort=EFFORT)
    return {row.block: row.outcome for row in rows}


def test_the_decay_is_attained_and_with_any_halved_number_refuted() -> None:
    problem = pair_decay()
    (row,) = [row for row in check("population", problem, DECAY, effort=EFFORT) if row.block == "weighted"]
    assert row.outcome == "CONFIRMED" and row.tightness >= 0.95 and list(row.bounds) == ["certified"]
    assert "are enclosed on the box" in row.reason
    assert judged(problem, DECAY, curvature=0.5)["weighted"] == "REFUTED"
    assert judged(problem, DECAY, local_gap=0.5)["weighted"] == "REFUTED"
    broken = check("population", problem, DECAY, effort=EFFORT, broken="weighted")
    assert [row.outcome for row in broken if row.block == "weighted"] == ["REFUTED"]


def test_the_noise_is_attained_and_with_a_halved_moment_refuted() -> None:
    problem = pair_noise()
    (row,) = [row for row in check("population", problem, NOISE, effort=EFFORT) if row.block == "weighted"]
    assert row.outcome == "CONFIRMED" and row.tightness >= 0.7
    assert judged(problem, NOISE, second_moment=0.5)["weighted"] == "REFUTED"
    assert judged(problem, NOISE, curvature=0.5)["weighted"] == "REFUTED"


def test_estimated_constants_do_not_matter_to_certified_numbers() -> None:
    problem = pair_decay()
    unsure = replace(problem, constants=replace(FLAT, known=Knowledge.ESTIMATED))
    assert judged(unsure, DECAY)["weighted"] == "CONFIRMED"


def test_an_iterate_that_leaves_the_region_makes_it_not_applicable(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = pair_noise()
    start = np.asarray(problem.start)
    monkeypatch.setattr(population_rate, "expected_box", lambda *args, **options: (start - 1e-3, start + 1e-3))
    numbers_of.cache_clear()
    try:
        rows = check("population", problem, NOISE, effort=EFFORT)
    finally:
        numbers_of.cache_clear()
    assert {row.outcome for row in rows} == {"NOT_APPLICABLE"}
    assert all("every iterate stays in the box [-0.001, 0.001] x [-0.001, 0.001]: fails by" in r.reason for r in rows)


def test_what_is_estimated_is_inconclusive_whatever_is_measured() -> None:
    problem = SeparableFamily(RANDOM, 2, 2).problem(tasks=2, seed=0)
    schedule = steps(RANDOM, 2, 20)
    rows = check("population", problem, schedule, effort=EFFORT)
    assert {row.outcome for row in rows} == {"INCONCLUSIVE"}
    assert all(row.reason.startswith("estimated: ") and "more than 3" in row.reason for row in rows)
    assert all(list(row.bounds) == ["estimated"] and np.isnan(row.power) for row in rows)
    # Far above the bound, too.
    assert set(judged(problem, schedule, local_gap=1e-6, second_moment=1e-6).values()) == {"INCONCLUSIVE"}


def test_a_run_remembers_how_far_its_iterates_went() -> None:
    problem = SeparableFamily(RANDOM, 1, 1).problem(tasks=2, seed=0)
    ends = []
    for K in (1, 2, 3):
        run = run_algorithm(problem, steps(RANDOM, 2, K), seed=0, seeds=2, records=1)
        ends.append(np.concatenate([run.final_w, run.final_phi], axis=1))
    path = np.stack([np.broadcast_to(np.asarray(problem.start), (2, 2)), *ends[:2]])
    lower, upper = visited_box(run)
    # z_3 is where the run ends: no step was taken from it.
    assert np.array_equal(lower, path.min(axis=(0, 1))) and np.array_equal(upper, path.max(axis=(0, 1)))
    assert distance_outside((lower, upper), (lower, upper)) == 0.0
    assert np.isclose(distance_outside((lower, upper), (lower + np.array([3.0, 4.0]), upper)), 5.0)
