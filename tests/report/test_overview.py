"""The result begins with a line for each statement, in 80 columns, and ends with both guarantees."""

import re

import pytest
from rich.console import Console

from anil_theory.record import Record
from anil_theory.report import all_rows
from anil_theory.report.bench_table import compilations
from anil_theory.report.ledger_table import print_sections
from anil_theory.report.overview import guarantee, overview
from anil_theory.report.terminal import print_verdicts
from tests.results.small_results import block_record, counted_record


def printed(records: list[Record], shown: str = "auto") -> list[str]:
    console = Console(record=True, width=80)
    print_verdicts(console, all_rows(records), shown)
    return console.export_text().splitlines()


MANY = [block_record(N, 0.5 + N / 100) for N in range(1, 15)]


def test_a_line_says_worst_verdict_rows_tightest_power_and_what_to_open() -> None:
    lines = printed([*MANY, block_record(20, 1.2, outcome="REFUTED"), counted_record()])
    assert " ".join(lines[0].split()) == "statement worst verdict rows tightest in notices open report.md"
    line = next(line for line in lines if line.startswith("prop2"))
    assert line.split() == ["prop2", "REFUTED", "x1", "15", "1.200~", "w,", "w", "x0.510", "#prop2"]
    assert any(line.startswith("table2") and "CONFIRMED" in line for line in lines[:4])


def test_formula_printed_order_and_settings_follow_and_the_rows_are_left_out() -> None:
    lines = printed(MANY)
    text = "\n".join(lines)
    assert "prop2  L_ww = L r^(2 N) + M alpha r^(N - 1) rho sum[j = 0 to N - 1] r^j" in text
    assert re.search(r"printed: L_ww <= poly \* \(L q\^N\)/mu; with poly = 1 that is 8\.\d+ there", text)
    assert "tightest: " in text and "every row" not in lines and "explicit  tightness" not in text
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("shown", "words"), [("all", "every row"), ("tightest", "the tightest row of each")])
def test_the_rows_come_on_demand(shown: str, words: str) -> None:
    assert any(line.startswith(words) for line in printed(MANY, shown))


def test_few_rows_are_shown_without_being_asked_for() -> None:
    assert "every row" in printed(MANY[:3])


def test_the_last_two_lines_are_the_guarantees() -> None:
    text = " ".join(printed(MANY))
    measured = MANY[-1].verdicts[0]["measured"]
    claimed = MANY[-1].verdicts[0]["bounds"]["sharp"]
    assert f"measured guarantee: L_ww >= {measured:.4g} (prop2 w, w at mu=0.1" in re.sub(" +", " ", text)
    assert re.sub(" +", " ", text).partition("claimed guarantee: ")[2].startswith(f"L_ww <= {claimed:.4g} (sharp; ")


def test_a_refutation_is_the_guarantee_that_is_shown() -> None:
    rows = all_rows([block_record(3, 1.5), block_record(5, 1.2, outcome="REFUTED")])
    found = guarantee(rows)
    assert found is not None and found["outcome"] == "REFUTED" and guarantee([]) is None


def test_table_2_is_a_table_of_six_lines_and_two_methods() -> None:
    lines = printed([counted_record()])
    start = next(index for index, line in enumerate(lines) if line.startswith("Table 2"))
    body = [line for line in lines[start:] if re.match(r"(gradient|hessian|mixed|second)", line)]
    assert len(body) == 6 and body[0].split()[:4] == ["gradient", "w", "6", "B"]
    assert re.search(r"mixed +4 B N +0 0", "\n".join(body)), "counted and formula, of both"


def test_statements_come_in_the_order_of_the_paper() -> None:
    rows = all_rows([counted_record(), block_record(1)])
    assert [line.name for line in overview(rows)] == ["prop2", "table2"]


def test_the_ledger_fits_a_screen_and_shows_failures() -> None:
    fact = {"section": "2", "status": "PROVED", "seconds": 0.1, "name": "a", "statement": "s", "detail": ""}
    failed = fact | {"status": "FAILED", "name": "wrong", "detail": "1 != 2"}
    console = Console(record=True, width=80)
    print_sections(console, [fact] * 40 + [failed], {"2": "inner iterates"})
    text = console.export_text()
    assert len(text.splitlines()) <= 6 and "FAILED wrong: s; 1 != 2" in text and "--all" in text
    assert re.search(r"2 +inner iterates +41 +40 +- +1 +4\.1", text)


def test_what_was_compiled_is_said_once_for_each_geometry() -> None:
    cells = [{"settings": {"geometry": "nonconvex", "max_inner_steps": 7}, "seed": seed} for seed in range(3)]
    (line,) = compilations([Record(cell, measurements={"compile_seconds": 2.5}) for cell in cells])
    assert line.startswith("compiled for nonconvex: one outer step") and line.endswith("up to 7 inner steps, in 2.5 s")


def test_a_batch_without_replacement_is_explained_below_its_formula() -> None:
    """The formulas have B where B/f stands."""
    rows = all_rows([block_record(1, 0.5)])
    latex = r"\mathbb{E} \|\nabla\|^{2} \le \frac{V}{B}"
    of_theorem = [dict(row) | {"verdicts": [verdict | {"latex": latex} for verdict in row["verdicts"]]} for row in rows]
    for schedule, words in (({"batch": 4, "population": 10}, "at B = 4 of T = 10 f is 0.6667"), ({"batch": 4}, "")):
        drawn = [row | {"cell": {"schedule": schedule}} for row in of_theorem]
        (line,) = overview(drawn)
        assert line.drawn.endswith(words) and bool(line.drawn) == bool(words)
    of_others = [row | {"cell": {"schedule": {"batch": 4, "population": 10}}} for row in rows]
    assert overview(of_others)[0].drawn == ""
