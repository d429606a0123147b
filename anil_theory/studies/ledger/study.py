"""The facts of the ledger as cells: each is proved, and with --controls each of its wrong formulas is refused."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

from anil_theory._admissible import one_of
from anil_theory._plain import to_plain
from anil_theory.ledger import FACTS, SECTIONS, ProofStatus, enter
from anil_theory.report.ledger_table import print_entries, print_sections, print_tallies
from anil_theory.studies.ledger.settings import LedgerSettings
from anil_theory.study import CellStudy, Hand, Page, Result


class LedgerStudy(CellStudy[LedgerSettings, str]):
    """Every fact of the chosen sections; refuted where a proof fails, or accepts a wrong formula."""

    verb: ClassVar[str] = "proving"
    noun: ClassVar[str] = "facts"

    def cells(self) -> Iterable[str]:
        """The names of the facts. Raises InvalidParameter for a section that the ledger does not have."""
        sections = self.settings.sections
        for section in sections:
            one_of("section", section, tuple(SECTIONS))
        return [name for name, fact in FACTS.items() if not sections or fact.section in sections]

    def key(self, cell: str) -> dict[str, Any]:
        """The fact, and whether its wrong formulas are tried."""
        return {"fact": cell, "controls": self.settings.controls}

    def measure(self, cell: str, hand: Hand) -> Result:
        """The entry, and the wrong formulas that the proof accepts."""
        fact = FACTS[cell]
        tried = fact.controls if self.settings.controls else {}
        statuses = {fault: enter(fact.claiming(wrong)).status for fault, wrong in tried.items()}
        accepted = [f"{cell}: {fault}" for fault, status in statuses.items() if status is not ProofStatus.FAILED]
        return Result(measurements={"entry": to_plain(enter(fact)), "tried": len(tried), "accepted": accepted})

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
