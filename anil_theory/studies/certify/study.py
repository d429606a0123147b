"""The cells of `anil-theory certify`, and its page: certificates, samples beside them, a figure, the proof."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from anil_theory._admissible import ConflictingArguments, InvalidParameter, one_of
from anil_theory._plain import to_plain
from anil_theory.certify.proof import Proof
from anil_theory.certify.search.branch_and_bound import Progress
from anil_theory.constants import Constants, Geometry
from anil_theory.report.certificates import print_certificates, print_clock, print_proof, print_samples
from anil_theory.report.certify_plots import plot_certificates
from anil_theory.schedule import Schedule
from anil_theory.studies.certify.cells import BallCell, BoxCell, CertifiedCell
from anil_theory.studies.certify.rows import certify_cell
from anil_theory.studies.certify.settings import CertifySettings
from anil_theory.studies.inner_steps import runnable
from anil_theory.study import Hand, Job, Page, Result, Study
from anil_theory.tasks import FAMILIES, SeparableFamily


class CertifyStudy(Study[CertifySettings]):
    """Every family and N; refuted where a witness beats a bound."""

    verb: ClassVar[str] = "certifying"

    def __init__(self, settings: CertifySettings):
        super().__init__(settings)
        self.proof = None if settings.proof is None else Proof()

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job for each cell.

        Raises InvalidParameter for a proof of tasks whose search is of another kind or is taken from a record, and for
        one that has no place.
        """
        cells = list(self.cells())
        path = self.settings.proof
        if path is not None:
            if not all(cell.has_proof for cell in cells):
                allowed = "asked of families other than separable, which has a search of its own"
                raise InvalidParameter("--proof", allowed, SeparableFamily.name)
            if resume:
                why = "--proof and --resume exclude each other: a record does not keep the boxes of a proof"
                raise ConflictingArguments("--resume", why)
            if not path.parent.is_dir():
                raise InvalidParameter("--proof", "a file in a folder that is there", str(path))
        return [self._job(cell) for cell in cells]

    def cells(self) -> Iterator[CertifiedCell]:
        """The cells of every family."""
        for name in self.settings.family:
            kind = FAMILIES[one_of("family", name, tuple(FAMILIES))]
            if kind is SeparableFamily:
                yield from self._over_balls()
            else:
                yield from self._over_boxes(name)

    def _every_constants(self) -> list[Constants]:
        """Those of the geometries that were asked for; the nonconvex one has the same L, rho, tau, M."""
        asked = self.settings
        convex = Constants(asked.mu, asked.L, asked.rho, asked.tau, asked.M)
        return [convex if each is Geometry.STRONGLY_CONVEX else replace(convex, mu=None) for each in asked.geometry]

    def _over_balls(self) -> Iterator[CertifiedCell]:
        asked = self.settings
        steps = runnable(asked.inner_steps or (1, 3, 5, 10))
        for constants in self._every_constants():
            for N in steps:
                yield BallCell(
                    constants=constants,
                    schedule=Schedule.paper(constants, N, c=asked.c),
                    n_w=asked.n_w,
                    n_phi=asked.n_phi,
                    tasks=asked.tasks,
                    query=asked.query,
                    samples=asked.samples,
                    longest=max(steps),
                    **self._search(),
                )

    def _over_boxes(self, name: str) -> Iterator[CertifiedCell]:
        asked, kind = self.settings, FAMILIES[name]
        own = not kind.takes_constants
        for constants in (None,) if own else self._every_constants():
            for N in asked.inner_steps or (1, 3):
                yield BoxCell(
                    family=name,
                    inner_steps=N,
                    constants=constants,
                    n_w=asked.n_w,
                    n_phi=asked.n_phi,
                    query=asked.query,
                    c=asked.c,
                    **self._search(),
                )

    def _search(self) -> dict[str, Any]:
        """How hard to search, and where; what was left out is the cell's own."""
        asked = self.settings
        given = {"radius": asked.radius, "gap": asked.gap}
        always = {"operations": asked.operations, "seconds": asked.seconds, "seed": asked.seed}
        return {name: value for name, value in given.items() if value is not None} | always

    def _job(self, cell: CertifiedCell) -> Job:
        def measure(hand: Hand) -> Result:
            def report(block: str, now: Progress) -> None:
                hand.report(0.0, f"{block} in [{now.low:.4g}, {now.high:.4g}], {now.boxes} boxes")

            return Result(verdicts=certify_cell(cell, report, self.proof))

        name = f"{cell.where}{cell.source.constants.geometry.value}, N = {cell.at.inner_steps}"
        return Job(cell={"check": "certificate", **to_plain(cell)}, measure=measure, name=name)

    def show(self, page: Page) -> dict[str, Any]:
        """The certificates, the samples, and the proof."""
        rows = page.rows()
        page.show("the certificates were", print_certificates, rows)
        page.show("the samples were", print_samples, rows)
        page.show("the ends of the searches were", print_clock, rows)
        page.draw({"certificates.png": partial(plot_certificates, rows)})
        if self.proof is not None and self.settings.proof is not None:
            page.write(self.settings.proof, self.proof.write)
            page.show("the words on the proof were", print_proof, self.settings.proof, len(self.proof.problems))
        return {"certificates": rows, "outcomes": dict(page.summary.outcomes())}
