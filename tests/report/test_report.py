"""Reports say what the rows say: the most severe outcome wins, nothing is dropped, plots need rows."""

import math
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from anil_theory.record import Record
from anil_theory.report import (
    all_rows,
    print_rows,
    print_summary,
    tightest_rows,
    write_markdown,
)
from anil_theory.report.rows import bound, number, power, tightness, weakest_rows


def record(
    N: int, outcome: str, measured: float, block: str = "ww", check: str = "blocks", refined: float = 1.0
) -> Record:
    cell = {
        "constants": {"mu": 0.1, "L": 1.0, "rho": 1.0, "tau": 0.5, "M": 1.0},
        "schedule": {"alpha": 0.1, "inner_steps": N},
        "n_w": 2,
        "n_phi": 2,
    }
    row = {
        "statement": "prop2",
        "block": block,
        "check": check,
        "geometry": "strongly-convex",
        "regime": "alpha = mu/L^2",
        "setting": f"N={N}",
        "measured": measured,
        "method": "ascent",
        "direction": "lower",
        "bounds": {"refined": refined, "explicit": 2 * refined, "order": 3.0},
        "tightness": measured / refined,
        "outcome": outcome,
        "reason": f"because of {N}",
        "verdicts": [{"suspects": ["the statement itself"], "replayed": "[1, 2]", "slack": 1e-12}],
        "estimates": [],
    }
    return Record(cell=cell, verdicts=[row])


def test_the_most_severe_row_of_a_block_is_shown_and_all_are_counted() -> None:
    records = [record(1, "CONSISTENT", 0.9), record(5, "REFUTED", 0.5), record(9, "NOT_APPLICABLE", 0.99)]
    (row,) = tightest_rows(all_rows(records))
    assert row["outcome"] == "REFUTED" and row["rows"] == 3
    assert row["counts"] == {"REFUTED": 1, "NOT_APPLICABLE": 1, "CONSISTENT": 1}


def test_of_equal_outcomes_the_tightest_is_shown_and_extremal_rows_are_all_kept() -> None:
    records = [record(n, "CONSISTENT", n / 10) for n in (1, 8, 3)]
    records += [record(n, "CONSISTENT", 1.0, check="attained") for n in (1, 2)]
    rows = tightest_rows(all_rows(records))
    assert [r["measured"] for r in rows if r["check"] == "blocks"] == [0.8]
    assert sum(r["check"] == "attained" for r in rows) == 2


def test_terminal_and_markdown_name_every_refutation(tmp_path: Path) -> None:
    records = [record(1, "CONSISTENT", 0.9), record(5, "REFUTED", 1.5, block="phiphi")]
    rows = all_rows(records)
    console = Console(record=True, width=100)
    print_rows(console, rows, "title")
    print_summary(console, rows)
    text = console.export_text()
    for word in ("REFUTED", "because of 5", "suspects: the statement itself", "replay: [1, 2]", "w, w", "phi, phi"):
        assert word in text
    target = tmp_path / "report.md"
    write_markdown(target, records, "anil-theory verify", [tmp_path / "blocks.png"])
    report = target.read_text()
    assert "REFUTED: because of 5" in report and "![blocks](blocks.png)" in report and "| phi, phi |" in report
    assert "- prop2: Proposition 2. Smoothness of the meta-objective, strongly convex inner loss" in report


def test_the_power_is_rounded_down_and_the_weakest_row_of_a_statement_is_named() -> None:
    rows = all_rows([record(1, "CONSISTENT", 0.9), record(5, "CONSISTENT", 0.8), record(9, "CONSISTENT", 0.7)])
    powered = [
        row | {"power": value, "powered": "sharp"} for row, value in zip(rows, (0.9997, 0.5, math.nan), strict=True)
    ]
    assert [power(row) for row in powered] == ["x0.999", "x0.500", "-"] and power(rows[0]) == "-"
    assert weakest_rows(powered) == [powered[1]] and weakest_rows(rows) == []
    console = Console(record=True, width=140)
    print_rows(console, powered, "title")
    print_summary(console, powered)
    text = console.export_text()
    assert "notices" in text and "x0.999" in text
    assert "prop2 would notice, in every row, sharp bounds x0.500 or smaller (least in w, w at N=5)" in text


def test_a_power_that_is_small_keeps_two_digits() -> None:
    values = {0.0003219: "x3.2e-04", 2e-15: "x2.0e-15", 0.00999: "x9.9e-03", 0.0101: "x0.010", 0.0: "x0"}
    assert {value: power({"power": value}) for value in values} == values


