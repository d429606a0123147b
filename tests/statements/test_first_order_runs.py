"""Statement B as a claim: random populations never exceed it, step by step, two tasks attain it, half is refuted."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.checks import Row, check
from anil_theory.constants import Constants
from anil_theory.estimators import Effort
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind, MissingFact
from anil_theory.statements.biased_descent import FirstOrderRun
from anil_theory.statements.first_order_bias import SEARCH_ERROR, largest_displacement
from anil_theory.statements.forms.names import FIRST_ORDER, FIRST_ORDER_DESCENT
from anil_theory.tasks import FirstOrderFloor, SeparableFamily, TaskSet

POPULATION = 3
LONGEST = 13
CONVEX = Constants(0.2, 1.0, 0.0, 0.0, 1.0)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)
EFFORT = Effort(seeds=2, max_inner_steps=LONGEST)


def floor_row(constants: Constants, at: Schedule, broken: str | None = None) -> Row:
    problem = FirstOrderFloor(constants).problem(tasks=2)
    (only,) = check(FIRST_ORDER_DESCENT[constants.geometry], problem, at, effort=EFFORT, broken=broken)
    return only


def schedule_of(constants: Constants, N: int, share: float = 1.0) -> Schedule:
    """All tasks at every step, at `share` of the step at which Lambda is the middle of the loop's two factors."""
    alpha = (0.7 if constants.mu else 0.3) / constants.L
    unit = Schedule(alpha, N, beta_w=1.0, batch=2, population=2, outer_steps=8000)
    run = FirstOrderRun(constants.geometry, Kind.REFINED, constants, unit, 0.0, False)
    high, low = 1 - alpha * constants.lowest_curvature, 1 - alpha * constants.L
    middle = (high**N + low**N) / 2
    return dataclasses.replace(unit, beta_w=share * middle / float(run.loop(high).curvature))


@pytest.mark.parametrize("N", [1, 4, LONGEST])
@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX, Constants(0.13, 1.7, 0.0, 0.0, 0.9)])
def test_two_tasks_attain_the_floor_and_refute_half_of_it(constants: Constants, N: int) -> None:
    at = schedule_of(constants, N)
    attained = floor_row(constants, at)
    assert attained.outcome == "CONFIRMED" and 0.995 < attained.tightness <= 1, attained.reason
    assert floor_row(constants, at, broken="weighted").outcome == "REFUTED"
    # Shorter steps decay more slowly, and have the same floor.
    shorter = floor_row(constants, dataclasses.replace(schedule_of(constants, N, 0.5), outer_steps=16_000))
    assert shorter.outcome == "CONFIRMED" and shorter.tightness > 0.995


def test_the_bias_of_statement_A_alone_is_attained_by_one_nonconvex_step() -> None:
    at = schedule_of(NONCONVEX, 1)
    attained = floor_row(NONCONVEX, at)
    assert attained.measured / attained.bounds["explicit"] > 0.99
    # With more steps the floor lies below the squared bias of one task: the bias of the mean is smaller.
    more = floor_row(NONCONVEX, schedule_of(NONCONVEX, 4))
    assert more.measured / more.bounds["explicit"] < 0.5


@partial(jax.jit, static_argnums=(0, 1))
def gains(losses: Any, together: bool, data: Any, z: jax.Array, steps: jax.Array, loop: UnrolledLoop) -> jax.Array:
    """E L_meta(z+) - L_meta(z) and |D|^2 in the norm of the steps, for each population (P, 3, ..) at its point (P, 4).

    together   a step takes all three tasks; otherwise one of them, drawn uniformly: the mean is over all three.
    """

    def loss(z: jax.Array, task: Any) -> jax.Array:
        adapted = inner_loop(losses.support, z[:2], z[2:], task, loop)
        return losses.query(adapted.final, z[2:], task)

    def gradient(z: jax.Array, task: Any, *, first_order: bool) -> jax.Array:
        order = dataclasses.replace(loop, first_order=first_order)
        return jnp.concatenate(list(meta_gradient(losses, z[:2], z[2:], task, order)))

    def gain(tasks: Any, z: jax.Array) -> jax.Array:
        at = jax.vmap(loss, in_axes=(None, 0))
        exact = jnp.mean(jax.vmap(partial(gradient, first_order=False), in_axes=(None, 0))(z, tasks), axis=0)
        followed = jax.vmap(partial(gradient, first_order=True), in_axes=(None, 0))(z, tasks)
        if together:
            followed = jnp.mean(followed, axis=0, keepdims=True)
        after = jax.vmap(lambda F: jnp.mean(at(z - steps * F, tasks)))(followed)
        return jnp.stack([jnp.mean(after) - jnp.mean(at(z, tasks)), exact @ (steps * exact)])

    return jax.vmap(gain)(data, z)


