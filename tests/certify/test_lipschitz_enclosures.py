"""Enclosures of the derivative of a field over boxes: the derivative at every point inside, in either arithmetic."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.lipschitz_enclosures import FieldPrograms, enclosed_balls, enclosed_intervals, field_programs
from anil_theory.certify.search.branch_and_bound import Boxes

BITS = 80


def field(z: Any) -> Any:
    """No two of its second derivatives are the same."""
    x, y, t = z
    return jnp.stack([x * x * y + 3.0 * x * y, 2.0 * y * t + jnp.sin(x), t * t - 5.0 * x * t])


@pytest.fixture(scope="module")
def programs() -> FieldPrograms:
    return field_programs(field, 3, BITS)


@pytest.mark.parametrize("width", [1e-3, 0.5])
def test_the_derivative_at_every_point_of_a_box_lies_in_both_enclosures(programs: FieldPrograms, width: float) -> None:
    generator = np.random.default_rng(0)
    lower = generator.uniform(-2.0, 2.0, (6, 3))
    boxes = Boxes.of(lower, lower + width * generator.uniform(0.5, 1.0, (6, 3)))
    middles = (boxes.lower + boxes.upper) / 2
    slopes = jax.jit(jax.vmap(jax.jacfwd(field)))
    found = enclosed_intervals(programs.of_intervals(), boxes, middles)
    corners = [np.where(np.array(which, bool), boxes.upper, boxes.lower) for which in np.ndindex(2, 2, 2)]
    for points in (middles, *corners):
        exact = np.asarray(slopes(points))
        assert np.all((found.over.lo <= exact + 1e-12) & (exact - 1e-12 <= found.over.hi))
    assert np.all(np.abs(found.here.hi - np.asarray(slopes(middles))) < 1e-12)
    assert not found.unknown.any() and not found.jumps.any()
    with precision(BITS):
        for i in range(len(middles)):
            one = enclosed_balls(programs, boxes.lower[i], boxes.upper[i], middles[i])
            for at in np.ndindex(3, 3):
                ball: Any = one.over[at]
                middle, radius = float(ball.mid()), float(ball.rad())
                # Two enclosures of the same range, of which neither is wider by more than the second order.
                assert abs(middle - (found.over.lo[i][at] + found.over.hi[i][at]) / 2) <= 4 * width**2 + 1e-9
                assert radius == pytest.approx((found.over.hi[i][at] - found.over.lo[i][at]) / 2, abs=4 * width**2)
