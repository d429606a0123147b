"""The facts of the ledger as cells: each is proved, and with --controls each of its wrong formulas is refused."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from anil_theory._admissible import one_of
from anil_theory._plain import to_plain
from anil_theory.ledger import FACTS, SECTIONS, ProofStatus, enter
from anil_theory.ledger.base import Fact
from anil_theory.report.ledger_table import print_entries, print_sections, print_tallies
from anil_theory.studies.ledger.settings import LedgerSettings
from anil_theory.study import Hand, Job, Page, Result, Study


class LedgerStudy(Study[LedgerSettings]):
    """Every fact of the chosen sections; refuted where a proof fails, or accepts a wrong formula."""

    verb: ClassVar[str] = "proving"
    noun: ClassVar[str] = "facts"

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job for each fact. Raises InvalidParameter for a section that the ledger does not have."""
        sections = self.settings.sections
        for section in sections:
            one_of("section", section, tuple(SECTIONS))
        return [self._job(fact) for fact in FACTS.values() if not sections or fact.section in sections]

    def _job(self, fact: Fact) -> Job:
        def measure(hand: Hand) -> Result:
            tried = fact.controls if self.settings.controls else {}
            measured = {"entry": to_plain(enter(fact)), "tried": len(tried), "accepted": _accepted(fact, tried)}
            return Result(measurements=measured)

        cell = {"fact": fact.name, "controls": self.settings.controls}
        return Job(cell=cell, measure=measure, name=fact.name)

    def show(self, page: Page) -> dict[str, Any]:
        """The facts by section, and how many there are of each status."""
        entries = [record.measurements["entry"] for record in page.records]
        accepted = [text for record in page.records for text in record.measurements["accepted"]]
        tried = sum(record.measurements["tried"] for record in page.records)
        counts = Counter(entry["status"] for entry in entries)
        every = self.settings.every or self.settings.sections
        page.show("the facts were", print_entries if every else print_sections, entries, SECTIONS)
        page.show("the tallies were", print_tallies, entries, tried, accepted)
        page.refuted = counts[ProofStatus.FAILED] + len(accepted) > 0
        return {
            "entries": entries,
            "counts": {status.value: counts[status] for status in ProofStatus},
            "accepted_wrong_formulas": accepted,
        }


def _accepted(fact: Fact, controls: Mapping[str, Any]) -> list[str]:
    """The wrong formulas that the proof of a fact accepts."""
    statuses = {fault: enter(fact.claiming(wrong)).status for fault, wrong in controls.items()}
    return [f"{fact.name}: {fault}" for fault, status in statuses.items() if status is not ProofStatus.FAILED]
