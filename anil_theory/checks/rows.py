"""A row: one quantity measured, beside the claims that bound it, judged by everything that is known of it."""

import dataclasses
import math
from typing import Any

from anil_theory.constants import Constants
from anil_theory.estimators import Estimate
from anil_theory.estimators.base import leading_kind
from anil_theory.falsifier import Evidence, judge_by_all, strongest_first
from anil_theory.schedule import Schedule
from anil_theory.statements import Bound, Claim, Kind
from anil_theory.verdict import Outcome, Verdict

SEVERITY = (
    Outcome.REFUTED,
    Outcome.INCONCLUSIVE,
    Outcome.NOT_APPLICABLE,
    Outcome.CONSISTENT,
    Outcome.CONFIRMED,
)
"""A row shows the most severe outcome of its bounds: one refuted bound refutes the row."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a report: a block of a statement at one setting, measured beside its bounds.

    `bounds` maps a kind ("explicit", "refined", "order", ..) to a number; `tightness` is measured/tightest bound.
    `sampled` is the largest value on the problem's own tasks, `measured` that on any instance tried; they differ where
    a worse instance is known. `power` is the factor below which the bound of kind `powered` (the smallest that was
    judged) would have been noticed to be wrong; NaN where there is no such factor (an identity, a certificate).
    `rounding_kind` is that of the estimate `measured`, or, where only that one is, the kind of its `outside`: it begins
    with "heuristic" where the slack is no bound. `dropped` samples on its own tasks were left out because they
    are not finite; `first_dropped` explains one.
    """

    statement: str
    block: str
    check: str
    geometry: str
    regime: str
    setting: str
    measured: float
    method: str
    direction: str
    bounds: dict[str, float]
    tightness: float
    outcome: str
    reason: str
    verdicts: list[dict[str, Any]]
    estimates: list[dict[str, Any]]
    sampled: float = math.nan
    power: float = math.nan
    powered: str = ""
    rounding_kind: str = ""
    dropped: int = 0
    first_dropped: str = ""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What there is to say of one block: estimates of its quantity, the claims that bound it, and a remark.

    own     the estimates as evidence, with their replays;
    worst   further lower estimates of the same quantity: the worst instances known, whatever the problem's tasks are.
    """

    estimates: tuple[Estimate, ...]
    claims: tuple[Claim, ...]
    own: tuple[Evidence, ...] = ()
    worst: tuple[Evidence, ...] = ()
    remark: str = ""


def halved(claim: Claim) -> Claim:
    """The claim with its bound halved on purpose: what shows that the checker can fail."""

    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        return claim.evaluate(constants, schedule).times(0.5, "halved on purpose")

    return dataclasses.replace(claim, evaluate=evaluate)


def row_of(measured: Measured, constants: Constants, schedule: Schedule, **common: Any) -> Row:
    """The row of one block at one setting; `common` are the row's words: statement, block, check, ..."""
    if not measured.estimates and not measured.worst:
        return _unmeasured(measured, constants, schedule, common)
    evidence = strongest_first([*measured.own, *measured.worst])
    best = evidence[0].estimate
    verdicts = [judge_by_all(claim, constants, schedule, evidence) for claim in measured.claims]
    bounds = {v.kind.value: v.bound.value for v in verdicts if v.bound is not None}
    # An order judges nothing: it is shown beside the bounds, and the outcome is theirs.
    decisive = [v for v in verdicts if v.kind is not Kind.ORDER]
    worst = min(decisive or verdicts, key=lambda v: (SEVERITY.index(v.outcome), _limit(v)))
    powers = [v for v in decisive if not math.isnan(v.power)]
    # The sharp one is named where bounds are equal; rounding may put it a little above the others.
    smallest = min(powers, key=lambda v: (v.kind is not Kind.SHARP, _limit(v)), default=None)
    return Row(
        **common,
        measured=best.value,
        method=best.method,
        direction=best.direction.value,
        bounds=bounds,
        tightness=max((v.tightness for v in decisive if not math.isnan(v.tightness)), default=math.nan),
        outcome=worst.outcome.value,
        reason=f"{worst.reason}; {measured.remark}" if measured.remark else worst.reason,
        verdicts=[_plain_verdict(v, c) for v, c in zip(verdicts, measured.claims, strict=True)],
        estimates=[_plain_evidence(e) for e in (*measured.own, *measured.worst)],
        sampled=strongest_first(measured.own)[0].estimate.value if measured.own else math.nan,
        power=smallest.power if smallest else math.nan,
        powered=smallest.kind.value if smallest else "",
        # A heuristic one, of the value or of the region, comes first.
        rounding_kind=leading_kind((best.rounding_kind, best.outside_kind)),
        dropped=sum(estimate.dropped for estimate in measured.estimates),
        first_dropped=next((e.first_dropped for e in measured.estimates if e.dropped), ""),
    )


def _limit(verdict: Verdict) -> float:
    return verdict.bound.value if verdict.bound else math.inf


def _plain_evidence(evidence: Evidence) -> dict[str, Any]:
    """An estimate, and what its losses are where they are not the problem's own."""
    plain = dataclasses.asdict(evidence.estimate)
    return plain if evidence.losses is None else plain | {"losses": evidence.losses}


def _unmeasured(measured: Measured, constants: Constants, schedule: Schedule, common: dict[str, Any]) -> Row:
    """The row of a run that ended without an estimate: what its hypotheses say, and why there is no number."""
    failed = [h for c in measured.claims for h in c.hypotheses(constants, schedule) if not h.holds]
    reasons = [*dict.fromkeys(map(str, failed)), measured.remark]
    return Row(
        **common,
        measured=math.nan,
        method="-",
        direction="-",
        bounds={},
        tightness=math.nan,
        outcome=(Outcome.NOT_APPLICABLE if failed else Outcome.INCONCLUSIVE).value,
        reason="; ".join(reasons),
        verdicts=[],
        estimates=[],
    )


def _plain_verdict(verdict: Verdict, claim: Claim) -> dict[str, Any]:
    """A verdict without its estimate, which the row holds once."""
    return {
        "claim": verdict.claim,
        "latex": claim.latex,
        "outcome": verdict.outcome.value,
        "bound": None if verdict.bound is None else dataclasses.asdict(verdict.bound),
        "tightness": verdict.tightness,
        "slack": verdict.slack,
        "reason": verdict.reason,
        "hypotheses": [{"condition": h.condition, "margin": h.margin} for h in verdict.hypotheses],
        "suspects": list(verdict.suspects),
        "replayed": verdict.replayed,
        "power": verdict.power,
    }
