"""The separable family attains the constants it declares, and never exceeds them: black-box derivatives, no search.

The tensors are matricised: the spectral norm of the (z) x (w w) unfolding of D_z D_w^2 L_S is at least the Lipschitz
constant of D_w^2 L_S, and equal to it here, where every coordinate contributes an orthogonal term of rank one.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory.constants import Constants
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import SeparableFamily, SeparableTask
from tests.strategies import log_uniform

TASKS = 3
AGREEMENT = 1e-9
SHAPES = [(1, 1), (3, 3), (4, 2), (2, 4), (3, 0)]


@partial(jax.jit, static_argnums=(0, 1, 2))
def derivatives(loss: Any, n_w: int, orders: tuple[int, int], data: Any, z: Any) -> tuple[Any, ...]:
    """Derivatives of two orders (1 the gradient, 2, 3) of one loss at one point of every task."""

    def one(data: Any, z: Any) -> tuple[Any, ...]:
        derivative = {1: jax.grad(lambda z: loss(z[:n_w], z[n_w:], data))}
        for order in (2, 3):
            derivative[order] = jax.jacfwd(derivative[order - 1])
        return tuple(derivative[order](z) for order in orders)

    return jax.vmap(one)(data, z)


def measured_at(tasks: TaskSet, family: SeparableFamily, z: Any) -> dict[str, np.ndarray]:
    """What L_S shows at one point per task: the ends of its curvature and the norms of its derivatives, (T,) each."""
    n = family.n_w
    shared = tasks.data._replace(query_rotation=None)  # L_S does not read it: one compilation for both kinds
    hessian, third = map(np.asarray, derivatives(tasks.support, n, (2, 3), shared, z))
    unfold = lambda block: np.linalg.norm(block.reshape(len(block), -1, block.shape[-1]), 2, axis=(1, 2))  # noqa: E731
    ends = np.linalg.eigvalsh(hessian[:, :n, :n])
    found = {
        "low": ends[:, 0],
        "high": ends[:, -1],
        "L": np.linalg.norm(hessian, 2, axis=(1, 2)),
        "rho": unfold(third[:, :n, :n, :]),
    }
    if family.n_phi:
        found["tau"] = unfold(third[:, n:, :n, :])
    return found


def query_measured_at(tasks: TaskSet, family: SeparableFamily, z: Any) -> dict[str, np.ndarray]:
    gradient, hessian = map(np.asarray, derivatives(tasks.query, family.n_w, (1, 2), tasks.data, z))
    return {"M": np.linalg.norm(gradient, axis=1), "L": np.linalg.norm(hessian, 2, axis=(1, 2))}


def turned(rotations: Any, u: Any, v: Any, family: SeparableFamily) -> Any:
    """The flat points z of rotated coordinates (u, v)."""
    w = jnp.einsum("tij,tj->ti", rotations[0], u[:, : family.n_w])
    phi = jnp.einsum("tij,tj->ti", rotations[1], v[:, : family.n_phi])
    return jnp.concatenate([w, phi], axis=1)


def at_phase(data: SeparableTask, family: SeparableFamily, angle: float) -> Any:
    """One point per task at which the wave of every coordinate has the given phase."""
    waves = data.frequency_w > 0
    u = jnp.where(waves, (angle - data.phase) / jnp.where(waves, data.frequency_w, 1.0), 0.0)
    return turned((data.rotation_w, data.rotation_phi), u, 0 * u, family)


def at_position(data: SeparableTask, family: SeparableFamily, position: float) -> Any:
    """One point per task at which psi has the given argument in every coordinate."""
    x = data.center + data.width * position
    rotations = (data.rotation_w, data.rotation_phi) if data.query_rotation is None else data.query_rotation
    return turned(rotations, jnp.cos(data.angle) * x, jnp.sin(data.angle) * x, family)


def assert_attained(family: SeparableFamily, tasks: TaskSet) -> None:
    declared, low = family.constants, family.lowest_curvature
    ends = [measured_at(tasks, family, at_phase(tasks.data, family, angle)) for angle in (math.pi / 2, -math.pi / 2)]
    steep = [measured_at(tasks, family, at_phase(tasks.data, family, angle)) for angle in (0.0, math.pi)]
    close = partial(np.testing.assert_allclose, rtol=AGREEMENT, atol=AGREEMENT * declared.L)
    close(np.min([e["low"] for e in ends], axis=0), low)
    close(np.max([e["L"] for e in ends], axis=0), declared.L)
    for at in steep:
        np.testing.assert_allclose(at["rho"], declared.rho, rtol=AGREEMENT)
        if family.n_phi:
            np.testing.assert_allclose(at["tau"], declared.tau, rtol=AGREEMENT)
    # sin is steepest at 0 and most curved at pi/2; log cosh is steepest at infinity and most curved at 0.
    steepest, most_curved = (0.0, math.pi / 2) if family.query == "sine" else (40.0, 0.0)
    M = query_measured_at(tasks, family, at_position(tasks.data, family, steepest))["M"]
    np.testing.assert_allclose(M, declared.M, rtol=AGREEMENT)
    L = query_measured_at(tasks, family, at_position(tasks.data, family, most_curved))["L"]
    np.testing.assert_allclose(L, declared.L, rtol=AGREEMENT)


def assert_not_exceeded(family: SeparableFamily, tasks: TaskSet, seed: int) -> None:
    declared = family.constants
    z = family.points(np.random.default_rng(seed), (len(tasks),))
    found = measured_at(tasks, family, z)
    more = 1 + AGREEMENT
    assert (found["low"] >= family.lowest_curvature - AGREEMENT * declared.L).all()
    assert (found["L"] <= declared.L * more).all() and (found["rho"] <= declared.rho * more).all()
    if family.n_phi:
        assert (found["tau"] <= declared.tau * more).all()
    query = query_measured_at(tasks, family, z)
    assert (query["M"] <= declared.M * more).all() and (query["L"] <= declared.L * more).all()


@pytest.mark.parametrize(("n_w", "n_phi"), SHAPES)
@pytest.mark.parametrize("mu", [0.3, None])
def test_every_constant_is_attained(n_w: int, n_phi: int, mu: float | None) -> None:
    constants = Constants(mu, 2.0, 0.7, 0.9 if n_phi else 0.0, 1.5)
    family = SeparableFamily(constants, n_w, n_phi)
    tasks = family.sample(jax.random.key(3), TASKS)
    assert_attained(family, tasks)
    for seed in range(20):
        assert_not_exceeded(family, tasks, seed)


@pytest.mark.parametrize("query", ["sine", "log-cosh"])
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("lowest", [-2.0, -0.4, 0.0])
def test_both_query_losses_separate_rotations_and_a_chosen_lowest_curvature(
    query: str, share: bool, lowest: float
) -> None:
    constants = Constants(None, 2.0, 0.7, 0.2, 1.5)
    family = SeparableFamily(constants, 3, 2, query=query, share_rotation=share, lowest_curvature=lowest)
    tasks = family.sample(jax.random.key(4), TASKS)
    assert (tasks.data.query_rotation is None) is share
    assert_attained(family, tasks)
    assert_not_exceeded(family, tasks, 0)


@pytest.mark.parametrize("mu", [0.3, 2.0, None])
def test_a_lone_coordinate(mu: float | None) -> None:
    """n_w = 1, n_phi = 0: one curvature sweeps [low, L]; with mu = L it is constant."""
    rho = 0.0 if mu == 2.0 else 0.7
    family = SeparableFamily(Constants(mu, 2.0, rho, 0.0, 1.5), 1, 0)
    tasks = family.sample(jax.random.key(0), TASKS)
    assert_attained(family, tasks)
    assert_not_exceeded(family, tasks, 0)


@pytest.mark.parametrize(("n_w", "n_phi"), SHAPES)
@pytest.mark.parametrize("mu", [0.3, 2.0, None])
def test_the_quadratic_case_has_constant_derivatives(n_w: int, n_phi: int, mu: float | None) -> None:
    family = SeparableFamily(Constants(mu, 2.0, 0.0, 0.0, 1.5), n_w, n_phi)
    tasks = family.sample(jax.random.key(5), TASKS)
    assert_attained(family, tasks)
    here, there = (measured_at(tasks, family, family.points(np.random.default_rng(s), (TASKS,))) for s in (0, 1))
    for name, value in here.items():
        np.testing.assert_array_equal(value, there[name])
    assert not here["rho"].any() and not here.get("tau", np.zeros(1)).any()


@st.composite
def families(draw: st.DrawFn) -> SeparableFamily:
    """Families whose constants are reachable, by construction: mu < L, tau/rho in [0, 10], tau = 0 where it must be."""
    n_w, n_phi = draw(st.sampled_from(SHAPES))
    L, rho, M = (draw(log_uniform(1e-2, 1e2)) for _ in range(3))
    tau = rho * draw(st.just(0.0) | log_uniform(1e-2, 10)) if n_phi else 0.0
    fraction = draw(st.floats(1e-3, 0.99))
    convex = draw(st.booleans())
    return SeparableFamily(
        Constants(L * fraction if convex else None, L, rho, tau, M),
        n_w,
        n_phi,
        lowest_curvature=None if convex else -L * draw(st.sampled_from([1.0, fraction, 0.0])),
        spread=draw(st.sampled_from([0.5, 0.05, 0.95])),
    )


@given(families(), st.integers(0, 2**31))
@settings(max_examples=60)
def test_any_reachable_constants_are_attained_and_not_exceeded(family: SeparableFamily, seed: int) -> None:
    tasks = family.sample(jax.random.key(seed), TASKS)
    assert_attained(family, tasks)
    assert_not_exceeded(family, tasks, seed)
