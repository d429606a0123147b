"""The settings of `anil-theory bounds` as cells, and its page: where the bounds turn, and two figures."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from anil_theory._admissible import count, positive
from anil_theory._plain import to_plain
from anil_theory.constants import Constants, Geometry
from anil_theory.report.bounds_table import print_turning
from anil_theory.report.share_map import plot_share_map
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind
from anil_theory.studies.bounds.settings import BoundsSettings
from anil_theory.studies.bounds.traces import StepRule, TracedSetting, trace_bounds
from anil_theory.studies.inner_steps import runnable
from anil_theory.studies.verify.cells import Regime
from anil_theory.study import CellStudy, Hand, Page, Result


class Traced(NamedTuple):
    """A setting with the rule that makes its schedules."""

    setting: TracedSetting
    step_rule: StepRule

    def __str__(self) -> str:
        return self.setting.describe()


class BoundsStudy(CellStudy[BoundsSettings, Traced]):
    """One curve for each geometry, mu and rule of the step size."""

    verb = "tracing"
    noun = "settings"

    def cells(self) -> Iterable[Traced]:
        """One for each setting."""
        return settings_of_bounds(self.settings)

    def key(self, cell: Traced) -> dict[str, Any]:
        """The setting; the rule of its schedules follows from it."""
        return {"command": "bounds", **to_plain(cell.setting)}

    def measure(self, cell: Traced, hand: Hand) -> Result:
        """The curves of the setting."""
        return Result(measurements=trace_bounds(cell.setting, cell.step_rule))

    def show(self, page: Page) -> dict[str, Any]:
        """The turning points, and the map of what is reached."""
        traced = page.measured
        page.show("the turning points were", print_turning, traced)
        page.draw({"share_map.png": partial(plot_share_map, traced)})
        return {"traced": traced, "least_reached": min(map(_least_reached, traced), default=math.inf)}


def _least_reached(traced: Mapping[str, Any]) -> float:
    """The smallest share of a sharp bound that a function reaches; infinite where none was built."""
    shares = []
    for block, curves in traced["curves"].items():
        sharp = dict(zip(traced["N"], curves[Kind.SHARP.value], strict=True))
        for N, value in zip(traced["reached"]["N"], traced["reached"][block], strict=True):
            if not math.isnan(value):
                shares.append(value / sharp[N])
    return min(shares, default=math.inf)


def settings_of_bounds(asked: BoundsSettings) -> Iterator[Traced]:
    """Every setting with the rule that makes its schedules.

    Raises InvalidParameter for constants, step sizes or counts that are not admissible.
    """
    longest = runnable((asked.longest,))[0]
    reached_at = spread_steps(longest, asked.reached) if count("reached", asked.reached, minimum=0) else ()
    curve = tuple(sorted({*spread_steps(longest, asked.a_decade), *reached_at}))
    nonconvex = Constants(None, asked.L, asked.rho, asked.tau, asked.M)
    if Geometry.STRONGLY_CONVEX in asked.geometry:
        for mu in asked.mu:
            constants = replace(nonconvex, mu=mu)
            rule = partial(Schedule.strongly_convex, constants)
            alpha = rule(1).one_alpha
            yield Traced(TracedSetting(constants, Regime.STRONGLY_CONVEX, alpha, curve, reached_at), rule)
    if Geometry.NONCONVEX in asked.geometry:
        alpha = positive("alpha", 0.1 / nonconvex.L if asked.alpha is None else asked.alpha)
        yield Traced(TracedSetting(nonconvex, Regime.FIXED, alpha, curve, reached_at), partial(Schedule, alpha))
        scaled = partial(Schedule.nonconvex, nonconvex, c=asked.c)
        # Now, and not after the other settings were traced.
        scaled(1)
        yield Traced(TracedSetting(nonconvex, Regime.SCALED, asked.c, curve, reached_at), scaled)


def spread_steps(longest: int, a_decade: int) -> tuple[int, ...]:
    """The integers next to at least `a_decade` numbers per decade from 1 to `longest`, each once, with both ends."""
    many = max(2, math.ceil(count("a_decade", a_decade) * math.log10(longest)) + 1)
    exact = np.logspace(0.0, np.log10(longest), many)
    return tuple(sorted({1, longest, *(int(N) for N in np.rint(exact))}))
