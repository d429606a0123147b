"""The runner: parallel runs equal serial ones, everything finished is kept, errors are not swallowed."""

import threading
from pathlib import Path
from typing import Any

import pytest

from anil_theory import Constants, Schedule
from anil_theory.checks import Row
from anil_theory.record import RecordStore
from anil_theory.studies.verify import cells as verify_cells
from anil_theory.studies.verify.cells import Cell, Regime, check_cell, job_of
from anil_theory.study import Job, run_jobs


def cells(number: int) -> list[Cell]:
    constants = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
    schedules = [Schedule(0.1, n) for n in range(1, number + 1)]
    return [Cell("blocks", "prop2", constants, s, Regime.FIXED, max_inner_steps=number) for s in schedules]


def jobs(number: int) -> list[Job]:
    return [job_of(cell) for cell in cells(number)]


def fake_row(cell: Cell, broken: str | None = None, found: Any = None) -> list[Row]:
    N = float(cell.schedule.inner_steps)
    return [Row("prop2", "ww", "blocks", "", "", "", N, "ascent", "lower", {}, 1.0, "CONSISTENT", "", [], [])]


def test_records_come_in_the_order_of_the_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_cells, "check_cell", fake_row)
    seen: list[Any] = []
    summary = run_jobs(jobs(20), RecordStore(tmp_path), on_done=seen.append, workers=4)
    assert [r.verdicts[0]["measured"] for r in summary.records] == list(range(1, 21))
    assert len(seen) == 20 and summary.outcomes()["CONSISTENT"] == 20 and not summary.refuted


def test_the_first_cell_of_a_shape_compiles_before_the_others_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = threading.Event()

    def check(cell: Cell, broken: str | None = None, found: Any = None) -> list[Row]:
        if cell.schedule.inner_steps == 1:
            compiled.wait(0.05)
            compiled.set()
        assert compiled.is_set(), "a follower ran before its leader was done"
        return fake_row(cell)

    monkeypatch.setattr(verify_cells, "check_cell", check)
    assert len(run_jobs(jobs(6), RecordStore(tmp_path), workers=3).records) == 6


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_cells, "check_cell", fake_row)
    done: list[Any] = []

    def interrupt(record: Any) -> None:
        done.append(record)
        if len(done) == 3:
            raise KeyboardInterrupt

    store = RecordStore(tmp_path)
    summary = run_jobs(jobs(50), store, on_done=interrupt, workers=1)
    assert summary.interrupted and 3 <= len(summary.records) <= 50
    assert len(store) == len(summary.records)
    resumed = run_jobs(jobs(50), store, resume=True)
    assert resumed.reused == len(summary.records) and len(resumed.records) == 50


def test_an_error_in_a_cell_stops_the_run_and_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(cell: Cell, broken: str | None = None, found: Any = None) -> list[Row]:
        if cell.schedule.inner_steps == 2:
            raise ArithmeticError("the cell at fault")
        return fake_row(cell)

    monkeypatch.setattr(verify_cells, "check_cell", check)
    summary = run_jobs(jobs(40), RecordStore(tmp_path), workers=1)
    assert isinstance(summary.failure, ArithmeticError) and "the cell at fault" in str(summary.failure)
    assert "prop2" in summary.failed and "N=2" in summary.failed
    assert summary.records[0].verdicts[0]["measured"] == 1.0 and len(summary.records) < 40
    assert len(RecordStore(tmp_path)) == len(summary.records) and not summary.interrupted


def test_a_leader_that_fails_does_not_hang_its_followers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(cell: Cell, broken: str | None = None, found: Any = None) -> list[Row]:
        raise ArithmeticError("at once")

    monkeypatch.setattr(verify_cells, "check_cell", check)
    summary = run_jobs(jobs(8), RecordStore(tmp_path), workers=2)
    assert isinstance(summary.failure, ArithmeticError) and summary.records == []


def test_every_attained_block_is_at_its_bound_and_halving_it_is_refuted() -> None:
    for constants, schedule in (
        (Constants(0.2, 1.0, 1.0, 0.5, 1.0), Schedule(0.2, 5)),
        (Constants(None, 1.0, 1.0, 0.5, 1.0), Schedule(0.14, 5)),
    ):
        name = "prop2" if constants.mu else "prop3"
        cell = Cell("attained", name, constants, schedule, Regime.FIXED, 1, 1, 1, max_inner_steps=5, family="extremal")
        (row,) = check_cell(cell)
        assert row.outcome == "CONSISTENT" and row.tightness == pytest.approx(1, abs=1e-6)
        (row,) = check_cell(cell, broken="ww")
        assert row.outcome == "REFUTED" and row.tightness == pytest.approx(2, abs=1e-6)
        refuted = [v for v in row.verdicts if v["outcome"] == "REFUTED"]
        assert len(refuted) == 3 and all("ball arithmetic" in v["replayed"] and v["suspects"] for v in refuted)
