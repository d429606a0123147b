"""The witness of iMAML keeps to its constants, and attains them where its points are."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks import FAMILIES, ProximalWitness
from anil_theory.tasks.piecewise import PiecewiseCubic
from anil_theory.tasks.proximal_witness import ProximalTask

CONVEX = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
OTHER = Constants(0.13, 1.7, 0.6, 2.3, 0.9)


@jax.jit
def derivatives(data: ProximalTask, w: Array) -> tuple[Array, Array]:
    """The first three derivatives of L_S and of L_D at every point, shape (3, points)."""

    def three(function: PiecewiseCubic) -> Array:
        first = jax.grad(function)
        second = jax.grad(first)
        return jnp.stack([jax.vmap(each)(w) for each in (first, second, jax.grad(second))])

    return three(data.support), three(data.query)


@pytest.mark.parametrize(
    "constants",
    [
        CONVEX,
        OTHER,
        dataclasses.replace(OTHER, mu=None),
        dataclasses.replace(CONVEX, rho=0.0),
        Constants(1, 1, 1, 0, 1),
    ],
)
def test_the_constants_hold_and_the_points_are_where_they_are_attained(constants: Constants) -> None:
    family = ProximalWitness(constants)
    tasks = family.sample(jax.random.key(0), 1)
    data = tasks.task(0)
    low, far = constants.lowest_curvature, 5 * max(1.0, constants.M / constants.L)
    w = jnp.asarray(np.concatenate([np.linspace(-far, far, 4001), 10.0 ** np.linspace(-8, -3, 50)]))
    support, query = map(np.asarray, derivatives(data, w))
    slope, curvature, jerk = support
    assert curvature.min() >= low - 1e-12 and curvature.max() <= constants.L + 1e-12
    assert np.abs(jerk).max() <= constants.rho + 1e-12
    query_slope, query_curvature, _ = query
    assert np.abs(query_slope).max() <= constants.M * (1 + 1e-12)
    assert np.abs(query_curvature).max() <= constants.L + 1e-12
    # The second derivative is continuous, and the first one is its integral.
    order = np.argsort(np.asarray(w))
    widths = np.diff(np.asarray(w)[order])
    assert np.abs(np.diff(curvature[order])).max() <= constants.rho * widths.max() + 1e-12
    means = (curvature[order][1:] + curvature[order][:-1]) / 2
    np.testing.assert_allclose(np.diff(slope[order]), means * widths, atol=constants.rho * widths.max() ** 2)
    points = np.asarray(family.points(np.random.default_rng(0), (200,)))
    assert points.shape == (200, 2) and (points[:, 0] > 0).all() and (points[:, 1] == 0).all()
    assert points[:, 0].max() <= 2e-3 * family.length_scale


def test_the_family_is_registered_and_made_for_any_setting() -> None:
    assert FAMILIES["proximal-witness"] is ProximalWitness
    made = ProximalWitness.at(CONVEX, Schedule(0.1, 3, lam=0.5), n_w=7, n_phi=3)
    assert (made.n_w, made.n_phi) == (1, 1)
