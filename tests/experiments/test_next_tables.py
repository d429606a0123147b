"""The tables of docs/next_statements.md are what the project's command prints."""

import re
from pathlib import Path

import pytest

from experiments.next_statements import TABLES

PAGE = Path(__file__).parents[2] / "docs" / "next_statements.md"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
LAST_DIGITS = 2
"""By how many units of the last digit two machines may differ."""


def same(printed: str, written: str) -> bool:
    """The same words, and numbers within the last digit; `written` may have further columns."""
    columns = printed.count("|")
    written = "|".join(written.split("|")[:columns]) + "|"
    if NUMBER.sub("#", printed) != NUMBER.sub("#", written):
        return False
    for one, other in zip(NUMBER.findall(printed), NUMBER.findall(written), strict=True):
        unit = 10.0 ** -len(one.partition(".")[2])
        if abs(float(one) - float(other)) > LAST_DIGITS * unit:
            return False
    return True


@pytest.mark.parametrize("name", ["E", "F", *(pytest.param(name, marks=pytest.mark.slow) for name in "ABDG")])
def test_every_printed_row_stands_on_the_page(name: str) -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()
    printed = list(TABLES[name]())
    assert len(printed) >= 2
    for row in printed:
        assert any(same(row, line) for line in page if line.startswith("|")), row


def test_another_number_or_word_is_not_the_same_row() -> None:
    row = "| (0.3, 1) | 51.51 | 74.15 |"
    assert same(row, row) and same(row, "| (0.3, 1) | 51.52 | 74.15 | 3 |")
    assert not same(row, "| (0.3, 1) | 51.54 | 74.15 |")
    assert not same(row, "| of (0.3, 1) | 51.51 | 74.15 |")
