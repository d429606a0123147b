"""What changed between two results is found, and nothing that did not; the status says refuted, changed or the same."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from anil_theory import compare_results, load_results
from anil_theory.cli import app
from tests.results.small_results import block_record, keep


def status(before: Path, after: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["compare", str(before), str(after)])
    return result.exit_code, " ".join(result.output.split())


def test_the_same_results_do_not_differ(tmp_path: Path) -> None:
    one = keep(tmp_path / "a", block_record(1), block_record(3))
    found = compare_results(load_results(one), load_results(one))
    assert not found.differs and found.same == 2 and repr(found).startswith("Comparison(same=2, added=0")
    assert status(one, one)[0] == 0


def test_rows_added_and_gone(tmp_path: Path) -> None:
    one = keep(tmp_path / "a", block_record(1), block_record(3))
    other = keep(tmp_path / "b", block_record(3), block_record(5))
    found = compare_results(load_results(one), load_results(other))
    assert len(found.added) == len(found.gone) == found.same == 1
    assert "N=5" in found.added[0] and "N=1" in found.gone[0]
    assert status(one, other)[0] == 4


def test_a_value_within_its_rounding_is_the_same_and_beyond_it_has_moved(tmp_path: Path) -> None:
    one = keep(tmp_path / "a", block_record(3, 0.9, rounding=1e-3))
    near = keep(tmp_path / "b", block_record(3, 0.9005, rounding=1e-3))
    far = keep(tmp_path / "c", block_record(3, 0.95, rounding=1e-3))
    assert compare_results(load_results(one), load_results(near)).moved == []
    (change,) = compare_results(load_results(one), load_results(far)).moved
    assert change.what == "measured" and change.after > change.before
    code, text = status(one, far)
    assert code == 4 and "values moved beyond rounding" in text


def test_only_a_new_refutation_is_status_1(tmp_path: Path) -> None:
    good = keep(tmp_path / "a", block_record(3, 0.9))
    bad = keep(tmp_path / "b", block_record(3, 1.1, outcome="REFUTED"))
    code, text = status(good, bad)
    assert code == 1 and "1 refuted, and not before" in text and "CONSISTENT -> REFUTED" in text
    assert status(bad, good)[0] == 4, "what is refuted no longer is a change"
    assert status(bad, bad)[0] == 0, "and what was refuted before is none"


def test_missing_results_are_misuse(tmp_path: Path) -> None:
    here = keep(tmp_path / "a", block_record(1))
    assert status(here, tmp_path / "b")[0] == 2


@pytest.mark.parametrize("order", [(1, 3), (3, 1)])
def test_the_order_of_records_does_not_matter(tmp_path: Path, order: tuple[int, int]) -> None:
    one = keep(tmp_path / "a", block_record(1), block_record(3))
    other = keep(tmp_path / "b", *map(block_record, order))
    assert not compare_results(load_results(one), load_results(other)).differs
