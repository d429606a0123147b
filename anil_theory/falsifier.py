"""The strongest refutation of a block bound that is known: the worst instances of its setting, and what they reach.

Two instances are tried for every block of Propositions 2 and 3. The realised losses (`certify.realisation`) keep A1 and
A2 everywhere and reach all but some 0.1 % of the sharp constant, so that a bound that is a little too small is beaten.
The worst task of the separable family (`estimators.worst_task`) is found by ascent from several seeds: a different sort
of task, found in a different way. Every instance carries a replay: an enclosure in ball arithmetic, made on demand.

Where rho = 0 or tau = 0 without mu, no known losses reach the sharp constant at large alpha N L; the share reached says
so. This module reads both sides, like `verdict`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np

from anil_theory._admissible import InvalidParameter, count
from anil_theory._display import Displayed, short
from anil_theory._plain import to_plain
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.realisation import (
    CROSS,
    ENTRIES,
    Realised,
    block_entry,
    difference_quotient,
    realise,
    short_span,
)
from anil_theory.certify.witness import replay_witness
from anil_theory.constants import Constants
from anil_theory.estimators._worst_task import WorstTask, worst_tasks
from anil_theory.estimators.base import Direction, Estimate, Witness
from anil_theory.estimators.block_lipschitz import Budget, measure_block_lipschitz
from anil_theory.estimators.not_finite import NotFinite
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Claim
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.verdict import Outcome, Verdict, judge, with_replay

QUANTITY = "meta_gradient_lipschitz"
SEEDS = (0, 1)
"""Ascents start from each of these."""

STARTS, ITERATIONS = 3, 60
"""Starts and iterations of the ascent over tasks, per seed."""

ASCENDED = tuple(block for block in ENTRIES if block not in CROSS)
"""The blocks that ascents over tasks are made for."""

LONGEST_ASCENT = 1000
"""Inner steps beyond which no ascent over tasks is made: it differentiates the whole loop at every iteration."""


@dataclass(frozen=True, repr=False)
class Evidence(Displayed):
    """One lower estimate of a block constant.

    replay   makes an enclosure of the value in ball arithmetic; None where there is none;
    losses   the losses behind the estimate as plain values, so that a record can repeat it.
    """

    estimate: Estimate
    replay: Callable[[], Enclosure] | None = None
    losses: Any = None

    def _shown(self) -> dict[str, Any]:
        replayed = "no" if self.replay is None else "on demand"
        return {"estimate": self.estimate, "replay": replayed}


@dataclass(frozen=True, repr=False)
class Falsification(Displayed):
    """What the attempt to refute a claim came to.

    verdict    REFUTED, with the witness and its replay, or what the strongest estimate says;
    share      (largest value - its rounding)/(bound + its rounding): a bound below `share` times this one would have
               been refuted; NaN where the claim does not apply;
    enclosure  of the strongest value in ball arithmetic; None where it was not replayed;
    evidence   everything that was tried, the strongest first.
    """

    verdict: Verdict
    share: float
    enclosure: Enclosure | None
    evidence: tuple[Evidence, ...]

    @property
    def refuted(self) -> bool:
        return self.verdict.outcome is Outcome.REFUTED

    def _shown(self) -> dict[str, Any]:
        shown = {"outcome": self.verdict.outcome.value, "claim": self.verdict.claim, "share": short(self.share)}
        shown["strongest"] = f"{short(self.verdict.estimate.value)} by {self.verdict.estimate.method}"
        if self.enclosure is not None:
            shown["enclosure"] = f"[{self.enclosure.low:.9g}, {self.enclosure.high:.9g}]"
        return shown | {"tried": str(len(self.evidence))}


def falsify(claim: Claim, constants: Constants, schedule: Schedule, *, seed: int = 0, tasks: int = 4) -> Falsification:
    """The strongest refutation found of a block bound of Proposition 2 or 3, or the share of it that was reached.

    claim   one of `STATEMENTS["prop2"].claims` or of "prop3", or one of your own about the same quantity;
    seed    of the sampled tasks and of the ascents; `tasks` of them are sampled.

    Tries the realised losses, the worst task of the separable family, and sampled tasks. The strongest value is
    replayed by running ANIL itself in ball arithmetic (seconds at N = 30). Direction of every estimate: lower, so a
    claim that survives is not confirmed. Raises InvalidParameter for a claim about another quantity, and for constants
    that no known task has.
    """
    _, _, block = claim.quantity.partition("/")
    if claim.quantity.partition("/")[0] != QUANTITY or block not in ENTRIES:
        allowed = f"about {QUANTITY}/ww, wphi, phiw or phiphi (Propositions 2 and 3)"
        raise InvalidParameter("claim", allowed, claim.quantity)
    seeds = tuple(count("seed", seed, minimum=0) + further for further in SEEDS)
    tried = [*worst_evidence(constants, schedule, block, seeds=seeds)]
    tried += _sampled(constants, schedule, block, seed=seed, tasks=tasks)
    evidence = strongest_first(tried)
    if not evidence:
        raise InvalidParameter("constants", "those of a task that the package can make", constants)
    verdict = judge_by_all(claim, constants, schedule, evidence)
    enclosure = None
    if verdict.outcome is not Outcome.NOT_APPLICABLE:
        best = next((e for e in evidence if e.estimate is verdict.estimate), evidence[0])
        enclosure = _by_the_algorithm(best, constants, schedule, block)
    return Falsification(verdict, verdict.power, enclosure, evidence)


def strongest_first(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """By what each estimate proves, its value less its rounding; those that left the region of the constants last."""

    def proved(e: Evidence) -> tuple[bool, float]:
        return e.estimate.outside == 0, e.estimate.value - e.estimate.rounding

    return tuple(sorted(evidence, key=proved, reverse=True))


def judge_by_all(claim: Claim, constants: Constants, schedule: Schedule, evidence: Sequence[Evidence]) -> Verdict:
    """The verdict of the strongest evidence: the first refutation that its replay upholds, or else the strongest's own.

    A bound that any lower estimate beats is wrong, whichever it is. Weaker evidence is asked only where a replay did
    not uphold what was stronger.
    """
    first: Verdict | None = None
    for each in strongest_first(evidence):
        verdict = judge(claim, constants, schedule, each.estimate)
        if verdict.outcome is Outcome.REFUTED and each.replay is not None:
            enclosure = each.replay()
            verdict = with_replay(verdict, enclosure.low, enclosure.high)
        first = verdict if first is None else first
        if verdict.outcome is Outcome.REFUTED:
            return verdict
        if not verdict.replayed:
            break
    assert first is not None, "there is no evidence"
    return first


def worst_evidence(
    constants: Constants, schedule: Schedule, block: str, *, seeds: tuple[int, ...] = SEEDS, longest: int | None = None
) -> tuple[Evidence, ...]:
    """The worst instances known of a block at one setting, each with a replay; kept, so that a grid asks for them once.

    seeds     of the ascents over tasks, which `longest` inner steps are compiled for.

    Empty where no instance is known: constants on a ball (the realised losses need the whole space), mu = L, loops so
    long that numbers overflow. Above LONGEST_ASCENT inner steps the realised losses stand alone.
    """
    if math.isfinite(constants.region.radius):
        return ()
    evidence_of_all = [_realised(constants, schedule, block)]
    if schedule.inner_steps <= LONGEST_ASCENT:
        N = max(schedule.inner_steps, min(longest or 1, LONGEST_ASCENT))
        evidence_of_all += _worst_of_family(constants, schedule, block, seeds, N)
    return tuple(evidence for evidence in evidence_of_all if evidence is not None)


def _plain_setting(schedule: Schedule) -> Schedule:
    """What the instances depend on: alpha and N."""
    return Schedule(schedule.one_alpha, schedule.inner_steps)


def _realised(constants: Constants, schedule: Schedule, block: str) -> Evidence | None:
    return _realised_once(constants, _plain_setting(schedule), block)


@lru_cache(maxsize=4096)
def _realised_once(constants: Constants, schedule: Schedule, block: str) -> Evidence | None:
    span = short_span(constants)
    try:
        # Underflow of a long loop leaves directions without a length: NaN then, and no instance.
        with np.errstate(divide="raise", invalid="raise", over="raise"):
            realised = realise(constants, schedule, block, span=span)
    except (InvalidParameter, ArithmeticError):
        return None
    enclosure = block_entry(realised)
    if not math.isfinite(enclosure.low) or enclosure.low < 0:
        return None
    x, y = ENTRIES[block]
    axes = np.eye(3).tolist()
    witness = Witness({"z": [0.0] * 3, "u": axes[x], "v": axes[y]}, 0)
    estimate = Estimate(
        f"{QUANTITY}/{block}", enclosure.low, Direction.LOWER, method="realised losses", witness=witness
    )
    losses = {"construction": "certify.realisation.realise", "block": block, "span": span, "audit": realised.audit}
    return Evidence(estimate, lambda: enclosure, losses)


@lru_cache(maxsize=4096)
def _ascended(
    constants: Constants, schedule: Schedule, seeds: tuple[int, ...], longest: int
) -> Mapping[tuple[str, int], WorstTask]:
    """By block and seed; empty when no task of the family has the constants.

    A block that overflows at every start is missing. One call serves all blocks: whoever asks for one asks for all.
    """
    try:
        family = SeparableFamily(constants, 2, 2)
    except InvalidParameter:
        return {}
    return worst_tasks(
        family,
        schedule,
        ASCENDED,
        seeds=seeds,
        starts=STARTS,
        iterations=ITERATIONS,
        max_inner_steps=longest,
    )


def _worst_of_family(
    constants: Constants, schedule: Schedule, block: str, seeds: tuple[int, ...], longest: int
) -> list[Evidence]:
    """The worst task that each seed finds."""
    worst = _ascended(constants, _plain_setting(schedule), seeds, longest) if seeds else {}
    keys = [(CROSS.get(block, block), seed) for seed in seeds]
    return [evidence_of_task(worst[key], schedule, block) for key in keys if key in worst]


def evidence_of_task(worst: WorstTask, schedule: Schedule, block: str) -> Evidence:
    """A worst task as evidence about a block or, its directions the other way round, about the transposed block."""
    assert worst.estimate.witness is not None
    points = dict(worst.estimate.witness.points)
    if block in CROSS:
        points = {"z": points["z"], "u": points["v"], "v": points["u"]}
    estimate = replace(
        worst.estimate,
        quantity=f"{QUANTITY}/{block}",
        method=f"worst task, seed {worst.estimate.seed}",
        witness=Witness(points, 0),
    )
    replay = partial(replay_witness, worst.tasks, schedule, estimate, 2)
    return Evidence(estimate, replay, to_plain(worst.tasks.data))


def _sampled(constants: Constants, schedule: Schedule, block: str, *, seed: int, tasks: int) -> list[Evidence]:
    """Sampled tasks of the separable family in dimension 2 + 2, searched as `verify` does."""
    try:
        family = SeparableFamily(constants, 2, 2)
    except InvalidParameter:
        return []
    population = family.sample(jax.random.key(seed), tasks)
    try:
        each = measure_block_lipschitz(family, population, schedule, seed=seed, budget=Budget())[block].values()
    except NotFinite:
        return []
    return [Evidence(e, partial(replay_witness, population, schedule, e, 2), to_plain(population.data)) for e in each]


def _by_the_algorithm(best: Evidence, constants: Constants, schedule: Schedule, block: str) -> Enclosure | None:
    """The enclosure of the strongest value, by running ANIL on the losses in balls."""
    if best.estimate.method != "realised losses":
        return best.replay() if best.replay else None
    realised: Realised = realise(constants, _plain_setting(schedule), block, span=short_span(constants))
    return difference_quotient(realised)
