"""Theorem I's numbers, certified: never below what a point shows, and on the boxes that they are about."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory import Constants
from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import task_gradients
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.certify import NoEnclosure
from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.population import CertifiedPopulation, certify_population
from anil_theory.certify.population_enclosures import (
    PopulationEnclosures,
    largest_eigenvalue_above,
    largest_eigenvalue_below,
)
from anil_theory.certify.search.branch_and_bound import Boxes, ClosingStatus
from anil_theory.estimators.population_form import population_form
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks import SeparableFamily

CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
BETAS = {"beta_w": 0.6, "beta_phi": 0.4}


def schedule_of(N: int, batch: int = 2) -> Schedule:
    return replace(Schedule.strongly_convex(CONSTANTS, N), batch=batch, outer_steps=20, **BETAS)


def of_losses(query, support=None, targets=(-0.3, 0.3)) -> Problem:
    """One w and one phi; the support loss is a quadratic in w unless it is given."""

    def quadratic(w, phi, task):
        return jnp.sum((w - phi) ** 2) / 2

    data = {"target": np.array(targets)}
    return Problem.from_losses(
        quadratic if support is None else support,
        query,
        data,
        w=np.array([0.2]),
        phi=np.array([0.1]),
        constants=Constants(None, 1.0, 1.0, 1.0, 1.0),
    )


@cache
def enclosed(shape: tuple[int, int], N: int, seed: int) -> tuple[Problem, CertifiedPopulation]:
    problem = SeparableFamily(CONSTANTS, *shape).problem(tasks=3, seed=seed)
    generator = np.random.default_rng(seed)
    start = np.asarray(problem.start)
    half = generator.uniform(0.2, 1.5, size=(2, len(start)))
    # A few boxes: the claim holds for searches that did not close, too.
    certified = certify_population(
        problem.tasks,
        schedule_of(N),
        start,
        start - half[0],
        start + half[1],
        n_w=shape[0],
        gap=0.1,
        operations=2e7 if sum(shape) < 3 else 4e6,
    )
    return problem, certified


@pytest.mark.parametrize(
    ("shape", "N", "seed"),
    [
        ((1, 1), 2, 1),
        ((2, 1), 1, 4),
        pytest.param((1, 0), 2, 3, marks=pytest.mark.slow),
        *(pytest.param((1, 1), 1 + seed % 3, seed, marks=pytest.mark.slow) for seed in range(5, 25)),
    ],
)
def test_no_point_shows_more_than_is_certified(shape: tuple[int, int], N: int, seed: int) -> None:
    if not shape[1]:
        constants = replace(CONSTANTS, tau=0.0)
        problem = SeparableFamily(constants, *shape).problem(tasks=3, seed=seed)
        start = np.asarray(problem.start)
        certified = certify_population(
            problem.tasks, schedule_of(N), start, start - 1, start + 1, n_w=1, gap=0.1, operations=3e7
        )
    else:
        problem, certified = enclosed(shape, N, seed)
    assert certified.finite
    generator = np.random.default_rng(seed + 100)

    def sampled(box) -> np.ndarray:
        lower, upper = np.array(box.lower), np.array(box.upper)
        inside = generator.uniform(lower, upper, size=(254, len(lower)))
        return np.vstack([lower, upper, inside])

    over_reach = population_form(problem, schedule_of(N), sampled(certified.reach), **BETAS)
    over_region = population_form(problem, schedule_of(N), sampled(certified.region), **BETAS)
    start = np.broadcast_to(np.asarray(problem.start), (256, sum(shape))).copy()
    at_start = population_form(problem, schedule_of(N), start, **BETAS).lowest
    assert over_reach.curvature <= certified.curvature.high * (1 + 1e-9)
    assert over_region.second_moment <= certified.second_moment.high * (1 + 1e-9)
    assert at_start - over_reach.lowest <= certified.D0.high + 1e-12
    if seed == 1:
        # Closed searches are no wider than asked, and their lower ends are of points.
        for number in (certified.curvature, certified.second_moment, certified.D0):
            assert number.status is ClosingStatus.CLOSED and number.gap <= 0.1
        assert over_reach.curvature >= 0.7 * certified.curvature.high
        assert over_region.second_moment >= 0.7 * certified.second_moment.high


def test_every_step_from_the_region_ends_in_its_reach() -> None:
    problem, certified = enclosed((1, 1), 2, 1)
    lower, upper = np.array(certified.region.lower), np.array(certified.region.upper)
    beta = jnp.array([BETAS["beta_w"], BETAS["beta_phi"]])
    loop = UnrolledLoop.of_schedule(schedule_of(2))

    def ends_from(z: jnp.ndarray) -> jnp.ndarray:
        each = task_gradients(problem.tasks, *problem.split(z), loop)
        return z - beta * jnp.concatenate([each.w, each.phi], axis=1)

    points = jnp.asarray(np.random.default_rng(0).uniform(lower, upper, size=(200, 2)))
    ends = np.asarray(jax.jit(jax.vmap(ends_from))(points)).reshape(-1, 2)
    assert np.all(ends >= np.array(certified.reach.lower)) and np.all(ends <= np.array(certified.reach.upper))
    assert not certified.stays


def test_a_population_whose_steps_go_inwards_stays() -> None:
    problem = of_losses(lambda w, phi, task: (w[0] ** 2 + phi[0] ** 2) / 2, targets=(0.0,))
    z0 = np.asarray(problem.start)
    schedule = Schedule(0.1, 1, 0.5, 0.5, batch=1, outer_steps=5)
    certified = certify_population(problem.tasks, schedule, z0, [-1.0, -1.0], [1.0, 1.0], n_w=1)
    assert certified.stays and certified.finite and certified.why_not == ""
    # w_1 = 0.9 w + 0.1 phi: the Hessian is known.
    top = 0.5 * np.linalg.eigvalsh(np.array([[0.81, 0.09], [0.09, 1.01]]))[-1]
    assert np.isclose(certified.curvature.high, top, rtol=1e-6)


def test_what_may_jump_is_not_certified_and_says_so() -> None:
    kinked = of_losses(lambda w, phi, task: jnp.abs(w[0] - task["target"]) + phi[0] ** 2)
    z0 = np.asarray(kinked.start)
    schedule = Schedule(0.1, 1, 0.5, 0.5, batch=1, outer_steps=5)
    certified = certify_population(kinked.tasks, schedule, z0, z0 - 1, z0 + 1, n_w=1, operations=1e6)
    assert not certified.finite and "curvature" in certified.why_not
    stepped = of_losses(lambda w, phi, task: jnp.where(w[0] > task["target"], 1.0, 0.0) + (w[0] + phi[0]) ** 2 / 9)
    certified = certify_population(stepped.tasks, schedule, z0, z0 - 1, z0 + 1, n_w=1, operations=1e6)
    assert np.isinf(certified.curvature.high) and np.isinf(certified.D0.high)


def test_a_gradient_that_is_not_the_loss_s_own_is_refused() -> None:
    hidden = of_losses(lambda w, phi, task: w[0] * jax.lax.stop_gradient(w[0]) + phi[0] ** 2)
    with pytest.raises(NoEnclosure, match=r"query loss has a derivative of its own or a stop_gradient"):
        PopulationEnclosures(hidden.tasks, Schedule(0.1, 1), 1, 2)


def test_padding_that_drops_entries_is_enclosed() -> None:
    program = jax.make_jaxpr(lambda x: jax.lax.pad(x, 0.0, [(-1, 2, 0)]))(np.zeros(3))
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    (padded,) = run_intervals(program, [Intervals(values - 0.5, values + 0.5)])
    assert isinstance(padded, Intervals)
    kept = np.array([[2.0, 3.0, 0.0, 0.0], [5.0, 6.0, 0.0, 0.0]])
    assert np.array_equal((padded.lo + padded.hi) / 2, kept)


def test_boxes_and_steps_that_do_not_fit_are_refused() -> None:
    problem = SeparableFamily(CONSTANTS, 1, 1).problem(tasks=2, seed=0)
    z0 = np.asarray(problem.start)
    with pytest.raises(InvalidParameter, match="region"):
        certify_population(problem.tasks, schedule_of(1), z0, z0 + 1, z0 + 2, n_w=1)
    with pytest.raises(InvalidParameter, match="region"):
        certify_population(problem.tasks, schedule_of(1), z0, [-1.0], [1.0], n_w=1)
    with pytest.raises(InvalidParameter, match="beta_phi"):
        certify_population(problem.tasks, replace(schedule_of(1), beta_phi=None), z0, z0 - 1, z0 + 1, n_w=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10**6), st.floats(0, 0.5))
def test_eigenvalues_of_interval_matrices_are_between_their_bounds(n: int, seed: int, width: float) -> None:
    generator = np.random.default_rng(seed)
    middle = generator.normal(size=(5, n, n))
    middle = middle + middle.swapaxes(1, 2)
    radius = width * np.abs(generator.normal(size=(5, n, n)))
    radius = np.maximum(radius, radius.swapaxes(1, 2))
    box = Intervals(middle - radius, middle + radius)
    above = largest_eigenvalue_above(box)
    for _ in range(10):
        chosen = middle + radius * generator.uniform(-1, 1, size=radius.shape)
        chosen = np.triu(chosen) + np.triu(chosen, 1).swapaxes(1, 2)
        assert np.all(np.linalg.eigvalsh(chosen)[:, -1] <= above + 1e-12 * (1 + np.abs(above)))
    point = Intervals.exact(middle)
    exact = np.linalg.eigvalsh(middle)[:, -1]
    assert np.all(largest_eigenvalue_below(point) <= exact + 1e-12)
    assert np.allclose(largest_eigenvalue_below(point), exact, atol=1e-9)
    assert np.allclose(largest_eigenvalue_above(point), exact, atol=2e-3 * (1 + np.abs(middle).max() * n))


def test_the_curvature_is_that_of_where_the_steps_end_too() -> None:
    """L_meta = (w_1^4 + phi^2)/2 is the more curved the farther out, and a step may leave the region."""

    def quartic(w, phi, task):
        return jnp.sum(w**4) / 2 + jnp.sum(phi**2) / 2 - task["target"] * jnp.sum(w)

    def support(w, phi, task):
        return jnp.sum(w**2) / 2

    problem = of_losses(quartic, support, targets=(-4.0, 4.0))
    schedule = Schedule(0.5, 1, beta_w=0.8, beta_phi=0.4, batch=1, outer_steps=5)
    found = certify_population(
        problem.tasks, schedule, np.asarray(problem.start), [-0.5, -0.5], [0.5, 0.5], n_w=1, gap=0.01
    )
    farthest = max(-found.reach.lower[0], found.reach.upper[0])
    # w_1 = w/2, so that D_w^2 L_meta = 6 (w/2)^2/4.
    assert farthest > 1.5
    assert found.curvature.high >= 0.8 * 6 * (farthest / 2) ** 2 / 4 > 3 * 0.8 * 6 * 0.25**2 / 4


@pytest.mark.parametrize("bend", [-1.0, 1.0])
def test_a_drop_is_enclosed_over_a_whole_box_at_once(bend: float) -> None:
    """One box about the start: the second-order form is the narrowest, and it may not cut off what a parabola drops."""
    problem = of_losses(
        lambda w, phi, task: bend * jnp.sum(w**2) / 2 + jnp.sum(w) * task["target"] + 0.0 * jnp.sum(phi),
        lambda w, phi, task: jnp.sum((w - 0.3) ** 2) / 2,
    )
    schedule = Schedule(0.5, 2, beta_w=0.1, beta_phi=0.1)
    enclosures = PopulationEnclosures(problem.tasks, schedule, 1, 2)
    start = np.zeros(2)
    box = Boxes.of(np.array([-1.0, -1.0]), np.array([1.0, 1.0]))
    # w_2 - 0.3 = (w - 0.3)/4; the targets cancel in the mean.
    w = np.linspace(-1.0, 1.0, 2001)
    losses = bend * (0.3 + (w - 0.3) / 4) ** 2 / 2
    drop = float(bend * (0.3 - 0.3 / 4) ** 2 / 2 - losses.min())
    assert enclosures.drops(start, box).high[0] >= drop
