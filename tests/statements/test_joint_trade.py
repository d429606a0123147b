"""Curvature and noise at once: never exceeded, attained by a pair of tasks at short steps, refuted when halved."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.estimators.local_population import best_pair, linear_floor, local_pair, run_pair
from anil_theory.estimators.local_program import choice_from_angles, hessian_of_choice
from anil_theory.schedule import Schedule
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.joint_trade import joint_trade, one_draw_row
from anil_theory.statements.rates import sharp_step

SETTINGS = [
    (Constants(0.2, 1.0, 1.0, 0.5, 1.0), 1),
    (Constants(0.13, 1.7, 0.6, 2.3, 0.9), 4),
    (Constants(0.9, 1.0, 5.0, 0.1, 3.0), 4),
]


def steps_of(constants: Constants, N: int, lam: float, *, batch: int = 1, ratio: float = 1.0) -> Schedule:
    """The paper's alpha; beta_w = ratio beta_phi, such that lam is about that at ratio = 1."""
    plain = Schedule.paper(constants, N)
    beta = lam * sharp_step(constants, plain, constants.geometry)
    return dataclasses.replace(plain, beta_w=ratio * beta, beta_phi=beta, batch=batch, outer_steps=10**15)


@pytest.mark.parametrize(("constants", "N"), [SETTINGS[0], SETTINGS[2]])
@pytest.mark.parametrize("ratio", [1.0, pytest.param(0.1, marks=pytest.mark.slow)])
def test_apart_it_is_theorem_J_and_together_a_pair_attains_it(constants: Constants, N: int, ratio: float) -> None:
    """At short steps: the best pair of Theorem J has F_0, and the linear SGD of the best pair of tasks has F_1."""
    schedule = steps_of(constants, N, 1e-3, ratio=ratio)
    trade = joint_trade(constants, schedule)
    joint = JointRate(constants, schedule, constants.geometry, 0.0).bound("weighted").value
    assert 2 * joint == pytest.approx(trade.apart, rel=2e-3)
    assert trade.together <= trade.apart
    pair = best_pair(constants, schedule)
    reached = 2 * linear_floor(pair, *betas(schedule))
    # The linear SGD has 2/(2 - lam) in place of 1.
    assert 0.99 * trade.together <= reached <= trade.together * (1 + 1e-3)
    assert reached > trade.together / 2, "halved, it is refuted"


def betas(schedule: Schedule) -> tuple[float, float]:
    assert schedule.beta_w is not None and schedule.beta_phi is not None
    return schedule.beta_w, schedule.beta_phi


def test_the_separate_and_the_joint_numbers_differ_where_the_docs_say() -> None:
    shares = []
    for constants, N in SETTINGS:
        trade = joint_trade(constants, steps_of(constants, N, 1e-3))
        shares.append(trade.together / trade.apart)
    assert shares == pytest.approx([0.965, 0.963, 0.690], abs=2e-3)


