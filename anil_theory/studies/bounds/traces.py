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

SMALLEST = 1e-150
"""Functions are built where the bound lies between this and its reciprocal: their derivatives are its factors."""

WIDEST = 1e-6
"""Enclosures that are wider than this share of their lower end are no numbers for a figure."""

LEVEL = 1e-9
"""A curve that ends within this share of its largest value has levelled off. Rounding makes far less of it."""

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
    "reached"   "N" and block -> the proved lower end of the block constant of a function with these constants; NaN
                where float64, or the precision of the enclosure, does not hold it.
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

    It is the peak of a bound with one peak, and one of the peaks of a bound with several.

    None where the largest value of the grid is its first, or no larger than its last but for rounding: the bound falls
    all along, rises, or comes to a level.
    """
    highest = max(range(len(curve)), key=lambda i: curve[i])
    if highest == 0 or math.isinf(curve[highest]) or curve[highest] <= curve[-1] * (1 + LEVEL):
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
    statement = statement_about(f"{QUANTITY}/{BLOCKS[0]}", setting.constants.geometry)
    reached: dict[str, Any] = {"N": list(setting.reached_at)}
    for block in BLOCKS:
        sharp = _bound(statement, Kind.SHARP, block, setting.constants, step_rule)
        reached[block] = [_reached_at(setting.constants, step_rule(N), block, sharp(N)) for N in setting.reached_at]
    return reached


def _reached_at(constants: Constants, schedule: Schedule, block: str, sharp: float) -> float:
    """The constant of one such function; NaN where float64 cannot hold the numbers that it is built from."""
    if not SMALLEST < sharp < 1 / SMALLEST:
        return math.nan
    enclosure = block_entry(realise(constants, schedule, block, span=short_span(constants)))
    # The precision is fixed: where the steps of the trajectory cancel all of it, the enclosure says nothing.
    return enclosure.low if enclosure.high - enclosure.low < WIDEST * enclosure.low else math.nan
