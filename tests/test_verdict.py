"""verdict.py: every row of its table, NOT_APPLICABLE before all of them, and what must not fool it."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Knowledge
from anil_theory.errors import Incomparable
from anil_theory.estimators.base import Direction, Estimate, Witness
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, NoBound
from anil_theory.verdict import RESTS_ON_ESTIMATES, STANDARD_ERRORS, SUSPECTS, Outcome, Verdict, judge, with_replay
from tests.strategies import fractions, log_uniform, settings_of_theory

QUANTITY = "a quantity"
CONSTANTS = Constants(mu=0.5, L=1.0, rho=1.0, tau=1.0, M=1.0)
SCHEDULE = Schedule.strongly_convex(CONSTANTS, 1)
JUDGED = (Kind.EXPLICIT, Kind.REFINED, Kind.IDENTITY)

bounds = log_uniform(1e-3, 1e3)
roundings = st.just(0.0) | log_uniform(1e-12, 1e-6)
above = st.floats(1.01, 1e3)
"""Factors by which an estimate exceeds the bound and the slack together."""


def claim(bound: float = 1.0, rounding: float = 0.0, kind: Kind = Kind.EXPLICIT, *margins: float) -> Claim:
    """A claim that QUANTITY <= bound, with one hypothesis for each margin."""
    conditions = tuple(Hypothesis(f"condition {index}", margin) for index, margin in enumerate(margins))

    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        assert all(h.holds for h in conditions), "a bound is not evaluated outside its hypotheses"
        return Bound(bound, math.log10(bound) if 0 < bound < math.inf else math.nan, rounding)

    return Claim("test", "block", kind, QUANTITY, evaluate, lambda constants, schedule: conditions, r"\ell")


def verdict_on(claim: Claim, value: float, direction: Direction, **rest: float) -> Verdict:
    """The verdict on an estimate of QUANTITY."""
    return judge(claim, CONSTANTS, SCHEDULE, Estimate(QUANTITY, value, direction, "test", **rest))  # pyright: ignore


# One row of the table each: the outcome at or below the bound, and beyond the bound and the slack.
ROWS = {
    Direction.LOWER: (Outcome.CONSISTENT, Outcome.REFUTED),
    Direction.UPPER: (Outcome.CONFIRMED, Outcome.INCONCLUSIVE),
    Direction.EXACT: (Outcome.CONFIRMED, Outcome.REFUTED),
}


@pytest.mark.parametrize("kind", JUDGED)
@pytest.mark.parametrize("direction", ROWS)
@given(bound=bounds, fraction=fractions(), factor=above, bound_rounding=roundings, rounding=roundings)
def test_the_rows_lower_upper_and_exact(
    direction: Direction,
    kind: Kind,
    bound: float,
    fraction: float,
    factor: float,
    bound_rounding: float,
    rounding: float,
) -> None:
    stated = claim(bound, bound_rounding, kind)
    # An upper bound confirms with its own error and the bound's counted against it, so it is put below by both.
    within = fraction * (bound - 3 * (rounding + bound_rounding))
    beyond = factor * (bound + rounding + bound_rounding)
    at_most, exceeds = ROWS[direction]
    assert verdict_on(stated, within, direction, rounding=rounding).outcome is at_most
    assert verdict_on(stated, beyond, direction, rounding=rounding).outcome is exceeds


def test_estimated_constants_confirm_and_refute_nothing() -> None:
    estimated = replace(CONSTANTS, known=Knowledge.ESTIMATED)
    for direction, (at_most, exceeds) in ROWS.items():
        for value, outcome in ((0.5, at_most), (2.0, exceeds)):
            found = judge(claim(), estimated, SCHEDULE, Estimate(QUANTITY, value, direction, "test"))
            decided = outcome in (Outcome.CONFIRMED, Outcome.REFUTED)
            assert found.outcome is (Outcome.INCONCLUSIVE if decided else outcome) and found.suspects == ()
            assert ("not a bound" in found.reason) == decided
            assert (RESTS_ON_ESTIMATES in found.reason) == (found.outcome is Outcome.CONSISTENT)
    failed = judge(
        claim(1.0, 0.0, Kind.EXPLICIT, -0.1), estimated, SCHEDULE, Estimate(QUANTITY, 2.0, Direction.LOWER, "t")
    )
    assert failed.outcome is Outcome.NOT_APPLICABLE


@given(bound=bounds, fraction=st.floats(0.0, 0.99), factor=above, stderr=log_uniform(1e-6, 1e2))
def test_the_row_mean(bound: float, fraction: float, factor: float, stderr: float) -> None:
    error, stated = STANDARD_ERRORS * stderr, claim(bound)
    far_below, far_above = bound - factor * error, bound + factor * error
    near = [bound - fraction * error, bound + fraction * error]
    assert verdict_on(stated, far_below, Direction.MEAN, stderr=stderr).outcome is Outcome.CONFIRMED
    assert verdict_on(stated, far_above, Direction.MEAN, stderr=stderr).outcome is Outcome.REFUTED
    if error > 1e-9 * bound:  # else the three values are the same float
        for mean in near:
            assert verdict_on(stated, mean, Direction.MEAN, stderr=stderr).outcome is Outcome.INCONCLUSIVE


@given(value=bounds, bound=bounds, direction=st.sampled_from(Direction))
def test_an_order_is_never_judged(value: float, bound: float, direction: Direction) -> None:
    verdict = verdict_on(claim(bound, kind=Kind.ORDER), value, direction)
    assert verdict.outcome is Outcome.INCONCLUSIVE and "hides a factor" in verdict.reason


@pytest.mark.parametrize("direction", Direction)
@given(value=bounds, failures=st.lists(log_uniform(1e-3, 1e3), min_size=1, max_size=3), margin=log_uniform(1e-3, 1e3))
def test_a_failed_hypothesis_comes_first_and_says_by_how_much(
    direction: Direction, value: float, failures: list[float], margin: float
) -> None:
    stated = claim(value / 2, 0.0, Kind.EXPLICIT, margin, *[-amount for amount in failures])
    verdict = verdict_on(stated, value, direction)
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert verdict.bound is None and math.isnan(verdict.tightness) and verdict.suspects == ()
    for index, amount in enumerate(failures, start=1):
        assert f"condition {index}: fails by {amount:.3g}" in verdict.reason
    assert "condition 0" not in verdict.reason and len(verdict.hypotheses) == 1 + len(failures)


def test_a_hypothesis_that_is_met_with_equality_holds_and_one_that_is_not_a_number_fails() -> None:
    assert verdict_on(claim(1.0, 0.0, Kind.EXPLICIT, 0.0), 0.5, Direction.LOWER).outcome is Outcome.CONSISTENT
    assert verdict_on(claim(1.0, 0.0, Kind.EXPLICIT, math.nan), 0.5, Direction.LOWER).outcome is Outcome.NOT_APPLICABLE


@given(outside=log_uniform(1e-6, 1e3))
def test_leaving_the_region_makes_the_claim_not_applicable(outside: float) -> None:
    verdict = verdict_on(claim(), 2.0, Direction.LOWER, outside=outside)
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert f"every iterate stays in the whole space: fails by {outside:.3g}" in verdict.reason


@given(setting=settings_of_theory(), fraction=fractions(), bound=bounds)
def test_tightness_is_the_ratio_and_rejudging_changes_nothing(
    setting: tuple[Constants, Schedule], fraction: float, bound: float
) -> None:
    estimate = Estimate(QUANTITY, fraction * bound, Direction.LOWER, "test", witness=Witness({"z": [0.0]}, 0))
    first, second = (judge(claim(bound), *setting, estimate) for _ in range(2))
    assert (first.outcome, first.reason) == (second.outcome, second.reason)
    assert first.tightness == fraction * bound / bound and first.estimate.witness == estimate.witness


@pytest.mark.parametrize("direction", [Direction.LOWER, Direction.EXACT])
@given(bound=bounds)
def test_a_bound_that_is_halved_on_its_extremal_task_is_refuted(direction: Direction, bound: float) -> None:
    attained = verdict_on(claim(bound), bound, direction)
    halved = verdict_on(claim(bound / 2), bound, direction)
    assert attained.outcome in (Outcome.CONSISTENT, Outcome.CONFIRMED) and attained.tightness == 1
    assert halved.outcome is Outcome.REFUTED and halved.suspects == SUSPECTS and halved.tightness == 2


@given(bound=bounds, bound_rounding=roundings, rounding=roundings)
def test_the_slack_is_the_rounding_of_both_sides(bound: float, bound_rounding: float, rounding: float) -> None:
    verdict = verdict_on(claim(bound, bound_rounding), bound, Direction.LOWER, rounding=rounding)
    assert verdict.slack == rounding + bound_rounding
    assert verdict_on(claim(bound), bound, Direction.LOWER).slack == 0


@given(bound=bounds, rounding=log_uniform(1e-9, 1e-4))
def test_what_rounding_can_explain_neither_refutes_nor_confirms(bound: float, rounding: float) -> None:
    above_bound = bound + rounding / 2
    below_bound = bound - rounding / 2
    assert verdict_on(claim(bound, rounding), above_bound, Direction.LOWER).outcome is Outcome.CONSISTENT
    assert verdict_on(claim(bound), below_bound, Direction.UPPER, rounding=rounding).outcome is Outcome.INCONCLUSIVE


@given(bound=bounds, rounding=log_uniform(1e-9, 1e-4))
def test_a_certificate_confirms_only_below_the_rounding_of_the_bound(bound: float, rounding: float) -> None:
    verdict = verdict_on(claim(bound, rounding), bound - rounding / 2, Direction.UPPER)
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_an_infinite_bound_has_no_tightness_and_a_zero_bound_no_ratio() -> None:
    infinite = verdict_on(claim(math.inf), 1.0, Direction.LOWER)
    assert infinite.outcome is Outcome.CONSISTENT and infinite.tightness == 0
    zero = verdict_on(claim(0.0), 0.0, Direction.EXACT)
    assert zero.outcome is Outcome.CONFIRMED and math.isnan(zero.tightness)
    assert verdict_on(claim(0.0), 1e-300, Direction.LOWER).outcome is Outcome.REFUTED


@given(bound=bounds, bound_rounding=roundings, rounding=roundings, share=st.floats(0.01, 1.0))
def test_the_power_is_the_factor_below_which_the_bound_would_have_been_refuted(
    bound: float, bound_rounding: float, rounding: float, share: float
) -> None:
    """A claim with a factor of the bound and of its rounding: refuted below the power, and not above it."""
    value = share * bound + rounding
    power = verdict_on(claim(bound, bound_rounding), value, Direction.LOWER, rounding=rounding).power
    for factor, refuted in ((0.999 * power, True), (1.001 * power, False)):
        changed = claim(factor * bound, factor * bound_rounding)
        outcome = verdict_on(changed, value, Direction.LOWER, rounding=rounding).outcome
        assert (outcome is Outcome.REFUTED) == refuted


@given(bound=bounds, share=fractions(), stderr=log_uniform(1e-9, 1e3))
def test_the_power_of_a_mean_counts_its_standard_errors(bound: float, share: float, stderr: float) -> None:
    value = share * bound
    found = verdict_on(claim(bound), value, Direction.MEAN, stderr=stderr).power
    assert found == pytest.approx(max(value - STANDARD_ERRORS * stderr, 0.0) / bound, rel=1e-12, abs=1e-300)


def test_a_mean_is_given_as_many_standard_errors_as_the_stated_probability_asks_for() -> None:
    """Two-sided, under normality: 6.4e-5 and not a tenth of it."""
    beyond = math.erfc(STANDARD_ERRORS / math.sqrt(2))
    assert 6.3e-5 < beyond < 6.4e-5


def test_where_there_is_no_factor_there_is_no_power() -> None:
    for stated, direction in (
        (claim(0.0, kind=Kind.IDENTITY), Direction.EXACT),
        (claim(math.inf), Direction.LOWER),
        (claim(1.0, kind=Kind.ORDER), Direction.LOWER),
        (claim(), Direction.UPPER),
        (claim(1.0, 0.0, Kind.EXPLICIT, -1.0), Direction.LOWER),
    ):
        assert math.isnan(verdict_on(stated, 0.0, direction).power)
    fallen = with_replay(verdict_on(claim(), 2.0, Direction.LOWER), 0.25, 2.0)
    assert fallen.power == 0.25
    assert with_replay(verdict_on(claim(), 2.0, Direction.LOWER), -math.inf, math.inf).power == 0
    assert with_replay(verdict_on(claim(), 2.0, Direction.LOWER), math.nan, math.nan).power == 0


@given(bound=bounds, share=fractions(), factor=above)
def test_a_slack_larger_than_the_bound_says_nothing(bound: float, share: float, factor: float) -> None:
    """The pair quotient at mu/L = 0.9, N = 30: noise of 1e-13 beside a bound of 3e-20."""
    noise = factor * bound
    for direction in (Direction.LOWER, Direction.EXACT, Direction.UPPER):
        found = verdict_on(claim(bound), share * bound, direction, rounding=noise)
        assert found.outcome is Outcome.INCONCLUSIVE
        assert verdict_on(claim(bound, noise), share * bound, direction).outcome is Outcome.INCONCLUSIVE
    assert verdict_on(claim(bound), 3 * noise, Direction.LOWER, rounding=noise).outcome is Outcome.REFUTED
    identity = verdict_on(claim(0.0, kind=Kind.IDENTITY), share * noise, Direction.LOWER, rounding=noise)
    assert identity.outcome is Outcome.CONSISTENT, "an identity is met up to rounding"


@given(bound=bounds, share=st.floats(1e-9, 0.4))
def test_a_rounding_larger_than_the_value_says_nothing(bound: float, share: float) -> None:
    value = share * bound
    for direction in (Direction.LOWER, Direction.EXACT, Direction.UPPER):
        assert verdict_on(claim(bound), value, direction, rounding=1.5 * value).outcome is Outcome.INCONCLUSIVE
        assert verdict_on(claim(bound), value, direction, rounding=0.5 * value).outcome is ROWS[direction][0]


@given(bound=bounds, share=fractions(0.1))
def test_a_value_of_exactly_0_is_judged_whatever_its_rounding(bound: float, share: float) -> None:
    """Of a block that vanishes, say: rounding that is larger than 0 is no reason to say nothing."""
    for direction, (outcome, _) in ROWS.items():
        assert verdict_on(claim(bound), 0.0, direction, rounding=share * bound).outcome is outcome


@given(bound=bounds)
def test_errors_that_are_as_large_as_what_they_belong_to_still_say_something(bound: float) -> None:
    """Only a larger one says nothing: the slack beside the bound, and the rounding beside the value."""
    assert verdict_on(claim(bound), bound, Direction.LOWER, rounding=bound).outcome is Outcome.CONSISTENT
    assert verdict_on(claim(bound), bound / 2, Direction.LOWER, rounding=bound / 2).outcome is Outcome.CONSISTENT


def test_what_is_not_finite_confirms_nothing() -> None:
    for limit in (1.0, math.inf):
        assert verdict_on(claim(limit), math.inf, Direction.UPPER).outcome is Outcome.INCONCLUSIVE
    for direction in (Direction.UPPER, Direction.EXACT, Direction.MEAN):
        assert verdict_on(claim(math.inf), 1.0, direction).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_broken_run_is_never_confirmed_or_consistent(direction: Direction, value: float) -> None:
    """An estimate refuses most of these itself; one that slipped through still says nothing."""
    estimate = Estimate(QUANTITY, 0.5, direction, "test")
    object.__setattr__(estimate, "value", value)
    for bound in (1.0, math.inf):
        assert judge(claim(bound), CONSTANTS, SCHEDULE, estimate).outcome is Outcome.INCONCLUSIVE


def test_another_quantity_is_misuse() -> None:
    with pytest.raises(Incomparable, match="bounds 'a quantity'; the estimate measures 'another'"):
        judge(claim(), CONSTANTS, SCHEDULE, Estimate("another", 1.0, Direction.LOWER, "test"))


@given(bound=bounds, factor=above, width=fractions(), bound_rounding=roundings)
def test_a_refutation_stands_when_the_enclosure_lies_above_the_bound(
    bound: float, factor: float, width: float, bound_rounding: float
) -> None:
    value = factor * (bound + bound_rounding)
    refuted = verdict_on(claim(bound, bound_rounding), value, Direction.LOWER)
    upheld = with_replay(refuted, value, value + width)
    assert upheld.outcome is Outcome.REFUTED and upheld.suspects == SUSPECTS and "ball arithmetic" in upheld.replayed


@given(bound=bounds, factor=above, fraction=fractions(), bound_rounding=roundings)
def test_a_refutation_falls_when_the_enclosure_reaches_the_bound(
    bound: float, factor: float, fraction: float, bound_rounding: float
) -> None:
    value = factor * (bound + bound_rounding)
    refuted = verdict_on(claim(bound, bound_rounding), value, Direction.LOWER)
    fallen = with_replay(refuted, fraction * (bound + bound_rounding), value)
    assert fallen.outcome is Outcome.INCONCLUSIVE and fallen.suspects == ()
    assert refuted.reason in fallen.reason and "not upheld" in fallen.reason and fallen.replayed
    assert fallen.power == pytest.approx(fraction), "a bound below the enclosure would still have been refuted"
    unknown = with_replay(refuted, math.nan, math.nan)
    assert unknown.outcome is Outcome.INCONCLUSIVE and unknown.power == 0.0


@pytest.mark.parametrize("value, direction", [(0.5, Direction.LOWER), (0.5, Direction.EXACT), (2.0, Direction.UPPER)])
def test_only_refutations_are_replayed(value: float, direction: Direction) -> None:
    with pytest.raises(Incomparable, match="only a refutation is replayed; got"):
        with_replay(verdict_on(claim(), value, direction), 0.0, 1.0)


@pytest.mark.parametrize("name", ["rounding", "stderr", "outside"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_an_estimate_refuses_errors_that_are_not_errors(name: str, value: float) -> None:
    with pytest.raises(InvalidParameter, match=f"^{name} must be"):
        verdict_on(claim(), 1.0, Direction.LOWER, **{name: value})


def test_nan_is_neither_an_estimate_nor_a_bound() -> None:
    with pytest.raises(InvalidParameter, match=r"^value must be a number"):
        verdict_on(claim(), math.nan, Direction.LOWER)
    with pytest.raises(NoBound, match="got nan"):
        verdict_on(claim(math.nan), 1.0, Direction.LOWER)
    for rounding in (math.nan, -20.0):
        with pytest.raises(NoBound, match="the rounding of a bound must be a number >= 0"):
            verdict_on(claim(10.0, rounding), 1.0, Direction.EXACT)


def test_an_identity_is_met_up_to_a_rounding_that_says_something() -> None:
    """Of a distance from 0 the rounding has no bound to be compared with, but the size of what is compared."""
    identity = claim(0.0, kind=Kind.IDENTITY)
    for scale, expected in ((None, Outcome.CONSISTENT), (2.0, Outcome.CONSISTENT), (1.0, Outcome.INCONCLUSIVE)):
        estimate = Estimate(QUANTITY, 1e-3, Direction.LOWER, "test", rounding=1.0, scale=scale)
        assert judge(identity, CONSTANTS, SCHEDULE, estimate).outcome is expected
    assert verdict_on(identity, 0.0, Direction.EXACT).outcome is Outcome.CONFIRMED
    for value, rounding in ((0.0, 1e-9), (5.0, 1000.0), (1e300, 1e300)):
        assert verdict_on(identity, value, Direction.EXACT, rounding=rounding).outcome is Outcome.INCONCLUSIVE
    assert verdict_on(identity, 5.0, Direction.EXACT, rounding=1.0).outcome is Outcome.REFUTED


def test_a_bound_of_0_that_the_replay_does_not_refute_has_no_power() -> None:
    refuted = verdict_on(claim(0.0), 1e-3, Direction.LOWER)
    assert refuted.outcome is Outcome.REFUTED
    replayed = with_replay(refuted, -1e-9, 0.0)
    assert replayed.outcome is Outcome.INCONCLUSIVE and replayed.power == 0.0