def largest_share(
    constants: Constants, alpha: float, N: int, kind: Kind, *, together: bool, populations: int, seed: int = 0
) -> float:
    """The largest of (2 Lambda E[gain] + |D|^2)/(b^2 + Lambda^2 noise) over random populations and points."""
    schedule = Schedule(alpha, N, beta_w=0.4, beta_phi=0.15, batch=POPULATION if together else 1)
    schedule = dataclasses.replace(schedule, population=POPULATION if together else None)
    name = FIRST_ORDER_DESCENT[constants.geometry]
    (claim,) = STATEMENTS[name].given(D0=0.0, n_phi=2).select(kind)
    bound = claim.evaluate(constants, schedule)
    used = float(bound.note.split("Lambda = ")[1].split(",")[0])
    family = SeparableFamily(constants, 2, 2)
    tasks: TaskSet = family.sample(jax.random.key(seed), POPULATION * populations)
    data = jax.tree.map(lambda leaf: leaf.reshape(populations, POPULATION, *leaf.shape[1:]), tasks.data)
    z = family.points(np.random.default_rng(seed), (populations,))
    steps = jnp.array([0.4, 0.4, 0.15, 0.15])
    gained, squared = gains(tasks.losses, together, data, z, steps, UnrolledLoop.of_schedule(schedule)).T
    return float(jnp.max(2 * used * gained + squared)) / bound.value


SETTINGS = [
    (Constants(0.3, 1.0, 1.0, 0.5, 1.0), 0.7, 1),
    (Constants(0.13, 1.7, 0.6, 2.3, 0.9), 0.3, 4),
    (Constants(None, 1.0, 1.0, 0.5, 1.0), 0.125, 4),
]


@pytest.mark.parametrize(("constants", "alpha", "N"), SETTINGS)
@pytest.mark.parametrize("together", [True, False])
def test_ten_thousand_random_steps_never_gain_more_than_the_claim_allows(constants, alpha, N, together) -> None:
    for kind in (Kind.EXPLICIT, Kind.REFINED):
        share = largest_share(constants, alpha, N, kind, together=together, populations=5000)
        # Lambda is read from the note, with six digits.
        assert 0 < share <= 1 + 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("constants", "alpha", "N"), SETTINGS)
def test_a_million_random_steps_never_gain_more_than_the_claim_allows(constants, alpha, N) -> None:
    for seed in range(1, 101):
        together = bool(seed % 2)
        kind = Kind.REFINED
        share = largest_share(constants, alpha, N, kind, together=together, populations=10_000, seed=seed)
        assert share <= 1 + 1e-5


def test_a_thirtieth_of_the_claim_is_refuted_by_random_steps() -> None:
    """The check of steps can fail."""
    assert largest_share(*SETTINGS[0], Kind.REFINED, together=True, populations=5000) > 1 / 30


@pytest.mark.parametrize("N", [1, 4])
def test_at_the_curvature_of_its_step_the_explicit_claim_is_statement_A_in_the_lemma(N: int) -> None:
    """Lambda = 1 and one block: 2 Lam D0/K + b^2 + s^2, all times beta."""
    constants = Constants(0.3, 1.0, 1.0, 0.0, 1.0)
    unit = Schedule(0.7, N, beta_w=1.0, batch=5, outer_steps=30)
    Lam = float(FirstOrderRun(constants.geometry, Kind.EXPLICIT, constants, unit, 0.0, False).loop(1 - 0.21).curvature)
    at = dataclasses.replace(unit, beta_w=1 / Lam)
    (explicit,) = STATEMENTS[FIRST_ORDER_DESCENT[constants.geometry]].given(D0=0.8, n_phi=0).select(Kind.EXPLICIT)
    (bias,) = STATEMENTS[FIRST_ORDER[constants.geometry]].select(Kind.SHARP, "w")
    b = bias.evaluate(constants, at).value
    assert explicit.evaluate(constants, at).value * Lam == pytest.approx(2 * Lam * 0.8 / 30 + b**2 + 1 / 5, rel=1e-9)


