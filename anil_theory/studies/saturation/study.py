"""The settings of `anil-theory saturation` as cells, and its page: the fitted lengths in words, and a figure."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from anil_theory._plain import to_plain
from anil_theory.constants import Constants
from anil_theory.report.saturation_plot import plot_saturation, saturation_words
from anil_theory.studies.empty_grid import EmptyGrid
from anil_theory.studies.inner_steps import runnable
from anil_theory.studies.saturation.curves import SaturationCell, trace_saturation
from anil_theory.studies.saturation.settings import SaturationSettings
from anil_theory.study import Hand, Job, Page, Result, Study


class SaturationStudy(Study[SaturationSettings]):
    """One cell for each mu."""

    verb: ClassVar[str] = "tracing"

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job for each mu."""
        asked = self.settings
        steps = runnable(asked.inner_steps)
        cells = [
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
        if not cells:
            raise EmptyGrid("it has no settings")
        return [_job(cell) for cell in cells]

    def show(self, page: Page) -> dict[str, Any]:
        """Each fit in a sentence, and the figure."""
        traced = [record.measurements for record in page.records]
        for trace in traced:
            for sentence in saturation_words(trace):
                page.say(sentence)
        page.draw({"saturation.png": partial(plot_saturation, traced)})
        return {"traced": traced}


def _job(cell: SaturationCell) -> Job:
    def measure(hand: Hand) -> Result:
        return Result(measurements=trace_saturation(cell))

    return Job(cell={"command": "saturation", **to_plain(cell)}, measure=measure, name=f"mu = {cell.constants.mu:g}")
