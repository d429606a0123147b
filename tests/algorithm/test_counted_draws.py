"""More draws than tasks: each task is evaluated once, and counted as often as it was drawn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.algorithm._outer_loop import outer_loop, seed_keys
from anil_theory.algorithm.outer_step import MANY_DRAWS, Drawn, Population, pair_mean, task_counts, task_indices
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks import SeparableFamily

TASKS = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 2, 3).sample(jax.random.key(0), 3)
POPULATION = Population(tasks=TASKS, rotations=None, loop=UnrolledLoop(0.3, 2), method="recursion")


def test_counted_and_separate_draws_have_the_same_means() -> None:
    w, phi = jnp.array([0.3, -1.0]), jnp.array([0.2, 0.5, 2.0])
    every = POPULATION.gradients(w, phi, jnp.arange(3))
    indices = jnp.asarray(np.random.default_rng(0).integers(0, 3, 50))
    drawn = POPULATION.drawn(w, phi, indices)
    assert drawn.counts is not None
    assert drawn.counts.tolist() == np.bincount(np.asarray(indices), minlength=3).tolist()
    separate = Drawn(jax.tree.map(lambda leaf: leaf[indices], every), None)
    for counted, each in zip(drawn.mean(50), separate.mean(50), strict=True):
        np.testing.assert_allclose(counted, each, rtol=1e-13, atol=1e-16)
    expected = [pair_mean(block) for block in separate.blocks]
    np.testing.assert_allclose(drawn.pair_means(50), expected, rtol=1e-12, atol=1e-16)
    assert POPULATION.drawn(w, phi, indices[:3]).counts is None


def test_blocks_may_be_trees_and_empty() -> None:
    leaves = {"a": jnp.array([[1.0, 2.0], [3.0, -1.0]]), "b": jnp.array([0.5, 1.5])}
    drawn = Drawn((leaves, ()), jnp.array([2.0, 3.0]))
    every = jax.tree.map(lambda leaf: jnp.repeat(leaf, jnp.array([2, 3]), axis=0), leaves)
    np.testing.assert_allclose(drawn.pair_means(5), [float(pair_mean(every)), 0.0], rtol=1e-14)
    assert drawn.mean(5)[1] == ()


@pytest.mark.parametrize("batch", [MANY_DRAWS, MANY_DRAWS + 1, MANY_DRAWS + 31])
def test_bits_are_counted_as_the_draws_that_they_are(batch: int) -> None:
    key = jax.random.key(3)
    indices = np.asarray(task_indices(key, 5, batch, 2))
    assert indices.shape == (batch,) and set(indices.tolist()) == {0, 1}
    assert task_counts(key, 5, batch).tolist() == np.bincount(indices, minlength=2).tolist()


def test_bits_are_fair_and_independent() -> None:
    """Means of 2^19 draws and of products of neighbours, within four standard errors; steps and keys differ."""
    draws = np.stack([np.asarray(task_indices(jax.random.key(key), 0, 2**17, 2)) for key in range(4)])
    signs = 2.0 * draws - 1
    for sample in (signs, signs[:, 1:] * signs[:, :-1], signs[:, 32:] * signs[:, :-32], signs[1:] * signs[:-1]):
        assert abs(sample.mean()) * np.sqrt(sample.size) <= 4
    counts = [float(task_counts(jax.random.key(0), step, 2**17)[0]) for step in range(3)]
    assert len(set(counts)) == 3


def test_a_run_moves_by_the_counted_draws() -> None:
    tasks = TASKS.take(jnp.arange(2))
    w, phi = jnp.array([0.3, -1.0]), jnp.array([0.2, 0.5, 2.0])
    schedule = Schedule(0.3, 2, batch=MANY_DRAWS + 7, outer_steps=1, beta_w=0.1, beta_phi=0.2)
    run = outer_loop(tasks, schedule, w, phi, seeds=1, seed=4, records=1, average="every")
    two = Population(tasks=tasks, rotations=None, loop=UnrolledLoop(0.3, 2), method="recursion")
    second = float(np.mean(np.asarray(task_indices(seed_keys(4, 1)[0], 0, schedule.batch, 2))))

    @jax.jit
    def after_a_step(w: jax.Array, phi: jax.Array) -> jax.Array:
        g_w, g_phi = (leaf.T @ jnp.array([1 - second, second]) for leaf in two.gradients(w, phi, jnp.arange(2)))
        return two.squares(w - 0.1 * g_w, phi - 0.2 * g_phi)

    expected = after_a_step(w, phi)
    np.testing.assert_allclose([run.squared_w[0, 1], run.squared_phi[0, 1]], expected, rtol=1e-12)
