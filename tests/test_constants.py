"""constants.py: every set of constants that the assumptions admit is accepted, every other is refused by name."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import WHOLE_SPACE, Constants, Geometry, Knowledge, Region
from tests.strategies import constants, nonconvex_constants, strongly_convex_constants

VALID: dict[str, Any] = {"mu": 0.5, "L": 1.0, "rho": 1.0, "tau": 1.0, "M": 1.0}

NOT_A_NUMBER = (math.nan, math.inf, -math.inf, True, False, "1", b"1", 1j, [1.0])


@given(strongly_convex_constants())
def test_strongly_convex_constants_have_the_geometry_and_the_condition_number(c: Constants) -> None:
    assert c.mu is not None
    assert c.geometry is Geometry.STRONGLY_CONVEX
    assert c.lowest_curvature == c.mu
    assert c.condition_number >= 1


@given(nonconvex_constants())
def test_without_mu_the_curvature_is_bounded_by_smoothness_alone(c: Constants) -> None:
    assert c.geometry is Geometry.NONCONVEX
    assert c.lowest_curvature == -c.L
    assert math.isinf(c.condition_number)


@given(constants())
def test_constants_are_values(c: Constants) -> None:
    assert dataclasses.replace(c) == c and hash(dataclasses.replace(c)) == hash(c)
    assert c.region == WHOLE_SPACE and c.known is Knowledge.EXACT
    with pytest.raises(dataclasses.FrozenInstanceError):
        c.L = 2.0  # pyright: ignore[reportAttributeAccessIssue]


@given(st.integers(1, 10**6))
def test_integers_and_numpy_scalars_become_floats(n: int) -> None:
    c = Constants(np.int64(n), n, 0, np.float32(0.0), np.float64(n))  # pyright: ignore[reportArgumentType]
    assert all(type(getattr(c, name)) is float for name in VALID)


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("value", [*NOT_A_NUMBER, -1.0, -1e-300], ids=repr)
def test_a_value_outside_the_admissible_set_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidParameter) as caught:
        Constants(**{**VALID, name: value})
    assert (caught.value.name, caught.value.given) == (name, value) or math.isnan(value)
    assert name in str(caught.value) and repr(value) in str(caught.value) and caught.value.allowed in str(caught.value)


@pytest.mark.parametrize("name", ["mu", "L", "M"])
def test_zero_is_refused_where_positivity_is_assumed(name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{name} must be .*> 0; got 0"):
        Constants(**{**VALID, name: 0})


@pytest.mark.parametrize("name", ["L", "rho", "tau", "M"])
def test_only_mu_may_be_left_unknown(name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{name} must be"):
        Constants(**{**VALID, name: None})


@given(strongly_convex_constants())
def test_mu_and_L_swapped_are_refused_with_the_interval(c: Constants) -> None:
    assert c.mu is not None
    swapped: dict[str, Any] = {"mu": math.nextafter(c.L, math.inf), "L": c.mu, "rho": c.rho, "tau": c.tau, "M": c.M}
    with pytest.raises(InvalidParameter, match=r"^mu must be in \(0, L\]"):
        Constants(**swapped)


def test_mu_equal_to_L_is_admissible() -> None:
    assert Constants(**{**VALID, "mu": 1.0}).condition_number == 1


@pytest.mark.parametrize("radius", [0.0, -1.0, math.nan, -math.inf])
def test_a_region_without_interior_is_refused(radius: float) -> None:
    with pytest.raises(InvalidParameter, match=r"^radius must be"):
        Region(radius)


def test_a_region_says_what_it_is() -> None:
    assert str(WHOLE_SPACE) == "the whole space" and str(Region(2.5)) == "the ball of radius 2.5"
