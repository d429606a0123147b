"""The curves of `anil-theory rates` as cells: averages, floors and costs, in both geometries."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from anil_theory._admissible import count
from anil_theory.constants import Constants
from anil_theory.studies.inner_steps import runnable
from anil_theory.studies.rates.cells import BATCH, Curve, CurveCell, StepRule
from anil_theory.studies.rates.settings import RatesSettings

FLOOR_STEPS = 5
"""The N at which the floor is traced against B."""


def cells_of(asked: RatesSettings) -> Iterator[CurveCell]:
    """All curves, both geometries (the nonconvex one with the same L, rho, tau, M)."""
    steps = runnable(asked.inner_steps)
    spread = sorted({steps[round(i * (len(steps) - 1) / 3)] for i in range(4)})
    constants = Constants(asked.mu, asked.L, asked.rho, asked.tau, asked.M)
    for each in (constants, replace(constants, mu=None)):
        curve = partial(_curve, asked, each)
        yield from (curve(Curve.CONVERGENCE, (N,)) for N in spread)
        yield curve(Curve.FLOOR, (FLOOR_STEPS,), batch=asked.batch)
        yield curve(Curve.COST, steps)
        if not asked.quick:
            yield curve(Curve.COST, steps, rule=StepRule.FIXED)
            yield curve(Curve.COST, steps, maml=True)


def _curve(
    asked: RatesSettings, constants: Constants, kind: Curve, inner_steps: tuple[int, ...], **rest: Any
) -> CurveCell:
    if asked.population is not None:
        # The batch of the curves that have one is not asked for, and cannot be larger than the population.
        rest.setdefault("batch", (min(BATCH, count("population", asked.population)),))
    return CurveCell(
        kind,
        constants,
        inner_steps,
        outer_steps=asked.outer_steps,
        eps=asked.eps,
        alpha=asked.alpha,
        n_w=asked.n_w,
        n_phi=asked.n_phi,
        tasks=asked.tasks if asked.population is None else asked.population,
        without_replacement=asked.population is not None,
        seeds=asked.seeds,
        seed=asked.seed,
        **rest,
    )
