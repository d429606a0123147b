"""One cell through the pipeline: measure, evaluate the claims, judge, and lay the outcome out in rows."""

import dataclasses
import math
from functools import partial
from typing import Any

import jax

from anil_theory.certify.witness import replay_witness
from anil_theory.estimators import (
    Estimate,
    NotFinite,
    audit_constants,
    measure_attained,
    measure_block_lipschitz,
    measure_identity,
)
from anil_theory.estimators.base import leading_kind
from anil_theory.falsifier import SEEDS, Evidence, judge_by_all, strongest_first, worst_evidence
from anil_theory.statements import STATEMENTS, Bound, Claim, Kind
from anil_theory.tasks import ExtremalFamily, TaskSet
from anil_theory.verdict import Outcome, Verdict
from anil_theory.verification.cells import Cell, Check
from anil_theory.verification.measured import Measured, Measurement
from anil_theory.verification.theorems import measure_counts, measure_rate, measure_terms

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
    `sampled` is the largest value on the cell's own tasks, `measured` that on any instance tried; they differ where a
    worse instance is known. `power` is the factor below which the bound of kind `powered` (the smallest that was
    judged) would have been noticed to be wrong; NaN where there is no such factor (an identity, a certificate).
    `rounding_kind` is that of the estimate `measured`, or, where only that one is, the kind of its `outside`: it begins
    with "heuristic" where the slack is no bound. `dropped` samples on the cell's own tasks were left out because they
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


def check_cell(cell: Cell, broken: str | None = None) -> list[Row]:
    """All rows of one cell.

    broken   a block whose bounds are halved on purpose, to show that the checker can fail.
    """
    tasks = cell.family.sample(jax.random.key(cell.seed), 1 if cell.check is Check.ATTAINED else cell.tasks)
    rows = []
    try:
        found = MEASUREMENTS[cell.check](cell, tasks)
    except NotFinite as error:
        found = _without_estimates(cell, str(error))
    except OverflowError as error:
        found = _without_estimates(cell, f"not finite: a number of this setting is beyond float64 ({error})")
    for block, measured in found.items():
        claims = measured.claims
        if block == broken:
            claims = [c if c.kind is Kind.ORDER else halved(c) for c in claims]
        rows.append(_row(cell, tasks, block, dataclasses.replace(measured, claims=claims)))
    return rows


def _registered(cell: Cell, found: dict[str, list[Estimate]]) -> dict[str, Measured]:
    """Estimates by block with the claims that the registry has for them."""
    claims = STATEMENTS[cell.statement].claims
    return {block: Measured(estimates, [c for c in claims if c.block == block]) for block, estimates in found.items()}


def _without_estimates(cell: Cell, reason: str) -> dict[str, Measured]:
    """What a cell has to say when its quantities are finite at none of the points: every block, without a number."""
    blocks = dict.fromkeys(claim.block for claim in STATEMENTS[cell.statement].claims)
    if cell.check is Check.ATTAINED:
        blocks = {"ww": None}
    registered = _registered(cell, {block: [] for block in blocks})
    return {block: dataclasses.replace(each, remark=reason) for block, each in registered.items()}


def _blocks(cell: Cell, tasks: TaskSet) -> dict[str, Measured]:
    try:
        found = measure_block_lipschitz(
            cell.family,
            tasks,
            cell.schedule,
            seed=cell.seed,
            max_inner_steps=cell.max_inner_steps,
            budget=cell.budget,
        )
        measured = _registered(cell, {block: list(by_method.values()) for block, by_method in found.items()})
    except NotFinite as error:
        measured = _without_estimates(cell, str(error))
    seeds = tuple(cell.seed + further for further in SEEDS)
    worst = partial(worst_evidence, cell.constants, cell.schedule, seeds=seeds, longest=cell.max_inner_steps)
    return {block: dataclasses.replace(each, worst=worst(block)) for block, each in measured.items()}


def _attained(cell: Cell, tasks: TaskSet) -> dict[str, Measured]:
    assert isinstance(cell.family, ExtremalFamily)
    return _registered(cell, {block: [e] for block, e in measure_attained(cell.family).items()})


def _identity(cell: Cell, tasks: TaskSet) -> dict[str, Measured]:
    options = {"seed": cell.seed, "max_inner_steps": cell.max_inner_steps}
    found = measure_identity(cell.family, tasks, cell.schedule, **options)
    return _registered(cell, {block: [e] for block, e in found.items()})


