"""Statements C, D and E: random tasks keep to the bounds, quadratics attain what is called sharp, half is refuted."""

import dataclasses
import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm.hypergradients import (
    conjugate_gradients,
    derivatives,
    exact_gradient,
    exact_hessian,
    implicit_hypergradient,
    inner_minimum,
    neumann,
)
from anil_theory.checks import MEASUREMENTS, Row, check, check_by, measurements_of
from anil_theory.cli import app
from anil_theory.constants import Constants, Geometry, Region
from anil_theory.estimators import Direction, Effort
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind, blocks
from anil_theory.studies.verify.grid import cells_of
from anil_theory.studies.verify.settings import VerifySettings
from anil_theory.tasks import (
    DecayFamily,
    ExactObjectiveWitness,
    FirstOrderWitness,
    HypergradientWitness,
    SeparableFamily,
)
from anil_theory.testing import strategies

CONVEX = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
OTHER = Constants(0.13, 1.7, 0.6, 2.3, 0.9)
FLAT = dataclasses.replace(CONVEX, rho=0.0, tau=0.0)
LONGEST = 13
NAMES = ("unrolled", "implicit", "bilevel_smoothness")
EFFORT = Effort(max_inner_steps=LONGEST)


def schedule(constants: Constants, N: int) -> Schedule:
    return Schedule(0.7 / constants.L, N)


def rows(name: str, problem: Problem, N: int, broken: str | None = None) -> dict[str, Row]:
    """Those of sampled points: certificates of a hundred tasks take an hour, and have tests of their own."""
    statement, at = STATEMENTS[name], schedule(problem.constants, N)
    sampled = [each for each in measurements_of(statement) if each.direction is Direction.LOWER]
    made = [each for each in sampled if not each.why_not(problem, at)]
    found = [row for each in made for row in check_by(statement, each, problem, at, effort=EFFORT, broken=broken)]
    return {row.block: row for row in found}


def instances(constants: Constants, shapes: tuple[tuple[int, int], ...], tasks: int) -> None:
    for n_w, n_phi in shapes:
        problem = SeparableFamily(constants, n_w, n_phi).problem(tasks=tasks, seed=n_w)
        for name in NAMES:
            for N in (1, 4, LONGEST):
                for block, row in rows(name, problem, N).items():
                    # Conjugate gradients end after n_w steps: what is left is rounding, and mostly no row.
                    if block == "cg solved" and n_w <= N:
                        assert row.measured < 1e-9
                    assert row.outcome == "CONSISTENT", (name, block, N, row.reason)


@pytest.mark.parametrize("constants", [CONVEX, OTHER])
def test_no_random_task_exceeds_the_bounds(constants: Constants) -> None:
    instances(constants, ((2, 2),), tasks=40)


@pytest.mark.slow
@pytest.mark.parametrize("constants", [CONVEX, OTHER])
def test_no_random_task_of_many_exceeds_the_bounds(constants: Constants) -> None:
    # 128 points of each task, three N and two sets of constants: a million.
    instances(constants, ((1, 1), (2, 3), (5, 3)), tasks=450)


@pytest.mark.parametrize("N", [1, 4, LONGEST])
def test_a_quadratic_attains_the_errors_from_the_minimum(N: int) -> None:
    problem = FirstOrderWitness(FLAT, schedule(FLAT, N), LONGEST).problem(tasks=2)
    for name, block in (("unrolled", "solved"), ("implicit", "neumann solved")):
        row = rows(name, problem, N)[block]
        assert row.outcome == "CONSISTENT" and row.power > 0.9999, (block, row.reason)
        assert rows(name, problem, N, broken=block)[block].outcome == "REFUTED"


@pytest.mark.parametrize(
    ("rho", "tau", "alpha", "N", "shares"),
    [
        (0.0, 0.0, 0.7, 20, (0.98, 0.97, 0.98)),
        (0.1, 0.05, 0.7, 5, (0.91, 0.62, 0.72)),
        (0.1, 0.05, 0.7, 60, (0.84, 0.99, 0.99)),
        (1.0, 0.5, 1.0, 60, (0.68, 0.99, 0.99)),
    ],
)
def test_tasks_come_near_the_errors_from_a_distance_and_half_is_refuted(
    rho: float, tau: float, alpha: float, N: int, shares: tuple[float, float, float]
) -> None:
    constants = Constants(0.2, 1.0, rho, tau, 1.0)
    at = Schedule(alpha, N)
    problem = HypergradientWitness(constants, at).problem(tasks=3)
    blocks = (("unrolled", "started"), ("implicit", "neumann started"), ("implicit", "cg started"))
    effort = Effort(max_inner_steps=60)
    for (name, block), share in zip(blocks, shares, strict=True):
        for broken, outcome in ((None, "CONSISTENT"), (block, "REFUTED")):
            judged = check_by(
                STATEMENTS[name], MEASUREMENTS["hypergradient-error"], problem, at, effort=effort, broken=broken
            )
            (row,) = (row for row in judged if row.block == block)
            assert row.outcome == outcome, (block, row.reason)
            assert row.power > (share if broken is None else 2 * share), block


