"""The settings of `anil-theory tightness` as cells, and its page: a table, and a figure of what is reached."""

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

from anil_theory._admissible import one_of
from anil_theory._plain import to_plain
from anil_theory.report.tightness_plot import plot_reached
from anil_theory.report.tightness_table import print_replays, print_tightness
from anil_theory.studies.tightness.grid import cells_of
from anil_theory.studies.tightness.rows import BLOCKS, TightnessCell, check_tightness
from anil_theory.studies.tightness.settings import TightnessSettings
from anil_theory.study import CellStudy, Hand, Page, Result
from anil_theory.verdict import Outcome


class TightnessStudy(CellStudy[TightnessSettings, TightnessCell]):
    """The product of the settings; refuted where a function, a program or a task beats a bound."""

    verb = "searching"
    noun = "settings"

    def cells(self) -> Iterable[TightnessCell]:
        if self.settings.broken is not None:
            one_of("break", self.settings.broken, tuple(BLOCKS))
        return cells_of(self.settings)

    def key(self, cell: TightnessCell) -> dict[str, Any]:
        return to_plain(cell) | {"command": "tightness", "broken": self.settings.broken}

    def measure(self, cell: TightnessCell, hand: Hand) -> Result:
        return Result(measurements={"rows": check_tightness(cell, self.settings.broken)})

    def show(self, page: Page) -> dict[str, Any]:
        rows = [row for measured in page.measured for row in measured["rows"]]
        page.show("the rows were", print_tightness, rows)
        page.draw({"tightness.png": partial(plot_reached, rows)})
        refuted = sum(outcome == Outcome.REFUTED for row in rows for outcome in row["verdicts"].values())
        page.refuted = refuted > 0
        page.say(f"{len(rows)} rows, {refuted} bounds refuted")
        page.show_broken(self.settings.broken, "the refutations were", print_replays, rows)
        realised = [row["realised"] / row["bounds"]["sharp"] for row in rows]
        return {"rows": rows, "refuted": refuted, "least_realised": min(realised, default=math.nan)}
