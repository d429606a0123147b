"""One certified cell as rows: the enclosure of each block, its bounds, how far they are from the truth, the verdict.

The certificates hold for the tasks drawn and over the region stated: CONFIRMED says that the bound holds there, with
proof. The factor bound/truth lies between bound/upper and bound/lower.
"""

import math
from dataclasses import replace
from typing import Any

from anil_theory._plain import to_plain
from anil_theory.certify import Certificate
from anil_theory.certify.proof import Proof
from anil_theory.certify.witness import replay_witness
from anil_theory.checks import SEVERITY
from anil_theory.estimators.base import Direction
from anil_theory.statements import Claim, Kind, statement_about
from anil_theory.studies.certify.cells import CertifiedCell, OnProgress
from anil_theory.tasks import TaskSet
from anil_theory.verdict import Outcome, Verdict, judge, with_replay

JUDGED = (Kind.EXPLICIT, Kind.REFINED, Kind.SHARP)


def certify_cell(
    cell: CertifiedCell, on_progress: OnProgress = lambda block, progress: None, proof: Proof | None = None
) -> list[dict[str, Any]]:
    """One row per block; `proof` takes the boxes of the search, each with its bound."""
    tasks = cell.draw()
    rows = []
    for block, certificate in cell.certificates(tasks, on_progress, proof).items():
        statement = statement_about(certificate.estimate.quantity, cell.source.constants.geometry)
        claims = [claim for claim in statement.claims if claim.block == block and claim.kind in JUDGED]
        rows.append({"statement": statement.name, **_row(cell, tasks, certificate, claims)})
    return rows


def _row(cell: CertifiedCell, tasks: TaskSet, certificate: Certificate, claims: list[Claim]) -> dict[str, Any]:
    verdicts = [judge_certificate(cell, tasks, certificate, claim) for claim in claims]
    worst = min(verdicts, key=lambda v: (SEVERITY.index(v.outcome), v.bound.value if v.bound else math.inf))
    bounds = {v.kind.value: v.bound.value for v in verdicts if v.bound is not None}
    searched = to_plain(certificate)
    searched["reason_of_search"] = searched.pop("reason")
    return {
        "geometry": cell.source.constants.geometry.value,
        "N": cell.at.inner_steps,
        **searched,
        "region": f"{cell.where}{certificate.region}",
        "width": certificate.width,
        "bounds": bounds,
        "factors": {kind: [_ratio(b, certificate.upper), _ratio(b, certificate.lower)] for kind, b in bounds.items()},
        "outcome": worst.outcome.value,
        "rounding_kind": worst.estimate.rounding_kind,
        "reason": worst.reason,
        "sampled": cell.sampled(tasks, certificate),
    }


def judge_certificate(cell: CertifiedCell, tasks: TaskSet, certificate: Certificate, claim: Claim) -> Verdict:
    """CONFIRMED by the certified upper bound, or else REFUTED by the witness (replayed), or else INCONCLUSIVE."""
    constants = cell.source.constants
    above = replace(certificate.estimate, outside=cell.outside, outside_direction=Direction.UPPER)
    verdict = judge(claim, constants, cell.at, above)
    if verdict.outcome is not Outcome.INCONCLUSIVE:
        return verdict
    lower = replace(certificate.lower_estimate, outside=cell.outside, outside_direction=Direction.UPPER)
    below = judge(claim, constants, cell.at, lower)
    if below.outcome is not Outcome.REFUTED:
        return verdict
    enclosure = replay_witness(tasks, cell.at, lower, cell.source.n_w)
    return with_replay(below, enclosure.low, enclosure.high)


def _ratio(bound: float, truth: float) -> float:
    return bound / truth if truth > 0 else math.inf
