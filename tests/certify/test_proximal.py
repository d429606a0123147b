"""iMAML certified over a ball of w_0: above what is sampled, equal to closed forms, refused where nothing is proved."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm.hypergradients import neumann
from anil_theory.algorithm.implicit_maml import (
    implicit_meta_gradient,
    proximal_minimum,
    proximal_steps,
    shifted_hessian,
)
from anil_theory.certify import Boxes, PhiBall, certify_implicit_maml, proximal
from anil_theory.certify.bilevel_measurements import DISTANCE, PROXIMAL_MEASUREMENT
from anil_theory.certify.exact_objective import BilevelTask
from anil_theory.certify.inner_minima import Code
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.proximal import QUANTITIES
from anil_theory.certify.task_programs import TaskPrograms
from anil_theory.checks import MEASUREMENTS, Row
from anil_theory.checks.checking import check_by
from anil_theory.constants import Constants, Knowledge, Region
from anil_theory.estimators import Direction, Effort
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.tasks import SeparableFamily
from anil_theory.tasks.base import Losses
from anil_theory.verdict import Outcome

LAM = 0.6
AT = Schedule(0.3, 2, lam=LAM)
PHI = 0.4
BALL = PhiBall((0.2,), 1.0)
CONSTANTS = Constants(0.2, 1.0, 1.0, 0.5, 1.0)


def support(w: Any, phi: Any, data: Any) -> Any:
    """Its curvature in w is in [-0.3, 0.5]: it is not convex."""
    return data["h"] * w @ w / 2 - 0.4 * jnp.sum(jnp.cos(w + phi[0])) + w[0] * phi[0]


def query(w: Any, phi: Any, data: Any) -> Any:
    return jnp.sum(jnp.sin(1.2 * w - 0.3)) + phi[0] ** 2


LOSSES = Losses(support, query)
DATA = {"h": np.array(0.1)}


def certified(n_w: int = 1, **options: Any) -> dict[str, Any]:
    ball = PhiBall((0.2,) * n_w, 1.0)
    return certify_implicit_maml(LOSSES, DATA, AT, ball, phi=(PHI,), L=1.0, distance=0.3, gap=0.02, **options)


def sampled(n_w: int, points: int) -> dict[str, float]:
    """The largest of every quantity over random w_0 of the ball, by JAX and without enclosures."""
    phi = jnp.array([PHI])

    def gradient(w: Any) -> Any:
        return implicit_meta_gradient(LOSSES, w, phi, DATA, lam=LAM)

    @jax.jit
    @jax.vmap
    def at(w_0: Any, direction: Any) -> Any:
        best = proximal_minimum(support, w_0, phi, DATA, lam=LAM, rho=1.0)
        matrix = shifted_hessian(support, best, phi, DATA, lam=LAM)
        drift = jax.jacfwd(gradient)(best)
        end = proximal_steps(support, w_0, phi, DATA, lam=LAM, alpha=0.3, steps=2)
        slope = jnp.linalg.norm(jax.grad(support)(w_0, phi, DATA))
        series = neumann(matrix, LAM * jax.grad(query)(best, phi, DATA), 2, 1 / (1 + LAM))
        exact = gradient(best)
        return {
            "imaml_error/slope": jnp.linalg.norm(drift, 2),
            "imaml_error/distance": jnp.linalg.norm(gradient(best + 0.3 * direction) - exact),
            "imaml_lipschitz/ww": jnp.linalg.norm(drift @ (LAM * jnp.linalg.inv(matrix)), 2),
            "imaml_error/steps": jnp.linalg.norm(gradient(end) - exact) / slope,
            "imaml_error/neumann": jnp.linalg.norm(series - exact),
            "imaml_error/cg": 0.0 * slope,
        }

    generator = np.random.default_rng(0)
    directions = generator.standard_normal((points, n_w))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = generator.uniform(0, 1, (points, 1)) ** (1 / n_w)
    others = generator.standard_normal((points, n_w))
    w_0 = 0.2 + radii * others / np.linalg.norm(others, axis=1, keepdims=True)
    return {name: float(jnp.max(values)) for name, values in at(jnp.asarray(w_0), jnp.asarray(directions)).items()}


def test_every_quantity_is_enclosed_and_tightly_in_one_dimension() -> None:
    certificates = certified()
    largest = sampled(1, 4000)
    assert set(certificates) == set(QUANTITIES) == set(largest)
    for quantity, certificate in certificates.items():
        value = largest[quantity]
        assert value <= certificate.upper * (1 + 1e-12), quantity
        assert certificate.lower <= certificate.upper
        assert certificate.upper <= 1.03 * value + 1e-12, (quantity, certificate.upper, value)


def test_how_far_w_goes_is_said_of_w_and_phi() -> None:
    """Starts reach |w_0| = 1.2, minima and what lies 0.3 from them less; phi counts, and w_0 not in its place."""
    phi = jnp.array([PHI])
    minima = [proximal_minimum(support, jnp.array([w_0]), phi, DATA, lam=LAM, rho=1.0) for w_0 in (-0.8, 1.2)]
    farthest = max(abs(float(each[0])) for each in minima)
    expected = dict.fromkeys(QUANTITIES, farthest) | {"imaml_error/steps": 1.2, "imaml_error/distance": farthest + 0.3}
    for quantity, certificate in certified().items():
        length = math.hypot(expected[quantity], PHI)
        assert length <= certificate.reach <= 1.06 * length, quantity
        assert certificate.reached <= length * (1 + 1e-9), quantity


def norms_of_steps(n_w: int, steps: int, low: list[float], high: list[float]) -> tuple[float, float]:
    """The enclosure of the steps' quotient over one box of w_0, and the largest of random w_0 there."""
    at = Schedule(0.3, steps, lam=LAM)
    losses = proximal._regularised(LOSSES, np.array([PHI]), LAM)
    ball = PhiBall((0.2,) * n_w, 2.0)
    norms = proximal._Norms(BilevelTask(losses, DATA, n_w, ball, None, None), at, np.array([PHI]), 1 + LAM, 0.3)
    box = Boxes.of(low, high)
    known = norms.steps(box, box.lower / 2 + box.upper / 2)
    assert known.code[0] == Code.ENCLOSED
    phi = jnp.array([PHI])

    @jax.jit
    @jax.vmap
    def quotient(w_0: Any) -> Any:
        best = proximal_minimum(support, w_0, phi, DATA, lam=LAM, rho=1.0)
        end = proximal_steps(support, w_0, phi, DATA, lam=LAM, alpha=0.3, steps=steps)
        ends = [implicit_meta_gradient(LOSSES, w, phi, DATA, lam=LAM) for w in (end, best)]
        return jnp.linalg.norm(ends[0] - ends[1]) / jnp.linalg.norm(jax.grad(support)(w_0, phi, DATA))

    drawn = np.random.default_rng(1).uniform(low, high, (2000, n_w))
    return float(known.high[0]), float(jnp.max(quotient(jnp.asarray(drawn))))


