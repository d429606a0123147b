"""||D^2 Phi|| over a ball of phi: sampled norms never exceed the certified one, and what has no bound says why."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm.hypergradients import exact_gradient, exact_hessian, inner_minimum
from anil_theory.certify import exact_objective, inner_minima
from anil_theory.certify.exact_objective import BilevelTask, certify_exact_objective
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.phi_search import BilevelCertificate, PhiBall
from anil_theory.certify.search.branch_and_bound import Boxes, ClosingStatus
from anil_theory.tasks.base import Losses
from tests.certify.convex_tasks import LOSSES, minimum, tasks

ROUNDING = 1e-9
POINTS = 300
BALL = PhiBall((0.2,), 0.6)
LARGEST_L = 5.0
"""Of the random tasks with two terms: mu + sum a |b|^2 <= 2 + 2 * 2."""


@partial(jax.jit, static_argnums=0)
def hessians(n_w: int, task: Any, phis: Any) -> Any:
    """||D^2 Phi|| and D Phi at many phi, by automatic differentiation."""

    def one(phi: Any) -> Any:
        w = inner_minimum(LOSSES.support, jnp.zeros(n_w), phi, task, L=LARGEST_L + 1, mu=task["mu"])
        return jnp.linalg.norm(exact_hessian(LOSSES, w, phi, task), 2), exact_gradient(LOSSES, w, phi, task)

    return jax.vmap(one)(phis)


def in_ball(ball: PhiBall, number: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    directions = generator.standard_normal((number, len(ball.centre)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = ball.radius * generator.uniform(size=(number, 1)) ** (1 / len(ball.centre))
    return np.array(ball.centre) + directions * lengths


def arrays(task: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: jnp.asarray(x) for name, x in task.items()}


def certified(task: dict[str, np.ndarray], ball: PhiBall = BALL, **options: Any) -> BilevelCertificate:
    return certify_exact_objective(LOSSES, arrays(task), ball, n_w=task["b"].shape[1], **options)


@settings(max_examples=2)
@given(task=tasks(n_w=2))
def test_sampled_norms_never_exceed_the_certified_one(task: dict[str, np.ndarray]) -> None:
    certificate = certified(task)
    norms, _ = map(np.asarray, hessians(2, arrays(task), in_ball(BALL, POINTS)))
    assert norms.max() <= certificate.upper + ROUNDING
    assert certificate.status is ClosingStatus.CLOSED and certificate.lower >= 0.9 * norms.max()
    at_witness, _ = hessians(2, arrays(task), np.tile(certificate.phi, (POINTS, 1)))
    assert certificate.lower <= float(at_witness[0]) + ROUNDING


TASK = {
    "mu": np.array(0.4),
    "a": np.array([0.9, 0.6]),
    "b": np.array([[0.9], [-0.6]]),
    "c": np.array([[0.8, -0.3], [1.0, 0.5]]),
    "e": np.array([0.3, -0.2]),
}
LINE = TASK | {"c": TASK["c"][:, :1]}
FLAT = TASK | {"b": np.array([[0.9, 0.2], [-0.6, 0.7]]), "c": TASK["c"][:, :1]}


@pytest.mark.slow
def test_two_coordinates_of_phi() -> None:
    ball = PhiBall((0.0, 0.3), 0.5)
    certificate = certified(TASK, ball)
    phis = in_ball(ball, POINTS)
    norms, gradients = map(np.asarray, hessians(1, arrays(TASK), phis))
    assert norms.max() <= certificate.upper + ROUNDING and certificate.lower >= 0.9 * norms.max()
    # What a bound of D^2 Phi is for: D Phi is Lipschitz with it.
    moved = np.linalg.norm(gradients[1:] - gradients[:-1], axis=1)
    assert np.all(moved <= certificate.upper * np.linalg.norm(phis[1:] - phis[:-1], axis=1) + ROUNDING)


def test_a_smaller_ball_has_a_smaller_constant_and_a_nearer_reach() -> None:
    small, large = (certified(LINE, PhiBall((0.0,), radius)) for radius in (0.2, 1.0))
    assert small.lower <= large.upper and small.reach < large.reach
    reached = [math.hypot(*map(float, minimum(LINE, np.array([phi]))), phi) for phi in (-1.0, -0.5, 0.5, 1.0)]
    assert max(reached) <= large.reach <= 1.1 * max(reached)


def test_a_planted_fault_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """w* enclosed where it is not: the certified bound then falls below sampled norms."""
    norms, _ = map(np.asarray, hessians(2, arrays(FLAT), in_ball(BALL, POINTS)))
    assert norms.max() <= certified(FLAT).upper
    enclose = inner_minima.enclose_minima

    def elsewhere(*arguments: Any, **options: Any) -> Any:
        found = enclose(*arguments, **options)
        return found._replace(w=found.w + Intervals.exact(np.array([[6.0]])))

    monkeypatch.setattr(exact_objective, "enclose_minima", elsewhere)
    assert norms.max() > certified(FLAT).upper


def test_both_formulas_of_the_hessian_agree() -> None:
    """The program that is enclosed, at points, and the derivative of the implicit gradient."""
    task = BilevelTask(LOSSES, arrays(FLAT), 2, BALL, None, None)
    phis = in_ball(BALL, POINTS)
    found = task.norms_of_hessian(Boxes.of(phis, phis), phis)
    norms, _ = map(np.asarray, hessians(2, arrays(FLAT), phis))
    assert np.allclose(found.high, norms, rtol=1e-9) and np.all(found.low <= found.high)


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "not convex": (lambda w, phi, data: -w @ w + w[0] * phi[0], None, "mu is not certified"),
    "linear": (lambda w, phi, data: w[0] * phi[0], None, "mu is not certified"),
    "kink": (lambda w, phi, data: jnp.abs(w[0]) + w @ w + w[0] * phi[0] / 9, None, "branch"),
    "kink of the query": (lambda w, phi, data: w @ w - w[0] * phi[0], lambda w, phi, data: jnp.abs(w[0]), "branch"),
    "hidden": (lambda w, phi, data: w @ w - jax.lax.stop_gradient(w[0]) * phi[0], None, "hides a dependence"),
    "no rule": (lambda w, phi, data: w @ w + jax.scipy.special.i1(w[0] + phi[0]), None, "no enclosure"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_bound_says_why(name: str) -> None:
    support, query, words = REFUSED[name]
    losses = Losses(support, LOSSES.query if query is None else query)
    if query is None:
        losses = Losses(support, lambda w, phi, data: jnp.sin(w[0] + phi[0]))
    certificate = certify_exact_objective(losses, jnp.zeros(1), PhiBall((0.0,), 0.5), n_w=1, operations=1e6)
    assert math.isinf(certificate.upper) and words in certificate.reason
    assert math.isinf(certificate.estimate.value)


def test_a_ball_too_wide_for_the_boxes_allowed_has_no_bound() -> None:
    wide = PhiBall((0.0,), 400.0)
    few = certified(LINE, wide, operations=1.0)
    assert math.isinf(few.upper) and "Krawczyk's operator does not contract" in few.reason


def test_bad_input_is_named() -> None:
    with pytest.raises(InvalidParameter, match="radius"):
        PhiBall((0.0,), 0.0)
    with pytest.raises(InvalidParameter, match="centre"):
        PhiBall((math.nan,), 1.0)
    with pytest.raises(InvalidParameter, match="start"):
        certified(LINE, start=[0.0, 0.0])
    with pytest.raises(InvalidParameter, match="mu"):
        certified(LINE, mu=-1.0)
    with pytest.raises(InvalidParameter, match="seconds"):
        certified(LINE, seconds=0.0)
    with pytest.raises(InvalidParameter, match="gap"):
        certified(LINE, gap=2.0)
    with pytest.raises(InvalidParameter, match="operations"):
        certified(LINE, operations=0.0)
