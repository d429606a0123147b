"""Where the two sides meet: a claim, constants, a schedule and an estimate become a verdict with a reason.

| direction of the estimate | estimate <= bound                 | estimate > bound + slack                  |
|---------------------------|-----------------------------------|-------------------------------------------|
| lower (sampled, searched) | CONSISTENT, with the tightness    | REFUTED                                   |
| upper (certified)         | CONFIRMED                         | INCONCLUSIVE                              |
| exact                     | CONFIRMED                         | REFUTED                                   |
| mean over seeds           | CONFIRMED if mean + k se <= bound | REFUTED if mean - k se > bound,           |
|                           |                                   | otherwise INCONCLUSIVE                    |

NOT_APPLICABLE comes first: a failed hypothesis is reported with the amount by which it failed. With constants that are
estimated from samples the right-hand side is no bound: CONFIRMED and REFUTED become INCONCLUSIVE, and a CONSISTENT says
in its reason that it rests on estimates. A claim of kind CERTIFIED does not use the constants, and one of kind
ESTIMATED is INCONCLUSIVE whatever is measured. The slack is rounding
(of the estimate and of the bound) plus k standard errors. No slack is chosen for a single test. The rounding of an
estimate is derived from its program, to first order and doubled, or it is a heuristic, a count of roundings that knows
nothing of the loss; `Estimate.rounding_kind` says which, and so does every report.

What says nothing is INCONCLUSIVE, never CONFIRMED and never CONSISTENT: an estimate that is not a finite number; one
whose rounding exceeds the bound, or its own value unless that is exactly 0 (the rounding is then below the bound, and
decides nothing). A bound of exactly 0 is an identity, and is met up to rounding: by an exact value only where there is
no rounding, and by a search only where the rounding is below the size of what is compared. An infinite bound confirms
nothing: it excludes nothing.

The power of a verdict says how wrong a bound could have been without being noticed: a claim with `power` times the
bound, or less, would have been REFUTED by the same estimate.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from anil_theory._display import Displayed, short
from anil_theory.constants import Constants, Knowledge
from anil_theory.errors import Incomparable
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind

STANDARD_ERRORS = 4.0
"""k: a mean that is off by more has probability below 6.4e-5 under normality (two-sided)."""

RESTS_ON_ESTIMATES = "it rests on constants that are estimated"
"""What a CONSISTENT says of itself where the right-hand side is no bound."""

SUSPECTS = ("the statement itself", "our transcription of it", "the declared constants of the family")
"""Who can be wrong when a claim is refuted; the report names all three."""


class Outcome(StrEnum):
    """What can be said; see the table in this module's docstring."""

    CONFIRMED = "CONFIRMED"
    CONSISTENT = "CONSISTENT"
    REFUTED = "REFUTED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_APPLICABLE = "NOT_APPLICABLE"


