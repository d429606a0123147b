"""Hessian blocks measured on a network beside what Propositions 2 and 3 predict from constants estimated there.

Two predictions for each block, both the refined expressions of `statements.contraction`:

    statement   Proposition 2 where mu > 0, else 3, with the estimated (mu, L, rho, tau, M);
    local       the same engine with ||I - alpha H||, ||C|| and the query loss's L put in as estimated, instead of
                the bounds that mu and L give for them.

The direction. At one point, the derivation needs the derivatives at the point's own inner iterates only, so with the
exact largest norms there both would be upper bounds of the blocks there. The estimates are from below (mu: from above)
and both expressions grow with them, so a prediction is a LOWER estimate of the bound: a block above it refutes nothing
(INCONCLUSIVE: constants were estimated too small), a block below it is CONSISTENT with the statement, at this point.
A hypothesis that fails for constants from below fails for the true ones all the more: NOT_APPLICABLE is sound.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from anil_theory.constants import Constants, Geometry, Knowledge
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.contraction import block_constants
from anil_theory.verdict import Verdict, judge

BLOCKS = {"ww": "ww", "cross": "wphi", "phiphi": "phiphi"}
"""Measured block -> block of the propositions; refined, both cross constants are one."""

SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Prediction:
    """One block at one point: log10 of both predictions (None: not applicable, not available) and the verdict."""

    block: str
    measured: float
    statement: float | None
    local: float | None
    verdict: Verdict


def estimated_constants(local: Mapping[str, Any], geometry: str) -> Constants:
    """Constants from a plain `LocalConstants`, labelled as estimates; mu is assumed in the strongly convex geometry."""
    mu = local["mu"] if geometry == Geometry.STRONGLY_CONVEX and (local["mu"] or 0) > 0 else None
    # mu, the smallest eigenvalue of a block, cannot exceed the norm of the whole, but for the error of the iteration;
    # a loss that training brought to zero in its arithmetic has no gradient left.
    L, M = max(local["L"], mu or 0.0, SMALLEST), max(local["M"], SMALLEST)
    return Constants(mu, L, local["rho"], local["tau"], M, known=Knowledge.ESTIMATED)


def predict(probe: Mapping[str, Any], geometry: str, alpha: float, inner_steps: int) -> list[Prediction]:
    """Predictions and verdicts for the three blocks of one probe; none where its measurement failed."""
    norms, blocks = probe["constants"], probe["blocks"]
    if norms is None or blocks is None:
        return []
    constants, schedule = estimated_constants(norms, geometry), Schedule(alpha, inner_steps)
    local = None
    if norms["contraction"] is not None:
        local = block_constants(
            r=norms["contraction"],
            cbar=norms["mixed"],
            L=max(norms["smoothness"], SMALLEST),
            rho=norms["rho"],
            tau=norms["tau"],
            M=norms["M"],
            alpha=alpha,
            inner_steps=inner_steps,
            kind=Kind.REFINED,
        )
    statement = STATEMENTS["prop3" if constants.mu is None else "prop2"]
    predictions = []
    for block, name in BLOCKS.items():
        (claim,) = statement.select(Kind.REFINED, name)
        estimate = Estimate(claim.quantity, blocks[block], Direction.LOWER, "power iteration", samples=norms["tasks"])
        verdict = judge(claim, constants, schedule, estimate)
        bound = verdict.bound.log10 if verdict.bound is not None else None
        here = None if local is None else getattr(local, block).log10
        finite = here if here is None or math.isfinite(here) else None
        predictions.append(Prediction(block, blocks[block], bound, finite, verdict))
    return predictions


def predicted_logs(
    probe: Mapping[str, Any], geometry: str, alpha: float, inner_steps: int
) -> dict[str, dict[str, Any]] | None:
    """What a record keeps of `predict`: {block: {"statement", "local": log10, "outcome", "reason"}}, or None."""
    predictions = predict(probe, geometry, alpha, inner_steps)
    return {
        prediction.block: {
            "statement": prediction.statement,
            "local": prediction.local,
            "outcome": prediction.verdict.outcome,
            "reason": prediction.verdict.reason,
        }
        for prediction in predictions
    } or None
