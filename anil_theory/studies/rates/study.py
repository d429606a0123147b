"""The curves of `anil-theory rates` as cells, and their page: tables, three figures, what they say in words."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from anil_theory._plain import to_plain
from anil_theory.report.cost_plot import plot_cost
from anil_theory.report.rate_plots import plot_convergence, plot_floor
from anil_theory.report.rates_table import curves_of, print_rates
from anil_theory.studies.rates.cells import Curve, CurveCell
from anil_theory.studies.rates.curves import trace
from anil_theory.studies.rates.grid import cells_of
from anil_theory.studies.rates.settings import RatesSettings
from anil_theory.study import Hand, Job, Page, Result, Study


class RatesStudy(Study[RatesSettings]):
    """Curves of three kinds in both geometries."""

    verb: ClassVar[str] = "tracing"
    noun: ClassVar[str] = "curves"
    workers: ClassVar[int] = 2

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job for each curve."""
        return [self._job(cell) for cell in cells_of(self.settings)]

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
