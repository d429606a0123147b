"""Loops that overflow float64 are no misuse: their rows are INCONCLUSIVE with the reason, and later cells still run."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anil_theory.cli import app

SMALL = ["--n-w", "1", "--n-phi", "1", "--tasks", "2", "--json"]


def verified(*arguments: str, out: Path) -> tuple[int, list[dict]]:
    result = CliRunner().invoke(app, ["verify", *arguments, *SMALL, "--out", str(out)])
    return result.exit_code, json.loads(result.stdout)["rows"]


@pytest.mark.slow
def test_a_loop_that_overflows_is_inconclusive_with_the_reason(tmp_path: Path) -> None:
    """(1 + 10)^400 is beyond float64."""
    arguments = ["prop3", "--geometry", "nonconvex", "--alpha", "10", "--inner-steps", "400", "--c", "0.7"]
    code, rows = verified(*arguments, out=tmp_path)
    assert code == 0
    overflowed = [row for row in rows if row["cell"]["schedule"]["alpha"] == 10]
    finite = [row for row in rows if row["cell"]["schedule"]["alpha"] < 1]
    assert overflowed and finite, "the later cells are there"
    for row in overflowed:
        assert row["outcome"] == "INCONCLUSIVE", row["reason"]
        assert re.search("not finite|finite at no", row["reason"]), row["reason"]
    assert all(row["measured"] not in (None, "nan") for row in finite)


@pytest.mark.slow
def test_every_row_says_what_its_rounding_is(tmp_path: Path) -> None:
    arguments = ["assumptions", "prop1", "prop2", "--geometry", "strongly-convex", "--mu", "0.3", "--inner-steps", "1"]
    code, rows = verified(*arguments, out=tmp_path)
    assert code == 0
    for row in rows:
        begin = "heuristic" if row["check"] in ("constants", "identity") else "first-order"
        kinds = [e["rounding_kind"] for e in row["estimates"] if e["rounding"] > 0]
        assert kinds and all(kind.startswith(begin) for kind in kinds), row
        assert row["rounding_kind"].startswith(begin) or row["method"] == "realised losses"
