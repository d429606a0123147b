"""The cosine family: its constants are attained, and its errors name what was given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.tasks import CosineFamily


@pytest.mark.parametrize("constants", [Constants(0.9, 1.0, 2.0, 0.0, 3.0), Constants(None, 2.0, 0.5, 0.0, 1.5)])
def test_the_declared_constants_are_attained(constants: Constants) -> None:
    family = CosineFamily(constants)
    tasks = family.sample(jax.random.key(0), 3)
    task, phi = tasks.task(1), jnp.zeros(1)
    w = np.linspace(0, family.period, 4001)  # a whole period, with both extremes and the steepest point on the grid
    second = jax.hessian(lambda w: tasks.support(w, phi, task))
    both = jax.jit(jax.vmap(jax.value_and_grad(lambda x: second(x[None])[0, 0])))(jnp.asarray(w))
    curvature, third = map(np.asarray, both)
    assert curvature.min() == pytest.approx(constants.lowest_curvature, abs=1e-12)
    assert curvature.max() == pytest.approx(constants.L, abs=1e-12)
    assert np.abs(third).max() == pytest.approx(constants.rho, rel=1e-12)
    assert jax.grad(tasks.query)(jnp.array([0.7]), phi, task)[0] == constants.M


def test_points_fill_the_reach_and_leave_the_idle_block_alone() -> None:
    family = CosineFamily(Constants(0.9, 1.0, 1.0, 0.0, 1.0), reach=7.0)
    z = np.asarray(family.points(np.random.default_rng(0), (5, 2000)))
    assert z.shape == (5, 2000, 2) and (z[..., 1] == 0).all()
    assert 6.9 < np.abs(z[..., 0]).max() <= 7.0


@pytest.mark.parametrize(
    ("constants", "reach", "name"),
    [
        (Constants(0.5, 1.0, 0.0, 0.0, 1.0), None, "rho"),
        (Constants(1.0, 1.0, 1.0, 0.0, 1.0), None, "mu"),
        (Constants(0.5, 1.0, 1.0, 0.0, 1.0), 0.0, "reach"),
    ],
)
def test_bad_input_is_named(constants: Constants, reach: float | None, name: str) -> None:
    with pytest.raises(InvalidParameter, match=name):
        CosineFamily(constants, reach)
