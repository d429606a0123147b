"""Every file of losses as one cell, and its page: constants, verdicts, the first failure, advice, a figure."""

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from anil_theory._admissible import seed as admissible_seed
from anil_theory._plain import to_plain
from anil_theory.own_losses import example, study_losses
from anil_theory.own_losses.admission import admit
from anil_theory.own_losses.auditing import NAMES
from anil_theory.own_losses.declaring import admitted_declarations
from anil_theory.own_losses.figure import plot_study
from anil_theory.own_losses.file import LossSource, read_file, read_object, taken_from
from anil_theory.own_losses.page import print_study
from anil_theory.record import Record
from anil_theory.studies.own_losses.settings import OwnLossesSettings
from anil_theory.study import CellStudy, Hand, Page, Result

RUN = ("alpha", "inner_steps", "beta_w", "beta_phi", "batch", "outer_steps")
PASSED_ON = ("region", *RUN, "lam", "query_infimum", "eps")
"""Settings of the command that are arguments of `study_losses`."""


class OwnLossesStudy(CellStudy[OwnLossesSettings, LossSource]):
    """One cell for each file or object."""

    verb = "studying"
    noun = "losses"

    def cells(self) -> Iterable[LossSource]:
        """The files and objects, or the example."""
        asked = self.settings
        admissible_seed("seed", asked.seed)
        sources = [*map(read_file, asked.files), *map(read_object, asked.losses)]
        for each in sources:
            # What cannot be studied is said before any work is done.
            support, query = each.losses
            admit(support, query, each.w, each.phi, each.data)
        return sources or [taken_from(vars(example), "the example")]

    def _settings(self, source: LossSource) -> dict[str, Any]:
        """What `study_losses` is asked for: by the file, and by the command in its place."""
        asked = self.settings
        chosen = {name: value for name in PASSED_ON if (value := getattr(asked, name)) is not None}
        settings = {**source.settings, **chosen}
        declared = {name: value for name in NAMES if (value := getattr(asked, name)) is not None}
        if declared:
            settings["constants"] = {**admitted_declarations(source.settings.get("constants")), **declared}
        if asked.certify:
            settings["certify"] = True
        settings.setdefault("name", Path(source.origin).stem)
        return settings

    def key(self, cell: LossSource) -> dict[str, Any]:
        """The losses by their digest, and what is asked for."""
        return {
            "check": "own losses",
            "origin": cell.origin,
            "digest": cell.digest,
            "settings": to_plain(self._settings(cell), "settings"),
            "seed": self.settings.seed,
        }

    def measure(self, cell: LossSource, hand: Hand) -> Result:
        """The study of the losses, its rows apart."""
        members = study_losses(
            cell.losses,
            cell.w,
            cell.phi,
            cell.data,
            seed=self.settings.seed,
            on_progress=partial(hand.report, 0.0),
            **self._settings(cell),
        ).to_dict()
        rows = members.pop("rows")
        return Result(verdicts=rows, measurements=members)

    def show(self, page: Page) -> dict[str, Any]:
        """The tables, and a figure for each."""
        studies = [plain_study(record) for record in page.records]
        for study in studies:
            page.show("a study was", print_study, study)
        names = [f"{re.sub(r'[^A-Za-z0-9_-]+', '-', study['name'])}.png" for study in studies]
        page.draw({name: partial(plot_study, study) for name, study in zip(names, studies, strict=True)})
        return {"studies": studies}


def plain_study(record: Record) -> dict[str, Any]:
    """A study from its record, as `LossStudy.to_dict` gives it."""
    return {**record.measurements, "rows": list(record.verdicts)}
