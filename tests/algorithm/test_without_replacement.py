"""Statement H: batches drawn without replacement from T tasks, and the factor (T - B)/(T - 1) of their noise."""

import dataclasses
from itertools import combinations
from math import comb
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import outer_loop, population_gradient
from anil_theory.algorithm.outer_step import task_indices
from anil_theory.checks import check
from anil_theory.constants import Constants
from anil_theory.estimators import Effort
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.rates import step_sizes
from anil_theory.tasks import SeparableFamily

CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
FAMILY = SeparableFamily(CONSTANTS, 3, 2)
T = 5
TASKS = FAMILY.sample(jax.random.key(0), T)
W, PHI = jnp.asarray([1.0, -0.5, 0.3]), jnp.asarray([0.2, -1.0])


def drawn_from_all(batch: int, **changes: Any) -> Schedule:
    known: dict[str, Any] = {"beta_w": 0.3, "beta_phi": 0.2, "outer_steps": 12, "batch": batch, "population": T}
    return Schedule(0.4, 3, **(known | changes))


@given(numbers=st.lists(st.floats(-10, 10), min_size=2, max_size=7), data=st.data())
def test_the_factor_is_that_of_all_subsets(numbers: list[float], data: st.DataObject) -> None:
    """With equality, for any numbers: the mean over all subsets of the squared error of their mean."""
    batch = data.draw(st.integers(1, len(numbers)))
    values = np.array(numbers)
    errors = [(np.mean(subset) - values.mean()) ** 2 for subset in combinations(values, batch)]
    assert len(errors) == comb(len(values), batch)
    factor = Schedule(0.1, 1, batch=batch, population=len(values)).sampling_factor
    assert np.mean(errors) == pytest.approx(factor * values.var() / batch, rel=1e-9, abs=1e-12)


def test_a_step_draws_different_tasks_and_every_one_as_often() -> None:
    keys = jax.random.split(jax.random.key(3), 2000)
    drawn = jax.vmap(lambda key: task_indices(key, 7, 3, T, replace=False))(keys)
    assert all(len(set(row)) == 3 for row in np.asarray(drawn).tolist())
    counts = np.bincount(np.asarray(drawn).ravel(), minlength=T) / drawn.size
    # Four standard errors of a share of 1/5 in 6000 draws, which are not independent to our disadvantage.
    assert np.abs(counts - 1 / T).max() < 4 * np.sqrt(0.16 / drawn.size)


def test_all_tasks_at_once_are_gradient_descent() -> None:
    run = outer_loop(TASKS, drawn_from_all(T), W, PHI, seeds=3, records=12, average="every")
    w, phi = W, PHI
    for k in range(12):
        gradient = population_gradient(TASKS, w, phi, alpha=0.4, inner_steps=3)
        np.testing.assert_allclose(run.squared_w[:, k], float(gradient.w @ gradient.w), rtol=1e-11)
        w, phi = w - 0.3 * gradient.w, phi - 0.2 * gradient.phi
    np.testing.assert_allclose(run.final_w, np.broadcast_to(w, (3, 3)), rtol=1e-11)
    independent = outer_loop(TASKS, drawn_from_all(T, population=None), W, PHI, seeds=3, records=12, average="every")
    assert np.ptp(run.final_w, axis=0).max() < 1e-12 < np.ptp(independent.final_w, axis=0).max()


@pytest.mark.parametrize("kind", [Kind.REFINED, Kind.EXPLICIT, Kind.SHARP])
@pytest.mark.parametrize("row", ["weighted", "w", "phi"])
def test_the_rates_carry_the_factor(kind: Kind, row: str) -> None:
    claim = STATEMENTS["thm1"].given(D0=0.0).select(kind, row)[0]
    wide = dataclasses.replace(drawn_from_all(2), beta_w=0.02, beta_phi=0.02)
    independent = dataclasses.replace(wide, population=None)
    value, without = (claim.evaluate(CONSTANTS, schedule).value for schedule in (independent, wide))
    if kind is Kind.SHARP:
        # The batch also enters c_x = 2 - Lam_x beta_x (1 - 1/B), which is a little smaller.
        assert 0.75 * value < without < 0.77 * value
    else:
        assert without == pytest.approx(value * (T - 2) / (T - 1), rel=1e-13)
    everything = dataclasses.replace(wide, batch=T)
    assert claim.evaluate(CONSTANTS, everything).value < 1e-250


def test_the_theorem_holds_at_all_tasks_at_once_without_its_noise() -> None:
    """The bound is then its decay alone, which the deterministic run keeps to."""
    schedule = Schedule(0.3, 2, batch=4, outer_steps=20, population=4)
    schedule = step_sizes(CONSTANTS, schedule, CONSTANTS.geometry, Kind.EXPLICIT)
    rows = check("thm1", FAMILY.problem(tasks=4), schedule, effort=Effort(seeds=2))
    assert {row.block: row.outcome for row in rows} == dict.fromkeys(("weighted", "w", "phi"), "CONFIRMED")
    independent = dataclasses.replace(schedule, population=None)
    for claim in STATEMENTS["thm1"].given(D0=1.0).select(Kind.REFINED):
        decay = claim.evaluate(CONSTANTS, schedule).value
        assert decay < claim.evaluate(CONSTANTS, independent).value
        # Halving D0 halves the bound: nothing else is left of it.
        half = STATEMENTS["thm1"].given(D0=0.5).select(Kind.REFINED, claim.block)[0]
        assert half.evaluate(CONSTANTS, schedule).value == pytest.approx(decay / 2, rel=1e-12)


def test_bad_input_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidParameter, match="batch must be at most T = 3, of which it is drawn without replacement"):
        Schedule(0.1, 1, batch=4, population=3)
    with pytest.raises(InvalidParameter, match="population must be"):
        Schedule(0.1, 1, population=0)
    with pytest.raises(InvalidParameter, match="population must be the number of tasks, 5, or None; got 6"):
        outer_loop(TASKS, drawn_from_all(2, population=6), W, PHI, seeds=2)
    with pytest.raises(InvalidParameter, match="average must be 'every' or 'sampled' without replacement"):
        outer_loop(TASKS, drawn_from_all(2), W, PHI, seeds=2, average="batch")
