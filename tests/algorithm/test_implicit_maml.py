"""iMAML: the minimum of the regularised inner problem, its gradient and its derivative, against differences."""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm.implicit_maml import (
    gradient_derivative,
    implicit_meta_gradient,
    proximal_minimum,
    proximal_steps,
    regularised,
    shifted_hessian,
)
from anil_theory.constants import Constants
from anil_theory.tasks import Losses, SeparableFamily

CONVEX = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)
PHI = jnp.array([0.3, -0.7])


class Task(NamedTuple):
    """One task of three and two dimensions, and what is compiled of it, as functions of w and lam at PHI."""

    losses: Losses
    data: Any
    slope: Callable[..., Array]
    best: Callable[..., Array]
    gradient: Callable[..., Array]
    hessian: Callable[..., Array]


@cache
def task(constants: Constants) -> Task:
    tasks = SeparableFamily(constants, 3, 2).problem(tasks=1).tasks
    losses, data = tasks.losses, tasks.task(0)

    def best(w_0: Array, lam: float) -> Array:
        return proximal_minimum(losses.support, w_0, PHI, data, lam=lam, rho=constants.rho)

    def gradient(w: Array, lam: float) -> Array:
        return implicit_meta_gradient(losses, w, PHI, data, lam=lam)

    def hessian(w: Array, lam: float) -> Array:
        moves = lam * jnp.linalg.inv(shifted_hessian(losses.support, w, PHI, data, lam=lam))
        return gradient_derivative(losses, w, PHI, data, lam=lam) @ moves

    slope = jax.grad(lambda w: losses.support(w, PHI, data))
    return Task(losses, data, *map(jax.jit, (slope, best, gradient, hessian)))


@pytest.mark.parametrize(("constants", "lam"), [(CONVEX, 0.5), (NONCONVEX, 1.02), (NONCONVEX, 30.0)])
def test_newton_reaches_the_minimum_from_far_away(constants: Constants, lam: float) -> None:
    """w* is known where w_0 is made from it: w_0 = w* + D L_S(w*)/lam."""
    here = task(constants)
    for scale in (0.1, 3.0, 100.0):
        best = scale * jnp.array([1.0, -2.0, 0.5])
        np.testing.assert_allclose(here.best(best + here.slope(best) / lam, lam), best, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("constants", "lam"), [(CONVEX, 0.5), (NONCONVEX, 1.5)])
def test_gradient_and_hessian_agree_with_differences_of_the_objective(constants: Constants, lam: float) -> None:
    here, w_0, h = task(constants), jnp.array([0.4, -0.2, 1.1]), 1e-5
    best = here.best(w_0, lam)
    gradient, hessian = here.gradient(best, lam), here.hessian(best, lam)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-10)
    for i in range(3):
        ends = [here.best(w_0 + sign * h * jnp.eye(3)[i], lam) for sign in (1, -1)]
        values = [float(here.losses.query(end, PHI, here.data)) for end in ends]
        slopes = [here.gradient(end, lam) for end in ends]
        assert float(gradient[i]) == pytest.approx((values[0] - values[1]) / (2 * h), abs=1e-8)
        np.testing.assert_allclose(hessian[:, i], (slopes[0] - slopes[1]) / (2 * h), atol=1e-8)


def test_gradient_steps_tend_to_the_minimum_and_one_is_one() -> None:
    here, w_0 = task(CONVEX), jnp.array([0.4, -0.2, 1.1])
    support, data = here.losses.support, here.data
    steps = {N: proximal_steps(support, w_0, PHI, data, lam=0.5, alpha=0.6, steps=N) for N in (1, 200)}
    np.testing.assert_allclose(steps[200], here.best(w_0, 0.5), atol=1e-13)
    np.testing.assert_allclose(steps[1], w_0 - 0.6 * here.slope(w_0), rtol=1e-14)
    loss = regularised(support, w_0, 0.5)
    assert float(loss(steps[200], PHI, data)) <= float(loss(steps[1], PHI, data)) <= float(loss(w_0, PHI, data))


def test_a_weight_that_leaves_the_inner_problem_concave_is_refused() -> None:
    here = task(NONCONVEX)
    for lam in (0.5, 1.0):
        with pytest.raises(InvalidParameter, match="lam must be above 1: the inner problem is strongly convex only"):
            proximal_minimum(here.losses.support, jnp.zeros(3), PHI, here.data, lam=lam, rho=1.0, curvature=-1.0)


def test_what_does_not_settle_is_not_a_number() -> None:
    """Newton steps go to and fro where the curvature changes and no rho says so; no point is returned as w*."""

    def loss(w: Array, phi: Array, data: None) -> Array:
        return jnp.sum(jnp.logaddexp(w, -w))

    @jax.jit
    def best(rho: float) -> Array:
        return proximal_minimum(loss, 5 * jnp.ones(1), PHI, None, lam=0.01, rho=rho)

    assert np.isnan(best(0.0)).all()
    assert float(best(1.0)[0]) == pytest.approx(0.05, rel=0.05)
