"""The curves of `anil-theory rates` as cells, and their page: tables, three figures, what they say in words."""

from collections.abc import Iterable
from functools import partial
from typing import Any

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

    verb = "tracing"
    noun = "curves"
    workers = 2

    def cells(self) -> Iterable[CurveCell]:
        return cells_of(self.settings)

    def measure(self, cell: CurveCell, hand: Hand) -> Result:
        traced = trace(cell)
        return Result(measurements=traced, status=traced["status"], reason=traced["reason"])

    def show(self, page: Page) -> dict[str, Any]:
        traced = page.measured
        page.show("the curves were", print_rates, traced)
        plots = {Curve.CONVERGENCE: plot_convergence, Curve.FLOOR: plot_floor, Curve.COST: plot_cost}
        page.draw({f"{curve}.png": partial(plot, curves_of(traced, curve)) for curve, plot in plots.items()})
        return {"studies": traced}
