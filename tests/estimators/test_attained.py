"""The attained `ww` constant: the bound itself, at a witness that shows it, whatever was compiled for."""

import jax
import numpy as np
import pytest

from anil_theory.constants import Constants
from anil_theory.estimators import Direction, measure_attained
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind, blocks
from anil_theory.tasks.extremal import ExtremalFamily
from tests.estimators.dense_blocks import gradient, hessian, witness_of

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


def test_a_one_sided_derivative_is_a_limit_of_quotients_and_these_are_below_the_bound() -> None:
    """The meta-gradient has a kink at the start: the value is that of its right side, and a lower estimate still.

    Quotients from the start to the right tend to it; those to the left have the other sign; none exceeds the bound.
    """
    constants, schedule = Constants(0.2, 1.0, 1.0, 0.5, 1.0), Schedule(0.15, LONGEST)
    family = ExtremalFamily(constants, schedule, max_inner_steps=LONGEST)
    tasks = family.sample(jax.random.key(0), 1)
    (estimate,) = measure_attained(family).values()
    assert estimate.direction is Direction.LOWER, "equal to the bound, and still only a value at a point"
    bound = float(blocks(constants, schedule, constants.geometry, Kind.EXPLICIT).ww)

    def slope(w: float) -> float:
        return float(gradient(family, tasks, 0, np.array([w, 0.0]), schedule.alpha, LONGEST)[0])

    distances = family.length_scale * 2.0 ** -np.arange(4.0, 21.0, 4.0)
    right = np.array([(slope(0.0) - slope(d)) / d for d in distances])
    left = np.array([(slope(-d) - slope(0.0)) / d for d in distances])
    # What the subtraction of two slopes of size M loses.
    rounding = 16 * np.finfo(float).eps * constants.M / distances
    assert np.all(np.abs(right) <= bound + rounding) and np.all(np.abs(left) <= bound + rounding)
    assert right[-1] == pytest.approx(estimate.value, rel=1e-4)
    assert left[-1] < 0 < right[-1]


def test_the_witness_is_a_point_and_two_unit_directions_of_the_block() -> None:
    """w moves and phi does not: so the quotient at the witness is one of the block ww."""
    for constants in (Constants(0.3, 1.5, 0.7, 0.0, 2.0), Constants(None, 1.5, 0.7, 0.0, 2.0)):
        witness = measure_attained(ExtremalFamily(constants, Schedule(0.2, 3)))["ww"].witness
        assert witness is not None and set(witness.points) == {"z", "u", "v"}
        for direction in (witness.points["u"], witness.points["v"]):
            assert direction[1] == 0 and abs(direction[0]) == 1
