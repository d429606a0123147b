"""Whatever prints a number or a verdict that rests on a heuristic rounding marks it, with one mark and one legend."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from anil_theory.estimators.base import COUNTED, is_heuristic, leading_kind
from anil_theory.report.certificates import print_certificates
from anil_theory.report.rows import heuristic_legend, marked
from anil_theory.report.tightness_table import print_tightness

DERIVED = "first-order bound, doubled"
LEGEND = "the rounding of the estimate is a heuristic, no bound"


def words(console: Console) -> str:
    return " ".join(console.export_text().split())


def test_the_mark_and_the_legend_are_there_where_the_rounding_is_a_heuristic_and_nowhere_else() -> None:
    rows = [{"name": "L", "rounding_kind": COUNTED}, {"name": "M", "rounding_kind": DERIVED}, {"name": "tau"}]
    assert [marked("1", row) for row in rows] == ["1~", "1", "1"]
    assert heuristic_legend(rows, "name") == f"~ 1 of 3 rows (L): {LEGEND}"
    assert heuristic_legend(rows, "name", noun="findings").startswith("~ 1 of 3 findings (L)")
    assert heuristic_legend(rows[1:], "name") == "" == heuristic_legend([], "name")


@given(st.lists(st.sampled_from(["", DERIVED, COUNTED, "heuristic, 64 roundings of the value"])))
def test_one_heuristic_among_several_roundings_is_the_one_to_tell(kinds: list[str]) -> None:
    told = leading_kind(kinds)
    assert is_heuristic(told) == any(map(is_heuristic, kinds))
    assert bool(told) == any(kinds) and told in ["", *kinds]


def certificate(N: int, kind: str) -> dict[str, Any]:
    where = {"statement": "prop2", "geometry": "strongly-convex", "region": "the ball of radius 2", "block": "ww"}
    numbers = {"N": N, "lower": 0.9, "upper": 1.0, "width": 0.1, "bounds": {"refined": 2.0}, "factors": {}}
    numbers["factors"] = {"refined": [2.0, 2.2]}
    return {**where, **numbers, "status": "CLOSED", "outcome": "CONFIRMED", "reason": "", "rounding_kind": kind}


def test_certificates_say_so() -> None:
    console = Console(record=True, width=100)
    print_certificates(console, [certificate(1, ""), certificate(2, COUNTED)])
    text = words(console)
    assert text.count("CONFIRMED") == 2 and text.count("CONFIRMED~") == 1 and LEGEND in text
    console = Console(record=True, width=100)
    print_certificates(console, [certificate(1, "")])
    assert "~" not in words(console)


def reached(N: int, kind: str) -> dict[str, Any]:
    setting = {"statement": "prop3", "geometry": "nonconvex", "block": "ww", "mu": None, "N": N}
    shares = {"scalar": 0.9, "tensors": 0.9, "choice": 1.0, "realised": 0.99, "family": 0.5}
    bounds = {"sharp": 1.0, "refined": 1.1, "explicit": 1.2}
    return {**setting, **shares, "bounds": bounds, "verdicts": {"sharp": "CONSISTENT"}, "rounding_kind": kind}


def test_tightness_says_so_where_any_of_the_settings_rests_on_it() -> None:
    console = Console(record=True, width=120)
    print_tightness(console, [reached(1, ""), reached(2, ""), reached(2, COUNTED)])
    text = words(console)
    assert text.count("CONSISTENT") == 2 and text.count("CONSISTENT~") == 1 and "~ 1 of 3 rows (prop3)" in text
    console = Console(record=True, width=120)
    print_tightness(console, [reached(1, "")])
    assert "~" not in words(console)
