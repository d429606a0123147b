"""How tight each block bound is: what programs, functions and a family of tasks reach of it, at one setting."""

import math
from dataclasses import dataclass, replace
from typing import Any

from anil_theory._admissible import InvalidParameter
from anil_theory._plain import to_plain
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.realisation import CROSS, ENTRIES, Realised, difference_quotient, realise
from anil_theory.certify.witness import replay_witness
from anil_theory.checks import halved
from anil_theory.constants import Constants
from anil_theory.estimators._worst_task import WorstTask, worst_task
from anil_theory.estimators.base import Direction, Estimate, Witness, leading_kind
from anil_theory.estimators.local_program import solve_local_program
from anil_theory.estimators.local_witness import admissibility, hessian_of_tensors, sharp_choice
from anil_theory.estimators.tensor_program import solve_tensor_program
from anil_theory.falsifier import QUANTITY
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind, statement_about
from anil_theory.statements.base import Claim
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.verdict import Outcome, Verdict, judge, with_replay

BLOCKS = ENTRIES
"""The four blocks, and their entries in dimension 2 + 1."""

KINDS = (Kind.EXPLICIT, Kind.REFINED, Kind.SHARP)
DIGITS = 1e-9
"""What rounding may make of the tensors' norms and of their Hessian: chosen, and not derived from their programs."""
CHOSEN = f"heuristic: a share of {DIGITS:g} of the value, chosen for the local programs"


@dataclass(frozen=True)
class TightnessCell:
    """One setting; `starts` and `iterations` size the two searches, `longest` is the N they are compiled for."""

    constants: Constants
    schedule: Schedule
    longest: int = 1
    starts: int = 32
    iterations: int = 1000
    search_up_to: int = 3
    """The search over tensors compiles for each N: beyond this N only the scalar program is searched."""
    span: float = 4000.0
    family_starts: int = 8
    family_iterations: int = 200
    """Size of the ascent over tasks of the separable family in dimension 2 + 2."""
    seed: int = 0

    def __str__(self) -> str:
        """The setting in one line."""
        c = self.constants
        parts = [] if c.mu is None else [f"mu={c.mu:g}"]
        parts += [f"{n}={getattr(c, n):g}" for n in ("L", "rho", "tau", "M")]
        return " ".join([*parts, f"alpha={self.schedule.one_alpha:.3g}", f"N={self.schedule.inner_steps}"])


def check_tightness(cell: TightnessCell, broken: str | None = None) -> list[dict[str, Any]]:
    """One row per block: bounds, what was reached, and the verdict on every bound from the lower estimates.

    broken   a block whose bounds are halved on purpose.

    scalar, tensors   the local programs, searched (lower);
    choice            the Hessian of the choice that is written down, and `admissible`, the largest share that it uses
                      of any constant (1 where it is at a limit);
    realised          the meta-gradient's difference quotient on the losses that realise the choice, an enclosure;
    family            the block's norm at the worst task of the separable family, searched (lower): what tasks of one
                      simple form reach, which may be far from what the assumptions allow. Its witness and the enclosure
                      of the value there stand beside it. NaN where no task of the family has the constants.

    The Hessian is symmetric, so "phiw" shares the searches and the losses of "wphi", and moves w where that moves phi.
    """
    searched = {block: _searched(cell, block) for block in BLOCKS if block not in CROSS}
    return [_row(cell, block, searched[CROSS.get(block, block)], broken) for block in BLOCKS]


@dataclass(frozen=True)
class _Searched:
    """What a block and its transpose share: it is searched once."""

    scalar: float
    tensors: float
    choice: float
    admissible: float
    realised: Realised | None
    family: WorstTask | None


def _searched(cell: TightnessCell, block: str) -> _Searched:
    constants, schedule = cell.constants, cell.schedule
    search: dict[str, Any] = {"starts": cell.starts, "iterations": cell.iterations, "seed": cell.seed}
    scalar = solve_local_program(constants, schedule, block, max_inner_steps=cell.longest, **search).value
    third = constants.rho > 0 and constants.tau > 0
    tensors = math.nan
    if schedule.inner_steps <= cell.search_up_to and third:
        tensors = solve_tensor_program(constants, schedule, block, **search).value
    choice = sharp_choice(constants, schedule, block)
    value = abs(float(hessian_of_tensors(choice, schedule.one_alpha)[BLOCKS[block]]))
    return _Searched(
        scalar,
        tensors,
        value,
        admissibility(choice, constants).worst,
        realise(constants, schedule, block, span=cell.span),
        _worst_of_family(cell, block),
    )


