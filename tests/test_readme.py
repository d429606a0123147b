"""The README: one screen, whose commands are those of CI, whose links exist and whose Python runs."""

import re
import shlex
from pathlib import Path

import pytest

from anil_theory.statements.base import ANIL
from anil_theory.statements.papers import PAPERS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

MOST_WORDS = 500
MOST_CHARACTERS = 100
"""In a line."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_it_is_one_screen() -> None:
    assert len(README.split()) <= MOST_WORDS
    assert [line for line in README.splitlines() if len(line) > MOST_CHARACTERS] == []


def test_its_links_and_its_picture_exist() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert len(targets) >= 10
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_it_names_the_papers_whose_statements_can_be_selected() -> None:
    others = set(PAPERS) - {ANIL}
    assert set(re.findall(r"`([a-z-]+)`", README.split("`verify --paper`:")[1].split("docs/results.md")[0])) == others


def test_its_two_commands_are_the_known_ones() -> None:
    commands = [block.strip() for block in blocks("sh")]
    install = "python3 -m venv .venv && .venv/bin/pip install"
    verify = f"{install} -e . && .venv/bin/anil-theory verify"
    tests = f'{install} -c constraints.txt -e ".[test]" && .venv/bin/pytest'
    assert commands == [verify, tests]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert f"test_command={shlex.quote(tests)}" in ci


def test_the_first_page_of_the_site_has_the_same_example_and_commands() -> None:
    start = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    assert all(block in start for block in [*blocks("python"), *blocks("sh")])


def test_its_example_runs_and_prints_what_the_text_says(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python")
    exec(example, {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        f"prop2/{block}/refined" for block in ("ww", "wphi", "phiw", "phiphi")
    ]
    for line in lines:
        found = re.fullmatch(r"\S+ CONSISTENT (0\.\d\d) of the bound", line)
        assert found and 0.05 < float(found[1]) < 1, line
