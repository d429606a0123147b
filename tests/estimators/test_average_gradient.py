"""The measured left-hand side of the theorems and the initial gap."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.algorithm._outer_loop import outer_loop
from anil_theory.algorithm.oracle_count import as_maml
from anil_theory.algorithm.population import meta_loss
from anil_theory.constants import Constants
from anil_theory.estimators._average_gradient import average_gradient, initial_gap
from anil_theory.estimators.base import Direction
from anil_theory.schedule import Schedule
from anil_theory.tasks.separable import SeparableFamily

FAMILY = SeparableFamily(Constants(0.3, 1.0, 0.5, 0.4, 1.0), n_w=3, n_phi=2)
TASKS = FAMILY.sample(jax.random.key(0), 5)
W, PHI = jnp.asarray([1.0, -0.5, 0.3]), jnp.asarray([0.2, -1.0])
SCHEDULE = Schedule(0.4, 3, beta_w=0.3, beta_phi=0.2, batch=4, outer_steps=20)


def test_estimates_are_means_over_seeds() -> None:
    run = outer_loop(TASKS, SCHEDULE, W, PHI, seeds=8, seed=3)
    found = average_gradient(run)
    assert set(found.estimates) == {"w", "phi", "weighted"} and found.reason == ""
    for estimate in found.estimates.values():
        assert (estimate.direction, estimate.samples, estimate.seed) == (Direction.MEAN, 8, 3)
    assert found.estimates["w"].stderr == pytest.approx(run.running_w[:, -1].std(ddof=1) / math.sqrt(8))
    weighted = 0.3 * found.estimates["w"].value + 0.2 * found.estimates["phi"].value
    assert found.estimates["weighted"].value == pytest.approx(weighted)


def test_sampled_runs_carry_their_thinning_error() -> None:
    run = outer_loop(TASKS, SCHEDULE, W, PHI, seeds=8, average="sampled", records=5)
    seeds_alone = run.running_w[:, -1].std(ddof=1) / math.sqrt(8)
    expected = math.hypot(seeds_alone, run.thinning_stderr["w"])
    assert average_gradient(run).estimates["w"].stderr == pytest.approx(expected) and expected > seeds_alone


def test_no_estimate_without_an_average() -> None:
    diverging = Schedule(0.4, 3, beta_w=1e12, beta_phi=1e12, batch=4, outer_steps=3)
    found = average_gradient(outer_loop(TASKS, diverging, W, PHI, seeds=2))
    assert found.estimates == {} and found.diverged == 2 and "diverged" in found.reason
    assert "one seed" in average_gradient(outer_loop(TASKS, SCHEDULE, W, PHI, seeds=1)).reason


def test_maml_has_no_phi() -> None:
    tasks, z, empty = as_maml(TASKS, W, PHI)
    run = outer_loop(tasks, Schedule(0.4, 2, beta_w=0.3, batch=2, outer_steps=4), z, empty, seeds=3)
    assert set(average_gradient(run).estimates) == {"w", "weighted"}


def test_the_initial_gap_bounds_what_any_point_shows() -> None:
    gap = initial_gap(FAMILY, TASKS, SCHEDULE, W, PHI)
    run = outer_loop(TASKS, SCHEDULE, W, PHI, seeds=4)
    assert gap.direction is Direction.UPPER and gap.value >= float(np.max(run.loss[:, 0] - run.loss.min(axis=1)))
    lowest = float(jnp.mean(FAMILY.query_infimum(TASKS.data)))
    assert gap.value == pytest.approx(float(meta_loss(TASKS, W, PHI, alpha=0.4, inner_steps=3)) - lowest)