@pytest.mark.parametrize("steps", [1, 3])
def test_the_quotient_stays_finite_about_a_start_that_is_its_own_minimum(steps: int) -> None:
    """There D_w L_S(w_0) = 0: the means of Hessians alone bound the quotient, tightly in a small box."""
    still = float(proximal_minimum(support, jnp.zeros(1), jnp.array([PHI]), DATA, lam=1e-9, rho=1.0)[0])
    for half, loose in ((1e-4, 1.001), (0.3, 2.0)):
        above, largest = norms_of_steps(1, steps, [still - half], [still + half])
        assert largest * (1 - 1e-6) <= above <= loose * largest, half


@pytest.mark.parametrize("n_w", [1, 2])
def test_the_means_alone_bound_the_quotient_at_every_start(n_w: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the quotient itself, at 400 starts: the curvature changes along the way, and in a plane it turns."""
    monkeypatch.setattr(proximal, "is_definite", lambda matrix: np.zeros(len(matrix.lo), bool))

    def turning(w: Any, phi: Any, data: Any) -> Any:
        turned = w @ jnp.array([[1.0, 2.0], [-1.0, 1.0]])[:n_w, :n_w]
        return data["h"] * w @ w / 2 - 0.3 * jnp.sum(jnp.cos(2 * turned + phi[0])) + 2 * w[0]

    losses = Losses(turning, query)
    starts = np.random.default_rng(2).uniform(-1.5, 1.5, (400, n_w))
    at, phi = Schedule(0.1, 4, lam=8.0), jnp.array([PHI])
    embedded = proximal._regularised(losses, np.array([PHI]), 8.0)
    ball = PhiBall((0.0,) * n_w, 3.0)
    norms = proximal._Norms(BilevelTask(embedded, DATA, n_w, ball, None, None), at, np.array([PHI]), 20.0, 0.3)
    known = norms.steps(Boxes.of(starts, starts), starts)
    assert np.all(known.code == Code.ENCLOSED)

    @jax.jit
    @jax.vmap
    def quotient(w_0: Any) -> Any:
        best = proximal_minimum(turning, w_0, phi, DATA, lam=8.0, rho=30.0)
        end = proximal_steps(turning, w_0, phi, DATA, lam=8.0, alpha=0.1, steps=4)
        ends = [implicit_meta_gradient(losses, w, phi, DATA, lam=8.0) for w in (end, best)]
        return jnp.linalg.norm(ends[0] - ends[1]) / jnp.linalg.norm(jax.grad(turning)(w_0, phi, DATA))

    exact = np.asarray(quotient(jnp.asarray(starts)))
    assert np.all(exact <= known.high * (1 + 1e-7))
    assert np.median(known.high / exact) < (1.3 if n_w == 1 else 20.0)


def test_the_drift_is_the_derivative_of_the_implicit_hypergradient() -> None:
    """By central differences, with a query loss that depends on phi and a mixed block of its own."""
    mixed = Losses(
        lambda w, phi, data: w @ w / 2 + jnp.sum(jnp.cosh(w / 2)) * phi[0] + w[0] * w[1] * phi[0] / 3,
        lambda w, phi, data: jnp.sum(jnp.sin(w + phi)) * phi[0],
    )
    programs = TaskPrograms(mixed, np.zeros(1), 2, 1)

    def implicit(z: np.ndarray) -> np.ndarray:
        w, phi = z[:2], z[2:]
        H = np.asarray(jax.hessian(mixed.support)(w, phi, 0.0))
        C = np.asarray(jax.jacfwd(jax.grad(mixed.support), 1)(w, phi, 0.0)).T
        p, q = (np.asarray(jax.grad(mixed.query, i)(w, phi, 0.0)) for i in (0, 1))
        return q - C @ np.linalg.solve(H, p)

    z = np.array([0.3, -0.5, 0.4])
    h = 1e-5
    differences = [(implicit(z + h * e) - implicit(z - h * e)) / (2 * h) for e in np.eye(3)[:2]]
    values = programs.over("drift", Intervals.exact(z[None])).values
    np.testing.assert_allclose(values.lo[0], np.stack(differences, axis=1), atol=1e-8)
    assert np.max(values.hi - values.lo) < 1e-11


def test_a_quadratic_has_the_closed_forms() -> None:
    """L_S = h w^2/2, L_D = m w: k m is the gradient, every derivative of it is 0, and q^N is what the series leaves."""
    h, m = 0.5, 1.3
    losses = Losses(lambda w, phi, data: data * w @ w / 2, lambda w, phi, data: m * w[0])
    found = certify_implicit_maml(losses, np.array(h), AT, BALL, L=1.0)
    for quantity in ("imaml_error/slope", "imaml_error/distance", "imaml_lipschitz/ww", "imaml_error/steps"):
        assert found[quantity].upper <= 1e-12
    left = LAM / (LAM + h) * m * ((1 - h) / (1 + LAM)) ** 2
    assert found["imaml_error/neumann"].upper == pytest.approx(left, rel=1e-9)
    assert found["imaml_error/neumann"].lower <= left <= found["imaml_error/neumann"].upper


def test_where_the_regularised_problem_is_not_convex_there_is_no_bound() -> None:
    losses = Losses(lambda w, phi, data: jnp.cos(w[0]), query_of_one)
    for certificate in certify_implicit_maml(losses, DATA, AT, PhiBall((0.0,), 2.0), L=1.0, seconds=5.0).values():
        assert math.isinf(certificate.upper) and "no bound" in certificate.reason


def query_of_one(w: Any, phi: Any, data: Any) -> Any:
    return jnp.sin(w[0])


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="quantities"):
        certified(quantities=("imaml_error/none",))
    with pytest.raises(InvalidParameter, match="lam"):
        certify_implicit_maml(LOSSES, DATA, Schedule(0.3, 2), BALL, phi=(PHI,), L=1.0)
    with pytest.raises(InvalidParameter, match="phi must be a point phi of finite numbers"):
        certify_implicit_maml(LOSSES, DATA, AT, BALL, phi=(math.nan,), L=1.0)
    few = certify_implicit_maml(
        LOSSES, DATA, Schedule(0.3, 1, lam=LAM), PhiBall((0.2, 0.2), 1.0), phi=(PHI,), L=1.0, quantities=QUANTITIES[-1:]
    )
    assert "N = 1 < n_w = 2 conjugate gradient steps" in few["imaml_error/cg"].reason


def own(**changes: Any) -> Problem:
    """Two tasks of one's own with exact constants: L_S = h w^2/2 - c cos(w), h in {0.5, 0.6}, c = 0.3; L_D = sin(w)."""
    data = {"h": jnp.array([0.5, 0.6])}

    def own_support(w: Any, phi: Any, task: Any) -> Any:
        return task["h"] * w[0] ** 2 / 2 - 0.3 * jnp.cos(w[0]) + phi[0] ** 2 / 2

    constants = Constants(0.2, 1.0, 0.3, 0.0, 1.0)
    made = Problem.from_losses(own_support, query_of_one, data, w=jnp.zeros(1), phi=jnp.zeros(1), constants=constants)
    return dataclasses.replace(made, **changes)


def rows(problem: Problem, schedule: Schedule = AT) -> dict[str, Row]:
    found = check_by(STATEMENTS["imaml"], PROXIMAL_MEASUREMENT, problem, schedule, effort=Effort())
    return {row.block: row for row in found}


def test_statement_F_is_confirmed_on_own_losses() -> None:
    found = rows(own())
    assert set(found) == {"slope", "distance", "smoothness", "steps", "neumann", "cg"}
    for row in found.values():
        assert row.outcome == Outcome.CONFIRMED.value and row.direction == Direction.UPPER.value, (
            row.block,
            row.reason,
        )
    assert found["distance"].verdicts[0]["bound"]["note"] == f"d = {DISTANCE:g}"
    assert found["slope"].tightness > 0.3
    # With a tenth of their M the bound of the series is below what is enclosed: not confirmed, and not refuted.
    small = rows(own(constants=Constants(0.2, 1.0, 0.3, 0.0, 0.1)))
    assert small["neumann"].outcome == Outcome.INCONCLUSIVE.value


def test_estimated_constants_confirm_nothing_and_a_small_region_is_left() -> None:
    estimated = dataclasses.replace(own().constants, known=Knowledge.ESTIMATED)
    assert {row.outcome for row in rows(own(constants=estimated)).values()} == {Outcome.INCONCLUSIVE.value}
    near = dataclasses.replace(own().constants, region=Region(0.5))
    row = rows(own(constants=near))["steps"]
    assert row.outcome == Outcome.NOT_APPLICABLE.value and "ball of radius 0.5" in row.reason


def test_it_is_registered_and_says_what_it_does_not_enclose() -> None:
    assert MEASUREMENTS["enclosed-imaml"] is PROXIMAL_MEASUREMENT
    problem = SeparableFamily(CONSTANTS, 2, 1).problem(tasks=1)
    assert "n_w <= 1" in PROXIMAL_MEASUREMENT.why_not(problem, AT)
    assert "no lam" in PROXIMAL_MEASUREMENT.why_not(own(), Schedule(0.3, 2))
    concave = dataclasses.replace(CONSTANTS, mu=None)
    for row in rows(SeparableFamily(concave, 1, 1).problem(tasks=1), Schedule(0.3, 2, lam=0.5)).values():
        assert row.outcome == Outcome.NOT_APPLICABLE.value and "fails by 0.5" in row.reason
