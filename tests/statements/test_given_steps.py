"""Given step sizes: no other pair and no other batch needs fewer tasks."""

import dataclasses
import math

import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements.given_steps import at_given_steps
from anil_theory.statements.joint_rates import JointRate

pytestmark = pytest.mark.filterwarnings("error")

EPS = 0.01


def fewest_tasks(rate: JointRate, batches: list[int]) -> float:
    """K B over 2 D0, K a real number, over pairs and batches, from the enclosures of Q and G alone."""
    beta_w, beta_phi = rate.steps
    smallest = math.inf
    for kappa in np.exp(np.linspace(-3, 3, 25)) * beta_w / beta_phi:
        lam_w = float(rate.form.largest("curvature", kappa))
        largest = float(rate.form.largest("gradient", (beta_w / beta_phi) ** 2 / kappa))
        V = lam_w * (beta_w * rate.constants.M) ** 2 * largest
        for B in batches:
            c_w = 2 - lam_w * beta_w * (1 - 1 / B)
            c_phi = 2 - kappa * lam_w * beta_phi * (1 - 1 / B)
            room = min(c_w * beta_w, c_phi * beta_phi) * EPS - V / B
            if min(c_w, c_phi, room) > 0:
                smallest = min(smallest, B / room)
    return smallest


# Steps of the phi block close to 2/Lam, where Lam_phi costs much and the best pair is not that of a single row.
CASES = {
    "convex": (Constants(0.1, 1.0, 0.0, 1.4, 0.3), Schedule(0.03, 2, beta_w=0.12, beta_phi=1.6)),
    "nonconvex": (Constants(None, 1.0, 0.0, 0.0, 0.4), Schedule(0.03, 1, beta_w=0.3, beta_phi=1.7)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("batch", [None, 700])
def test_no_pair_and_no_batch_needs_fewer_tasks(name: str, batch: int | None) -> None:
    constants, steps = CASES[name]
    rate = JointRate(constants, steps, constants.geometry, D0=1e4)
    chosen = at_given_steps(rate, EPS, batch)
    least = 2e4 * fewest_tasks(rate, [batch] if batch else [1, *range(2, 700, 3)])
    assert chosen.batch * chosen.outer_steps <= least * 1.002
    assert all(float(row.total(chosen.outer_steps, chosen.batch)) <= EPS for row in chosen.rows.values())
    # The rows are those of the theorem: with its own best pairs it asks for no more.
    asked = Schedule(
        steps.alpha,
        steps.inner_steps,
        steps.beta_w,
        steps.beta_phi,
        batch=chosen.batch,
        outer_steps=chosen.outer_steps,
    )
    theorem = JointRate(constants, asked, constants.geometry, D0=1e4)
    assert max(theorem.bound(row).value for row in ("w", "phi")) <= EPS


@pytest.mark.parametrize("population", [None, 30])
def test_the_longest_steps_that_a_batch_allows_are_named(population: int | None) -> None:
    constants, steps = CASES["convex"]
    with pytest.raises(InvalidParameter, match=r"beta_w must be in .* where B = 8 reaches eps = 0.01") as refusal:
        at_given_steps(JointRate(constants, steps, constants.geometry, D0=1.0), EPS, 8, population)
    limit = float(refusal.value.allowed.split(")")[0].removeprefix("in (0, "))
    assert steps.beta_w is not None and steps.beta_phi is not None
    ratio = steps.beta_phi / steps.beta_w
    shorter = dataclasses.replace(steps, beta_w=0.99 * limit, beta_phi=0.99 * limit * ratio)
    assert at_given_steps(JointRate(constants, shorter, constants.geometry, D0=1.0), EPS, 8, population).batch == 8
    longer = dataclasses.replace(steps, beta_w=1.01 * limit, beta_phi=1.01 * limit * ratio)
    with pytest.raises(InvalidParameter):
        at_given_steps(JointRate(constants, longer, constants.geometry, D0=1.0), EPS, 8, population)