def random_products(constants: Constants, N: int, schedule: Schedule, tasks: int, seed: int) -> np.ndarray:
    """D^2 L_i[d_j, d_j] over all pairs of random admissible scalar tasks, (tasks, tasks); half of them extreme."""
    generator = np.random.default_rng(seed)
    angles = generator.uniform(-np.pi, np.pi, (tasks, N, 5))
    end = generator.uniform(-np.pi, np.pi, (tasks, 5))
    # The extremes of all sines.
    angles[: tasks // 2] = np.sign(np.sin(angles[: tasks // 2])) * np.pi / 2
    dials = jnp.array([constants.lowest_curvature, constants.L, constants.rho, constants.tau, constants.M])

    def one(angles: jax.Array, end: jax.Array) -> tuple[jax.Array, jax.Array]:
        choice = choice_from_angles(angles, end[:4], dials)
        hessian = hessian_of_choice(choice, jnp.asarray(schedule.one_alpha), jnp.asarray(N))
        along_w, along_phi = jnp.ones(()), jnp.zeros(())
        for m in range(N):
            factor = 1 - schedule.one_alpha * choice.H[m]
            along_w, along_phi = factor * along_w, factor * along_phi - schedule.one_alpha * choice.C[m]
        q = jnp.sqrt(constants.M**2 - choice.p**2) * jnp.sin(end[4])
        return hessian, jnp.stack([along_w * choice.p, along_phi * choice.p + q])

    hessians, gradients = map(np.asarray, jax.jit(jax.vmap(one))(jnp.asarray(angles), jnp.asarray(end)))
    d = gradients * np.array(betas(schedule))
    return np.einsum("iab,ja,jb->ij", hessians, d, d)


@pytest.mark.parametrize(("constants", "N"), [SETTINGS[0], pytest.param(*SETTINGS[1], marks=pytest.mark.slow)])
def test_ten_thousand_random_tasks_never_exceed_it(constants: Constants, N: int) -> None:
    """Alone on the diagonal; whole populations in the mean; and no pair of tasks goes beyond F_0."""
    schedule = steps_of(constants, N, 0.5)
    trade = joint_trade(constants, schedule)
    for seed in range(10):
        products = random_products(constants, N, schedule, 1000, seed)
        assert np.diag(products).max() <= trade.together
        assert products.max() <= trade.apart
        populations = products.reshape(100, 10, 100, 10)
        means = np.array([populations[i, :, i].mean() for i in range(100)])
        assert means.max() <= trade.together
    assert np.diag(products).max() > trade.together / 4, "a share of nothing would show nothing"


@pytest.mark.slow
@pytest.mark.parametrize(("constants", "N"), SETTINGS)
def test_a_million_random_tasks_never_exceed_it(constants: Constants, N: int) -> None:
    schedule = steps_of(constants, N, 0.5)
    trade = joint_trade(constants, schedule)
    for seed in range(1000):
        assert np.diag(random_products(constants, N, schedule, 1000, seed)).max() <= trade.together


@pytest.mark.parametrize(("constants", "N"), [SETTINGS[0], pytest.param(*SETTINGS[2], marks=pytest.mark.slow)])
@pytest.mark.parametrize("lam", [1.0, 0.01])
def test_the_row_of_one_draw_is_at_most_that_of_theorem_J(constants: Constants, N: int, lam: float) -> None:
    schedule = steps_of(constants, N, lam)
    joint = JointRate(constants, schedule, constants.geometry, 0.0).bound("weighted").value
    assert one_draw_row(constants, schedule, 0.0) <= joint * (1 + 1e-3)
    assert one_draw_row(constants, dataclasses.replace(schedule, outer_steps=4), 2.0) >= 0.5
    with pytest.raises(InvalidParameter, match="batch must be 1"):
        one_draw_row(constants, dataclasses.replace(schedule, batch=2), 0.0)


def test_a_run_reaches_nine_tenths_of_theorem_J_at_lam_1() -> None:
    """With rho, tau > 0. The seed is fixed; four standard errors are 0.03. Offsets stay in the room of the Hessians."""
    constants, N = SETTINGS[0]
    B, radius = 2**22, 6e-3
    schedule = dataclasses.replace(steps_of(constants, N, 1.0, batch=B), outer_steps=200)
    pair = best_pair(constants, schedule, radius)
    run = run_pair(pair, schedule, chains=400, skipped=50, cut=0.5 * radius)
    assert run.farthest <= radius
    endless = dataclasses.replace(schedule, outer_steps=10**15)
    joint = JointRate(constants, endless, constants.geometry, 0.0).bound("weighted").value
    assert run.value - 4 * run.stderr >= 0.88 * joint
    assert run.value <= joint


@pytest.mark.parametrize("mu", [0.3, None])
def test_the_pair_is_what_its_derivatives_say(mu: float | None) -> None:
    """Its Hessian is the derivative of the gradient at 0, and its derivatives are admissible there."""
    constants = Constants(mu, 1.0, 1.0, 0.5, 1.0)
    schedule = Schedule.paper(constants, 3)
    pair = local_pair(constants, schedule, slope=0.7, share=0.8, radius=0.01)
    # Below M, so that L_D is quadratic at the centre.
    pair = dataclasses.replace(pair, outer=0.9 * pair.outer)
    step = 1e-6
    columns = [(pair.gradient(step * e)[0] - pair.gradient(-step * e)[0]) / (2 * step) for e in np.eye(2)]
    np.testing.assert_allclose(np.stack(columns, axis=1), pair.hessian(), rtol=1e-7, atol=1e-8)
    assert np.hypot(pair.H, pair.C).max() <= constants.L and pair.H.min() >= constants.lowest_curvature
    assert np.all(np.hypot(pair.a, pair.b) <= constants.rho * (1 + 1e-9))
    assert np.all(np.hypot(pair.b, pair.d) <= constants.tau * (1 + 1e-9))


def test_the_nonconvex_geometry_has_none() -> None:
    with pytest.raises(InvalidParameter, match="mu must be known"):
        joint_trade(Constants(None, 1.0, 1.0, 0.5, 1.0), Schedule(0.1, 1))


def test_the_way_of_a_step_is_charged() -> None:
    """One draw: F_1 and the turn of the outer gradient on the way, delta R_max; never more than F_0."""
    constants, N = SETTINGS[0]
    for lam, turns in ((1e-3, True), (0.9, False)):
        schedule = steps_of(constants, N, lam)
        trade = joint_trade(constants, schedule)
        beta = betas(schedule)[0]
        # S2 of equal steps: G of the joint form at its largest, with N = 1 a norm of two rows.
        r = 1 - schedule.one_alpha * constants.lowest_curvature
        moved = schedule.one_alpha * np.sqrt(constants.L**2 - constants.lowest_curvature**2)
        largest = np.linalg.norm([[r, moved], [0.0, 1.0]], 2) ** 2
        charged = trade.together + constants.L * beta * largest * trade.turned
        assert (charged < trade.apart) == turns
        assert one_draw_row(constants, schedule, 0.0) == pytest.approx(min(charged, trade.apart) / 2, rel=1e-8)
