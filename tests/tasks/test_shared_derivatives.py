"""Derivatives shared by all inner iterates: their Hessian, their average under small noise, and the best of them."""

import dataclasses

import numpy as np
import pytest

from anil_theory.constants import Constants
from anil_theory.estimators.local_population import LocalPair, best_pair, linear_floor
from anil_theory.schedule import Schedule
from anil_theory.tasks.shared_derivatives import SharedDerivatives, best_derivatives, derivatives_at

CONVEX, NONCONVEX = Constants(0.2, 1.0, 1.0, 0.5, 1.0), Constants(None, 1.7, 0.6, 2.3, 0.9)


def schedule_of(constants: Constants, N: int, beta: float = 0.3) -> Schedule:
    """Both outer steps beta."""
    alpha = 0.5 / (N * constants.L) if constants.mu is None else constants.mu / constants.L**2
    return Schedule(alpha, N, batch=64, beta_w=beta, beta_phi=beta)


def as_local(chosen: SharedDerivatives) -> LocalPair:
    """The same pair, as the local models of the estimators have it."""
    every = np.ones(chosen.schedule.inner_steps)
    turned = {"a": -chosen.a * every, "b": -chosen.b * every, "d": -chosen.d * every}
    constants = chosen.constants
    outer = constants.M * chosen.outer
    alpha = chosen.schedule.one_alpha
    return LocalPair(
        H=chosen.h * every, C=-chosen.c * every, **turned, outer=outer, alpha=alpha, L=constants.L, M=constants.M
    )


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
@pytest.mark.parametrize("N", [1, 4])
def test_the_closed_forms_are_those_of_the_local_models(constants: Constants, N: int) -> None:
    chosen = derivatives_at(constants, schedule_of(constants, N, 0.05), 0.6, 0.3)
    local = as_local(chosen)
    np.testing.assert_allclose(chosen.hessian, local.hessian(), rtol=1e-12)
    assert chosen.stable and chosen.floor == pytest.approx(linear_floor(local, 0.05, 0.05), rel=1e-12)


def test_spreads_are_those_of_linear_sgd() -> None:
    chosen = derivatives_at(CONVEX, schedule_of(CONVEX, 2), 0.6, 0.3)
    step = np.eye(2) - chosen.steps[:, None] * chosen.hessian
    noise = chosen.steps * (chosen.carried[-1].T @ chosen.outer) * CONVEX.M / 8
    covariance = np.zeros((2, 2))
    for _ in range(400):
        covariance = step @ covariance @ step.T + np.outer(noise, noise)
    direction = np.array([0.3, -0.7])
    expected = [np.sqrt(direction @ Z @ covariance @ Z.T @ direction) for Z in chosen.carried]
    np.testing.assert_allclose(chosen.spreads(direction), expected, rtol=1e-9)


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
def test_sharing_costs_less_than_a_hundredth(constants: Constants) -> None:
    schedule = schedule_of(constants, 4, 0.1)
    best = best_derivatives(constants, schedule)
    separate = linear_floor(best_pair(constants, schedule), 0.1, 0.1)
    assert 0.99 * separate <= best.floor <= separate * (1 + 1e-3)


def test_steps_that_are_too_long_are_unstable() -> None:
    chosen = best_derivatives(CONVEX, dataclasses.replace(schedule_of(CONVEX, 1), beta_w=50.0, beta_phi=50.0))
    assert not chosen.stable and chosen.floor == 0
