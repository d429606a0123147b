"""Errors of hypergradients over a ball of phi: sampled ones never exceed the certified ones, closed forms are met."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.certify import hypergradient_errors
from anil_theory.certify.exact_objective import BilevelTask
from anil_theory.certify.hypergradient_errors import certify_hypergradient_errors
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.phi_search import BilevelCertificate, PhiBall
from anil_theory.estimators.hypergradients import ERRORS, errors_at
from anil_theory.estimators.point_norms import Place
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses
from tests.certify.convex_tasks import LOSSES, tasks

ROUNDING = 1e-9
BALL = PhiBall((0.2,), 0.4)
L = 6.0
POINTS = 400
SCHEDULE = Schedule(0.15, 3)


@partial(jax.jit, static_argnums=0)
def errors(n_w: int, task: Any, z: Any) -> Any:
    """All errors at many z; those that are started are at the distance 1 from w*, in the direction of w."""
    loop = UnrolledLoop(SCHEDULE.one_alpha, SCHEDULE.inner_steps)
    dials = jnp.array([L, 0.2])
    return jax.vmap(lambda z: errors_at(Place(LOSSES, n_w, task, z, loop, dials)))(z)


def sampled(task: dict[str, Any], n_w: int) -> dict[str, float]:
    generator = np.random.default_rng(0)
    phi = BALL.centre[0] + BALL.radius * generator.uniform(-1.0, 1.0, (POINTS, 1))
    phi[:2, 0] = BALL.centre[0] + BALL.radius * np.array([-1.0, 1.0])
    z = np.concatenate([generator.standard_normal((POINTS, n_w)), phi], axis=1)
    largest = np.asarray(errors(n_w, task, jnp.asarray(z))).max(axis=0)
    return dict(zip(ERRORS, map(float, largest), strict=True))


def certified(task: dict[str, Any], n_w: int, **options: Any) -> dict[str, BilevelCertificate]:
    given: dict[str, Any] = {"L": L, "operations": 1e6, "gap": 0.3} | options
    return certify_hypergradient_errors(LOSSES, task, SCHEDULE, BALL, n_w=n_w, **given)


def arrays(task: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: jnp.asarray(x) for name, x in task.items()}


@settings(max_examples=2)
@given(task=tasks(n_w=2))
def test_sampled_errors_never_exceed_the_certified_ones(task: dict[str, np.ndarray]) -> None:
    found = certified(arrays(task), 2)
    for quantity, largest in sampled(arrays(task), 2).items():
        assert largest <= found[quantity].upper + ROUNDING
        assert found[quantity].lower <= largest * 1.05 + 1e-3, "what is certified from below is taken somewhere"


PLANE = {
    "mu": np.array(0.8),
    "a": np.array([0.5, 0.3]),
    "b": np.array([[0.9, 0.2], [-0.6, 0.7]]),
    "c": np.array([[0.8], [0.5]]),
    "e": np.array([0.3, -0.2]),
}


def test_the_circle_about_the_minimum_is_searched_too() -> None:
    found = certified(arrays(PLANE), 2)
    for quantity, largest in sampled(arrays(PLANE), 2).items():
        assert largest <= found[quantity].upper + ROUNDING
        if not quantity.startswith("cg"):
            assert found[quantity].upper <= 3 * largest


LINE = PLANE | {"b": PLANE["b"][:, :1]}


def test_a_planted_fault_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that takes one step too many: sampled errors of N steps are then larger than the certified ones."""
    largest = sampled(arrays(PLANE), 2)["unrolled_error/solved"]
    quantity = ("unrolled_error/solved",)
    assert largest <= certified(arrays(PLANE), 2, quantities=quantity)[quantity[0]].upper

    class Longer(hypergradient_errors.Errors):
        def __init__(self, *arguments: Any, **options: Any):
            super().__init__(*arguments, **options)
            self.N += 3

    monkeypatch.setattr(hypergradient_errors, "Errors", Longer)
    assert largest > certified(arrays(PLANE), 2, quantities=quantity, gap=0.02)[quantity[0]].upper


def test_a_quadratic_has_the_closed_form() -> None:
    """L_S = h w^2/2 - c w phi, L_D = m w: |C H^(-1) (1 - alpha h)^N p| from w*, and the same from everywhere else."""
    h, c, m = 0.7, 0.4, 1.3
    quadratic = Losses(
        lambda w, phi, data: h * w[0] ** 2 / 2 - c * w[0] * phi[0],
        lambda w, phi, data: m * w[0] + 0.0 * phi[0],
    )
    found = certify_hypergradient_errors(quadratic, jnp.zeros(1), SCHEDULE, BALL, n_w=1, L=1.0, distance=2.5)
    unrolled = c / h * (1 - SCHEDULE.one_alpha * h) ** SCHEDULE.inner_steps * m
    series = c / h * (1 - h) ** SCHEDULE.inner_steps * m
    for start in ("solved", "started"):
        for way, error in (("unrolled", unrolled), ("neumann", series), ("cg", 0.0)):
            certificate = found[f"{way}_error/{start}"]
            assert certificate.upper == pytest.approx(error, rel=1e-9, abs=1e-12)
            assert certificate.lower == pytest.approx(error, rel=1e-9, abs=1e-12)
    # w* = (c/h) phi, and the start is 2.5 away from it.
    farthest = math.hypot(c / h * 0.6 + 2.5, 0.6)
    assert farthest - 1e-9 <= found["cg_error/started"].reach <= 1.05 * farthest


