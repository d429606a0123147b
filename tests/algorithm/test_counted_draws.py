"""More draws than tasks: each task is evaluated once, and counted as often as it was drawn."""

import jax
import jax.numpy as jnp
import numpy as np

from anil_theory.algorithm.outer_step import Drawn, Population, pair_mean
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import Constants
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
