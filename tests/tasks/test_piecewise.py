"""Piecewise cubics: twice integrated without a jump, and differentiated as they were given."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._precision import UNIT_ROUNDOFF
from anil_theory.tasks.piecewise import PiecewiseCubic, integrate

BREAKS = 5
derivatives = jax.jit(jax.vmap(lambda f, x: (f(x), jax.grad(f)(x), jax.grad(jax.grad(f))(x)), in_axes=(None, 0)))


def values(f: PiecewiseCubic, x: Any) -> tuple[np.ndarray, ...]:
    return tuple(map(np.asarray, derivatives(f, jnp.asarray(x))))


@st.composite
def given_curvatures(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, float]]:
    """Breaks at least 0.1 apart, f'' and f''' on each piece, and one slope at one break."""
    small = st.floats(-2, 2)
    gaps = draw(st.lists(st.floats(0.1, 2), min_size=BREAKS - 1, max_size=BREAKS - 1))
    breaks = draw(small) + np.concatenate([[0.0], np.cumsum(gaps)])
    curvature, jerk = (np.array(draw(st.lists(small, min_size=BREAKS + 1, max_size=BREAKS + 1))) for _ in range(2))
    return breaks, curvature, jerk, {draw(st.integers(0, BREAKS - 1)): draw(small)}


def size(f: PiecewiseCubic) -> float:
    """The largest number that a value or slope near the breaks is summed from."""
    return 1 + 100 * max(float(np.abs(np.asarray(leaf)).max()) for leaf in f)


@given(given_curvatures())
@settings(max_examples=60)
def test_values_and_slopes_are_continuous_at_every_break(case: Any) -> None:
    breaks, curvature, jerk, slopes = case
    f = integrate(list(breaks), list(curvature), list(jerk), slopes)
    right, left = values(f, breaks), values(f, np.nextafter(breaks, -np.inf))
    tolerance = 64 * UNIT_ROUNDOFF * size(f)
    assert np.abs(right[0] - left[0]).max() <= tolerance
    assert np.abs(right[1] - left[1]).max() <= tolerance
    (index, slope), *_ = slopes.items()
    assert abs(right[1][index] - slope) <= tolerance
    np.testing.assert_allclose(right[2], curvature[1:], atol=tolerance, err_msg="the piece to the right decides")
    assert right[0][0] == 0.0


@given(given_curvatures(), st.integers(0, BREAKS), st.floats(0.05, 0.95))
@settings(max_examples=60)
def test_derivatives_are_those_given_and_equal_central_differences(case: Any, piece: int, place: float) -> None:
    """A central difference of a cubic is off by h^2 f'''/6 exactly, so what is left of the error is rounding."""
    breaks, curvature, jerk, slopes = case
    f = integrate(list(breaks), list(curvature), list(jerk), slopes)
    ends = np.concatenate([[breaks[0] - 1], breaks, [breaks[-1] + 1]])
    x = ends[piece] + place * (ends[piece + 1] - ends[piece])
    anchor = breaks[max(piece - 1, 0)]
    h = 2.0**-10  # within the piece: its ends are at least 0.05 * 0.1 away
    at, slope, curved = values(f, [x - h, x, x + h])
    rounding = 64 * UNIT_ROUNDOFF * size(f)
    assert abs((at[2] - at[0]) / (2 * h) - h**2 * jerk[piece] / 6 - slope[1]) <= rounding / h
    assert abs((slope[2] - slope[0]) / (2 * h) - curved[1]) <= rounding / h
    assert abs(curvature[piece] + jerk[piece] * (x - anchor) - curved[1]) <= rounding


def test_padding_changes_no_value() -> None:
    f = integrate([0.0, 1.0, 3.0], [1.0, -1.0, 0.5, 2.0], [0.0, 1.0, -1.0, 0.0], {1: 0.7})
    x = np.linspace(-5, 9, 57)
    for plain, padded in zip(values(f, x), values(f.pad(9), x), strict=True):
        np.testing.assert_allclose(padded, plain, rtol=1e-15, atol=1e-15)


def test_slopes_are_filled_in_from_the_left_and_from_the_right() -> None:
    f = integrate([0.0, 1.0, 3.0], [0.0, 2.0, -1.0, 0.0], [0.0] * 4, {1: 5.0})
    np.testing.assert_allclose(values(f, [0.0, 1.0, 3.0])[1], [3.0, 5.0, 3.0], rtol=1e-15)
