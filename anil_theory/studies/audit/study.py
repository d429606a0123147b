"""The findings of the audit as cells, and their page: the terminal, a report, a figure for each."""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from anil_theory._admissible import one_of
from anil_theory._admissible import seed as admissible_seed
from anil_theory._plain import to_plain
from anil_theory.audit import FINDINGS
from anil_theory.provenance import provenance
from anil_theory.report.audit_figures import plot_finding
from anil_theory.report.audit_report import legend_of_findings, print_finding, write_audit
from anil_theory.report.terminal import print_heuristics
from anil_theory.studies.audit.settings import AuditSettings
from anil_theory.study import CellStudy, Hand, Page, Result


class AuditStudy(CellStudy[AuditSettings, str]):
    """Every finding that was asked for; a finding is not a verdict, and refutes nothing."""

    verb: ClassVar[str] = "auditing"
    noun: ClassVar[str] = "findings"

    def cells(self) -> Iterable[str]:
        """The names of the findings."""
        for name in self.settings.findings:
            one_of("finding", name, tuple(FINDINGS))
        admissible_seed("seed", self.settings.seed)
        return [name for name in FINDINGS if not self.settings.findings or name in self.settings.findings]

    def key(self, cell: str) -> dict[str, Any]:
        """The finding, and how it is looked for."""
        return {"audit": cell, "seed": self.settings.seed, "quick": self.settings.quick}

    def measure(self, cell: str, hand: Hand) -> Result:
        """The finding."""
        return Result(measurements=to_plain(FINDINGS[cell](seed=self.settings.seed, quick=self.settings.quick)))

    def show(self, page: Page) -> dict[str, Any]:
        """Every finding in words and as a figure, and out/audit.md."""
        findings = {record.cell["audit"]: dict(record.measurements) for record in page.records}
        for name, finding in findings.items():
            page.show(f"finding {name} was", print_finding, name, finding)
        print_heuristics(page.console, legend_of_findings(findings))
        figures = {name: f"{finding['name']}.png" for name, finding in findings.items()}
        drawn = page.draw({figures[name]: partial(plot_finding, finding) for name, finding in findings.items()})
        plots = {name: page.place(figure) for name, figure in figures.items() if page.place(figure) in drawn}
        asked = self.settings
        words = ["anil-theory audit", *asked.findings, *(["--quick"] if asked.quick else []), f"--seed {asked.seed}"]
        origin = provenance()
        page.write(page.place("audit.md"), lambda path: write_audit(path, findings, " ".join(words), plots, origin))
        return {"findings": findings}
