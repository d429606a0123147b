"""How tight each block bound is: what programs, functions and a family of tasks reach of it, at one setting."""

import math
from dataclasses import dataclass
from typing import Any

from anil_theory._admissible import InvalidParameter
from anil_theory.certify.realisation import Realised, difference_quotient, realise
from anil_theory.certify.witness import replay_witness
from anil_theory.constants import Constants
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.estimators.local_program import solve_local_program
from anil_theory.estimators.local_witness import admissibility, hessian_of_tensors, sharp_choice
from anil_theory.estimators.tensor_program import solve_tensor_program
from anil_theory.estimators.worst_task import WorstTask, worst_task
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.base import Claim
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.verdict import Outcome, Verdict, judge, with_replay
from anil_theory.verification.checks import halved
from anil_theory.verification.grid import PROPOSITION

BLOCKS = {"ww": (0, 0), "wphi": (0, 2), "phiphi": (2, 2)}
"""The blocks of a symmetric Hessian, and their entries in dimension 2 + 1."""

KINDS = (Kind.EXPLICIT, Kind.REFINED, Kind.SHARP)
DIGITS = 1e-9
"""What rounding may make of the tensors' norms and of their Hessian."""


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

    def describe(self) -> str:
        """The setting in one line."""
        c = self.constants
        parts = [] if c.mu is None else [f"mu={c.mu:g}"]
        parts += [f"{n}={getattr(c, n):g}" for n in ("L", "rho", "tau", "M")]
        return " ".join([*parts, f"alpha={self.schedule.alpha:.3g}", f"N={self.schedule.inner_steps}"])


def check_tightness(cell: TightnessCell, broken: str | None = None) -> list[dict[str, Any]]:
    """One row per block: bounds, what was reached, and the verdict on every bound from the best lower estimate.

    broken   a block whose bounds are halved on purpose.

    scalar, tensors   the local programs, searched (lower);
    choice            the Hessian of the choice that is written down, and `admissible`, the largest share that it uses
                      of any constant (1 where it is at a limit);
    realised          the meta-gradient's difference quotient on the losses that realise the choice, an enclosure;
    family            the block's norm at the worst task of the separable family, searched (lower): what tasks of one
                      simple form reach, which may be far from what the assumptions allow.
    """
    return [_row(cell, block, broken) for block in BLOCKS]


def _row(cell: TightnessCell, block: str, broken: str | None) -> dict[str, Any]:
    constants, schedule = cell.constants, cell.schedule
    statement = PROPOSITION[constants.geometry]
    claims = [STATEMENTS[statement].select(kind, block)[0] for kind in KINDS]
    if block == broken:
        claims = [halved(claim) for claim in claims]
    bounds = {claim.kind.value: claim.evaluate(constants, schedule).value for claim in claims}
    search: dict[str, Any] = {"starts": cell.starts, "iterations": cell.iterations, "seed": cell.seed}
    scalar = solve_local_program(constants, schedule, block, max_inner_steps=cell.longest, **search).value
    tensors = math.nan
    if schedule.inner_steps <= cell.search_up_to and constants.rho > 0 and constants.tau > 0:
        tensors = solve_tensor_program(constants, schedule, block, **search).value
    choice = sharp_choice(constants, schedule, block)
    value = abs(float(hessian_of_tensors(choice, schedule.alpha)[BLOCKS[block]]))
    reached = {"scalar": scalar, "tensors": tensors, "choice": value}
    realised: Realised | None = None
    low = high = math.nan
    if constants.rho > 0 and constants.tau > 0:
        realised = realise(constants, schedule, block, span=cell.span)
        enclosure = difference_quotient(realised)
        low, high = enclosure.low, enclosure.high
    worst = _worst_of_family(cell, block)
    verdicts = [_judged(claim, constants, schedule, block, low, high, scalar) for claim in claims]
    if worst is not None:
        verdicts = [_beside(v, claim, cell, worst) for v, claim in zip(verdicts, claims, strict=True)]
    return {
        "statement": statement,
        "geometry": constants.geometry.value,
        "block": block,
        "setting": cell.describe(),
        "N": schedule.inner_steps,
        "alpha": schedule.alpha,
        "bounds": bounds,
        **reached,
        "realised": low,
        "realised_high": high,
        "family": math.nan if worst is None else worst.estimate.value,
        "admissible": admissibility(choice, constants).worst,
        "audit": realised.audit if realised else {},
        "verdicts": {v.kind.value: v.outcome.value for v in verdicts},
        "reasons": {v.kind.value: v.reason for v in verdicts},
        "replayed": {v.kind.value: v.replayed for v in verdicts if v.replayed},
    }


def _judged(
    claim: Claim, constants: Constants, schedule: Schedule, block: str, low: float, high: float, scalar: float
) -> Verdict:
    """The enclosure's lower end where there is a function, else the program's value: both are lower estimates."""
    found = not math.isnan(low)
    estimate = Estimate(
        f"meta_gradient_lipschitz/{block}",
        low if found else scalar,
        Direction.LOWER,
        method="realised" if found else "local program",
        rounding=0.0 if found else DIGITS * scalar,
    )
    verdict = judge(claim, constants, schedule, estimate)
    return with_replay(verdict, low, high) if found and verdict.outcome.value == "REFUTED" else verdict


def _worst_of_family(cell: TightnessCell, block: str) -> WorstTask | None:
    """None when no task of the family has the constants."""
    try:
        family = SeparableFamily(cell.constants, 2, 2)
    except InvalidParameter:
        return None
    size = {"starts": cell.family_starts, "iterations": cell.family_iterations, "max_inner_steps": cell.longest}
    return worst_task(family, cell.schedule, block, seed=cell.seed, **size)


def _beside(verdict: Verdict, claim: Claim, cell: TightnessCell, worst: WorstTask) -> Verdict:
    """The verdict, unless the worst task refutes what functions did not: then that one, replayed."""
    found = judge(claim, cell.constants, cell.schedule, worst.estimate)
    if verdict.outcome is Outcome.REFUTED or found.outcome is not Outcome.REFUTED:
        return verdict
    enclosure = replay_witness(worst.tasks, cell.schedule, worst.estimate, 2)
    return with_replay(found, enclosure.low, enclosure.high)
