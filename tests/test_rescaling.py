"""Another unit of the loss and of the parameters changes every number by its own unit and nothing else.

With L'(z) = a L(z/c) the constants become mu' = a mu/c^2, L' = a L/c^2, rho' = a rho/c^3, tau' = a tau/c^3, M' = a M/c,
and step sizes multiply by c^2/a. For powers of two no float64 operation of a run rounds differently, so runs are
compared bit by bit; bounds contain powers and logarithms and are compared to rounding.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory.algorithm._outer_loop import outer_loop
from anil_theory.algorithm.outer_run import RunStatus
from anil_theory.constants import Constants
from anil_theory.estimators import Budget, Direction, Estimate, audit_constants, largest, measure_block_lipschitz
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.tasks import SeparableFamily
from anil_theory.tasks.base import TaskSet
from anil_theory.verdict import judge
from tests.strategies import settings_of_theory

exponents = st.integers(-15, 15).map(lambda half: 2.0 ** (2 * half))
CURVATURES = jnp.asarray([[0.5, 1.0], [0.8, 0.3], [1.0, 0.6]])


def rescaled_constants(constants: Constants, a: float, c: float) -> Constants:
    mu = None if constants.mu is None else constants.mu * a / c**2
    cubic = a / c**3
    return Constants(mu, constants.L * a / c**2, constants.rho * cubic, constants.tau * cubic, constants.M * a / c)


def rescaled_schedule(schedule: Schedule, a: float, c: float) -> Schedule:
    factor = c**2 / a
    betas = {
        name: None if getattr(schedule, name) is None else getattr(schedule, name) * factor
        for name in ("beta_w", "beta_phi")
    }
    return dataclasses.replace(schedule, alpha=schedule.alpha * factor, **betas)


def support_loss(w: Any, phi: Any, data: Any) -> Any:
    x, y = w / data["c"], phi / data["c"]
    return data["a"] * (jnp.sum(data["curvature"] * x * x) / 2 + jnp.sin(x[0] - y[0]) / 4)


def query_loss(w: Any, phi: Any, data: Any) -> Any:
    x, y = w / data["c"], phi / data["c"]
    return data["a"] * (jnp.sum((x - 1) ** 2) + jnp.sum(data["curvature"][0] * y * y) + jnp.sin(x[1] * y[0])) / 2


def population(a: float, c: float) -> TaskSet:
    data = {"a": jnp.full(3, a), "c": jnp.full(3, c), "curvature": CURVATURES}
    return TaskSet(support_loss, query_loss, data)


@settings(max_examples=20, deadline=None)
@given(a=exponents, c=exponents, beta=st.sampled_from([0.1, 0.5, 40.0]), start=st.sampled_from([0.0, 2.0**-30, 1.5]))
def test_a_run_its_averages_and_its_status_are_those_of_the_other_unit(a, c, beta, start) -> None:
    schedule = Schedule(0.5, 3, beta_w=beta, beta_phi=beta, batch=2, outer_steps=30)
    w, phi = jnp.asarray([start, -start]), jnp.asarray([start])
    plain = outer_loop(population(1.0, 1.0), schedule, w, phi, seeds=3, records=5)
    other = outer_loop(population(a, c), rescaled_schedule(schedule, a, c), c * w, c * phi, seeds=3, records=5)
    assert other.status == plain.status and np.array_equal(other.diverged_at, plain.diverged_at)
    assert plain.status[0] is (RunStatus.DIVERGED if beta == 40.0 else RunStatus.RAN)
    for name in ("running_w", "running_phi", "squared_w", "squared_phi"):
        np.testing.assert_array_equal(getattr(other, name), getattr(plain, name) * (a / c) ** 2, err_msg=name)
    np.testing.assert_array_equal(other.loss, plain.loss * a)
    np.testing.assert_array_equal(other.final_w, plain.final_w * c)


@settings(max_examples=50)
@given(setting=settings_of_theory(), a=exponents, c=exponents, share=st.sampled_from([0.5, 0.999, 1.001, 2.0]))
def test_bounds_and_verdicts_of_the_propositions(setting: tuple[Constants, Schedule], a, c, share) -> None:
    constants, schedule = setting
    there = rescaled_constants(constants, a, c), rescaled_schedule(schedule, a, c)
    statement = STATEMENTS["prop3" if constants.mu is None else "prop2"]
    for claim in statement.claims:
        if claim.kind is Kind.ORDER or claim.quantity.endswith("residual"):
            continue
        bound, other = claim.evaluate(constants, schedule), claim.evaluate(*there)
        factor = a / c**2
        assert other.value == pytest.approx(bound.value * factor, rel=1e-11)
        estimate = Estimate(claim.quantity, share * bound.value, Direction.LOWER, "points")
        rescaled = dataclasses.replace(estimate, value=estimate.value * factor)
        assert judge(claim, *there, rescaled).outcome is judge(claim, constants, schedule, estimate).outcome


@pytest.mark.parametrize(("a", "c"), [(2.0**20, 2.0**-8), (2.0**-6, 2.0**30)])
def test_estimates_of_the_separable_family(a: float, c: float) -> None:
    constants, schedule = Constants(0.3, 1.0, 0.5, 0.4, 1.0), Schedule(0.4, 3)
    budget = Budget(pairs=8, points=8, lanczos_steps=10, starts=2, iterations=20)
    found = []
    for family, loop in (
        (SeparableFamily(constants, n_w=2, n_phi=2), schedule),
        (SeparableFamily(rescaled_constants(constants, a, c), n_w=2, n_phi=2), rescaled_schedule(schedule, a, c)),
    ):
        tasks = family.sample(jax.random.key(0), 2)
        blocks = {
            name: largest(e).value for name, e in measure_block_lipschitz(family, tasks, loop, budget=budget).items()
        }
        audited = {name: e.value for name, e in audit_constants(family, tasks, starts=2, iterations=20).items()}
        found.append((blocks, audited))
    (blocks, audited), (other_blocks, other_audited) = found
    units = {"L": a / c**2, "L - mu": a / c**2, "rho": a / c**3, "tau": a / c**3, "M": a / c}
    for name, value in blocks.items():
        assert other_blocks[name] == pytest.approx(value * a / c**2, rel=1e-9)
    for name, unit in units.items():
        assert other_audited[name] == pytest.approx(audited[name] * unit, rel=1e-9)