def _constants(cell: Cell, tasks: TaskSet) -> dict[str, Measured]:
    found = audit_constants(cell.family, tasks, seed=cell.seed)
    return _registered(cell, {block: [e] for block, e in found.items()})


MEASUREMENTS: dict[Check, Measurement] = {
    Check.BLOCKS: _blocks,
    Check.ATTAINED: _attained,
    Check.IDENTITY: _identity,
    Check.CONSTANTS: _constants,
    Check.RATE: measure_rate,
    Check.TERMS: measure_terms,
    Check.COUNT: measure_counts,
}


def halved(claim: Claim) -> Claim:
    """The claim with its bound halved on purpose: what shows that the checker can fail."""

    def evaluate(*setting: Any) -> Bound:
        bound = claim.evaluate(*setting)
        note = "halved on purpose" if not bound.note else f"halved on purpose; {bound.note}"
        return Bound(bound.value / 2, bound.log10 - math.log10(2), bound.rounding, note)

    return dataclasses.replace(claim, evaluate=evaluate)


def _row(cell: Cell, tasks: TaskSet, block: str, measured: Measured) -> Row:
    common = {
        "statement": cell.statement,
        "block": block,
        "check": cell.check.value,
        "geometry": cell.geometry.value,
        "regime": "-" if cell.check in (Check.CONSTANTS, Check.COUNT) else cell.regime.value,
        "setting": cell.describe(),
    }
    if not measured.estimates and not measured.worst:
        return _unmeasured(cell, measured, common)
    own = _evidence(cell, tasks, measured.estimates)
    evidence = strongest_first([*own, *measured.worst])
    best = evidence[0].estimate
    verdicts = [judge_by_all(claim, cell.constants, cell.schedule, evidence) for claim in measured.claims]
    bounds = {v.kind.value: v.bound.value for v in verdicts if v.bound is not None}
    # An order judges nothing: it is shown beside the bounds, and the outcome is theirs.
    decisive = [v for v in verdicts if v.kind is not Kind.ORDER]
    worst = min(decisive, key=lambda v: (SEVERITY.index(v.outcome), _limit(v)))
    powers = [v for v in decisive if not math.isnan(v.power)]
    # Of bounds that are equal the sharp one is named; rounding may put it a little above the others.
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
        estimates=[_plain_evidence(e) for e in (*own, *measured.worst)],
        sampled=strongest_first(own)[0].estimate.value if own else math.nan,
        power=smallest.power if smallest else math.nan,
        powered=smallest.kind.value if smallest else "",
        # A heuristic one, of the value or of the region, comes first.
        rounding_kind=leading_kind((best.rounding_kind, best.outside_kind)),
        dropped=sum(estimate.dropped for estimate in measured.estimates),
        first_dropped=next((e.first_dropped for e in measured.estimates if e.dropped), ""),
    )


def _limit(verdict: Verdict) -> float:
    return verdict.bound.value if verdict.bound else math.inf


def _evidence(cell: Cell, tasks: TaskSet, estimates: list[Estimate]) -> list[Evidence]:
    """The estimates on the cell's own tasks, those of block norms with their replay."""
    if cell.check not in (Check.BLOCKS, Check.ATTAINED):
        return [Evidence(estimate) for estimate in estimates]
    n_w = cell.n_w if cell.check is Check.BLOCKS else 1
    return [Evidence(e, partial(replay_witness, tasks, cell.schedule, e, n_w)) for e in estimates]


def _plain_evidence(evidence: Evidence) -> dict[str, Any]:
    """An estimate, and what its losses are where they are not the cell's own."""
    plain = dataclasses.asdict(evidence.estimate)
    return plain if evidence.losses is None else plain | {"losses": evidence.losses}


def _unmeasured(cell: Cell, measured: Measured, common: dict[str, str]) -> Row:
    """The row of a run that ended without an estimate: what its hypotheses say, and why there is no number."""
    failed = [h for c in measured.claims for h in c.hypotheses(cell.constants, cell.schedule) if not h.holds]
    outcome = Outcome.NOT_APPLICABLE if failed else Outcome.INCONCLUSIVE
    reasons = [*dict.fromkeys(map(str, failed)), measured.remark]
    nothing = {"measured": math.nan, "method": "-", "direction": "-", "bounds": {}, "tightness": math.nan}
    return Row(**common, **nothing, outcome=outcome.value, reason="; ".join(reasons), verdicts=[], estimates=[])


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
