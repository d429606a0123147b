"""The cells of `anil-theory certify`, and its page: certificates, samples beside them, a figure, the proof."""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from anil_theory._admissible import ConflictingArguments, InvalidParameter
from anil_theory._plain import to_plain
from anil_theory.certify.proof import Proof
from anil_theory.certify.search.branch_and_bound import Progress
from anil_theory.report.certificates import print_certificates, print_clock, print_proof, print_samples
from anil_theory.report.certify_plots import plot_certificates
from anil_theory.studies.certify.cells import CertifiedCell
from anil_theory.studies.certify.grid import cells_of
from anil_theory.studies.certify.rows import certify_cell
from anil_theory.studies.certify.settings import CertifySettings
from anil_theory.study import CellStudy, Hand, Job, Page, Result
from anil_theory.tasks import SeparableFamily


class CertifyStudy(CellStudy[CertifySettings, CertifiedCell]):
    """Every family and N; refuted where a witness beats a bound."""

    verb = "certifying"

    def __init__(self, settings: CertifySettings):
        super().__init__(settings)
        self.proof = None if settings.proof is None else Proof()

    def cells(self) -> Iterable[CertifiedCell]:
        cells = list(cells_of(self.settings))
        path = self.settings.proof
        if path is not None and not all(cell.has_proof for cell in cells):
            allowed = "asked of families other than separable, which has a search of its own"
            raise InvalidParameter("--proof", allowed, SeparableFamily.name)
        if path is not None and not path.parent.is_dir():
            raise InvalidParameter("--proof", "a file in a folder that is there", str(path))
        return cells

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        if self.proof is not None and resume:
            why = "--proof and --resume exclude each other: a record does not keep the boxes of a proof"
            raise ConflictingArguments("--resume", why)
        return super().jobs(out, resume=resume)

    def key(self, cell: CertifiedCell) -> dict[str, Any]:
        return {"check": "certificate", **to_plain(cell)}

    def measure(self, cell: CertifiedCell, hand: Hand) -> Result:
        def report(block: str, now: Progress) -> None:
            hand.report(0.0, f"{block} in [{now.low:.4g}, {now.high:.4g}], {now.boxes} boxes")

        return Result(verdicts=certify_cell(cell, report, self.proof))

    def show(self, page: Page) -> dict[str, Any]:
        rows = page.rows()
        page.show("the certificates were", print_certificates, rows)
        page.show("the samples were", print_samples, rows)
        page.show("the ends of the searches were", print_clock, rows)
        page.draw({"certificates.png": partial(plot_certificates, rows)})
        if self.proof is not None and self.settings.proof is not None:
            page.write(self.settings.proof, self.proof.write)
            page.show("the words on the proof were", print_proof, self.settings.proof, len(self.proof.problems))
        widest = max((row["width"] for row in rows), default=math.nan)
        return {"certificates": rows, "outcomes": dict(page.summary.outcomes()), "widest": widest}