def test_every_start_on_the_sphere_is_covered() -> None:
    generator = np.random.default_rng(0)
    for n_w in (1, 2, 3):
        faces = hypergradient_errors.directions(n_w, BALL)
        assert len(faces.lower) == 2 * n_w
        units = generator.standard_normal((500, n_w))
        on_cube = units / np.max(np.abs(units), axis=1, keepdims=True)
        inside = (faces.lower[:, None, :n_w] <= on_cube) & (on_cube <= faces.upper[:, None, :n_w])
        assert inside.all(axis=2).any(axis=0).all()


def test_what_has_no_bound_says_why() -> None:
    one_step = certify_hypergradient_errors(
        LOSSES, arrays(PLANE), Schedule(0.1, 1), BALL, n_w=2, L=L, quantities=("cg_error/solved",)
    )
    assert "N = 1 < n_w = 2 conjugate gradient steps" in one_step["cg_error/solved"].reason
    concave = Losses(lambda w, phi, data: -w @ w + w[0] * phi[0], lambda w, phi, data: jnp.sin(w[0]) * phi[0])
    found = certify_hypergradient_errors(
        concave, jnp.zeros(1), SCHEDULE, BALL, n_w=1, L=2.0, quantities=ERRORS[:2], operations=1e5
    )
    hidden = Losses(lambda w, phi, data: w @ w - jax.lax.stop_gradient(w[0]) * phi[0], LOSSES.query)
    unknown = certify_hypergradient_errors(hidden, arrays(LINE), SCHEDULE, BALL, n_w=1, L=2.0)
    assert all(math.isinf(each.upper) for each in (*found.values(), *unknown.values(), *one_step.values()))
    assert all("mu is not certified" in each.reason for each in found.values())
    assert set(unknown) == set(ERRORS) and all("hides a dependence" in each.reason for each in unknown.values())


def test_conjugate_gradients_of_an_indefinite_system_are_not_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """They need not solve it: w_N lies outside the box in which H is proved positive definite."""
    quantity = ("cg_error/started",)
    assert math.isfinite(certified(arrays(LINE), 1, quantities=quantity)[quantity[0]].upper)
    monkeypatch.setattr(hypergradient_errors, "is_definite", lambda H: np.zeros(len(H.lo), bool))
    assert math.isinf(certified(arrays(LINE), 1, quantities=quantity, operations=1e4)[quantity[0]].upper)


def test_bad_input_is_named() -> None:
    for name, value in {"L": 0.0, "distance": -1.0, "gap": 1.5, "operations": math.nan}.items():
        with pytest.raises(InvalidParameter, match=name):
            certified(arrays(LINE), 1, **{name: value})
    with pytest.raises(InvalidParameter, match="quantities"):
        certified(arrays(LINE), 1, quantities=("height",))


def test_a_contraction_holds_its_matrices() -> None:
    H = Intervals(np.array([[[0.5]]]), np.array([[[1.0]]]))
    found = hypergradient_errors.contraction(H, Intervals.exact(np.array([[0.5]])))
    assert found.lo[0, 0, 0] <= 0.5 and 0.75 <= found.hi[0, 0, 0] <= 0.75 + 1e-12


def test_the_iterates_over_a_box_of_phi_hold_those_of_every_phi() -> None:
    """In one box, which no search has cut: what the mixed block moves belongs to the enclosure."""
    task = BilevelTask(LOSSES, arrays(LINE), 1, BALL, None, None)
    walk = hypergradient_errors.Errors(task, "unrolled", steps=2, alpha=SCHEDULE.one_alpha, L=L).walk
    phi = np.linspace(0.1, 0.3, 41)[:, None]
    w = np.full_like(phi, 0.7)
    boxes = walk(Intervals.exact(w[:1]), Intervals(phi[:1], phi[-1:])).points
    single = walk(Intervals.exact(w), Intervals.exact(phi)).points
    for box, points in zip(boxes, single, strict=True):
        assert np.all(box.lo <= points.lo) and np.all(points.hi <= box.hi)
        assert np.all(box.hi - box.lo <= 3 * (points.hi.max(axis=0) - points.lo.min(axis=0)) + 1e-12)
