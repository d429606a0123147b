"""docs/findings.md, written from the records of an audit and the templates of its findings.

    anil-theory audit --out results/audit
    python -m anil_theory.audit.documentation results/audit/records docs/findings.md

Without arguments it writes the committed page from the committed records, docs/records/audit.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from anil_theory._printable import in_markdown
from anil_theory.audit.base import template_of
from anil_theory.errors import NotOneRecordEach
from anil_theory.ledger import FACTS, SECTIONS
from anil_theory.record import Record, RecordStore
from anil_theory.report.audit_report import legend_of_findings
from anil_theory.report.files import write_report
from anil_theory.report.rows import marked
from anil_theory.report.template import Filled, record_section, wrapped

DOCS = Path(__file__).parents[2] / "docs"
RECORDS = DOCS / "records" / "audit"
PAGE = DOCS / "findings.md"
TIMES = ("started", "finished")


def write_findings(path: Path, records: Iterable[Record]) -> None:
    """Write the page of findings to `path`. Raises as `findings_page`, and OSError where the disk does not take it."""
    write_report(findings_page(records), path)


def findings_page(records: Iterable[Record]) -> str:
    """The page of findings as Markdown: every finding that has a record, then the ledger, then the provenance.

    records   of `anil-theory audit`, one for each finding, in any order. Records of other commands are left out.

    Raises InvalidParameter for no record and for two of one finding, and TemplateMismatch where a record does not have
    the numbers that the template of its finding asks for.
    """
    by_key = _by_finding(records)
    page = (files("anil_theory.audit") / "templates" / "page.md").read_text(encoding="utf-8")
    findings = {key: dict(record.measurements) for key, record in by_key.items()}
    parts = [_part(key, record) for key, record in by_key.items()]
    legend = legend_of_findings(findings)
    if legend:
        parts.append(wrapped(in_markdown(legend)))
    return page.format(
        findings="\n\n".join(parts),
        facts=len(FACTS),
        sections="\n".join(f"- {section}: {title}" for section, title in SECTIONS.items()),
        provenance=_provenance(by_key),
    )


def _by_finding(records: Iterable[Record]) -> dict[str, Record]:
    by_key: dict[str, Record] = {}
    for record in records:
        key = record.cell.get("audit")
        if key is None:
            continue
        if key in by_key:
            raise NotOneRecordEach(f"two records are of finding {key}: the page would not know which one to print")
        by_key[key] = record
    if not by_key:
        raise NotOneRecordEach("there is no record of a finding: `anil-theory audit --out FOLDER` writes them")
    return dict(sorted(by_key.items()))


def _part(key: str, record: Record) -> str:
    """The section of one finding."""
    finding = record.measurements
    template = template_of(key)
    words = template.fill(finding["numbers"])
    paragraphs = [
        f"## {key}. {words.title}",
        f"**{marked(finding['verdict'], finding)}**",
        f"*Printed.* {words.section('Printed')}",
        *_evidence(words),
        "*Shown by the run.*",
        words.section("Shown"),
        f"*What stays true.* {words.section('Stays')}",
        "*Other numbers of the record.*",
        record_section(template),
    ]
    return "\n\n".join(wrapped(paragraph) for paragraph in paragraphs)


def _evidence(words: Filled) -> list[str]:
    return [words.section("Evidence")] if "Evidence" in words.sections else []


def _provenance(by_key: Mapping[str, Record]) -> str:
    """The runs and what they have in common; values that differ stand side by side."""
    runs = []
    for key, record in by_key.items():
        searches = "smaller searches" if record.cell["quick"] else "full searches"
        runs.append(f"- finding {key}: seed {record.cell['seed']}, {searches}, record `{record.key}`")
    names = [name for name in next(iter(by_key.values())).provenance if name not in TIMES]
    origins = []
    for name in names:
        values = dict.fromkeys(str(record.provenance.get(name)) for record in by_key.values())
        origins.append(f"- {name}: {'; '.join(in_markdown(value) for value in values)}")
    return "\n".join([*runs, *origins])


def main(arguments: Sequence[str] = ()) -> None:
    """Write the page; the arguments are the folder of the records and the file, or none."""
    folder = Path(arguments[0]) if arguments else RECORDS
    page = Path(arguments[1]) if arguments else PAGE
    write_findings(page, RecordStore(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
