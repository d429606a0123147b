"""The curves of `anil-theory rates` as cells, and their page: tables, three figures, what they say in words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from anil_theory._plain import to_plain
from anil_theory.constants import Constants
from anil_theory.report.rate_plots import plot_convergence, plot_cost, plot_floor
from anil_theory.report.rates_table import curves_of, print_rates
from anil_theory.studies.inner_steps import runnable
from anil_theory.studies.rates.curves import Curve, CurveCell, StepRule, trace
from anil_theory.studies.rates.settings import RatesSettings
from anil_theory.study import Hand, Job, Page, Result, Study

FLOOR_STEPS = 5
"""The N at which the floor is traced against B."""


class RatesStudy(Study[RatesSettings]):
    """Curves of three kinds in both geometries."""

    verb: ClassVar[str] = "tracing"
    noun: ClassVar[str] = "curves"
    workers: ClassVar[int] = 2

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job for each curve."""
        return [self._job(cell) for cell in self.cells()]

    def cells(self) -> Iterator[CurveCell]:
        """All curves, both geometries (the nonconvex one with the same L, rho, tau, M)."""
        asked = self.settings
        steps = runnable(asked.inner_steps)
        spread = sorted({steps[round(i * (len(steps) - 1) / 3)] for i in range(4)})
        constants = Constants(asked.mu, asked.L, asked.rho, asked.tau, asked.M)
        for each in (constants, replace(constants, mu=None)):
            curve = partial(self._curve, each)
            yield from (curve(Curve.CONVERGENCE, (N,)) for N in spread)
            yield curve(Curve.FLOOR, (FLOOR_STEPS,), batch=asked.batch)
            yield curve(Curve.COST, steps)
            if not asked.quick:
                yield curve(Curve.COST, steps, rule=StepRule.FIXED)
                yield curve(Curve.COST, steps, maml=True)

    def _curve(self, constants: Constants, kind: Curve, inner_steps: tuple[int, ...], **rest: Any) -> CurveCell:
        asked = self.settings
        return CurveCell(
            kind,
            constants,
            inner_steps,
            outer_steps=asked.outer_steps,
            eps=asked.eps,
            alpha=asked.alpha,
            n_w=asked.n_w,
            n_phi=asked.n_phi,
            tasks=asked.tasks,
            seeds=asked.seeds,
            seed=asked.seed,
            **rest,
        )

    def _job(self, cell: CurveCell) -> Job:
        def measure(hand: Hand) -> Result:
            traced = trace(cell)
            return Result(measurements=traced, status=traced["status"], reason=traced["reason"])

        return Job(cell=to_plain(cell), measure=measure, name=f"{cell.study}, {cell.label()}")

    def show(self, page: Page) -> dict[str, Any]:
        """The tables, the three figures, and the notes of the curves."""
        traced = [record.measurements for record in page.records]
        page.show("the curves were", print_rates, traced)
        page.draw(
            {
                "convergence.png": partial(plot_convergence, curves_of(traced, Curve.CONVERGENCE)),
                "floor.png": partial(plot_floor, curves_of(traced, Curve.FLOOR)),
                "cost.png": partial(plot_cost, curves_of(traced, Curve.COST)),
            }
        )
        return {"studies": traced}
