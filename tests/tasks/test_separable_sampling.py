"""Sampling of the separable family: one pytree, keys, rotations from the Haar measure, bounds, and named errors."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.errors import EmptyPopulation
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import SeparableFamily, _haar

CONSTANTS = Constants(0.3, 2.0, 0.7, 0.9, 1.5)


@pytest.mark.parametrize("share", [True, False])
def test_a_population_is_one_pytree_with_a_leading_task_axis(share: bool) -> None:
    tasks = SeparableFamily(CONSTANTS, 4, 2, share_rotation=share).sample(jax.random.key(0), 3)
    assert len(tasks) == 3 and all(leaf.shape[0] == 3 for leaf in jax.tree.leaves(tasks.data))
    assert all(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(tasks.data))
    drawn = [tasks.data.rotation_w, tasks.data.rotation_phi, *(tasks.data.query_rotation or ())]
    for Q in map(np.asarray, drawn):
        assert np.abs(Q @ Q.transpose(0, 2, 1) - np.eye(Q.shape[1])).max() < 1e-13
    random = ("rotation_w", "h", "g", "a", "phase", "weight", "center", "angle")
    for name in random:
        values = np.asarray(getattr(tasks.data, name)).reshape(3, -1)
        assert len(np.unique(values[:, 1])) == 3, f"{name} is the same in every task"


def test_the_key_decides_everything() -> None:
    family = SeparableFamily(CONSTANTS, 3, 3)
    one, same, other = (family.sample(jax.random.key(s), 3).data for s in (1, 1, 2))
    jax.tree.map(np.testing.assert_array_equal, one, same)
    assert (np.asarray(one.rotation_w) != np.asarray(other.rotation_w)).all()
    assert (np.asarray(one.phase) != np.asarray(other.phase)).all()


def test_constants_share_one_compilation() -> None:
    """The same key at other constants: the same rotations, so a grid over constants is a paired comparison."""
    one, other = (
        SeparableFamily(Constants(mu, 2.0, 0.7, 0.9, 1.5), 3, 3).sample(jax.random.key(1), 3).data for mu in (0.3, 0.6)
    )
    np.testing.assert_array_equal(one.rotation_w, other.rotation_w)
    assert float(one.h[0, 0]) != float(other.h[0, 0])


@pytest.mark.parametrize(("query", "lowest"), [("sine", -math.pi / 2), ("log-cosh", 0.0)])
@pytest.mark.parametrize(("n_w", "n_phi"), [(3, 3), (2, 4), (3, 0)])
def test_the_query_infimum_is_a_lower_bound_and_attained(query: str, lowest: float, n_w: int, n_phi: int) -> None:
    constants = Constants(0.3, 2.0, 0.7, 0.9 if n_phi else 0.0, 1.5)
    family = SeparableFamily(constants, n_w, n_phi, query=query)
    tasks = family.sample(jax.random.key(2), 3)
    data, infimum = tasks.data, np.asarray(family.query_infimum(tasks.data))
    assert infimum.shape == (3,) and float(family.query_infimum(tasks.task(1))) == infimum[1]
    value = jax.jit(jax.vmap(lambda w, phi, data: tasks.query(w, phi, data)))
    for seed in range(50):
        w, phi = family.split(family.points(np.random.default_rng(seed), (3,)))
        assert (np.asarray(value(w, phi, data)) >= infimum).all()
    x = data.center + data.width * lowest
    u, v = jnp.cos(data.angle) * x, jnp.sin(data.angle) * x
    w = jnp.einsum("tij,tj->ti", data.rotation_w, u[:, :n_w])
    phi = jnp.einsum("tij,tj->ti", data.rotation_phi, v[:, :n_phi])
    scale = constants.M**2 / constants.L
    np.testing.assert_allclose(np.asarray(value(w, phi, data)), infimum, rtol=0, atol=1e-12 * scale)


REJECTED: dict[str, tuple[str, Constants, dict[str, Any]]] = {
    "tau without rho": ("tau", Constants(0.3, 1.0, 0.0, 0.5, 1.0), {}),
    "tau without phi": ("tau", Constants(0.3, 1.0, 1.0, 0.5, 1.0), {"n_phi": 0}),
    "mu = L and rho > 0": ("mu", Constants(1.0, 1.0, 1.0, 0.0, 1.0), {}),
    "no w": ("n_w", CONSTANTS, {"n_w": 0}),
    "negative n_phi": ("n_phi", CONSTANTS, {"n_phi": -1}),
    "unknown query": ("query", CONSTANTS, {"query": "cosine"}),
    "curvature below -L": ("lowest_curvature", Constants(None, 1.0, 1.0, 0.5, 1.0), {"lowest_curvature": -1.1}),
    "curvature above 0": ("lowest_curvature", Constants(None, 1.0, 1.0, 0.5, 1.0), {"lowest_curvature": 0.1}),
    "curvature and mu": ("lowest_curvature", CONSTANTS, {"lowest_curvature": 0.1}),
    "no spread": ("spread", CONSTANTS, {"spread": 0.0}),
    "all the spread": ("spread", CONSTANTS, {"spread": 1.0}),
    "one flat curvature": ("n_w", Constants(0.3, 1.0, 0.0, 0.0, 1.0), {"n_w": 1, "n_phi": 0}),
}


@pytest.mark.parametrize("case", REJECTED)
def test_unreachable_constants_are_rejected_by_name(case: str) -> None:
    name, constants, options = REJECTED[case]
    with pytest.raises(InvalidParameter) as error:
        SeparableFamily(constants, **{"n_w": 2, "n_phi": 2, **options})
    assert error.value.name == name


def test_an_empty_or_uneven_population_is_rejected() -> None:
    family = SeparableFamily(CONSTANTS, 3, 3)
    with pytest.raises(InvalidParameter) as error:
        family.sample(jax.random.key(0), 0)
    assert error.value.name == "num_tasks"
    tasks = family.sample(jax.random.key(0), 3)
    for data in (jax.tree.map(lambda leaf: leaf[:0], tasks.data), ()):
        with pytest.raises(EmptyPopulation, match="the data hold no task"):
            TaskSet(tasks.support, tasks.query, data)
    for data in ((jnp.ones(2), jnp.ones(3)), 1.0):
        with pytest.raises(InvalidParameter) as error:
            TaskSet(tasks.support, tasks.query, data)
        assert error.value.name == "data"
    with pytest.raises(InvalidParameter) as error:
        tasks.task(3)
    assert error.value.name == "index"
    with pytest.raises(InvalidParameter) as error:
        family.split(jnp.ones(5))
    assert error.value.name == "z"
    with pytest.raises(InvalidParameter) as error:
        tasks.support(jnp.ones(4), jnp.ones(3), tasks.task(0))
    assert error.value.name == "w and phi"


def test_a_batch_repeats_the_tasks_it_names() -> None:
    tasks = SeparableFamily(CONSTANTS, 3, 3).sample(jax.random.key(0), 3)
    batch = tasks.take(jnp.array([2, 0, 2]))
    assert len(batch) == 3
    for position, index in enumerate((2, 0, 2)):
        jax.tree.map(np.testing.assert_array_equal, batch.task(position), tasks.task(index))


@pytest.mark.statistical
def test_rotations_have_the_moments_of_the_haar_measure() -> None:
    """Means of 53 functions against their Haar values at 5.5 standard errors: P(false alarm) < 53 * 3.8e-8 = 2.1e-6."""
    n, draws = 5, 40_000
    Q = np.asarray(jax.jit(jax.vmap(_haar))(jax.random.normal(jax.random.key(0), (draws, n, n))))
    trace = np.trace(Q, axis1=1, axis2=2)
    functions = [(Q[:, i, j], 0.0) for i in range(n) for j in range(n)]
    functions += [(Q[:, i, j] ** 2, 1 / n) for i in range(n) for j in range(n)]
    functions += [(trace**2, 1.0), (trace**4, 3.0), (np.linalg.det(Q), 0.0)]
    for values, expected in functions:
        error = values.std(ddof=1) / math.sqrt(draws)
        assert abs(values.mean() - expected) < 5.5 * error
