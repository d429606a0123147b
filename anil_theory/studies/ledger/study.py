"""The facts of the ledger as cells: each is proved, and with --controls each of its wrong formulas is refused."""

from typing import Any

from anil_theory._admissible import one_of
from anil_theory._plain import to_plain
from anil_theory.ledger import FACTS, SECTIONS, ProofStatus, enter
from anil_theory.report.ledger_table import print_entries, print_sections, print_tallies
from anil_theory.studies.ledger.settings import LedgerSettings
from anil_theory.study import CellStudy, Hand, Page, Result


class LedgerStudy(CellStudy[LedgerSettings, str]):
    """Every fact of the chosen sections; refuted where a proof fails, or accepts a wrong formula."""

    verb = "proving"
    noun = "facts"

    def cells(self) -> list[str]:
        sections = [one_of("section", section, tuple(SECTIONS)) for section in self.settings.sections or SECTIONS]
        return [name for name, fact in FACTS.items() if fact.section in sections]

    def key(self, cell: str) -> dict[str, Any]:
        return {"fact": cell, "controls": self.settings.controls}

    def measure(self, cell: str, hand: Hand) -> Result:
        fact = FACTS[cell]
        tried = fact.controls if self.settings.controls else {}
        statuses = {fault: enter(fact.claiming(wrong)).status for fault, wrong in tried.items()}
        accepted = [f"{cell}: {fault}" for fault, status in statuses.items() if status is not ProofStatus.FAILED]
        return Result(measurements={"entry": to_plain(enter(fact)), "tried": len(tried), "accepted": accepted})

    def show(self, page: Page) -> dict[str, Any]:
        entries = [measured["entry"] for measured in page.measured]
        accepted = [text for measured in page.measured for text in measured["accepted"]]
        tried = sum(measured["tried"] for measured in page.measured)
        statuses = [entry["status"] for entry in entries]
        counts = {status.value: statuses.count(status) for status in ProofStatus}
        every = self.settings.every or self.settings.sections
        page.show("the facts were", print_entries if every else print_sections, entries, SECTIONS)
        page.show("the tallies were", print_tallies, entries, tried, accepted)
        page.refuted = counts[ProofStatus.FAILED] + len(accepted) > 0
        return {"entries": entries, "counts": counts, "accepted_wrong_formulas": accepted}
