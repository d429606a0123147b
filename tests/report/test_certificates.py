"""Certificates in a table of 80 characters and as a picture; what is not confirmed or not closed is explained."""

from io import StringIO
from typing import Any

from rich.console import Console

from anil_theory.report.certificates import print_certificates


def row(**changes: Any) -> dict[str, Any]:
    base = {
        "statement": "prop2",
        "geometry": "strongly-convex",
        "region": "the ball of radius 2",
        "block": "phiphi",
        "N": 10,
        "lower": 0.98,
        "upper": 1.0,
        "width": 0.02,
        "bounds": {"sharp": 1.25, "refined": 2.0, "explicit": 4.5},
        "factors": {"sharp": [1.25, 1.28], "refined": [2.0, 2.04], "explicit": [4.5, 4.59]},
        "outcome": "CONFIRMED",
        "reason": "below the bound",
        "status": "CLOSED",
        "reason_of_search": "closed to 2 %",
    }
    return base | changes


def printed(rows: list[dict[str, Any]]) -> list[str]:
    console = Console(width=80, record=True, file=StringIO())
    print_certificates(console, rows)
    return console.export_text().splitlines()


def test_a_closed_and_confirmed_row_is_one_whole_line() -> None:
    lines = printed([row()])
    assert len(lines) == 3 and "…" not in "".join(lines)
    assert lines[-1].split() == ["phi,", "phi", "10", "0.98", "1", "2%", "1.25", "1.25", "2", "4.5", "CONFIRMED"]


def test_open_enclosures_and_other_verdicts_are_explained() -> None:
    stopped = row(status="INCONCLUSIVE", reason_of_search="the time allowed (1 s) was used up")
    undecided = row(outcome="INCONCLUSIVE", reason="the upper end exceeds the bound")
    text = "\n".join(
        printed([stopped, undecided, row(bounds={}, factors={}, outcome="NOT_APPLICABLE", reason="alpha")])
    )
    assert "the time allowed (1 s) was used up" in text and "the upper end exceeds" in text and "alpha" in text
    assert "below the bound" not in text
