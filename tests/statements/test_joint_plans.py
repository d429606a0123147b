"""Steps by Theorem J: the closed form, why B = 1 needs the fewest tasks, and how many fewer than by the refined one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Kind
from anil_theory.statements.joint import Form, Which
from anil_theory.statements.joint_plans import joint_demand, least_inverse_step
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.joint_rays import Rays
from anil_theory.statements.plans import Question, plan_at
from tests.strategies import log_uniform, settings_of_theory

pytestmark = pytest.mark.filterwarnings("error")

TABLE = {
    (0.9, 1.0, 5.0, 0.1, 3.0): (3.91, 6.38, 7.21, 5.95, 6.33),
    (0.13, 1.7, 0.6, 2.3, 0.9): (12.87, 11.08, 8.61, 9.10, 8.92),
    (0.2, 1.0, 1.0, 0.5, 1.0): (10.21, 7.73, 5.56, 8.48, 8.42),
    (0.01, 1.0, 1.0, 1.0, 1.0): (14.85, 14.51, 13.86, 9.10, 8.92),
}
"""K B by the refined theorem over K B by Theorem J with the pair lam/beta: convex N = 1, 2, 4, nonconvex N = 1, 4."""


@pytest.mark.parametrize("numbers", TABLE)
def test_it_needs_4_to_15_times_fewer_tasks_than_the_refined_theorem(numbers) -> None:
    """With the pair lam/beta; the free pair needs fewer still."""
    eps = 1e-3
    for (mu, N), expected in zip(
        ((numbers[0], 1), (numbers[0], 2), (numbers[0], 4), (None, 1), (None, 4)), TABLE[numbers], strict=True
    ):
        constants = Constants(mu, *numbers[1:])
        alpha = Schedule.paper(constants, N).one_alpha
        refined = plan_at(Question(constants, eps, kind=Kind.REFINED), alpha, N)
        free = plan_at(Question(constants, eps, kind=Kind.SHARP), alpha, N)
        form = Form.of(constants, Schedule(alpha, N), constants.geometry)
        lam_1 = float(form.largest("curvature", 1.0))
        S2_1 = constants.M**2 * float(form.largest("gradient", 1.0))
        with_lam = 2 * lam_1 * S2_1 / eps**2
        # The table's best lam is on a grid that starts at 0.05, whose K B is 1/(1 - lam/2) times that of short steps.
        assert math.isclose(refined.tasks / with_lam, expected, rel_tol=0.06)
        assert free.tasks <= with_lam * (1 + 2e-5) + 1
        assert free.schedule.batch == 1


@settings(max_examples=6)
@given(settings_of_theory(), log_uniform(1e-3, 1), log_uniform(0.05, 20))
def test_no_other_step_or_batch_needs_fewer_tasks(setting, accuracy, factor) -> None:
    """K B = 2 D0 B/(c beta eps - V/B), by the rates themselves, at steps of other lengths and other batches."""
    constants, schedule = setting
    eps = accuracy * constants.M**2
    schedule = Schedule(schedule.one_alpha, min(schedule.inner_steps, 5))
    best = joint_demand(constants, schedule, constants.geometry, eps)
    least = float(best.noise / eps / eps)
    if not 1e-200 < least < 1e200:
        return
    for B in (1, 16):
        fixed = joint_demand(constants, schedule, constants.geometry, eps, batch=B)
        for beta in (fixed.beta, fixed.beta * factor):
            steps = Schedule(schedule.one_alpha, schedule.inner_steps, beta, beta, B, 10**15)
            rate = JointRate(constants, steps, constants.geometry, 0.0)
            floor = max(rate.bound(row).value for row in ("w", "phi"))
            if not floor < eps:
                continue
            # The decay is 2 D0/(K c beta), c <= 2: a lower bound of K B/(2 D0).
            tasks = B / ((eps - floor) * 2 * beta)
            assert tasks >= least * (1 - 1e-5)


@settings(max_examples=30)
@given(settings_of_theory(), log_uniform(1e-3, 1), st.sampled_from([None, 5]))
def test_the_quick_lower_bound_is_one(setting, accuracy, batch) -> None:
    constants, schedule = setting
    eps = accuracy * constants.M**2
    low = least_inverse_step(constants, schedule, constants.geometry, eps, batch=batch)
    high = joint_demand(constants, schedule, constants.geometry, eps, batch=batch).inverse_step
    assert float(low / high) <= 1 + 1e-9


@settings(max_examples=20)
@given(settings_of_theory(), st.floats(-8, 8), st.floats(-3, 3))
def test_the_values_of_a_search_are_close(setting, log_kappa, log_ratio) -> None:
    constants, schedule = setting
    form = Form.of(constants, schedule, constants.geometry)
    lam, largest = (float(value[0]) for value in Rays(form, log_ratio).values(np.array([log_kappa])))
    estimates: tuple[tuple[Which, float, float], ...] = (
        ("curvature", lam, log_kappa),
        ("gradient", largest, 2 * log_ratio - log_kappa),
    )
    for which, found, at in estimates:
        enclosed = math.log(form.above(which, math.exp(at), form.slopes(which, math.exp(at))))
        assert abs(found - enclosed) <= 1e-4


def test_the_search_finds_the_smallest_of_many_pairs() -> None:
    """At B = 1 in the corner where curvature and noise lie in different blocks."""
    constants = Constants(0.9, 1.0, 5.0, 0.1, 3.0)
    form = Form.of(constants, Schedule(0.9, 1), Geometry.STRONGLY_CONVEX)
    found = joint_demand(constants, Schedule(0.9, 1), Geometry.STRONGLY_CONVEX, 0.1)
    scanned = [
        float(form.largest("curvature", kappa) * form.largest("gradient", 1 / kappa)) * 9
        for kappa in np.exp(np.linspace(-6, 4, 401))
    ]
    assert min(scanned) * (1 - 1e-3) <= float(found.noise) <= min(scanned) * (1 + 1e-8)
    assert abs(found.doubling - 1 - float(found.noise) / 0.1 / float(found.lam)) <= 1
