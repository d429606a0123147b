"""The tightness study: rows, verdicts, halved bounds refuted with proof, records and resuming."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry
from anil_theory.estimators.base import is_heuristic
from anil_theory.record import RecordStore
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Bound, Kind
from anil_theory.studies.tightness import rows as tightness
from anil_theory.studies.tightness import study as tightness_study
from anil_theory.studies.tightness.rows import BLOCKS, TightnessCell, check_tightness
from anil_theory.studies.tightness.settings import TightnessSettings
from anil_theory.studies.tightness.study import TightnessStudy
from anil_theory.study import RunSettings, conduct
from anil_theory.verdict import Outcome

CONSTANTS = Constants(None, 1.0, 1.0, 0.5, 1.0)
CELL = TightnessCell(CONSTANTS, Schedule.nonconvex(CONSTANTS, 2, 0.7), starts=6, iterations=200, family_iterations=60)


SEARCH = tightness._searched


@cache
def searched(block: str) -> Any:
    return SEARCH(CELL, block)


@pytest.fixture
def search_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches of CELL are kept from test to test."""
    monkeypatch.setattr(
        tightness, "_searched", lambda cell, block: searched(block) if cell == CELL else SEARCH(cell, block)
    )


def rows() -> list[dict[str, Any]]:
    return check_tightness(CELL)


pytestmark = pytest.mark.usefixtures("search_once")


@pytest.mark.slow
def test_every_lower_value_is_below_every_bound() -> None:
    assert [row["block"] for row in rows()] == ["ww", "wphi", "phiw", "phiphi"]
    for row in rows():
        sharp = row["bounds"]["sharp"]
        assert sharp <= row["bounds"]["refined"] * (1 + 1e-12) <= row["bounds"]["explicit"] * (1 + 1e-11)
        assert max(row["scalar"], row["tensors"], row["realised_high"], row["family"]) <= sharp * (1 + 1e-12)
        assert row["choice"] == pytest.approx(sharp, rel=1e-12) and row["realised"] > 0.9999 * sharp
        assert set(row["verdicts"].values()) == {"CONSISTENT"}


@pytest.mark.slow
def test_a_verdict_from_a_local_program_says_that_its_rounding_was_chosen() -> None:
    found = searched("ww")
    neither = replace(found, scalar=math.nan, tensors=math.nan)
    instances = tightness._row(CELL, "ww", neither, None)
    assert instances["rounding_kind"] != tightness.CHOSEN and not is_heuristic(instances["rounding_kind"])
    for program in ("scalar", "tensors"):
        alone = replace(neither, realised=None, family=None, **{program: getattr(found, program)})
        row = tightness._row(CELL, "ww", alone, None)
        assert row["rounding_kind"] == tightness.CHOSEN and is_heuristic(row["rounding_kind"])


def test_the_worst_task_comes_with_a_witness_that_ball_arithmetic_encloses() -> None:
    for row in rows():
        low, high = row["family_enclosure"]
        assert 0.2 * row["bounds"]["sharp"] < low <= high and row["family"] == pytest.approx(low, rel=1e-9)
        assert len(row["family_witness"]["z"]) == 4 and "amplitude" in row["family_witness"]["task"]


def test_both_cross_blocks_are_realised_by_the_same_losses() -> None:
    """One moves phi and looks at the w row, the other moves w and looks at the phi row."""
    wphi, phiw = (row for row in rows() if row["block"] in ("wphi", "phiw"))
    assert wphi["realised"] == pytest.approx(phiw["realised"], rel=1e-6)
    assert wphi["family"] == phiw["family"] and wphi["family_enclosure"] == pytest.approx(phiw["family_enclosure"])
    assert (
        wphi["bounds"]["explicit"] != phiw["bounds"]["explicit"] and wphi["bounds"]["sharp"] == phiw["bounds"]["sharp"]
    )


def test_a_halved_bound_is_refuted_in_every_block_and_the_replay_is_proof() -> None:
    for block in BLOCKS:
        for row in check_tightness(CELL, broken=block):
            if row["block"] == block:
                assert row["verdicts"]["sharp"] == row["verdicts"]["refined"] == "REFUTED"
                assert "ball arithmetic" in row["replayed"]["sharp"]
            else:
                assert set(row["verdicts"].values()) == {"CONSISTENT"}


def test_a_bound_that_any_program_beats_is_caught() -> None:
    """The largest of the lower estimates decides, whatever found it, and a task's witness is replayed."""
    (claim,) = STATEMENTS["prop3"].select(Kind.SHARP, "ww")
    sharp = claim.evaluate(CONSTANTS, CELL.schedule).value
    found = searched("ww")

    def outcome(bound: float, **changes: Any) -> Any:
        seen, _ = tightness._lower(CELL, "ww", replace(found, **changes), None)
        lower = replace(claim, evaluate=lambda constants, schedule: Bound(bound, 0.0, 0.0, "set on purpose"))
        return tightness._judged(lower, CONSTANTS, CELL.schedule, seen)

    low = {"scalar": 0.1, "tensors": math.nan, "family": None}
    assert outcome(sharp, **low).outcome is Outcome.CONSISTENT
    for changes in ({"scalar": 1.001 * sharp}, {"tensors": 1.001 * sharp}):
        assert outcome(sharp, **(low | changes)).outcome is Outcome.REFUTED
    by_task = outcome(0.999 * found.family.estimate.value, **(low | {"family": found.family}))
    assert by_task.outcome is Outcome.REFUTED and "ball arithmetic" in by_task.replayed


def test_without_third_derivatives_the_program_speaks_for_itself() -> None:
    constants = Constants(0.5, 1.0, 0.0, 0.0, 1.0)
    cell = TightnessCell(constants, Schedule.paper(constants, 2), starts=8, iterations=300, family_iterations=60)
    for row in check_tightness(cell):
        assert row["realised"] > 0.9999 * row["bounds"]["sharp"] and row["verdicts"]["sharp"] == "CONSISTENT"
        assert row["scalar"] > 0.99 * row["bounds"]["sharp"]


def test_the_study_writes_records_a_figure_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tightness_study, "cells_of", lambda asked: [CELL])
    study, console = TightnessStudy(TightnessSettings()), Console(quiet=True)
    code, report = conduct(study, RunSettings(out=tmp_path), console=console)
    assert code == 0 and len(report["rows"]) == 4
    assert len(RecordStore(tmp_path / "records")) == 1
    assert (tmp_path / "tightness.png").read_bytes().startswith(b"\x89PNG")
    again, _ = conduct(study, RunSettings(out=tmp_path, resume=True), console=console)
    assert again == 0 and len(RecordStore(tmp_path / "records")) == 1


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="break"):
        TightnessStudy(TightnessSettings(broken="xy")).jobs(tmp_path, resume=False)
    with pytest.raises(InvalidParameter, match="grid"):
        TightnessStudy(TightnessSettings(mu=(), geometry=(Geometry.STRONGLY_CONVEX,))).jobs(tmp_path, resume=False)