def test_the_refined_claim_is_never_above_the_explicit_one() -> None:
    for constants, alpha, N in SETTINGS:
        for beta, n_phi in ((1e-3, 0), (0.3, 2), (50.0, 2)):
            at = Schedule(alpha, N, beta_w=beta, beta_phi=beta / 3, batch=4, outer_steps=100)
            claims = STATEMENTS[FIRST_ORDER_DESCENT[constants.geometry]].given(D0=0.5, n_phi=n_phi)
            explicit, refined = (
                claims.select(kind)[0].evaluate(constants, at) for kind in (Kind.EXPLICIT, Kind.REFINED)
            )
            assert refined.value <= explicit.value * (1 + 1e-9)


def test_a_target_other_than_the_identity_is_as_far_as_a_scan_says() -> None:
    for low, high, N, target in ((0.3, 0.8, 4, 0.2), (0.0, 0.9, 1, 0.4), (-0.4, 2.4, 3, 1.7), (0.6, 1.4, 5, 2.0)):
        psi = np.linspace(0, np.pi, 400_001)
        zeta = (low + high) / 2 + (high - low) / 2 * np.exp(1j * psi)
        scanned = np.abs(zeta**N - target).max()
        assert largest_displacement(low, high, N, target) == pytest.approx(scanned, rel=1e-9)


@settings(max_examples=60)
@given(
    ends=st.tuples(st.floats(-0.9, 2.0), st.floats(-0.9, 2.0)),
    N=st.integers(1, 12),
    target=st.floats(0.0, 3.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_products_stay_as_close_to_a_multiple_of_the_identity(
    ends: tuple[float, float], N: int, target: float, seed: int
) -> None:
    """Random symmetric matrices of three dimensions, half of them with their spectrum at the ends of the interval."""
    low, high = sorted(ends)
    high = max(high, -low)
    bound = largest_displacement(low, high, N, target)
    generator = np.random.default_rng(seed)
    for extreme in (False, True):
        product = np.eye(3)
        for _ in range(N):
            rotation = np.linalg.qr(generator.standard_normal((3, 3)))[0]
            spectrum = generator.choice([low, high], 3) if extreme else generator.uniform(low, high, 3)
            product = product @ (rotation * spectrum) @ rotation.T
        assert np.linalg.norm(target * np.eye(3) - product, 2) <= bound * (1 + SEARCH_ERROR) + 1e-12


def test_bounds_beyond_float64_keep_their_logarithm() -> None:
    constants = Constants(None, 1.0, 1.0, 0.5, 1.0)
    at = Schedule(1.0, 350, beta_w=0.1, beta_phi=0.1, batch=4, outer_steps=10)
    for claim in STATEMENTS[FIRST_ORDER_DESCENT[constants.geometry]].given(D0=0.5, n_phi=2).claims:
        bound = claim.evaluate(constants, at)
        assert bound.value == float("inf") and 308 < bound.log10 < 5000


def test_bad_input_is_refused_by_its_name() -> None:
    name = FIRST_ORDER_DESCENT[CONVEX.geometry]
    with pytest.raises(MissingFact, match="D0"):
        STATEMENTS[name].claims[0].evaluate(CONVEX, schedule_of(CONVEX, 1))
    with pytest.raises(InvalidParameter, match="D0 must be"):
        STATEMENTS[name].given(D0=-1.0, n_phi=0)
    with pytest.raises(InvalidParameter, match="rho must be 0"):
        FirstOrderFloor(dataclasses.replace(CONVEX, rho=1.0))
    without = dataclasses.replace(schedule_of(CONVEX, 1), beta_w=None)
    assert [h.condition for h in STATEMENTS[name].claims[0].hypotheses(CONVEX, without) if not h.holds] == [
        "beta_w is given",
        "beta_phi is given",
    ]
