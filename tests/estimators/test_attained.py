"""The attained `ww` constant: the bound itself, at a witness that shows it, whatever was compiled for."""

import jax
import numpy as np
import pytest

from anil_theory.constants import Constants
from anil_theory.estimators import Direction, measure_attained
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind, blocks
from anil_theory.tasks.extremal import ExtremalFamily
from tests.estimators.dense_blocks import hessian, witness_of

LONGEST = 6


@pytest.mark.parametrize("constants", [Constants(0.2, 1.0, 1.0, 0.5, 1.0), Constants(None, 2.0, 0.5, 0.0, 3.0)])
@pytest.mark.parametrize("N", [1, LONGEST])
def test_the_bound_is_attained_at_the_witness(constants: Constants, N: int) -> None:
    schedule = Schedule(0.15 / constants.L, N)
    family = ExtremalFamily(constants, schedule, max_inner_steps=LONGEST)
    (estimate,) = measure_attained(family).values()
    bound = float(blocks(constants, schedule, constants.geometry, Kind.EXPLICIT).ww)
    assert estimate.direction is Direction.LOWER and estimate.quantity == "meta_gradient_lipschitz/ww"
    assert bound * (1 - 1e-7) <= estimate.value <= bound * (1 + 1e-7)
    z, u, v = (np.array(witness_of(estimate).points[key]) for key in ("z", "u", "v"))
    H = hessian(family, family.sample(jax.random.key(0), 1), 0, z, schedule.alpha, N)
    assert u @ H @ v == pytest.approx(estimate.value, rel=1e-12)
    if N == LONGEST:
        (plain,) = measure_attained(ExtremalFamily(constants, schedule)).values()
        assert plain == estimate
