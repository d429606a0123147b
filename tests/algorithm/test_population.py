"""Population quantities: the gradient is the gradient of the loss, the mean of the tasks', blind to copies."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.algorithm import meta_gradient, meta_loss, population_gradient, task_gradients, task_losses
from anil_theory.constants import Constants
from anil_theory.tasks.separable import SeparableFamily
from tests.algorithm.nested_task import flat

FAMILY = SeparableFamily(Constants(None, 2.0, 0.7, 0.5, 1.5), 3, 2, query="log-cosh")
LOOP: Any = {"alpha": 0.1, "inner_steps": 4}
W, PHI = FAMILY.split(FAMILY.points(np.random.default_rng(0), ()))


@partial(jax.jit, static_argnames=("quantity", "method", "first_order"))
def compiled(quantity: Any, tasks: Any, **options: Any) -> Any:
    return quantity(tasks, W, PHI, **LOOP, **options)


@pytest.fixture(scope="module")
def tasks() -> Any:
    return FAMILY.sample(jax.random.key(0), 3)


def test_the_population_gradient_is_the_gradient_of_the_meta_loss(tasks: Any) -> None:
    ours = flat(compiled(population_gradient, tasks))
    theirs = flat(jax.jit(jax.grad(lambda w, phi: meta_loss(tasks, w, phi, **LOOP), argnums=(0, 1)))(W, PHI))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * float(np.linalg.norm(theirs)))
    assert np.linalg.norm(theirs) > 0.01


def test_population_quantities_are_means_over_the_tasks(tasks: Any) -> None:
    one = jax.jit(lambda data: meta_gradient(tasks.losses, W, PHI, data, **LOOP))
    each = [flat(one(tasks.task(i))) for i in range(3)]
    assert np.linalg.norm(each[0] - each[1]) > 0.01, "the tasks differ"
    together = compiled(task_gradients, tasks)
    np.testing.assert_allclose(np.hstack([together.w, together.phi]), each, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(flat(compiled(population_gradient, tasks)), np.mean(each, axis=0), rtol=1e-12)
    losses = np.asarray(compiled(task_losses, tasks))
    assert losses.shape == (3,) and float(compiled(meta_loss, tasks)) == pytest.approx(losses.mean(), rel=1e-14)


def test_a_population_that_is_repeated_is_the_same_population(tasks: Any) -> None:
    twice = tasks.take(jnp.array([0, 1, 2, 0, 1, 2]))
    one, other = (flat(compiled(population_gradient, population)) for population in (tasks, twice))
    np.testing.assert_allclose(other, one, rtol=1e-13, atol=1e-15)
    uneven = flat(compiled(population_gradient, tasks.take(jnp.array([0, 0, 1]))))
    each = compiled(task_gradients, tasks)
    rows = np.hstack([each.w, each.phi])
    np.testing.assert_allclose(uneven, (2 * rows[0] + rows[1]) / 3, rtol=1e-13, atol=1e-15)


def test_options_reach_the_tasks(tasks: Any) -> None:
    first = flat(compiled(population_gradient, tasks, first_order=True))
    exact = flat(compiled(population_gradient, tasks))
    dense = flat(compiled(population_gradient, tasks, method="product"))
    assert np.linalg.norm(first - exact) > 0.01
    np.testing.assert_allclose(dense, exact, rtol=1e-12, atol=1e-14)
