"""The sources of the site: every page is in a table of contents, and what pages name exists. CI builds the site."""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import anil_theory
from anil_theory import STATEMENTS
from anil_theory.ledger import FACTS, SECTIONS
from anil_theory.statements.generated.latex import CLAIMS

DOCS = Path(__file__).parents[1] / "docs"

WRITTEN_AT_BUILD = ("api/", "statements/", "auto_gallery/")

OPTIONAL = {"own_losses", "testing", "reports", "precision", "theorem_bounds"}
"""What conf.py leaves out of the tables of contents where it is missing."""


def page_names() -> set[str]:
    """The pages that are sources, without their ending."""
    found = (path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
    names = {str(path.with_suffix("")) for path in found if not set(path.parts) & {"_build", "records"}}
    return {name for name in names if not name.startswith(WRITTEN_AT_BUILD)}


def toctree_entries(name: str) -> list[str]:
    """What a page lists, relative to docs/; patterns are written out."""
    page = DOCS / f"{name}.md"
    entries: list[str] = []
    for body in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in filter(None, map(str.strip, body.splitlines())):
            if line.startswith(":"):
                continue
            matches = [path.with_suffix("") for path in page.parent.glob(f"{line}.md")] if "*" in line else []
            entries += [str(match.relative_to(DOCS)) for match in matches]
            if "*" not in line:
                entries.append(str((page.parent / line).relative_to(DOCS)))
    return entries


def test_every_page_is_reached_from_the_front_page() -> None:
    reached: set[str] = set()
    waiting = ["index"]
    while waiting:
        name = waiting.pop()
        if name not in reached and (DOCS / f"{name}.md").exists():
            reached.add(name)
            waiting += toctree_entries(name)
    assert page_names() - reached == set()


def test_every_entry_of_a_toctree_exists() -> None:
    listed = {entry for name in page_names() for entry in toctree_entries(name)}
    missing = {entry for entry in listed if not entry.startswith(WRITTEN_AT_BUILD)} - page_names()
    assert missing <= OPTIONAL
    conf = (DOCS / "conf.py").read_text(encoding="utf-8")
    (left_out,) = re.findall(r"^OPTIONAL = \((.*)\)$", conf, re.MULTILINE)
    assert set(re.findall(r'"(\w+)"', left_out)) == OPTIONAL


def test_the_sections_of_the_theory_are_those_of_the_ledger() -> None:
    theory = (DOCS / "theory.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^##+ ([\d.]+?)\.? ", theory, re.MULTILINE))
    assert headings >= {*SECTIONS, *(fact.name.split("/")[0] for fact in FACTS.values())}


def test_the_theory_prints_formulas_of_claims_that_exist() -> None:
    theory = (DOCS / "theory.md").read_text(encoding="utf-8")
    named = re.findall(r"^:::\{claim\} (\S+)$", theory, re.MULTILINE)
    assert len(named) >= 15 and set(named) <= set(CLAIMS)
    for block in ("ww", "wphi", "phiw", "phiphi"):
        assert f"prop2/{block}/explicit" in named


@pytest.fixture
def extensions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder of the site's own extensions on the path."""
    monkeypatch.syspath_prepend(str(DOCS / "_extensions"))
    yield
    for name in ("statement_pages", "interface_pages", "docstring_blocks", "formula_lines"):
        sys.modules.pop(name, None)


@pytest.fixture
def statement_pages(extensions: None) -> ModuleType:
    return import_module("statement_pages")


@pytest.fixture
def interface_pages(extensions: None) -> ModuleType:
    return import_module("interface_pages")


@pytest.fixture
def docstring_blocks(extensions: None) -> ModuleType:
    return import_module("docstring_blocks")


def test_a_page_per_statement_with_every_claim_and_what_measures_it(
    statement_pages: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "statements"
    folder.mkdir()
    (folder / "of_yesterday.md").write_text("gone")
    statement_pages.write_pages(folder, statement_pages.pages())
    assert {path.stem for path in folder.glob("*.md")} == {"index", *STATEMENTS}
    for statement in STATEMENTS.values():
        page = (folder / f"{statement.name}.md").read_text(encoding="utf-8")
        assert all(f"`{claim.name}`" in page and claim.latex in page for claim in statement.claims)
        assert f"anil-theory verify {statement.name}" in page and "direction" in page
        conditions = [line for line in page.splitlines() if line.startswith("Hypotheses: ")]
        assert not re.search(r"(\(c|alpha N L) = \d", "".join(conditions)), "a number of the example"
        assert statement.name in (folder / "index.md").read_text(encoding="utf-8").splitlines()


def test_the_interface_has_a_place_for_every_public_name(interface_pages: ModuleType) -> None:
    pages = interface_pages.pages()
    listed = re.findall(r"^\.\. auto(?!module)\w+:: anil_theory\.(\w+)$", "".join(pages.values()), re.MULTILINE)
    assert sorted(listed) == sorted(anil_theory.__all__)
    for part in interface_pages.PARTS:
        module = import_module(f"anil_theory.{part}")
        for name in getattr(module, "__all__", ["advise"]):
            assert f":: anil_theory.{part}.{name}\n" in pages[part]
    assert ".. autoexception:: anil_theory.InvalidParameter" in pages["verdicts"]
    assert ".. autofunction:: anil_theory.judge" in pages["verdicts"]
    assert ".. autodata:: anil_theory.STATEMENTS" in pages["claimed"]


def test_a_docstring_is_taken_apart(docstring_blocks: ModuleType) -> None:
    text = """The claim *first*.

        a = b_c

    alpha   the step, which
            is long;
    N       its number.

    | a | table |
    """
    shapes = [block.shape.value for block in docstring_blocks.blocks(text)]
    assert shapes == ["prose", "as_it_stands", "names", "as_it_stands"]
    assert docstring_blocks.blocks(text)[2].names == [("alpha", "the step, which is long;"), ("N", "its number.")]
    assert docstring_blocks.restructured(text)[:5] == [r"The claim \*first\*.", "", "::", "", "        a = b_c"]
    page = docstring_blocks.markdown(text)
    assert r"The claim \*first\*." in page and "- `alpha`: the step, which is long;" in page
    assert "```text\na = b_c\n```" in page


def test_the_labels_of_a_docstring_stand_out_and_code_is_left_alone(docstring_blocks: ModuleType) -> None:
    page = docstring_blocks.markdown("Claim: x <= `y_z`. Kind: a bound.")
    assert page == r"**Claim:** x \<= `y_z`. **Kind:** a bound."


def test_a_formula_is_broken_between_definitions_and_nowhere_else(extensions: None) -> None:
    formula_lines = import_module("formula_lines").formula_lines
    assert formula_lines(r"L = r^{N},\quad r = 1 - \mu , \quad \text{a,\quad b}") == [
        "L = r^{N},",
        r"r = 1 - \mu,",
        r"\text{a,\quad b}",
    ]
    for latex in CLAIMS.values():
        lines = formula_lines(latex)
        assert re.sub(r"\s", "", r",\quad".join(line.removesuffix(",") for line in lines)) == re.sub(r"\s", "", latex)
        assert all(line.count("{") == line.count("}") for line in lines)
