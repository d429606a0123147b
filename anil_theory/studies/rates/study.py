"""The curves of `anil-theory rates` as cells, and their page: tables, three figures, what they say in words."""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from anil_theory.report.cost_plot import plot_cost
from anil_theory.report.rate_plots import plot_convergence, plot_floor
from anil_theory.report.rates_table import curves_of, print_rates
from anil_theory.studies.rates.cells import Curve, CurveCell
from anil_theory.studies.rates.curves import trace
from anil_theory.studies.rates.grid import cells_of
from anil_theory.studies.rates.settings import RatesSettings
from anil_theory.study import CellStudy, Hand, Page, Result


class RatesStudy(CellStudy[RatesSettings, CurveCell]):
    """Curves of three kinds in both geometries."""

    verb: ClassVar[str] = "tracing"
    noun: ClassVar[str] = "curves"
    workers: ClassVar[int] = 2

    def cells(self) -> Iterable[CurveCell]:
        """One for each curve."""
        return cells_of(self.settings)

    def measure(self, cell: CurveCell, hand: Hand) -> Result:
        """The curve."""
        traced = trace(cell)
        return Result(measurements=traced, status=traced["status"], reason=traced["reason"])

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