def test_a_row_that_would_notice_nothing_is_said_to() -> None:
    (row,) = all_rows([record(1, "CONSISTENT", 0.0)])
    console = Console(record=True, width=140)
    print_summary(console, [row | {"power": 0.0, "powered": "explicit"}])
    text = console.export_text()
    assert "prop2 has a row that would notice no wrong bound (least in w, w at N=1)" in text and "x0" not in text


def test_a_bound_in_another_kinds_column_has_its_name() -> None:
    """Theorem I's bound is certified, and stood under "refined" without a word."""
    (row,) = all_rows([record(1, "CONSISTENT", 0.9)])
    for bounds, shown in (
        ({"certified": 1.5}, "1.5 (certified)"),
        ({"refined": 2.0, "certified": 1.5}, "2"),
        ({"explicit": 1.0}, "-"),
    ):
        assert bound(row | {"bounds": bounds}, "refined") == shown


@pytest.mark.parametrize(
    ("width", "bounds", "expected"),
    [
        (80, {"sharp": 1.0, "refined": 1.5, "explicit": 2.0}, ["sharp", "refined"]),
        (120, {"sharp": 1.0, "refined": 1.5, "explicit": 2.0}, ["sharp", "refined", "explicit"]),
        (80, {"sharp": 1.0}, ["sharp", "refined"]),
        (80, {"certified": 1.0}, ["refined", "certified"]),
        (80, {"refined": 1.0, "explicit": 2.0, "order": 3.0}, ["refined", "explicit"]),
    ],
)
def test_the_bound_that_a_quotient_is_of_is_in_its_row(width: int, bounds: dict[str, float], expected) -> None:
    (row,) = all_rows([record(1, "CONSISTENT", 0.9)])
    console = Console(record=True, width=width)
    print_rows(console, [row | {"bounds": bounds}], "title")
    heading = next(line for line in console.export_text().splitlines() if "tightness" in line)
    kinds = [word for word in heading.split() if word not in ("block", "setting", "measured", "tightness", "notices")]
    assert kinds == [*expected, "verdict"]


def test_numbers_are_written_for_people() -> None:
    assert (number(None), number(math.nan), number(1234567.0), number(math.inf)) == ("-", "-", "1.235e+06", "inf")
    (row,) = all_rows([record(1, "CONSISTENT", 0.9999999)])
    assert tightness(row) == "1.000000"
    assert tightness(row | {"tightness": 0.5}) == "0.500"
    assert tightness(row | {"tightness": math.nan, "measured": 1e-15}) == "1e-03*"


def test_a_heuristic_rounding_and_samples_left_out_are_said_in_every_report(tmp_path: Path) -> None:
    derived, guessed = record(1, "CONSISTENT", 0.9), record(5, "CONSISTENT", 0.8, block="phiphi")
    cast(dict[str, Any], derived.verdicts[0])["rounding_kind"] = "first-order bound, doubled"
    left_out = {"dropped": 3, "first_dropped": "task 1, block phiphi, at z = [0.0]: the Hessian is not finite"}
    cast(dict[str, Any], guessed.verdicts[0]).update(rounding_kind="heuristic: a number of roundings", **left_out)
    rows = all_rows([derived, guessed])
    console = Console(record=True, width=140)
    print_rows(console, rows, "title")
    print_summary(console, rows)
    text = " ".join(console.export_text().split())
    assert "0.8~" in text and "0.9~" not in text
    assert "~ 1 of 2 rows (prop2): the rounding of the estimate is a heuristic, no bound" in text
    assert "prop2/phiphi at N=5: 3 samples left out as not finite; the first: task 1, block phiphi" in text
    write_markdown(tmp_path / "report.md", [derived, guessed], "anil-theory verify", [])
    report = (tmp_path / "report.md").read_text()
    assert "| derived | 0 | CONSISTENT |" in report and "| heuristic | 3 | CONSISTENT |" in report
    assert "## Samples left out" in report and "the Hessian is not finite" in report


def test_why_a_row_says_nothing_is_printed() -> None:
    console = Console(record=True, width=140)
    print_summary(console, all_rows([record(5, "INCONCLUSIVE", math.nan)]))
    assert "INCONCLUSIVE prop2/ww at N=5: because of 5" in console.export_text()


def test_what_is_not_printed_is_counted() -> None:
    for settings, more in ((5, ""), (6, "at 1 more setting;"), (8, "at 3 more settings;")):
        rows = all_rows([record(N, "NOT_APPLICABLE", math.nan) for N in range(1, settings + 1)])
        console = Console(record=True, width=140)
        print_summary(console, rows)
        text = console.export_text()
        assert text.count("because of") == 5
        assert ("more setting" in text) is bool(more) and more in text
