"""One task of each family on a ball, in the smallest size: the number of boxes grows exponentially with it.

CONFIRMED says that the declared constant holds for this task on this ball, with proof.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import jax

from anil_theory._admissible import one_of, positive, within
from anil_theory._admissible import seed as admissible_seed
from anil_theory.certify.family_constants import certify_constants
from anil_theory.constants import Knowledge
from anil_theory.report.certificates import print_clock
from anil_theory.report.constants_table import print_constants
from anil_theory.studies.constants.rows import row_of
from anil_theory.studies.constants.settings import ConstantsSettings
from anil_theory.study import Hand, Job, Page, Result, Study
from anil_theory.tasks import FAMILIES


class ConstantsStudy(Study[ConstantsSettings]):
    """Every family whose constants hold on a ball."""

    verb: ClassVar[str] = "certifying"
    noun: ClassVar[str] = "families"

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job for each family."""
        asked = self.settings
        on_balls = tuple(name for name, family in FAMILIES.items() if family.on_ball)
        for name in asked.families:
            one_of("family", name, on_balls)
        positive("radius", asked.radius)
        positive("operations", asked.operations)
        positive("seconds", asked.seconds)
        within("gap", asked.gap, 0.0, 1.0, "in [0, 1]")
        admissible_seed("seed", asked.seed)
        return [self._job(name) for name in asked.families or on_balls]

    def _job(self, name: str) -> Job:
        asked = self.settings
        family: Any = FAMILIES[name].smallest(radius=asked.radius)
        work: dict[str, Any] = {"gap": asked.gap, "operations": asked.operations, "seconds": asked.seconds}

        def measure(hand: Hand) -> Result:
            hand.report(0.0, name)
            tasks = family.sample(jax.random.key(asked.seed), 1)
            rows = [row_of(each, family.constants) for each in certify_constants(family, tasks, **work).values()]
            heading = f"{name}, n = {family.n_w} + {family.n_phi}, {family.constants.region}"
            return Result(verdicts=rows, measurements={"heading": heading})

        setting = {"n_w": family.n_w, "n_phi": family.n_phi, "radius": asked.radius, "seed": asked.seed}
        return Job(cell={"check": "constants", "family": name, **setting, **work}, measure=measure, name=name)

    def show(self, page: Page) -> dict[str, Any]:
        """A table for each family."""
        for record in page.records:
            page.show("a table was", print_constants, record.measurements["heading"], record.verdicts)
        rows = page.rows()
        page.show("the ends of the searches were", print_clock, rows)
        if any(row["known"] != Knowledge.ESTIMATED for row in rows):
            page.say(
                "The analytic bound is proved on paper, so the better of the two holds; verdicts use the certified one."
            )
        page.refuted = False
        return {"constants": {record.cell["family"]: record.verdicts for record in page.records}}
