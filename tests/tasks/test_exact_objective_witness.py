"""The witness of statement E keeps to its constants everywhere, and its third derivative is the one that Y asks for."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.statements.sharp import own_sensitivity
from anil_theory.tasks import ExactObjectiveWitness
from anil_theory.tasks.exact_objective_witness import MARGIN, two_directions
from tests.strategies import log_uniform
from tests.tasks.ridge_constants import assert_constants_hold, third_derivatives

CONVEX = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
OTHER = Constants(0.13, 1.7, 0.6, 2.3, 0.9)
FALLING = Constants(0.85, 1.0, 1.0, 0.05, 1.0)
"""One of the two third derivatives is negative."""


@pytest.mark.parametrize("constants", [CONVEX, OTHER, FALLING, dataclasses.replace(CONVEX, tau=0.0)])
def test_the_constants_hold_everywhere_and_are_attained(constants: Constants) -> None:
    family = ExactObjectiveWitness(constants)
    assert (min(family.jerks) < 0) == (constants == FALLING)
    tasks = family.sample(jax.random.key(0), 1)
    # Points in every piece of both tents and of the query's, and far from all of them.
    generator = np.random.default_rng(0)
    sizes = family.length_scale * 10.0 ** generator.uniform(-3, 9, (4000, 1))
    angles = generator.uniform(-np.pi, np.pi, 4000)
    everywhere = sizes * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    corners = np.linalg.inv(family.directions) @ np.stack(np.meshgrid(*[np.linspace(-0.5, 2.5, 13)] * 2)).reshape(2, -1)
    steps = family.height / max(abs(jerk) for jerk in family.jerks)
    assert_constants_hold(tasks, constants, np.concatenate([everywhere, steps * corners.T]))
    found = third_derivatives(tasks, np.asarray(family.points(generator, (len(everywhere) + corners.shape[1],))))
    assert found.rho.min() > constants.rho * (1 - 1e-9) and found.tau.min() >= constants.tau * (1 - 1e-9)
    assert constants.mu is not None and found.norm.max() > constants.L * (1 - 2 * MARGIN)
    assert found.curvature.min() < constants.mu * (1 + 2 * MARGIN)


@given(rho=log_uniform(1e-3, 1e3), tau=log_uniform(1e-3, 1e3), move=log_uniform(1e-3, 1e3))
def test_two_orthogonal_directions_make_the_third_derivative_of_the_sharp_constant(
    rho: float, tau: float, move: float
) -> None:
    directions, jerks = two_directions(rho, tau, move)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-12)
    along = directions @ np.array([move, 1.0])
    assert along.min() >= 0
    reached = np.sum(np.array(jerks) * directions[:, 0] * along**2)
    Y = own_sensitivity(np.array([move]), np.ones(1), rho, tau)[0]
    assert reached == pytest.approx(Y, rel=1e-7)
    for signs in ((1, 1), (1, -1)):
        weights = np.array(signs) * jerks * directions[:, 0]
        assert np.linalg.norm((weights * directions[:, 0]) @ directions) <= rho * (1 + 1e-7)
        assert np.linalg.norm((weights * directions[:, 1]) @ directions) <= tau * (1 + 1e-7)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mu": None}, "mu must be known and below L = 1"),
        ({"mu": 1.0}, "mu must be known and below L = 1"),
        ({"rho": 0.0}, "rho must be > 0 where tau > 0"),
    ],
)
def test_constants_without_such_a_task_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        ExactObjectiveWitness(dataclasses.replace(CONVEX, **changes))
