"""The HTML page says what the records say, holds all it needs, and takes nothing from them but text."""

import dataclasses
import html.parser
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anil_theory import load_results
from anil_theory.cli import app
from anil_theory.record import Record
from anil_theory.results.page import page_of, writing
from tests.results.small_results import EVIL, block_record, counted_record, keep

pytest.importorskip("jinja2")

VOID = {"meta", "input", "img", "line", "br", "mspace"}


class Outline(html.parser.HTMLParser):
    """Tags that are opened and closed, ids, links, and the addresses that the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.count: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name == "href":
                self.links.append(value)
            if name in ("src", "data", "poster", "srcset") or (tag == "link" and name == "href"):
                self.loaded.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    return found


def test_records_of_halved_bounds_are_said_to_be_so(tmp_path: Path) -> None:
    """Their refutations stand beside the rows of sound runs in the same folder."""
    sound, other = block_record(1), block_record(3, outcome="REFUTED")
    halved = dataclasses.replace(other, cell={**other.cell, "broken": EVIL})
    text = page_of(load_results(keep(tmp_path / "both", sound, halved)))
    assert re.search(r"1 of the records are of runs in which the bounds of\s+&lt;/script&gt;", text)
    assert "halved on purpose" not in page_of(load_results(keep(tmp_path / "sound", sound)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [block_record(N, block="ww") for N in (1, 3, 10)]
    return keep(tmp_path_factory.mktemp("small"), *records, counted_record())


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return page_of(load_results(folder))


def test_overview_comes_first_then_a_section_for_each_statement(page: str) -> None:
    found = outline(page)
    assert not found.open and len(found.ids) == len(set(found.ids))
    order = [name for name in found.ids if name in ("overview", "explore", "prop2", "table2", "rows", "reproduce")]
    assert order == ["overview", "explore", "prop2", "table2", "rows", "reproduce"]
    assert {link[1:] for link in found.links} <= set(found.ids), "every link leads somewhere in the page"


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    found = outline(page)
    assert all(address.startswith("data:image/svg+xml;base64,") for address in found.loaded) and found.loaded
    assert "@import" not in page and "url(" not in page and not re.search(r"\b(fetch|XMLHttpRequest|import)\s*\(", page)


def test_a_section_has_formula_hypotheses_table_figure_and_the_way_to_repeat_it(page: str) -> None:
    section = page.partition('id="prop2"')[2].partition("<section>")[0]
    assert section.count("<math ") >= 2 and "Hypotheses" in section and "alpha &lt;= 1/L" in section
    assert "3 of 3 rows" in section and "<img src=" in section and "tightest setting" in section
    assert "How to reproduce" in page and "python" in page.partition('id="reproduce"')[2]


def test_table_2_is_a_table_of_both_methods(page: str) -> None:
    section = page.partition('id="table2"')[2].partition("<section>")[0]
    assert '<th class="number">ANIL</th>' in section and '<th class="number">MAML</th>' in section
    assert section.count("<tr><td>") == 6


def test_every_row_can_be_filtered_and_is_there_without_a_script(page: str) -> None:
    table = page.partition('id="every-row"')[2].partition("</table>")[0]
    assert table.count("<tr data-statement=") == 15 and 'name="verdict"' in page


def test_text_of_records_is_text_and_nothing_else(tmp_path: Path) -> None:
    bad = block_record(3, 1.2, outcome="REFUTED", reason=EVIL)
    row = dict(bad.verdicts[0]) | {"setting": f"N=3 {EVIL}", "method": EVIL, "regime": EVIL}
    evil = Record({**bad.cell, "query": EVIL}, [row], provenance={EVIL: EVIL})
    page = page_of(load_results(keep(tmp_path / "evil", evil)))
    found = outline(page)
    assert not found.open and found.count["script"] == 4 and "alert(1)</script>" not in page
    assert "REFUTED: w, w at N=3" in page and "Suspects: the statement itself" in page


def test_the_same_records_make_the_same_page(folder: Path, page: str) -> None:
    # The ids of matplotlib's SVG are random; nothing else may be.
    assert re.sub(r"base64,[^\"]*", "", page_of(load_results(folder))) == re.sub(r"base64,[^\"]*", "", page)


def test_a_figure_that_fails_costs_the_figure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **more: Any) -> None:
        raise OSError("no font")

    monkeypatch.setattr("anil_theory.results.page.figures.plot_blocks", fail)
    page = page_of(load_results(folder))
    assert "not drawn (no font)" in page and 'id="table2"' in page


def test_the_command_writes_the_page_and_says_where(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(folder), "--out", str(tmp_path / "page.html")])
    assert result.exit_code == 0 and (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert not (folder / "report.html").exists()


def test_a_browser_that_is_not_there_costs_the_view_and_not_the_page(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: bool(asked.append(address)))
    path = tmp_path / "page.html"
    result = CliRunner().invoke(app, ["report", str(folder), "--out", str(path), "--open"])
    assert result.exit_code == 3 and "no browser was found" in result.output and path.is_file()
    assert asked == [path.as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    assert CliRunner().invoke(app, ["report", str(folder), "--out", str(path), "--open"]).exit_code == 0


def test_missing_results_are_misuse_and_a_missing_library_names_the_extra(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 2 and "anil-theory verify --out FOLDER" in " ".join(result.output.split())
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"anil_theory\[report\]"):
        writing.page_of(load_results(folder))
