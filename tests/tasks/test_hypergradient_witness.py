"""The witness of hypergradients keeps to its constants everywhere, and errs as far as the search for it says."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks import HypergradientWitness
from anil_theory.tasks.hypergradient_paths import Tents, base_of
from tests.strategies import log_uniform
from tests.tasks.ridge_constants import assert_constants_hold

CONVEX = Constants(0.2, 1.0, 1.0, 0.5, 1.0)
OTHER = Constants(0.13, 1.7, 0.6, 2.3, 0.9)


@pytest.mark.parametrize(
    ("constants", "N"), [(CONVEX, 5), (OTHER, 20), (dataclasses.replace(CONVEX, rho=0.0, tau=0.0), 2)]
)
def test_the_constants_hold_everywhere(constants: Constants, N: int) -> None:
    tasks = HypergradientWitness(constants, Schedule(0.7 / constants.L, N)).sample(jax.random.key(0), 3)
    assert len(tasks) == 3
    generator = np.random.default_rng(0)
    sizes = 10.0 ** generator.uniform(-4, 2, (3000, 1))
    angles = generator.uniform(-np.pi, np.pi, 3000)
    points = sizes * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    path = np.stack([np.linspace(-0.5, 1.5, 2001), np.zeros(2001)], axis=-1)
    for task in range(3):
        assert_constants_hold(tasks, constants, np.concatenate([points, path]), task)


@settings(max_examples=50)
@given(
    share=st.floats(0.01, 0.95),
    L=log_uniform(1e-2, 1e2),
    height=st.floats(0.0, 1.2),
    tangent=st.one_of(st.just(0.0), log_uniform(1e-3, 1e2)),
)
def test_the_base_leaves_the_eigenvalues_within_L_at_every_height(
    share: float, L: float, height: float, tangent: float
) -> None:
    constants = Constants(share * L, L, 1.0, 1.0, 1.0)
    top = height * (1 - share) * L
    one = Tents(*(np.array([x]) for x in (tangent, 0.0, top, 1.0)))
    (mixed,), (own,) = base_of(constants, one)
    if np.isnan(mixed):
        assert height >= 1 or tangent > 0
        return
    rise = np.outer([1.0, tangent], [1.0, tangent])
    eigenvalues = [
        np.linalg.eigvalsh(np.array([[share * L, mixed], [mixed, own]]) + h * rise) for h in np.linspace(0, top, 5)
    ]
    assert np.min(eigenvalues) == pytest.approx(-L, rel=1e-9)
    assert np.max(eigenvalues) == pytest.approx(L, rel=1e-9)


@pytest.mark.parametrize(
    ("constants", "schedule", "words"),
    [
        ({"mu": None}, Schedule(0.1, 3), "mu must be known and below L = 1"),
        ({"mu": 1.0}, Schedule(0.1, 3), "mu must be known and below L = 1"),
        ({}, Schedule(1.1, 3), "alpha must be at most 1/L = 1"),
        ({}, Schedule(1.0, 3000), "inner_steps must be such that the loop ends at least 1e-200 from"),
    ],
)
def test_settings_without_such_tasks_are_refused(constants: dict[str, Any], schedule: Schedule, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        HypergradientWitness(dataclasses.replace(CONVEX, **constants), schedule)
