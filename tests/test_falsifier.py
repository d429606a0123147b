"""The falsifier: bounds that are a little too small are refuted, in every block, geometry and corner that it claims."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anil_theory
from anil_theory import Constants, InvalidParameter, Schedule
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.constants import Region
from anil_theory.estimators.base import BLOCKS, Direction, Estimate
from anil_theory.falsifier import Evidence, falsify, judge_by_all, strongest_first, worst_evidence
from anil_theory.statements import STATEMENTS, Bound, Claim, Kind
from anil_theory.verdict import Outcome
from tests.strategies import log_uniform

SETTINGS = (
    (Constants(0.2, 1.0, 1.0, 0.5, 1.0), 1),
    (Constants(0.2, 1.0, 1.0, 0.5, 1.0), 30),
    (Constants(0.9, 1.0, 5.0, 0.1, 3.0), 3),
    (Constants(0.9, 1.0, 1.0, 0.5, 1.0), 30),
    (Constants(0.13, 1.7, 0.6, 2.3, 0.9), 13),
    (Constants(0.3, 1.0, 1.0, 0.0, 1.0), 10),
    (Constants(None, 1.0, 1.0, 0.5, 1.0), 1),
    (Constants(None, 1.7, 0.6, 2.3, 0.9), 13),
    (Constants(None, 1.0, 5.0, 0.1, 3.0), 30),
)


def sharp(constants: Constants, block: str, factor: float = 1.0) -> Claim:
    """The sharp claim of a block, its bound multiplied."""
    statement = STATEMENTS["prop2" if constants.mu else "prop3"]
    (claim,) = statement.select(Kind.SHARP, block)

    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        bound = claim.evaluate(constants, schedule)
        return Bound(factor * bound.value, bound.log10 + math.log10(factor), bound.rounding, "changed on purpose")

    return dataclasses.replace(claim, evaluate=evaluate)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("constants", "N"), SETTINGS)
def test_a_sharp_bound_that_is_3_percent_too_small_is_refuted_in_every_block(
    constants: Constants, N: int, block: str
) -> None:
    schedule = Schedule.paper(constants, N)
    realised = worst_evidence(constants, schedule, block, seeds=())
    right = judge_by_all(sharp(constants, block), constants, schedule, realised)
    assert right.outcome is Outcome.CONSISTENT and 0.98 < right.power < 1
    for factor in (0.5, 0.97):
        wrong = judge_by_all(sharp(constants, block, factor), constants, schedule, realised)
        assert wrong.outcome is Outcome.REFUTED and "ball arithmetic" in wrong.replayed


@given(
    st.none() | st.floats(0.02, 0.95),
    log_uniform(0.1, 10),
    log_uniform(0.1, 10),
    log_uniform(0.1, 10),
    log_uniform(0.1, 10),
    st.floats(0.02, 1.0),
    st.integers(1, 30),
    st.sampled_from(BLOCKS),
)
@settings(max_examples=60)
def test_the_power_is_at_least_98_percent_where_both_third_derivatives_are_positive(
    ratio: float | None, L: float, rho: float, tau: float, M: float, step: float, N: int, block: str
) -> None:
    """Any constants, any alpha: up to 1/L strongly convex, up to alpha N L = 3 nonconvex."""
    constants = Constants(None if ratio is None else ratio * L, L, rho, tau, M)
    schedule = Schedule(step / L if ratio is not None else 3 * step / (N * L), N)
    (realised,) = worst_evidence(constants, schedule, block, seeds=())
    assert realised.estimate.rounding == 0
    verdict = judge_by_all(sharp(constants, block), constants, schedule, [realised])
    assert verdict.outcome is Outcome.CONSISTENT and verdict.power > 0.98


@pytest.mark.parametrize("mu", [pytest.param(0.3, marks=pytest.mark.slow), None])
def test_falsify_is_public_and_replays_what_it_reached_by_running_the_algorithm(mu: float | None) -> None:
    constants = Constants(mu, 1.0, 1.0, 0.5, 1.0)
    schedule = Schedule.paper(constants, 2)
    found = anil_theory.falsify(sharp(constants, "phiw"), constants, schedule, tasks=2)
    assert not found.refuted and 0.99 < found.share < 1 and found.share == found.verdict.power
    assert {e.estimate.method.split(",")[0] for e in found.evidence} == {
        "realised losses",
        "worst task",
        "pairs",
        "points",
        "ascent",
    }
    assert all(e.estimate.direction is Direction.LOWER and e.estimate.witness for e in found.evidence)
    assert found.evidence[0].estimate.method == "realised losses" and found.enclosure is not None
    assert found.enclosure.low == pytest.approx(found.evidence[0].estimate.value, rel=1e-9)
    wrong = anil_theory.falsify(sharp(constants, "phiw", 0.97), constants, schedule, tasks=2)
    assert wrong.refuted and wrong.share > 1 and wrong.verdict.suspects


def test_one_seed_of_the_ascent_is_not_the_other() -> None:
    constants = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
    tasks = [
        e
        for e in worst_evidence(constants, Schedule.paper(constants, 2), "phiphi")
        if "worst task" in e.estimate.method
    ]
    assert [e.estimate.seed for e in tasks] == [0, 1] and tasks[0].estimate.value != tasks[1].estimate.value


def test_without_a_mixed_third_derivative_the_share_says_what_is_not_reached() -> None:
    """tau = 0 without mu: one mixed derivative serves all points, and the sharp constant asks for several."""
    constants, schedule = Constants(None, 1.0, 1.0, 0.0, 1.0), Schedule(0.1, 30)
    verdicts = {
        block: judge_by_all(
            sharp(constants, block), constants, schedule, worst_evidence(constants, schedule, block, seeds=())
        )
        for block in BLOCKS
    }
    assert verdicts["ww"].power > 0.99 and 0.5 < verdicts["phiphi"].power < 0.98


def test_constants_on_a_ball_have_no_realised_losses_and_a_failed_hypothesis_no_share() -> None:
    ball = Constants(0.3, 1.0, 1.0, 0.5, 1.0, region=Region(2.0))
    assert worst_evidence(ball, Schedule.paper(ball, 2), "ww") == ()
    whole = dataclasses.replace(ball, region=Region())
    found = falsify(sharp(whole, "ww"), whole, Schedule(3.0, 2), tasks=2)
    assert found.verdict.outcome is Outcome.NOT_APPLICABLE and math.isnan(found.share) and found.enclosure is None


@pytest.mark.parametrize("name", ["prop1", "assumptions", "thm1"])
def test_other_claims_are_refused(name: str) -> None:
    constants = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
    with pytest.raises(InvalidParameter, match="claim must be about meta_gradient_lipschitz"):
        falsify(STATEMENTS[name].claims[0], constants, Schedule.paper(constants, 1))


CONSTANTS, SCHEDULE = Constants(0.5, 1.0, 1.0, 1.0, 1.0), Schedule(0.5, 1)


def evidence(value: float, rounding: float = 0.0, low: float | None = None, outside: float = 0.0) -> Evidence:
    estimate = Estimate(
        "meta_gradient_lipschitz/ww", value, Direction.LOWER, f"made up {value}", rounding=rounding, outside=outside
    )
    return Evidence(estimate, None if low is None else lambda: Enclosure(low, value))


def claim_of(bound: float) -> Claim:
    return dataclasses.replace(
        sharp(CONSTANTS, "ww"), evaluate=lambda constants, schedule: Bound(bound, math.log10(bound))
    )


def test_the_strongest_evidence_is_the_largest_value_less_its_rounding() -> None:
    noisy, sound, left = evidence(5.0, 4.5), evidence(1.0), evidence(9.0, outside=0.1)
    assert strongest_first([noisy, left, sound]) == (sound, noisy, left)
    assert judge_by_all(claim_of(2.0), CONSTANTS, SCHEDULE, [noisy, sound]).estimate is sound.estimate


def test_a_refutation_that_its_replay_does_not_uphold_gives_way_to_the_next() -> None:
    artefact, real = evidence(3.0, low=0.5), evidence(2.0, low=1.9)
    verdict = judge_by_all(claim_of(1.0), CONSTANTS, SCHEDULE, [artefact, real])
    assert verdict.outcome is Outcome.REFUTED and verdict.estimate is real.estimate
    alone = judge_by_all(claim_of(1.0), CONSTANTS, SCHEDULE, [artefact])
    assert alone.outcome is Outcome.INCONCLUSIVE and alone.power == 0.5
