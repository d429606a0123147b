"""The tightness study: rows, verdicts, halved bounds refuted with proof, records and resuming."""

import dataclasses
from pathlib import Path

import pytest
from rich.console import Console

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry
from anil_theory.record import RecordStore
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Bound, Kind
from anil_theory.verdict import Outcome, judge
from anil_theory.verification import tightness
from anil_theory.verification.tightness import BLOCKS, TightnessCell, check_tightness
from anil_theory.verification.tightness_command import run_tightness, tightness_cells

CONSTANTS = Constants(None, 1.0, 1.0, 0.5, 1.0)
CELL = TightnessCell(CONSTANTS, Schedule.nonconvex(CONSTANTS, 2, 0.7), starts=6, iterations=200, family_iterations=60)


def tiny(constants: Constants, schedule: Schedule) -> Bound:
    return Bound(1e-3, -3.0, 0.0, "set on purpose")


def test_every_lower_value_is_below_every_bound() -> None:
    for row in check_tightness(CELL):
        sharp = row["bounds"]["sharp"]
        assert sharp <= row["bounds"]["refined"] * (1 + 1e-12) <= row["bounds"]["explicit"] * (1 + 1e-11)
        assert max(row["scalar"], row["tensors"], row["realised_high"]) <= sharp * (1 + 1e-12)
        assert row["choice"] == pytest.approx(sharp, rel=1e-12) and row["realised"] > 0.9999 * sharp
        assert 0.2 * sharp < row["family"] <= sharp * (1 + 1e-12)
        assert set(row["verdicts"].values()) == {"CONSISTENT"}


def test_a_worst_task_beyond_the_bound_refutes_it_and_is_replayed() -> None:
    """Where functions show less than the bound, the worst task decides: its replay must be the proof."""
    nothing = dataclasses.replace(STATEMENTS["prop3"].select(Kind.SHARP, "phiphi")[0], evaluate=tiny)
    worst = tightness._worst_of_family(CELL, "phiphi")
    assert worst is not None
    below = judge(nothing, CELL.constants, CELL.schedule, dataclasses.replace(worst.estimate, value=0.0))
    verdict = tightness._beside(below, nothing, CELL, worst)
    assert below.outcome is Outcome.CONSISTENT and verdict.outcome is Outcome.REFUTED
    assert "ball arithmetic" in verdict.replayed
    holds = dataclasses.replace(nothing, evaluate=lambda constants, schedule: Bound(1e3, 3.0, 0.0, "set on purpose"))
    assert tightness._beside(below, holds, CELL, worst) is below


def test_a_halved_bound_is_refuted_in_every_block_and_the_replay_is_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    for block in ("ww", "wphi", "phiphi"):
        monkeypatch.setattr(tightness, "BLOCKS", {block: BLOCKS[block]})
        (row,) = check_tightness(CELL, broken=block)
        assert row["verdicts"]["sharp"] == row["verdicts"]["refined"] == "REFUTED"
        assert "ball arithmetic" in row["replayed"]["sharp"]


def test_without_third_derivatives_the_program_speaks_for_itself() -> None:
    constants = Constants(0.5, 1.0, 0.0, 0.0, 1.0)
    cell = TightnessCell(constants, Schedule.paper(constants, 2), starts=8, iterations=300, family_iterations=60)
    for row in check_tightness(cell):
        assert row["realised"] != row["realised"] and row["verdicts"]["sharp"] == "CONSISTENT"
        assert row["scalar"] > 0.99 * row["bounds"]["sharp"]


def test_the_command_writes_records_a_figure_and_resumes(tmp_path: Path) -> None:
    console = Console(quiet=True)
    code, report = run_tightness([CELL], out=tmp_path, broken=None, resume=False, console=console)
    assert code == 0 and len(report["rows"]) == 3
    assert len(RecordStore(tmp_path / "records")) == 1
    assert (tmp_path / "tightness.png").read_bytes().startswith(b"\x89PNG")
    again, _ = run_tightness([CELL], out=tmp_path, broken=None, resume=True, console=console)
    assert again == 0 and len(RecordStore(tmp_path / "records")) == 1


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="break"):
        run_tightness([CELL], out=tmp_path, broken="phiw", resume=False, console=Console(quiet=True))
    with pytest.raises(InvalidParameter, match="grid"):
        tightness_cells((), 1.0, (1.0,), (1.0,), 1.0, (1,), (Geometry.STRONGLY_CONVEX,), 0.7, 0)
