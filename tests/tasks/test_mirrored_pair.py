"""The mirrored pair with phi: exact constants everywhere, a minimum where runs start, and Theorem J nearly reached."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm.population import meta_loss
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.checks import MEASUREMENTS, check, check_by
from anil_theory.constants import Constants
from anil_theory.estimators import Effort
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.rates import step_sizes
from anil_theory.tasks import MirroredPairFamily, TaskSet
from anil_theory.tasks.mirrored_pair import query_loss, support_loss

CONVEX, NONCONVEX = Constants(0.2, 1.0, 1.0, 0.5, 1.0), Constants(None, 1.0, 1.0, 0.5, 1.0)
LONGEST = 4
"""Every family here is padded to this N, so that one compilation serves all."""

FRACTIONS = st.integers(1, 19).map(lambda twentieths: twentieths / 20)
SIZES = st.sampled_from([0.1, 0.3, 1.0, 2.0, 5.0])


def schedule_of(constants: Constants, N: int, *, batch: int, outer_steps: int = 400) -> Schedule:
    """Outer steps at the explicit limits, as `verify` has them."""
    alpha = 0.5 / (N * constants.L) if constants.mu is None else constants.mu / constants.L**2
    plain = Schedule(alpha, N, batch=batch, outer_steps=outer_steps)
    return step_sizes(constants, plain, constants.geometry, Kind.EXPLICIT)


@st.composite
def families(draw: st.DrawFn) -> MirroredPairFamily:
    """Any constants with rho, tau > 0 and mu at most 0.8 L, alpha at most 0.8/L, any batch, short and long steps."""
    L, rho, tau, M = (draw(SIZES) for _ in range(4))
    mu = L * draw(FRACTIONS) * 0.8 if draw(st.booleans()) else None
    constants = Constants(mu, L, rho, tau, M)
    plain = Schedule(0.8 * draw(FRACTIONS) / L, draw(st.integers(1, LONGEST)), batch=2 ** draw(st.integers(0, 24)))
    # At the explicit limits lam is at most 1, and SGD is stable below 2.
    times = draw(st.sampled_from([0.1, 1.0, 1.9]))
    steps = step_sizes(constants, plain, constants.geometry, Kind.EXPLICIT)
    assert steps.beta_w is not None and steps.beta_phi is not None
    scaled = dataclasses.replace(steps, beta_w=times * steps.beta_w, beta_phi=times * steps.beta_phi)
    return MirroredPairFamily(constants, scaled, LONGEST)


def flat(loss: Any, task: Any) -> Any:
    """The loss as a function of z."""
    return lambda z: loss(z[:1], z[1:], task)


@jax.jit
def derivatives(points: jax.Array, task: Any) -> tuple[jax.Array, ...]:
    """Hessians of L_S and their derivatives, gradients and Hessians of L_D, at all points."""
    support, query = flat(support_loss, task), flat(query_loss, task)
    hessian = jax.hessian(support)

    def at(z: jax.Array) -> tuple[jax.Array, ...]:
        return hessian(z), jax.jacfwd(hessian)(z), jax.grad(query)(z), jax.hessian(query)(z)

    return jax.vmap(at)(points)


def looked_at(family: MirroredPairFamily, count: int = 2000) -> np.ndarray:
    """The inner iterates, points about them at the scale of the steps, and a point where L_D has the slope M."""
    generator = np.random.default_rng(0)
    centres = np.stack([np.resize(family.centres, count), np.zeros(count)], axis=1)
    reach = float(np.max(family.along.right + family.along.left))
    lengths = reach * 10.0 ** generator.uniform(-1.0, 2.0, (count, 1))
    lengths[: LONGEST + 1] = 0
    points = centres + lengths * generator.standard_normal((count, 2))
    points[-1] = family.centres[-1] + 10 * family.constants.M / family.constants.L, 0.0
    return points


@settings(max_examples=25, deadline=None)
@given(families())
def test_the_constants_are_exact_on_the_whole_space(family: MirroredPairFamily) -> None:
    constants = family.constants
    task = family.sample(jax.random.key(0), 2).task(1)
    points = -looked_at(family)
    curved, turned, slopes, query = map(np.asarray, derivatives(jnp.asarray(points), task))
    assert math.isclose(np.abs(np.linalg.eigvalsh(curved)).max(), constants.L, rel_tol=1e-9)
    assert curved[:, 0, 0].min() >= constants.lowest_curvature - 1e-12 * constants.L
    if constants.mu is not None:
        assert math.isclose(curved[:, 0, 0].min(), constants.mu, rel_tol=1e-9)
    assert math.isclose(np.linalg.norm(turned[:, 0, 0], axis=1).max(), constants.rho, rel_tol=1e-6)
    assert math.isclose(np.linalg.norm(turned[:, 0, 1], axis=1).max(), constants.tau, rel_tol=1e-6)
    assert math.isclose(np.linalg.norm(slopes, axis=1).max(), constants.M, rel_tol=1e-12)
    assert np.abs(np.linalg.eigvalsh(query)).max() <= constants.L * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
def test_the_audit_of_the_constants_agrees(constants: Constants) -> None:
    schedule = schedule_of(constants, 2, batch=2**15)
    rows = check("assumptions", MirroredPairFamily(constants, schedule).problem(), schedule)
    assert {row.block for row in rows} == {"L - mu", "L", "M", "rho", "tau"}
    for row in rows:
        assert row.outcome == "CONSISTENT" and 0.99 <= row.tightness <= 1 + 1e-12


@jax.jit
def meta_losses(points: jax.Array, tasks: TaskSet, loop: UnrolledLoop) -> tuple[jax.Array, jax.Array]:
    """L_meta at all points, and its gradient at the first."""

    def value(z: jax.Array) -> jax.Array:
        return meta_loss(tasks, z[:1], z[1:], loop)

    return jax.vmap(value)(points), jax.grad(value)(points[0])


@settings(max_examples=25, deadline=None)
@given(families())
def test_the_run_starts_at_the_minimum(family: MirroredPairFamily) -> None:
    """From far inside the noise to far beyond the first inner iterate, in all directions."""
    loop = UnrolledLoop.of_schedule(family.schedule, LONGEST)
    angles = np.linspace(0, np.pi, 40)[:, None]
    lengths = np.geomspace(0.1 * family.length_scale, 1e3 * max(1.0, -float(family.centres.min())), 40)
    points = np.stack([np.cos(angles) * lengths, np.sin(angles) * lengths], axis=-1).reshape(-1, 2)
    every = jnp.asarray(np.concatenate([[[0.0, 0.0]], points]))
    values, gradient = map(np.asarray, meta_losses(every, family.sample(jax.random.key(0), 2), loop))
    assert values.min() >= values[0] - 1e-12 * abs(values[0])
    assert np.abs(gradient).max() <= 1e-12 * family.constants.M


@jax.jit
def at_the_start(tasks: TaskSet, loop: UnrolledLoop) -> tuple[jax.Array, jax.Array]:
    """w_0 .. w_N of both tasks from 0, those that are not reached included, and D^2 L_meta there."""

    def iterates(index: int) -> jax.Array:
        of_task = inner_loop(tasks.support, jnp.zeros(1), jnp.zeros(1), tasks.task(index), loop)
        return jnp.append(of_task.iterates[:, 0], of_task.final)

    hessian = jax.hessian(lambda z: meta_loss(tasks, z[:1], z[1:], loop))(jnp.zeros(2))
    return jnp.stack([iterates(0), iterates(1)]), hessian


@pytest.mark.parametrize(("constants", "N"), [(CONVEX, 1), (CONVEX, 3), (NONCONVEX, 4)])
def test_iterates_lie_where_the_curvature_turns_as_it_was_chosen(constants: Constants, N: int) -> None:
    schedule = schedule_of(constants, N, batch=2**40)
    family = MirroredPairFamily(constants, schedule, LONGEST)
    loop = UnrolledLoop.of_schedule(schedule, LONGEST)
    reached, hessian = at_the_start(family.sample(jax.random.key(0), 2), loop)
    for path, sign in zip(np.asarray(reached), (1, -1), strict=True):
        final = [*path[:N], path[-1]]
        np.testing.assert_allclose(sign * np.array(final), family.centres, rtol=1e-12, atol=1e-6 * family.length_scale)
    # The noise of so large a batch is so small that nothing is left for it.
    np.testing.assert_allclose(hessian, family.chosen.hessian, atol=1e-3)
    assert 1 - family.mean < 1e-3


@pytest.mark.parametrize(
    ("constants", "N", "batch", "reached"),
    [
        (CONVEX, 1, 2**15, 0.89),
        (NONCONVEX, 1, 2**15, 0.94),
        pytest.param(NONCONVEX, 4, 2**15, 0.91, marks=pytest.mark.slow),
        pytest.param(CONVEX, 4, 2**20, 0.88, marks=pytest.mark.slow),
    ],
)
def test_runs_come_close_to_theorem_J_and_halved_it_is_refuted(
    constants: Constants, N: int, batch: int, reached: float
) -> None:
    """The seed is fixed. The standard error is some 0.013."""
    schedule = schedule_of(constants, N, batch=batch, outer_steps=500)
    problem = MirroredPairFamily(constants, schedule, LONGEST).problem()
    statement = STATEMENTS["thm1" if constants.mu else "thm2"]
    rate, effort = MEASUREMENTS["rate"], Effort(seeds=48, max_inner_steps=LONGEST)
    findings = rate.run(problem, schedule, effort)
    rows = check_by(statement, rate, problem, schedule, effort=effort, findings=lambda: findings)
    assert {row.block: row.outcome for row in rows} == dict.fromkeys(("weighted", "w", "phi"), "CONFIRMED")
    (weighted,) = (row for row in rows if row.block == "weighted")
    assert weighted.powered == "sharp" and reached <= weighted.tightness <= 1
    broken = check_by(statement, rate, problem, schedule, effort=effort, broken="weighted", findings=lambda: findings)
    assert [row.outcome for row in broken if row.block == "weighted"] == ["REFUTED"]


def test_one_draw_and_long_steps_turn_as_well() -> None:
    """There B (2 - lam)/lam is below 1, and its logarithm is no breadth."""
    schedule = schedule_of(CONVEX, 2, batch=1)
    assert schedule.beta_w is not None
    long = 1.9 * schedule.beta_w / MirroredPairFamily(CONVEX, schedule).chosen.lam
    family = MirroredPairFamily(CONVEX, dataclasses.replace(schedule, beta_w=long, beta_phi=long))
    assert family.chosen.lam > 1.5 and family.along.right.min() > 0 and family.own.left.min() > 0


def test_where_there_is_none() -> None:
    steps = schedule_of(CONVEX, 1, batch=4)
    for changed, words in (
        (dataclasses.replace(CONVEX, rho=0.0), "rho must be > 0"),
        (dataclasses.replace(CONVEX, tau=0.0), "tau must be > 0"),
        (dataclasses.replace(CONVEX, mu=1.0), "mu must be below L"),
    ):
        with pytest.raises(InvalidParameter, match=words):
            MirroredPairFamily(changed, steps)
    with pytest.raises(InvalidParameter, match="beta_w and beta_phi must be given"):
        MirroredPairFamily(CONVEX, Schedule(0.2, 1, beta_w=0.1))
    with pytest.raises(InvalidParameter, match="so short that SGD is stable"):
        MirroredPairFamily(CONVEX, dataclasses.replace(steps, beta_w=100.0, beta_phi=100.0))
    with pytest.raises(InvalidParameter, match="alpha must be at most 1/L"):
        MirroredPairFamily(CONVEX, dataclasses.replace(steps, alpha=1.1))
    stiff = Constants(0.9, 1.0, 1.0, 0.5, 1.0)
    with pytest.raises(InvalidParameter, match="above rounding"):
        MirroredPairFamily(stiff, Schedule(0.9, 20, batch=4, beta_w=0.1, beta_phi=0.1))