@dataclass(frozen=True, repr=False)
class Verdict(Displayed):
    """One claim judged against one estimate.

    tightness is estimate/bound (NaN where there is no bound to speak of); slack is the tolerance that was used;
    replayed is the outcome of the computation in ball arithmetic, for refutations that were replayed;
    power is (estimate - its error)/(bound + its rounding): a bound that was below `power` times this one would have
    been refuted. 0 where the estimate would have let every smaller bound > 0 pass, NaN where there is no factor to
    speak of (a bound that is 0 or infinite, an order, a certificate, a claim that does not apply).
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
    power: float = math.nan

    def _shown(self) -> dict[str, Any]:
        shown = {"outcome": self.outcome.value, "claim": self.claim, "measured": short(self.estimate.value)}
        if self.bound is not None:
            shown["bound"] = short(self.bound.value)
        return shown | {"tightness": short(self.tightness), "reason": self.reason}


def judge(claim: Claim, constants: Constants, schedule: Schedule, estimate: Estimate) -> Verdict:
    """Judge one estimate against one claim.

    Raises Incomparable when the estimate measures another quantity than the claim bounds.
    """
    if claim.quantity != estimate.quantity:
        raise Incomparable(f"claim {claim.name} bounds {claim.quantity!r}; the estimate measures {estimate.quantity!r}")
    hypotheses = claim.hypotheses(constants, schedule)
    inside = f"every iterate stays in {estimate.region or constants.region}"
    enclosed_beyond = estimate.outside > 0 and estimate.outside_direction is Direction.UPPER
    if estimate.outside > 0 and not enclosed_beyond:
        hypotheses = (*hypotheses, Hypothesis(inside, -estimate.outside))
    failed = [h for h in hypotheses if not h.holds]
    if failed:
        reason = "; ".join(map(str, failed))
        return Verdict(
            Outcome.NOT_APPLICABLE, claim.name, claim.kind, estimate, None, math.nan, 0.0, reason, hypotheses
        )
    if enclosed_beyond:
        # An upper estimate of how far iterates go shows none that leaves: the hypothesis neither holds nor fails.
        reason = f"not proved: {inside}; they are enclosed only up to {estimate.outside:.3g} beyond it"
        return Verdict(Outcome.INCONCLUSIVE, claim.name, claim.kind, estimate, None, math.nan, 0.0, reason, hypotheses)
    bound = claim.evaluate(constants, schedule)
    slack = estimate.rounding + bound.rounding + STANDARD_ERRORS * estimate.stderr
    outcome, reason = _compare(claim.kind, estimate, bound, slack)
    # A certified claim is made of the problem's own numbers, whatever is known of the constants.
    rests = constants.known is Knowledge.ESTIMATED and claim.kind is not Kind.CERTIFIED
    if rests and outcome in (Outcome.CONFIRMED, Outcome.REFUTED):
        outcome, reason = Outcome.INCONCLUSIVE, f"{reason}; but the constants are estimates, so it is not a bound"
    elif rests and outcome is Outcome.CONSISTENT:
        reason = f"{reason}; {RESTS_ON_ESTIMATES}"
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
        power=_power(claim.kind, estimate, bound),
    )


def with_replay(verdict: Verdict, low: float, high: float) -> Verdict:
    """A refutation after its witness was evaluated again in ball arithmetic, with the enclosure [low, high].

    The refutation stands when `low` exceeds the bound and its own rounding; otherwise it was an artefact of rounding
    or the enclosure is too wide, and the verdict becomes INCONCLUSIVE.
    """
    if low > high:
        raise Incomparable(f"an enclosure has low <= high; got [{low!r}, {high!r}]")
    if verdict.outcome is not Outcome.REFUTED or verdict.bound is None:
        raise Incomparable(f"only a refutation is replayed; got {verdict.outcome}")
    replayed = f"the witness gives [{low:.17g}, {high:.17g}] in ball arithmetic"
    limit = verdict.bound.value + verdict.bound.rounding
    if low > limit:
        return replace(verdict, replayed=replayed)
    reason = f"{verdict.reason}; not upheld: {replayed}"
    # What is left of the estimate is the lower end of its enclosure (nothing, where that is not a number).
    power = max(low, 0.0) / limit if limit > 0 and low == low else 0.0
    return replace(verdict, outcome=Outcome.INCONCLUSIVE, reason=reason, suspects=(), replayed=replayed, power=power)


def _compare(kind: Kind, estimate: Estimate, bound: Bound, slack: float) -> tuple[Outcome, str]:
    value, limit = estimate.value, bound.value
    if kind is Kind.ORDER:
        return Outcome.INCONCLUSIVE, "an order hides a factor poly(L, M, rho, tau): one measurement cannot judge it"
    if kind is Kind.ESTIMATED:
        return Outcome.INCONCLUSIVE, "estimated: the numbers that the bound is made of are no enclosures"
    if not math.isfinite(value):
        return Outcome.INCONCLUSIVE, f"the estimate is {value}, which is compared with nothing"
    if value > limit + slack:
        return _beyond(estimate, limit, slack)
    if 0 < limit < slack and estimate.direction is not Direction.MEAN:
        return Outcome.INCONCLUSIVE, f"the slack {slack:.3g} is larger than the bound {limit:.3g}: it says nothing"
    if limit > 0 and 0 < abs(value) < estimate.rounding:
        return Outcome.INCONCLUSIVE, f"the rounding {estimate.rounding:.3g} exceeds the value: it says nothing"
    if limit == 0 and estimate.rounding > 0:
        if estimate.direction is Direction.EXACT:
            return (
                Outcome.INCONCLUSIVE,
                f"the value is 0 up to the rounding {estimate.rounding:.3g}, which confirms no 0",
            )
        if estimate.scale is not None and estimate.rounding >= estimate.scale:
            sizes = (
                f"the rounding {estimate.rounding:.3g} is not below the size {estimate.scale:.3g} of what is compared"
            )
            return Outcome.INCONCLUSIVE, f"{sizes}: it says nothing"
    if math.isinf(limit) and estimate.direction is not Direction.LOWER:
        return Outcome.INCONCLUSIVE, "the bound is infinite in float64, so that to be below it confirms nothing"
    return _within(estimate, bound, slack)


def _beyond(estimate: Estimate, limit: float, slack: float) -> tuple[Outcome, str]:
    """The estimate exceeds the bound by more than the slack."""
    excess = f"{estimate.value - limit:.3g}, slack {slack:.3g}"
    if estimate.direction is Direction.UPPER:
        return Outcome.INCONCLUSIVE, "the certified upper bound exceeds the bound, which says nothing of the truth"
    if estimate.direction is Direction.MEAN:
        return Outcome.REFUTED, f"mean - {STANDARD_ERRORS:g} standard errors exceeds the bound"
    if estimate.direction is Direction.EXACT:
        return Outcome.REFUTED, f"the exact value exceeds the bound by {excess}"
    return Outcome.REFUTED, f"a point exceeds the bound by {excess}"


def _within(estimate: Estimate, bound: Bound, slack: float) -> tuple[Outcome, str]:
    """The estimate is at most the bound and the slack, which are both worth something."""
    value, limit = estimate.value, bound.value
    if estimate.direction is Direction.LOWER:
        return Outcome.CONSISTENT, "the largest value found is at most the bound (a search cannot confirm it)"
    if estimate.direction is Direction.EXACT:
        return Outcome.CONFIRMED, "the exact value is at most the bound"
    if estimate.direction is Direction.MEAN:
        if value + slack <= limit:
            return Outcome.CONFIRMED, f"mean + {STANDARD_ERRORS:g} standard errors is at most the bound"
        return Outcome.INCONCLUSIVE, f"the bound lies within {STANDARD_ERRORS:g} standard errors of the mean"
    if value + estimate.rounding + bound.rounding <= limit:
        return Outcome.CONFIRMED, "a certified upper bound of the quantity is at most the bound"
    return Outcome.INCONCLUSIVE, "the certified upper bound exceeds the bound, which says nothing of the truth"


def _tightness(value: float, limit: float) -> float:
    if math.isinf(limit):
        return 0.0
    return value / limit if limit > 0 else math.nan


def _power(kind: Kind, estimate: Estimate, bound: Bound) -> float:
    """The largest factor f with estimate > f bound + slack, the slack's share of the bound taken as its rounding."""
    limit = bound.value + bound.rounding
    judged = kind not in (Kind.ORDER, Kind.ESTIMATED)
    if not judged or estimate.direction is Direction.UPPER or not 0 < bound.value < math.inf:
        return math.nan
    error = estimate.rounding + STANDARD_ERRORS * estimate.stderr
    return max(estimate.value - error, 0.0) / limit
