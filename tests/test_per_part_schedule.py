"""A schedule with an inner step size for each part of w: what can be run is run, and no claim of the paper applies."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory import STATEMENTS, Constants, Geometry, InvalidParameter, Kind, Outcome, Schedule, judge
from anil_theory._admissible import ConflictingArguments
from anil_theory.algorithm import outer_loop, population_gradient
from anil_theory.estimators import Budget, Direction, Estimate, largest, measure_block_lipschitz
from anil_theory.statements import contraction
from anil_theory.tasks import SeparableFamily
from anil_theory.tasks.separable_frame import separable_frames

CONSTANTS = {g: Constants(mu, 2.0, 0.7, 0.5, 1.5) for g, mu in (("convex", 0.3), ("nonconvex", None))}
SIZES = np.array([0.1, 0.2, 0.05])
CLAIMS = [claim for statement in STATEMENTS.values() for claim in statement.claims]


def estimate(claim: Any) -> Estimate:
    return Estimate(claim.quantity, 0.0, Direction.LOWER, "made")


@pytest.mark.parametrize("geometry", CONSTANTS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_no_claim_applies_but_those_of_the_constants_alone(claim: Any, geometry: str) -> None:
    schedule = Schedule({"a": 0.1, "b": SIZES}, 3, beta_w=0.1, beta_phi=0.1)
    verdict = judge(claim, CONSTANTS[geometry], schedule, estimate(claim))
    if claim.kind is Kind.DECLARED:
        assert verdict.outcome is not Outcome.NOT_APPLICABLE
    else:
        assert verdict.outcome is Outcome.NOT_APPLICABLE
        assert "one inner step size alpha for all of w (here from 0.05 to 0.2, as in Meta-SGD)" in verdict.reason
        assert dataclasses.replace(claim).hypotheses(CONSTANTS[geometry], schedule) == verdict.hypotheses


@given(size=st.floats(1e-3, 0.5))
def test_equal_entries_are_the_number(size: float) -> None:
    schedule = Schedule({"a": size, "b": np.full(3, size)}, 3)
    assert schedule == Schedule(size, 3) and hash(schedule) == hash(Schedule(size, 3))
    assert schedule.one_alpha == size == schedule.alpha_range[0]


def test_schedules_are_equal_when_their_entries_are() -> None:
    assert Schedule(SIZES, 3) == Schedule(SIZES.copy(), 3) and hash(Schedule(SIZES, 3)) == hash(
        Schedule(SIZES.copy(), 3)
    )
    assert Schedule(SIZES, 3) != Schedule(SIZES[::-1], 3) != Schedule([0.05, 0.2, 0.1], 3)
    assert Schedule(SIZES, 3) != "schedule"
    with pytest.raises(ValueError, match="read-only"):
        Schedule(SIZES, 3).alpha[0] = 1.0


@pytest.mark.parametrize("alpha", ["x", None, {}, [0.1, np.nan], {"a": "b"}, [0.0, 0.0], 1j, True, [0.1, 1j]])
def test_what_is_no_step_size_is_named(alpha: Any) -> None:
    with pytest.raises(InvalidParameter) as error:
        Schedule(alpha, 3)
    assert error.value.name == "alpha"


def test_bounds_ask_for_one_number() -> None:
    with pytest.raises(InvalidParameter, match="alpha must be one number, which this needs"):
        contraction.contraction_factor(CONSTANTS["convex"], Schedule(SIZES, 3), Geometry.STRONGLY_CONVEX)


@pytest.mark.slow
def test_runs_and_searches_take_each_entry_s_own_step() -> None:
    """On flat points: a search finds what it finds for the number where all entries are almost that number."""
    family = SeparableFamily(CONSTANTS["convex"], 3, 2)
    tasks = family.sample(jax.random.key(0), 3)
    schedule = Schedule(SIZES, 2, beta_w=0.1, beta_phi=0.1, batch=2, outer_steps=1)
    w, phi = jnp.ones(3), jnp.ones(2)
    run = outer_loop(tasks, schedule, w, phi, seeds=2)
    g = population_gradient(tasks, w, phi, alpha=SIZES, inner_steps=2)
    np.testing.assert_allclose(run.squared_w[:, 0], float(g.w @ g.w), rtol=1e-12)
    with pytest.raises(ConflictingArguments, match="frames rotate w"):
        outer_loop(tasks, schedule, w, phi, frames=separable_frames(tasks))
    near = [Schedule(alpha, 2) for alpha in (0.1, 0.1 + 1e-9 * np.arange(3))]
    found = [
        measure_block_lipschitz(family, tasks, schedule, budget=Budget(4, 4, 4, 2, 5), max_inner_steps=2)
        for schedule in near
    ]
    for block in found[0]:
        assert largest(found[1][block]).value == pytest.approx(largest(found[0][block]).value, rel=1e-4)
