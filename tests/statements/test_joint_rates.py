"""Theorem J: never above the theorems it sharpens, valid beyond their steps, attained for one block."""

import dataclasses
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.joint_rates import JointRate, long_decay, one_block
from anil_theory.statements.rates import ROWS, Rate, step_sizes
from tests.strategies import log_uniform, settings_of_theory

pytestmark = pytest.mark.filterwarnings("error")

CONVEX = Constants(0.2, 1.0, 1.0, 0.5, 1.0)
LOPSIDED = Constants(0.9, 1.0, 5.0, 0.1, 3.0)


@settings(max_examples=10)
@given(settings_of_theory(), st.sampled_from(ROWS), log_uniform(1e-2, 1e2), log_uniform(0.01, 1.0))
def test_at_admissible_steps_it_is_never_above_the_refined_theorem(setting, row, D0, shorter) -> None:
    constants, schedule = setting
    schedule = step_sizes(constants, schedule, constants.geometry)
    assert schedule.beta_w is not None and schedule.beta_phi is not None
    schedule = dataclasses.replace(schedule, beta_w=schedule.beta_w * shorter, beta_phi=schedule.beta_phi * shorter)
    joint = JointRate(constants, schedule, constants.geometry, D0)
    refined = Rate(constants, schedule, constants.geometry, Kind.REFINED, D0)
    assert all(h.holds for h in joint.hypotheses())
    if refined.bound(row).value < 1e-100 or math.isinf(refined.bound(row).value):
        return
    # The pair is searched; at one that is close to the best the row is a little above the smallest.
    assert joint.bound(row).value <= refined.bound(row).value * (1 + 1e-3)


@settings(max_examples=4)
@given(settings_of_theory(), st.sampled_from(ROWS), log_uniform(1e-2, 1e2))
def test_more_steps_and_shorter_gaps_never_raise_it(setting, row, D0) -> None:
    constants, schedule = setting
    schedule = step_sizes(constants, dataclasses.replace(schedule, batch=4, outer_steps=50), constants.geometry)
    at = JointRate(constants, schedule, constants.geometry, D0).bound(row).value
    for changed, gap in (
        (dataclasses.replace(schedule, outer_steps=100), D0),
        (schedule, D0 / 2),
    ):
        assert JointRate(constants, changed, constants.geometry, gap).bound(row).value <= at * (1 + 1e-3)


def test_the_pair_may_be_chosen_freely() -> None:
    """Where curvature and noise lie in different blocks the best pair has a floor of 0.118 of the pair lam/beta."""
    schedule = Schedule(0.9, 1, batch=10**9, outer_steps=10**15)
    lam = float(JointRate(LOPSIDED, dataclasses.replace(schedule, beta_w=1.0, beta_phi=1.0), SC, 0.0).curvature())
    at = dataclasses.replace(schedule, beta_w=1 / lam, beta_phi=1 / lam)
    joint = JointRate(LOPSIDED, at, SC, 0.0)
    assert math.isclose(float(joint.curvature()), 1.0, rel_tol=1e-8)
    with_lam = LOPSIDED.M**2 / lam * float(joint.form.largest("gradient", 1.0)) / 1e9 / (2 - 1 * (1 - 1e-9))
    assert math.isclose(joint.bound("weighted").value / with_lam, 0.118, abs_tol=1e-3)
    assert math.isclose(joint.bound("phi").value / lam / with_lam, 0.059, abs_tol=1e-3)


SC = Geometry.STRONGLY_CONVEX


def smallest_rows(rate: JointRate) -> dict[str, float]:
    """The smallest of each row over many pairs with c_w, c_phi > 0, from the enclosures of Q and G alone."""
    beta_w, beta_phi = rate.steps
    B, K, M = rate.schedule.batch, rate.schedule.outer_steps, rate.constants.M
    smallest: dict[str, float] = {row: math.inf for row in ROWS}
    for kappa in np.exp(np.linspace(-1, 3, 33)) * beta_w / beta_phi:
        lam_w = float(rate.form.largest("curvature", kappa))
        c_w = 2 - lam_w * beta_w * (1 - 1 / B)
        c_phi = 2 - kappa * lam_w * beta_phi * (1 - 1 / B)
        if min(c_w, c_phi) > 0:
            V = lam_w * (beta_w * M) ** 2 * float(rate.form.largest("gradient", (beta_w / beta_phi) ** 2 / kappa))
            over = {"weighted": min(c_w, c_phi), "w": c_w * beta_w, "phi": c_phi * beta_phi}
            for row in ROWS:
                smallest[row] = min(smallest[row], (2 * rate.D0 / K + V / B) / over[row])
    return smallest


@pytest.mark.parametrize("share", [1.7, 1.999])
def test_long_steps_take_the_best_pair_though_the_other_block_keeps_nothing(share: float) -> None:
    """The best pair of a block's own row has c = 0 in the other block there, where the search meets its end."""
    constants = Constants(0.5, 1.3, 0.0, 0.05, 0.6)
    unit = JointRate(constants, Schedule(0.75, 4, beta_w=0.1, beta_phi=1.0, batch=1000, outer_steps=10), SC, 7.0)
    longer = share / float(unit.curvature())
    schedule = dataclasses.replace(unit.schedule, beta_w=0.1 * longer, beta_phi=longer)
    rate = dataclasses.replace(unit, schedule=schedule)
    for row, smallest in smallest_rows(rate).items():
        bound = rate.bound(row)
        assert bound.value <= smallest * (1 + 1e-3)
        assert bound.rounding <= 1e-9 * bound.value


