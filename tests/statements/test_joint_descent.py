"""The step behind Theorem J on random populations: the expected descent of one outer step, exact over all batches of 1.

With B = 1 the theorem says, for every pair that dominates and every z,

    E L_meta(z - beta g_i) - L_meta(z) + sum_x beta_x ||D_x L_meta(z)||^2  <=  V/2.

A population of three tasks has three batches of one, so the expectation is a mean of nine losses. Only the populations
and the points are sampled: a violation would be one of the statement, without an error probability.
"""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements.joint_rates import JointRate
from anil_theory.tasks import SeparableFamily, TaskSet

POPULATION = 3
SETTINGS = [
    (Constants(0.3, 1.0, 1.0, 0.5, 1.0), 0.3, 1),
    (Constants(0.13, 1.7, 0.6, 2.3, 0.9), 0.13 / 1.7**2, 4),
    (Constants(None, 1.0, 1.0, 0.5, 1.0), 0.125, 4),
]


@partial(jax.jit, static_argnums=0)
def gains(losses: Any, data: Any, z: jax.Array, steps: jax.Array, loop: UnrolledLoop) -> jax.Array:
    """E L_meta(z+) - L_meta(z) + sum beta |D|^2 for each population (P, 3, ..) at its point (P, 4)."""

    def loss(z: jax.Array, task: Any) -> jax.Array:
        adapted = inner_loop(losses.support, z[:2], z[2:], task, loop)
        return losses.query(adapted.final, z[2:], task)

    def gradient(z: jax.Array, task: Any) -> jax.Array:
        return jnp.concatenate(list(meta_gradient(losses, z[:2], z[2:], task, loop)))

    def gain(tasks: Any, z: jax.Array) -> jax.Array:
        at = jax.vmap(loss, in_axes=(None, 0))
        each = jax.vmap(gradient, in_axes=(None, 0))(z, tasks)
        after = jax.vmap(lambda g: jnp.mean(at(z - steps * g, tasks)))(each)
        mean = jnp.mean(each, axis=0)
        return jnp.mean(after) - jnp.mean(at(z, tasks)) + mean @ (steps * mean)

    return jax.vmap(gain)(data, z)


def largest_share(constants: Constants, alpha: float, N: int, lam: float, populations: int, seed: int) -> float:
    """The largest of (E L(z+) - L(z) + sum beta |D|^2)/(V/2) over random populations and points, at steps of lam."""
    unit = dataclasses.replace(Schedule(alpha, N), beta_w=1.0, beta_phi=1.0)
    beta = lam / float(JointRate(constants, unit, constants.geometry, 0.0).curvature())
    schedule = dataclasses.replace(unit, beta_w=beta, beta_phi=beta, outer_steps=1)
    # At D0 = 0, B = 1, K = 1 the weighted row is V/c with c = 2, at the best pair: V/2.
    half_V = JointRate(constants, schedule, constants.geometry, 0.0).bound("weighted").value
    family = SeparableFamily(constants, 2, 2)
    tasks: TaskSet = family.sample(jax.random.key(seed), POPULATION * populations)
    data = jax.tree.map(lambda leaf: leaf.reshape(populations, POPULATION, *leaf.shape[1:]), tasks.data)
    z = family.points(np.random.default_rng(seed), (populations,))
    every = gains(tasks.losses, data, z, jnp.full(4, beta), UnrolledLoop.of_schedule(schedule))
    return float(jnp.max(every)) / half_V


@pytest.mark.parametrize(("constants", "alpha", "N"), SETTINGS)
@pytest.mark.parametrize("lam", [0.5, 1.8])
def test_ten_thousand_random_steps_never_gain_more_than_the_theorem_allows(constants, alpha, N, lam) -> None:
    share = largest_share(constants, alpha, N, lam, populations=10_000, seed=0)
    assert share <= 1 + 1e-9
    assert share > 0, "a share of nothing would show nothing"


@pytest.mark.slow
@pytest.mark.parametrize(("constants", "alpha", "N"), SETTINGS)
def test_a_million_random_steps_never_gain_more_than_the_theorem_allows(constants, alpha, N) -> None:
    for seed in range(1, 101):
        assert largest_share(constants, alpha, N, 1.0, populations=10_000, seed=seed) <= 1 + 1e-9


def test_a_bound_of_a_twentieth_is_refuted() -> None:
    """The check can fail: random populations reach more than a twentieth of V/2."""
    assert largest_share(*SETTINGS[0], lam=0.5, populations=10_000, seed=0) > 1 / 20