def test_the_default_grid_has_a_row_that_notices_half_of_each_error() -> None:
    cells = [cell for cell in cells_of(VerifySettings(paper=("bilevel",))) if cell.family == "hypergradient-witness"]
    assert {(cell.constants.rho, cell.schedule.inner_steps) for cell in cells} == {(0.1, 5), (0.1, 60), (1.0, 60)}


def test_a_quadratic_attains_the_smoothness_of_the_exact_objective() -> None:
    steps = dataclasses.replace(schedule(FLAT, 1), beta_w=0.1, beta_phi=0.1)
    problem = DecayFamily(FLAT, steps).problem()
    near = dataclasses.replace(
        problem, sampler=lambda generator, shape, spread: 0.01 * problem.points(generator, shape)
    )
    row = rows("bilevel_smoothness", near, 1)["phiphi"]
    assert row.outcome == "CONSISTENT" and row.power > 0.9999
    assert rows("bilevel_smoothness", near, 1, broken="phiphi")["phiphi"].outcome == "REFUTED"


@pytest.mark.parametrize("constants", [CONVEX, OTHER, FLAT, dataclasses.replace(OTHER, tau=0.0)])
def test_one_task_attains_the_smoothness_of_the_exact_objective_whatever_rho_and_tau(constants: Constants) -> None:
    problem = ExactObjectiveWitness(constants).problem(tasks=1)
    row = rows("bilevel_smoothness", problem, 1)["phiphi"]
    assert row.outcome == "CONSISTENT" and row.power > 0.9999, row.reason
    assert rows("bilevel_smoothness", problem, 1, broken="phiphi")["phiphi"].outcome == "REFUTED"


def test_the_command_notices_half_the_smoothness_of_the_exact_objective(tmp_path: Path) -> None:
    (cell,) = (c for c in cells_of(VerifySettings(paper=("ghadimi-wang",))) if c.family == "exact-objective-witness")
    assert cell.constants.rho > 0 and cell.constants.tau > 0
    asked = ["verify", "bilevel_smoothness", "--family", "exact-objective-witness", "--geometry", "strongly-convex"]
    asked += ["--mu", "0.2", "--inner-steps", "1", "--measurement", "exact-objective"]
    for broken, status in (([], 0), (["--break", "phiphi"], 1)):
        out = str(tmp_path / str(status))
        assert CliRunner().invoke(app, [*asked, *broken, "--out", out], catch_exceptions=False).exit_code == status


@pytest.mark.parametrize("constants", [CONVEX, OTHER, FLAT])
def test_the_smoothness_is_the_limit_of_the_sharp_constant_and_below_the_printed_form(constants: Constants) -> None:
    sharp, explicit = (STATEMENTS["bilevel_smoothness"].select(k)[0] for k in (Kind.SHARP, Kind.EXPLICIT))
    long = Schedule(0.7 / constants.L, 1500)
    limit = float(blocks(constants, long, Geometry.STRONGLY_CONVEX, Kind.SHARP).phiphi)
    value = sharp.evaluate(constants, long).value
    assert limit == pytest.approx(value, rel=1e-9)
    assert value < explicit.evaluate(constants, long).value


def test_the_printed_and_the_sharp_smoothness_have_the_values_of_the_page() -> None:
    for constants, numbers in ((CONVEX, (74.2, 51.5)), (OTHER, (1326.0, 1021.0))):
        at = schedule(constants, 1)
        for kind, number in zip((Kind.EXPLICIT, Kind.SHARP), numbers, strict=True):
            claim = STATEMENTS["bilevel_smoothness"].select(kind)[0]
            assert claim.evaluate(constants, at).value == pytest.approx(number, rel=1e-3)


