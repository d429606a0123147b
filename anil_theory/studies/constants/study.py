"""One task of each family on a ball, in the smallest size: the number of boxes grows exponentially with it.

CONFIRMED says that the declared constant holds for this task on this ball, with proof.
"""

from typing import Any

import jax

from anil_theory._admissible import one_of
from anil_theory.certify.family_constants import certify_constants
from anil_theory.report.certificates import print_clock
from anil_theory.report.constants_table import print_constants, print_reading
from anil_theory.studies.constants.rows import row_of
from anil_theory.studies.constants.settings import ConstantsSettings
from anil_theory.study import CellStudy, Hand, Page, Result
from anil_theory.tasks import FAMILIES, Family


class ConstantsStudy(CellStudy[ConstantsSettings, str]):
    """Every family whose constants hold on a ball."""

    verb = "certifying"
    noun = "families"

    def cells(self) -> list[str]:
        on_balls = tuple(name for name, family in FAMILIES.items() if family.on_ball)
        return [one_of("family", name, on_balls) for name in self.settings.families or on_balls]

    def _family(self, name: str) -> Family:
        return FAMILIES[name].smallest(radius=self.settings.radius)

    def key(self, cell: str) -> dict[str, Any]:
        family = self._family(cell)
        task = {"family": cell, "n_w": family.n_w, "n_phi": family.n_phi, "radius": self.settings.radius}
        return {"check": "constants", **task, "seed": self.settings.seed, **self.settings.work}

    def measure(self, cell: str, hand: Hand) -> Result:
        hand.report(0.0, cell)
        family: Any = self._family(cell)
        tasks = family.sample(jax.random.key(self.settings.seed), 1)
        certified = certify_constants(family, tasks, **self.settings.work)
        rows = [row_of(each, family.constants) for each in certified.values()]
        heading = f"{cell}, n = {family.n_w} + {family.n_phi}, {family.constants.region}"
        return Result(verdicts=rows, measurements={"heading": heading})

    def show(self, page: Page) -> dict[str, Any]:
        for record in page.records:
            page.show("a table was", print_constants, record.measurements["heading"], record.verdicts)
        rows = page.rows()
        page.show("the ends of the searches were", print_clock, rows)
        page.show("the words on analytic bounds were", print_reading, rows)
        page.refuted = False
        return {"constants": {record.cell["family"]: record.verdicts for record in page.records}}
