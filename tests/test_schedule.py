"""schedule.py: the constructors give step sizes that satisfy the hypotheses, and misuse is refused by name."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from tests.strategies import (
    fractions,
    inner_steps,
    nonconvex_constants,
    settings_of_theory,
    strongly_convex_constants,
)

VALID: dict[str, Any] = {"alpha": 0.1, "inner_steps": 1, "beta_w": 0.1, "beta_phi": 0.1, "batch": 1, "outer_steps": 1}
COUNTS = ("inner_steps", "batch", "outer_steps")
STEP_SIZES = ("alpha", "beta_w", "beta_phi")
UNIT = Constants(mu=0.5, L=1.0, rho=1.0, tau=1.0, M=1.0)
NONCONVEX = Constants(mu=None, L=1.0, rho=1.0, tau=1.0, M=1.0)


@given(settings_of_theory())
def test_schedules_by_construction_satisfy_the_step_size_hypothesis(setting: tuple[Constants, Schedule]) -> None:
    c, schedule = setting
    if c.geometry is Geometry.STRONGLY_CONVEX:
        assert 0 < schedule.alpha <= 1 / c.L
    else:
        # three roundings: in c/(N L), twice, and in the product taken here
        assert schedule.total_step(c.L) <= 1 * (1 + 4 * np.finfo(float).eps)


@given(strongly_convex_constants(), inner_steps())
@example(Constants(mu=0.3651741272548377, L=0.3651741272548377, rho=0.0, tau=0.0, M=1.0), 1)
def test_the_paper_schedule_exists_for_all_strongly_convex_constants(c: Constants, N: int) -> None:
    assert c.mu is not None
    schedule = Schedule.paper(c, N)
    assert schedule == Schedule.strongly_convex(c, N)
    assert math.isclose(schedule.alpha, c.mu / c.L**2, rel_tol=4 * np.finfo(float).eps) and schedule.alpha <= 1 / c.L


@given(nonconvex_constants(), inner_steps(), fractions())
def test_the_nonconvex_schedule_keeps_the_total_step(constants: Constants, N: int, c: float) -> None:
    schedule = Schedule.nonconvex(constants, N, c)
    assert math.isclose(schedule.total_step(constants.L), c, rel_tol=8 * np.finfo(float).eps)
    assert (1 + schedule.alpha * constants.L) ** N <= math.exp(c) * (1 + 1e-12 * N)
    assert Schedule.paper(constants, N) == Schedule.nonconvex(constants, N)


@given(strongly_convex_constants(), inner_steps())
def test_alpha_above_one_over_L_is_refused_in_the_strongly_convex_geometry(c: Constants, N: int) -> None:
    too_large = math.nextafter(1 / c.L, math.inf)
    with pytest.raises(InvalidParameter, match=r"^alpha must be in \(0, 1/L\]"):
        Schedule.strongly_convex(c, N, alpha=too_large)


def test_a_strongly_convex_schedule_needs_mu() -> None:
    with pytest.raises(InvalidParameter, match=r"^mu must be known .* got None"):
        Schedule.strongly_convex(NONCONVEX, 1)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, True, "3", None, math.nan], ids=repr)
def test_counts_are_integers_of_at_least_one(name: str, value: Any) -> None:
    with pytest.raises(InvalidParameter) as caught:
        Schedule(**{**VALID, name: value})
    assert caught.value.name == name
    assert str(caught.value) == f"{name} must be an integer >= 1; got {value!r}"


@pytest.mark.parametrize("name", STEP_SIZES)
@pytest.mark.parametrize("value", [0.0, -0.1, math.nan, math.inf, True, "0.1", [0.1]], ids=repr)
def test_step_sizes_are_positive_and_finite(name: str, value: Any) -> None:
    if name == "alpha" and value == [0.1]:
        assert Schedule(value, 3).alpha == 0.1, "a pytree prefix of w, whose entries are all the same"
        return
    with pytest.raises(InvalidParameter) as caught:
        Schedule(**{**VALID, name: value})
    assert str(caught.value) == f"{name} must be a finite number > 0; got {value!r}"


@pytest.mark.parametrize("steps", [0, -1, 1.5, True])
@pytest.mark.parametrize("constants", [UNIT, NONCONVEX], ids=["strongly convex", "nonconvex"])
def test_the_constructors_check_inner_steps_too(constants: Constants, steps: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"^inner_steps must be"):
        Schedule.paper(constants, steps)


@pytest.mark.parametrize("c", [0.0, -1.0, math.nan, "1"])
def test_c_is_positive(c: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"^c must be"):
        Schedule.nonconvex(NONCONVEX, 2, c)


@given(st.integers(1, 100))
def test_numpy_integers_are_counts_and_become_int(n: int) -> None:
    schedule = Schedule(0.1, np.int64(n), batch=np.int32(n))  # pyright: ignore[reportArgumentType]
    assert type(schedule.inner_steps) is int and type(schedule.batch) is int


def test_a_schedule_is_a_value() -> None:
    schedule = Schedule(**VALID)
    assert schedule == dataclasses.replace(schedule)
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.alpha = 1.0  # pyright: ignore[reportAttributeAccessIssue]