@pytest.mark.slow
def test_the_exact_derivatives_agree_with_differences_of_the_exact_objective() -> None:
    tasks = SeparableFamily(CONVEX, 3, 2).problem(tasks=1).tasks
    data, losses = tasks.task(0), tasks.losses
    phi = jnp.array([0.3, -0.7])

    def best(phi):
        return inner_minimum(losses.support, jnp.zeros(3), phi, data, L=1.0, mu=0.3)

    def value(phi):
        return losses.query(best(phi), phi, data)

    for step in (None, 1.9):
        implicit = implicit_hypergradient(losses, best(phi), phi, data, terms=400, L=1.0, step=step)
        np.testing.assert_allclose(implicit, exact_gradient(losses, best(phi), phi, data), rtol=1e-9)
    h, gradient = 1e-5, np.zeros(2)
    hessian = np.zeros((2, 2))
    for i in range(2):
        d = h * jnp.eye(2)[i]
        gradient[i] = float(value(phi + d) - value(phi - d)) / (2 * h)
        slopes = [exact_gradient(losses, best(phi + s * d), phi + s * d, data) for s in (1, -1)]
        hessian[i] = np.asarray(slopes[0] - slopes[1]) / (2 * h)
    np.testing.assert_allclose(exact_gradient(losses, best(phi), phi, data), gradient, atol=1e-8)
    np.testing.assert_allclose(exact_hessian(losses, best(phi), phi, data), hessian, atol=1e-8)


def test_both_solvers_tend_to_the_solution() -> None:
    tasks = SeparableFamily(CONVEX, 4, 2).problem(tasks=1).tasks
    at = derivatives(tasks.losses, jnp.ones(4), jnp.zeros(2), tasks.task(0))
    exact = np.linalg.solve(at.H, at.p)
    np.testing.assert_allclose(conjugate_gradients(at.H, at.p, 4), exact, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(conjugate_gradients(at.H, at.p, 40), exact, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(neumann(at.H, at.p, 200, 1.0), exact, rtol=1e-9, atol=1e-12)
    two = at.p + (at.p - at.H @ at.p)
    np.testing.assert_allclose(neumann(at.H, at.p, 2, 1.0), two, rtol=1e-13)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"step must be in \(0, 2/L\) = \(0, 2\), where the Neumann series"):
        one = SeparableFamily(CONVEX, 2, 2).problem(tasks=1).tasks
        implicit_hypergradient(one.losses, jnp.zeros(2), jnp.zeros(2), one.task(0), terms=3, L=1.0, step=2.0)
    tasks = SeparableFamily(dataclasses.replace(CONVEX, mu=None), 2, 2).problem(tasks=1)
    with pytest.raises(InvalidParameter, match="mu must be known"):
        inner_minimum(tasks.tasks.support, jnp.zeros(2), jnp.zeros(2), tasks.tasks.task(0), L=1.0, mu=None)
    with pytest.raises(InvalidParameter, match="statement must be about the nonconvex geometry"):
        check("unrolled", tasks, Schedule(0.1, 1))
    with pytest.raises(InvalidParameter, match="d0 must be"):
        STATEMENTS["unrolled"].given(d0=-1.0)
    steep = check("implicit", SeparableFamily(CONVEX, 1, 1).problem(tasks=1), Schedule(1.5, 2), effort=Effort())
    assert {row.outcome for row in steep} == {"NOT_APPLICABLE"}


def test_conjugate_gradients_have_the_root_of_the_condition_number() -> None:
    """By hand at kappa = 4: 2 sqrt(4) cbar M/mu (1/3)^N."""
    constants = Constants(0.25, 1.0, 1.0, 0.5, 2.0)
    (claim,) = STATEMENTS["implicit"].select(Kind.EXPLICIT, "cg solved")
    by_hand = 4 * math.sqrt(1 - 0.25**2) * 2.0 / 0.25 / 3**5
    assert math.isclose(claim.evaluate(constants, Schedule(0.25, 5)).value, by_hand, rel_tol=1e-12)


@given(
    setting=strategies.settings(geometry=Geometry.STRONGLY_CONVEX, longest=30),
    d0=st.floats(0.0, 10.0),
)
def test_the_refined_errors_are_at_most_the_explicit_ones_and_what_two_hypergradients_can_be_apart(
    setting: tuple[Constants, Schedule], d0: float
) -> None:
    constants, at = setting
    assert constants.mu is not None
    for name in ("unrolled", "implicit"):
        claims = STATEMENTS[name].given(d0=d0)
        for refined in claims.select(Kind.REFINED):
            (explicit,) = claims.select(Kind.EXPLICIT, refined.block)
            most = min(explicit.evaluate(constants, at).value, 2 * constants.M * constants.L / constants.mu)
            assert refined.evaluate(constants, at).value <= most * (1 + 1e-9)
    ball = dataclasses.replace(constants, region=Region(1.0))
    (refined,) = STATEMENTS["unrolled"].given(d0=d0).select(Kind.REFINED)
    (explicit,) = STATEMENTS["unrolled"].given(d0=d0).select(Kind.EXPLICIT)
    smaller = min(explicit.evaluate(ball, at).value, 2 * constants.M * constants.L / constants.mu)
    assert math.isclose(refined.evaluate(ball, at).value, smaller, rel_tol=1e-12)
