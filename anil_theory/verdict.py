"""Where the two sides meet: a claim, constants, a schedule and an estimate become a verdict with a reason.

| direction of the estimate | estimate <= bound                 | estimate > bound + slack                  |
|---------------------------|-----------------------------------|-------------------------------------------|
| lower (sampled, searched) | CONSISTENT, with the tightness    | REFUTED                                   |
| upper (certified)         | CONFIRMED                         | INCONCLUSIVE                              |
| exact                     | CONFIRMED                         | REFUTED                                   |
| mean over seeds           | CONFIRMED if mean + k se <= bound | REFUTED if mean - k se > bound,           |
|                           |                                   | otherwise INCONCLUSIVE                    |

NOT_APPLICABLE comes first: a failed hypothesis is reported with the amount by which it failed. With constants that are
estimated from samples the right-hand side is no bound: CONFIRMED and REFUTED become INCONCLUSIVE. The slack is rounding
(of the estimate and of the bound) plus k standard errors: computed from the inputs, never chosen per test.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from anil_theory.constants import Constants, Knowledge
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind

STANDARD_ERRORS = 4.0
"""k: a mean that is off by more has probability below 6.4e-5 under normality (two-sided)."""

SUSPECTS = ("the statement itself", "our transcription of it", "the declared constants of the family")
"""Who can be wrong when a claim is refuted; the report names all three."""


class Outcome(StrEnum):
    """What can be said; see the table in this module's docstring."""

    CONFIRMED = "CONFIRMED"
    CONSISTENT = "CONSISTENT"
    REFUTED = "REFUTED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_APPLICABLE = "NOT_APPLICABLE"


@dataclass(frozen=True)
class Verdict:
    """One claim judged against one estimate.

    tightness is estimate/bound (NaN where there is no bound to speak of); slack is the tolerance that was used;
    replayed is the outcome of the computation in ball arithmetic, for refutations that were replayed.
    """

    outcome: Outcome
    claim: str
    kind: Kind
    estimate: Estimate
    bound: Bound | None
    tightness: float
    slack: float
    reason: str
    hypotheses: tuple[Hypothesis, ...]
    suspects: tuple[str, ...] = ()
    replayed: str = ""


def judge(claim: Claim, constants: Constants, schedule: Schedule, estimate: Estimate) -> Verdict:
    """Judge one estimate against one claim.

    Raises ValueError when the estimate measures another quantity than the claim bounds.
    """
    if claim.quantity != estimate.quantity:
        raise ValueError(f"claim {claim.name} bounds {claim.quantity!r}; the estimate measures {estimate.quantity!r}")
    hypotheses = claim.hypotheses(constants, schedule)
    if estimate.outside > 0:
        condition = f"every iterate stays in {constants.region}"
        hypotheses = (*hypotheses, Hypothesis(condition, -estimate.outside))
    failed = [h for h in hypotheses if not h.holds]
    if failed:
        reason = "; ".join(map(str, failed))
        return Verdict(
            Outcome.NOT_APPLICABLE, claim.name, claim.kind, estimate, None, math.nan, 0.0, reason, hypotheses
        )
    bound = claim.evaluate(constants, schedule)
    slack = estimate.rounding + bound.rounding + STANDARD_ERRORS * estimate.stderr
    outcome, reason = _compare(claim.kind, estimate, bound, slack)
    if constants.known is Knowledge.ESTIMATED and outcome in (Outcome.CONFIRMED, Outcome.REFUTED):
        outcome, reason = Outcome.INCONCLUSIVE, f"{reason}; but the constants are estimates, so it is not a bound"
    return Verdict(
        outcome,
        claim.name,
        claim.kind,
        estimate,
        bound,
        _tightness(estimate.value, bound.value),
        slack,
        reason,
        hypotheses,
        SUSPECTS if outcome is Outcome.REFUTED else (),
    )


def with_replay(verdict: Verdict, low: float, high: float) -> Verdict:
    """A refutation after its witness was evaluated again in ball arithmetic, with the enclosure [low, high].

    The refutation stands when `low` exceeds the bound and its own rounding; otherwise it was an artefact of rounding
    or the enclosure is too wide, and the verdict becomes INCONCLUSIVE.
    """
    if low > high:
        raise ValueError(f"an enclosure has low <= high; got [{low!r}, {high!r}]")
    if verdict.outcome is not Outcome.REFUTED or verdict.bound is None:
        raise ValueError(f"only a refutation is replayed; got {verdict.outcome}")
    replayed = f"the witness gives [{low:.17g}, {high:.17g}] in ball arithmetic"
    if low > verdict.bound.value + verdict.bound.rounding:
        return replace(verdict, replayed=replayed)
    reason = f"{verdict.reason}; not upheld: {replayed}"
    return replace(verdict, outcome=Outcome.INCONCLUSIVE, reason=reason, suspects=(), replayed=replayed)


def _compare(kind: Kind, estimate: Estimate, bound: Bound, slack: float) -> tuple[Outcome, str]:
    value, limit = estimate.value, bound.value
    if kind is Kind.ORDER:
        return Outcome.INCONCLUSIVE, "an order hides a factor poly(L, M, rho, tau): one measurement cannot judge it"
    if estimate.direction is Direction.MEAN:
        error = slack
        if value + error <= limit:
            return Outcome.CONFIRMED, f"mean + {STANDARD_ERRORS:g} standard errors is at most the bound"
        if value - error > limit:
            return Outcome.REFUTED, f"mean - {STANDARD_ERRORS:g} standard errors exceeds the bound"
        return Outcome.INCONCLUSIVE, f"the bound lies within {STANDARD_ERRORS:g} standard errors of the mean"
    within = value <= limit + slack
    if estimate.direction is Direction.LOWER:
        if within:
            return Outcome.CONSISTENT, "the largest value found is at most the bound (a search cannot confirm it)"
        return Outcome.REFUTED, f"a point exceeds the bound by {value - limit:.3g}, slack {slack:.3g}"
    if estimate.direction is Direction.UPPER:
        if math.isinf(value):
            return Outcome.INCONCLUSIVE, "no finite upper bound was certified"
        if value + estimate.rounding + bound.rounding <= limit:
            return Outcome.CONFIRMED, "a certified upper bound of the quantity is at most the bound"
        return Outcome.INCONCLUSIVE, "the certified upper bound exceeds the bound, which says nothing of the truth"
    if within:
        return Outcome.CONFIRMED, "the exact value is at most the bound"
    return Outcome.REFUTED, f"the exact value exceeds the bound by {value - limit:.3g}, slack {slack:.3g}"


def _tightness(value: float, limit: float) -> float:
    if math.isinf(limit):
        return 0.0
    return value / limit if limit > 0 else math.nan
