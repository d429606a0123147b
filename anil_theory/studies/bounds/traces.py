"""The bounds of one proposition against N at given constants: curves, turning points, and what functions reach."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from anil_theory._plain import to_plain
from anil_theory.certify.realisation import block_entry, realise, short_span
from anil_theory.constants import Constants
from anil_theory.falsifier import QUANTITY
from anil_theory.schedule import Schedule
from anil_theory.statements import BLOCKS, Claim, Kind, Statement, statement_about

KINDS = (Kind.EXPLICIT, Kind.REFINED, Kind.SHARP, Kind.ORDER)
"""What is traced of each block."""

StepRule = Callable[[int], Schedule]
"""The schedule at an N."""


@dataclass(frozen=True)
class TracedSetting:
    """Constants, how alpha depends on N (`regime`, a text, with its number `size`), and the values of N.

    inner_steps   of the curves, increasing;
    reached_at    those at which functions that reach the bounds are built.
    """

    constants: Constants
    regime: str
    size: float
    inner_steps: tuple[int, ...]
    reached_at: tuple[int, ...] = ()

    def describe(self) -> str:
        """The setting in a few words."""
        mu = "" if self.constants.mu is None else f", mu = {self.constants.mu:g}"
        return f"{self.constants.geometry}, {self.regime}{mu}"


def trace_bounds(setting: TracedSetting, step_rule: StepRule) -> dict[str, Any]:
    """Every kind of bound of every block at every N, as plain values.

    "curves"    block -> kind -> the values at "N", infinite where they exceed float64;
    "turning"   block -> kind -> the N at which the curve is largest, with its value; None where it is largest at the
                last N, so that it does not turn on this grid;
    "reached"   "N" and block -> the proved lower end of the block constant of a function with these constants.
    """
    constants = setting.constants
    statement = statement_about(f"{QUANTITY}/{BLOCKS[0]}", constants.geometry)
    curves: dict[str, dict[str, list[float]]] = {}
    turning: dict[str, dict[str, list[float] | None]] = {}
    for block in BLOCKS:
        curves[block] = {}
        turning[block] = {}
        for kind in KINDS:
            bound = _bound(statement, kind, block, constants, step_rule)
            curve = [bound(N) for N in setting.inner_steps]
            curves[block][kind.value] = curve
            turning[block][kind.value] = turning_point(setting.inner_steps, curve, bound)
    return {
        "geometry": constants.geometry.value,
        "regime": setting.regime,
        "constants": to_plain(constants),
        "size": setting.size,
        "N": list(setting.inner_steps),
        "curves": curves,
        "turning": turning,
        "reached": _reached(setting, step_rule),
    }


def turning_point(
    inner_steps: Sequence[int], curve: Sequence[float], bound: Callable[[int], float]
) -> list[float] | None:
    """[N, value] where a bound is largest: on the grid, and then among all N up to the neighbours on the grid.

    A bound with one peak has it there; of a bound with several it is one. None where the largest value of the grid is
    its first or its last: the bound falls or rises all along.
    """
    highest = max(range(len(curve)), key=lambda i: curve[i])
    if highest in (0, len(curve) - 1) or math.isinf(curve[highest]):
        return None
    between = range(inner_steps[highest - 1], inner_steps[highest + 1] + 1)
    N = max(between, key=bound)
    return [N, bound(N)]


def _bound(
    statement: Statement, kind: Kind, block: str, constants: Constants, step_rule: StepRule
) -> Callable[[int], float]:
    claim: Claim = statement.select(kind, block)[0]
    return lambda N: claim.evaluate(constants, step_rule(N)).value


def _reached(setting: TracedSetting, step_rule: StepRule) -> dict[str, Any]:
    """The block constants of functions that are built to reach the sharp bounds: lower ends of enclosures."""
    constants = setting.constants
    span = short_span(constants)
    found: dict[str, Any] = {"N": list(setting.reached_at)}
    for block in BLOCKS:
        built = [realise(constants, step_rule(N), block, span=span) for N in setting.reached_at]
        found[block] = [block_entry(each).low for each in built]
    return found