def test_steps_beyond_the_refined_limit_have_a_bound() -> None:
    limits = step_sizes(CONVEX, Schedule(0.2, 4, batch=8), SC)
    assert limits.beta_w is not None
    longer = dataclasses.replace(limits, beta_w=1.9 * limits.beta_w, beta_phi=1.9 * limits.beta_w)
    for rate, holds in (
        (Rate(CONVEX, longer, SC, Kind.REFINED, 1.0), False),
        (JointRate(CONVEX, longer, SC, 1.0), True),
    ):
        assert all(h.holds for h in rate.hypotheses()) is holds
    assert math.isfinite(JointRate(CONVEX, longer, SC, 1.0).bound("weighted").value)


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_the_largest_step_is_named(batch: int) -> None:
    """lam < 2B/(B - 1): no condition for B = 1."""
    unit = JointRate(CONVEX, Schedule(0.2, 4, beta_w=1.0, beta_phi=1.0), SC, 1.0)
    limit = 2 * batch / max(batch - 1, 1e-3) / float(unit.curvature())
    for share, holds in ((0.999, True), (1.001, batch == 1)):
        beta = limit * share
        at = JointRate(CONVEX, Schedule(0.2, 4, batch=batch, beta_w=beta, beta_phi=beta), SC, 1.0)
        (hypothesis,) = at.hypotheses()
        assert hypothesis.holds is holds, hypothesis
        assert math.isfinite(at.bound("weighted").value) is holds
    assert "lam (1 - 1/B) < 2" in hypothesis.condition


def test_one_block_is_attained_by_a_quadratic() -> None:
    """SGD at beta = 1/Lam on Lam x^2/2 with noise of second moment s^2: the first step ends the decay."""
    Lam, s, D0 = 3.0, 0.7, 2.0
    for K in (1, 2, 10, 1000):
        squares = [2 * Lam * D0]
        for _ in range(K - 1):
            # x - (Lam x + xi)/Lam = -xi/Lam: the next gradient is the noise.
            squares.append(s**2)
        assert math.isclose(np.mean(squares), one_block(Lam, D0, K, s**2), rel_tol=1e-12)


def sawtooth_slope(x: Fraction, g: Fraction, Lam: int, K: int) -> Fraction:
    """A Lam-Lipschitz slope that is g at the K points of gradient descent, g/2 half-way, and falls to 0 after them."""
    step = g / Lam
    if x >= (K - 1) * step:
        return max(g - Lam * (x - (K - 1) * step), Fraction(0))
    place = x % step
    return g - Lam * min(place, step - place)


@pytest.mark.parametrize("K", [1, 2, 7, 60])
def test_the_long_decay_is_attained_by_the_sawtooth(K: int) -> None:
    Lam, g = 2, Fraction(3, 5)
    x, squares = Fraction(0), []
    for _ in range(K):
        slope = sawtooth_slope(x, g, Lam, K)
        squares.append(slope**2)
        x += slope / Lam
    # The slope is linear between these places, so the trapezoids are its integral.
    half = g / Lam / 2
    heights = [sawtooth_slope(place * half, g, Lam, K) for place in range(2 * K + 1)]
    D0 = sum((low + high) / 2 * half for low, high in itertools.pairwise(heights))
    average = sum(squares) / K
    assert average == (4 * Lam * D0 + g**2) / (3 * K)
    assert math.isclose(average, long_decay(Lam, float(D0), K, 0.0, float(g) ** 2), rel_tol=1e-12)


@given(
    log_uniform(0.1, 10), log_uniform(1e-3, 1e3), st.integers(1, 500), log_uniform(1e-4, 1e2), log_uniform(1e-4, 1e2)
)
def test_the_long_decay_solves_its_inequality(Lam: float, D0: float, K: int, second: float, first: float) -> None:
    A, s = long_decay(Lam, D0, K, second, first), math.sqrt(second)
    left = A + max(math.sqrt(A) - s, 0.0) ** 2 / 2
    right = 2 * Lam * D0 / K + second + max(math.sqrt(first) - s, 0.0) ** 2 / (2 * K)
    assert math.isclose(left, right, rel_tol=1e-9)


def test_the_theorems_claim_it_and_refuse_what_it_needs() -> None:
    for name, constants in (("thm1", CONVEX), ("thm2", dataclasses.replace(CONVEX, mu=None))):
        claims = {claim.block: claim for claim in STATEMENTS[name].given(D0=1.0).select(Kind.SHARP)}
        assert set(claims) == set(ROWS)
        schedule = step_sizes(constants, Schedule(0.2, 3, batch=4, outer_steps=100), constants.geometry)
        for row, claim in claims.items():
            expected = JointRate(constants, schedule, constants.geometry, 1.0).bound(row).value
            assert claim.evaluate(constants, schedule).value == expected
        missing = dataclasses.replace(schedule, beta_w=None)
        assert any(not h.holds and "beta_w" in h.condition for h in claims["w"].hypotheses(constants, missing))
    with pytest.raises(InvalidParameter, match="D0"):
        JointRate(CONVEX, Schedule(0.2, 1), SC, -1.0)
    with pytest.raises(InvalidParameter, match="where phi is empty"):
        JointRate(CONVEX, Schedule(0.2, 1, beta_w=0.1), SC, 1.0, phi=False).bound("phi")


def test_an_empty_phi_takes_its_curvature_from_w_alone() -> None:
    schedule = Schedule(0.2, 4, batch=1, outer_steps=10, beta_w=0.1)
    rate = JointRate(CONVEX, schedule, SC, 2.0, phi=False)
    lam = float(rate.curvature()) / 0.1
    sigma = (1 - 0.2 * 0.2) ** 4
    # B = 1: c = 2 whatever the step.
    assert math.isclose(rate.bound("w").value, (4.0 / 10 + lam * 0.01 * sigma**2) / 0.2, rel_tol=1e-9)
