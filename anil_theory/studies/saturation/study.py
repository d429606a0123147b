"""The settings of `anil-theory saturation` as cells, and its page: the fitted lengths in words, and a figure."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from anil_theory._plain import to_plain
from anil_theory.constants import Constants
from anil_theory.report.saturation_plot import plot_saturation, saturation_words
from anil_theory.studies.inner_steps import runnable
from anil_theory.studies.saturation.curves import SaturationCell, trace_saturation
from anil_theory.studies.saturation.settings import SaturationSettings
from anil_theory.study import CellStudy, Hand, Page, Result


class SaturationStudy(CellStudy[SaturationSettings, SaturationCell]):
    """One cell for each mu."""

    verb = "tracing"

    def cells(self) -> Iterable[SaturationCell]:
        """One for each mu."""
        asked = self.settings
        steps = runnable(asked.inner_steps)
        return [
            SaturationCell(
                constants=Constants(mu, asked.L, asked.rho, asked.tau, asked.M),
                inner_steps=steps,
                n_w=asked.n_w,
                n_phi=asked.n_phi,
                tasks=asked.tasks,
                points=asked.points,
                seeds=asked.seeds,
                seed=asked.seed,
            )
            for mu in asked.mu
        ]

    def key(self, cell: SaturationCell) -> dict[str, Any]:
        """The setting."""
        return {"command": "saturation", **to_plain(cell)}

    def measure(self, cell: SaturationCell, hand: Hand) -> Result:
        """The curve and its fit."""
        return Result(measurements=trace_saturation(cell))

    def show(self, page: Page) -> dict[str, Any]:
        """Each fit in a sentence, and the figure."""
        traced = page.measured
        for trace in traced:
            for sentence in saturation_words(trace):
                page.say(sentence)
        page.draw({"saturation.png": partial(plot_saturation, traced)})
        return {"traced": traced}
