"""docs/findings.md is what the committed records and the templates say, letter by letter."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from anil_theory.audit import FINDINGS
from anil_theory.audit.base import template_of
from anil_theory.audit.documentation import PAGE, RECORDS, findings_page, main, write_findings
from anil_theory.errors import NotOneRecordEach
from anil_theory.ledger import FACTS
from anil_theory.record import Record, RecordStore
from anil_theory.report.template import TemplateMismatch, plain_words
from anil_theory.studies.audit.settings import AuditSettings
from anil_theory.studies.audit.study import AuditStudy
from anil_theory.study import RunSettings, conduct

ROOT = Path(__file__).parents[2]


def quick_audit(out: Path, *findings: str) -> tuple[int, Any]:
    """Conduct the findings named, all if none is, with small searches."""
    study = AuditStudy(AuditSettings(findings, quick=True))
    return conduct(study, RunSettings(out=out), console=Console(quiet=True))


def committed() -> list[Record]:
    return [Record.from_json(path.read_text(encoding="utf-8")) for path in sorted(RECORDS.glob("*.json"))]


def test_the_committed_page_is_regenerated_letter_by_letter(tmp_path: Path) -> None:
    write_findings(tmp_path / "findings.md", reversed(committed()))
    assert (tmp_path / "findings.md").read_bytes() == PAGE.read_bytes()


def test_the_committed_records_are_small_full_and_of_no_machine() -> None:
    records = committed()
    assert sorted(record.cell["audit"] for record in records) == list(FINDINGS)
    files = list(RECORDS.glob("*"))
    assert {path.stem for path in files} == {record.key for record in records}
    assert sum(path.stat().st_size for path in files) < 200_000
    for record in records:
        assert record.status == "complete" and not record.cell["quick"]
        assert {"sources", "commit", "jax", "started"} <= record.provenance.keys()
        # A path of a machine begins with a slash behind a quotation mark, a space or an equals sign.
        assert not re.search(r"[\"' =](/|~/|[A-Z]:\\)\w", record.to_json())


def test_the_page_shows_the_numbers_of_the_record_and_the_ledger() -> None:
    """Another number in the record is another number on the page: none is typed in."""
    records = {record.cell["audit"]: record for record in committed()}
    page = findings_page(records.values())
    assert f"runs {len(FACTS)} facts" in page and records["2"].key in page
    measurements = dict(records["2"].measurements)
    changed = measurements | {"numbers": measurements["numbers"] | {"linear_exponent": 1.234}}
    other = Record(cell=records["2"].cell, measurements=changed, provenance=records["2"].provenance)
    assert "N^1.234" in findings_page([other]) and "N^1.234" not in page
    assert "## 1." not in findings_page([other]), "a finding without a record is left out"


def test_a_record_without_its_numbers_and_records_that_are_none() -> None:
    record = next(record for record in committed() if record.cell["audit"] == "3")
    numbers = {name: value for name, value in record.measurements["numbers"].items() if name != "exponents"}
    bare = Record(cell=record.cell, measurements={**record.measurements, "numbers": numbers})
    with pytest.raises(TemplateMismatch, match=r"exponents\.decay"):
        findings_page([bare])
    with pytest.raises(NotOneRecordEach, match="two records are of finding 3"):
        findings_page([record, record])
    with pytest.raises(NotOneRecordEach, match="no record of a finding"):
        findings_page([Record(cell={"command": "verify"})])


def test_a_quick_audit_fills_every_hole_of_its_page(tmp_path: Path) -> None:
    code, report = quick_audit(tmp_path, "3", "4")
    assert code == 0
    main([str(tmp_path / "records"), str(tmp_path / "page.md")])
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "{" not in page and "<!-- when" not in page and "smaller searches" in page
    words = plain_words(page)
    for finding in report["findings"].values():
        assert finding["title"] in words and finding["stays"] in words
        assert all(sentence in words for sentence in finding["shown"])


@pytest.mark.slow
def test_a_quick_audit_of_everything_fills_every_hole(tmp_path: Path) -> None:
    code, _ = quick_audit(tmp_path)
    assert code == 0
    page = findings_page(RecordStore(tmp_path / "records"))
    assert all(f"## {key}. " in page for key in FINDINGS) and "{" not in page


@pytest.mark.parametrize("outcome", ["none", "inner", "outer"])
def test_finding_4_has_words_for_every_outcome(outcome: str) -> None:
    """The runs that are kept show one outcome; the others are filled here."""
    record = next(record for record in committed() if record.cell["audit"] == "4")
    numbers = record.measurements["numbers"] | {"softmax_outcome": outcome, "relu_outcome": outcome}
    words = template_of("4").fill(numbers)
    shown = words.bullets("Shown")
    assert sum("softmax head on tanh features" in line for line in shown) == 1
    assert sum("ReLU two-layer head, 60" in line for line in shown) == 1
    assert len(words.section("Evidence").splitlines()) == len(
        template_of("4").fill(record.measurements["numbers"]).section("Evidence").splitlines()
    )


@pytest.mark.parametrize("key", FINDINGS)
def test_a_number_without_a_hole_is_one_that_tests_read(key: str) -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    record = template_of(key).sections.get("Record", "")
    for name in re.findall(r"- `(\w+)`:", record):
        assert f'["{name}"]' in tests, name


def test_wheels_carry_the_templates() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["anil_theory.audit"]
    folder = ROOT / "anil_theory" / "audit"
    carried = {path for pattern in patterns for path in folder.glob(pattern)}
    assert carried == {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts} - set(
        folder.glob("*.py")
    )
    assert {f"finding{key}.md" for key in FINDINGS} | {"page.md"} == {path.name for path in carried}