def _worst_of_family(cell: TightnessCell, block: str) -> WorstTask | None:
    """None when no task of the family has the constants."""
    try:
        family = SeparableFamily(cell.constants, 2, 2)
    except InvalidParameter:
        return None
    size = {"starts": cell.family_starts, "iterations": cell.family_iterations, "max_inner_steps": cell.longest}
    return worst_task(family, cell.schedule, block, seed=cell.seed, **size)


def _row(cell: TightnessCell, block: str, searched: _Searched, broken: str | None) -> dict[str, Any]:
    constants, schedule = cell.constants, cell.schedule
    statement = statement_about(f"{QUANTITY}/{block}", constants.geometry)
    claims = [statement.select(kind, block)[0] for kind in KINDS]
    if block == broken:
        claims = [halved(claim) for claim in claims]
    bounds = {claim.kind.value: claim.evaluate(constants, schedule).value for claim in claims}
    realised = searched.realised and difference_quotient(replace(searched.realised, block=block))
    seen, family = _lower(cell, block, searched, realised)
    verdicts = [_judged(claim, constants, schedule, seen) for claim in claims]
    return {
        "statement": statement.name,
        "geometry": constants.geometry.value,
        "block": block,
        "setting": str(cell),
        "mu": constants.mu,
        "N": schedule.inner_steps,
        "alpha": schedule.one_alpha,
        "bounds": bounds,
        "scalar": searched.scalar,
        "tensors": searched.tensors,
        "choice": searched.choice,
        "realised": realised.low if realised else math.nan,
        "realised_high": realised.high if realised else math.nan,
        **family,
        "admissible": searched.admissible,
        "audit": searched.realised.audit if searched.realised else {},
        "verdicts": {v.kind.value: v.outcome.value for v in verdicts},
        "rounding_kind": leading_kind(v.estimate.rounding_kind for v in verdicts),
        "reasons": {v.kind.value: v.reason for v in verdicts},
        "replayed": {v.kind.value: v.replayed for v in verdicts if v.replayed},
    }


def _lower(
    cell: TightnessCell, block: str, searched: _Searched, realised: Enclosure | None
) -> tuple[list[tuple[Estimate, Enclosure | None]], dict[str, Any]]:
    """Every lower estimate with its enclosure, those with proof first, and the row's entries on the worst task."""
    quantity = f"meta_gradient_lipschitz/{block}"
    seen: list[tuple[Estimate, Enclosure | None]] = []
    if realised:
        seen.append((Estimate(quantity, realised.low, Direction.LOWER, method="realised"), realised))
    entries: dict[str, Any] = {"family": math.nan, "family_witness": {}, "family_enclosure": []}
    if searched.family and (here := searched.family.estimate).witness:
        points = here.witness.points
        if block in CROSS:
            # The transposed block has the same norm at the same point, its directions the other way round.
            points = {"z": points["z"], "u": points["v"], "v": points["u"]}
        estimate = replace(here, quantity=quantity, witness=Witness(points, 0))
        enclosure = replay_witness(searched.family.tasks, cell.schedule, estimate, 2)
        seen.append((estimate, enclosure))
        entries = {
            "family": estimate.value,
            "family_witness": {**points, "task": to_plain(searched.family.tasks.data)},
            "family_enclosure": [enclosure.low, enclosure.high],
        }
    for method, value in (("local program", searched.scalar), ("tensor program", searched.tensors)):
        if not math.isnan(value):
            rounding = DIGITS * value
            program_estimate = Estimate(
                quantity, value, Direction.LOWER, method=method, rounding=rounding, rounding_kind=CHOSEN
            )
            seen.append((program_estimate, None))
    return seen, entries


def _judged(
    claim: Claim, constants: Constants, schedule: Schedule, seen: list[tuple[Estimate, Enclosure | None]]
) -> Verdict:
    """The first refutation there is, with its replay where the estimate has one, or else the strongest's verdict.

    A bound that any lower estimate beats is wrong, whichever it is.
    """
    for estimate, enclosure in seen:
        verdict = judge(claim, constants, schedule, estimate)
        if verdict.outcome is Outcome.REFUTED:
            return with_replay(verdict, enclosure.low, enclosure.high) if enclosure else verdict
    best = max((estimate for estimate, _ in seen), key=lambda e: e.value - e.rounding)
    return judge(claim, constants, schedule, best)
