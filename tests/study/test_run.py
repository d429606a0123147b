"""run.py: what is finished is kept, what ends a run is told, and records are reused only where nothing differs."""

import dataclasses
import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anil_theory import provenance as origin
from anil_theory.record import RecordStore, Status, UnreadableRecord
from anil_theory.study import Hand, Job, Result, Stopped, run_jobs

PATIENCE = 60.0
"""Seconds until a test gives up waiting for what takes milliseconds; on a busy machine it took more than ten."""


def job(number: int, measure: Callable[[Hand], Result] | None = None, shape: Any = None) -> Job:
    result = Result(verdicts=[{"outcome": "CONSISTENT", "number": number}])
    return Job({"number": number}, measure or (lambda hand: result), name=f"cell {number}", shape=shape)


def numbers(records: Any) -> list[int]:
    return [record.cell["number"] for record in records]


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    return RecordStore(tmp_path)


def unexpected(hand: Hand) -> Result:
    raise AssertionError("this cell was measured again")


@pytest.mark.parametrize("workers", [1, 3])
def test_records_come_in_the_order_of_the_jobs_with_their_origin(store: RecordStore, workers: int) -> None:
    seen: list[Any] = []
    summary = run_jobs([job(n) for n in range(12)], store, workers=workers, on_done=seen.append)
    assert numbers(summary.records) == list(range(12)) and sorted(numbers(seen)) == list(range(12))
    assert summary.total == len(store) == summary.outcomes()["CONSISTENT"] == 12 and summary.reused == 0
    assert all(origin.differing_origin(record.provenance) == () for record in store)
    assert not summary.interrupted and summary.failure is None and summary.counts() == "12 of 12 cells"


def test_resume_measures_only_what_is_missing(store: RecordStore) -> None:
    run_jobs([job(n) for n in (0, 2)], store)
    again = run_jobs([job(0, unexpected), job(1), job(2, unexpected)], store, resume=True)
    assert numbers(again.records) == [0, 1, 2] and again.reused == 2 and again.failure is None
    assert again.counts("curves") == "3 of 3 curves, 2 from an earlier run"


@pytest.mark.parametrize("name", origin.DETERMINING)
def test_resume_measures_again_what_another_origin_made(store: RecordStore, name: str) -> None:
    run_jobs([job(0)], store)
    (record,) = store
    store.put(dataclasses.replace(record, provenance=dict(record.provenance) | {name: "another"}))
    again = run_jobs([job(0)], store, resume=True)
    assert again.reused == 0 and again.outdated == {name: 1} and f"1 of other {name}" in again.counts()
    assert run_jobs([job(0, unexpected)], store, resume=True).reused == 1


@pytest.mark.parametrize("status", [Status.FAILED, Status.INTERRUPTED])
def test_resume_measures_again_what_did_not_end(store: RecordStore, status: Status) -> None:
    run_jobs([job(0)], store)
    (record,) = store
    store.put(dataclasses.replace(record, status=status))
    assert run_jobs([job(0)], store, resume=True).reused == 0


def test_a_record_of_another_schema_is_made_again_and_a_damaged_one_ends_the_run(store: RecordStore) -> None:
    run_jobs([job(n) for n in range(3)], store)
    first, second = (store.folder / f"{record.key}.json" for record in store if record.cell["number"] < 2)
    first.write_text(first.read_text().replace('"schema": 2', '"schema": 1'))
    again = run_jobs([job(n) for n in range(3)], store, resume=True)
    assert again.reused == 2 and again.outdated == {"schema": 1} and again.failure is None
    second.write_text(second.read_text().replace("CONSISTENT", "CONFIRMED"))
    damaged = run_jobs([job(n) for n in range(4)], store, resume=True)
    assert isinstance(damaged.failure, UnreadableRecord) and str(second) in str(damaged.failure)
    assert len(damaged.records) == damaged.reused == 2 and not damaged.interrupted
    # Without --resume nothing is read, and the cell is measured anew.
    assert run_jobs([job(n) for n in range(3)], store).failure is None


def test_ctrl_c_lets_the_jobs_in_hand_finish_and_starts_no_other(store: RecordStore) -> None:
    begun: list[int] = []

    def measure(number: int) -> Callable[[Hand], Result]:
        def measured(hand: Hand) -> Result:
            begun.append(number)
            if number == 2:
                os.kill(os.getpid(), 2)
                assert hand.stop.wait(PATIENCE) and hand.stopping
            return Result()

        return measured

    summary = run_jobs([job(n, measure(n)) for n in range(20)], store)
    assert summary.interrupted and summary.failure is None
    assert begun == [0, 1, 2] == numbers(summary.records) and len(store) == 3


def test_a_job_that_ends_early_is_not_finished(store: RecordStore) -> None:
    def stopped(hand: Hand) -> Result:
        os.kill(os.getpid(), 2)
        assert hand.stop.wait(PATIENCE)
        raise Stopped

    summary = run_jobs([job(0), job(1, stopped), job(2)], store)
    assert summary.interrupted and summary.failure is None and numbers(summary.records) == [0] == numbers(store)


def test_a_job_that_waits_for_a_compilation_is_not_in_hand(store: RecordStore) -> None:
    """At Ctrl-C the leader compiles and a follower waits: only the leader's cell is finished."""
    begun = threading.Event()

    def leader(hand: Hand) -> Result:
        begun.set()
        os.kill(os.getpid(), 2)
        assert hand.stop.wait(PATIENCE)
        return Result()

    summary = run_jobs([job(0, leader, "shape"), job(1, unexpected, "shape")], store, workers=2)
    assert summary.interrupted and summary.failure is None and numbers(summary.records) == [0]


def test_an_error_in_a_job_is_told_with_its_name_and_the_rest_is_kept(store: RecordStore) -> None:
    def failing(hand: Hand) -> Result:
        raise ArithmeticError("at fault")

    summary = run_jobs([job(0), job(1, failing), *(job(n) for n in range(2, 20))], store)
    assert isinstance(summary.failure, ArithmeticError) and summary.failed == "cell 1"
    assert 0 in numbers(summary.records) and numbers(summary.records) == sorted(numbers(store))
    assert numbers(summary.records) == [0] and not summary.interrupted


def test_a_full_disk_ends_the_run_and_the_result_that_did_not_fit_is_still_told(
    store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = RecordStore.put

    def full(self: RecordStore, record: Any) -> str:
        if record.cell["number"] == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return put(self, record)

    def slow(hand: Hand) -> Result:
        time.sleep(0.02)
        return Result()

    monkeypatch.setattr(RecordStore, "put", full)
    summary = run_jobs([job(n, slow) for n in range(30)], store)
    assert isinstance(summary.failure, OSError) and summary.failure.errno == errno.ENOSPC
    assert {0, 1} <= set(numbers(summary.records)) and len(summary.records) < 30 and 1 not in numbers(store)


def test_without_a_store_nothing_is_kept() -> None:
    summary = run_jobs([job(n) for n in range(3)], None, resume=True)
    assert numbers(summary.records) == [0, 1, 2] and summary.reused == 0


def test_without_a_store_records_are_in_the_summary_alone() -> None:
    summary = run_jobs([job(n) for n in range(3)], None)
    assert numbers(summary.records) == [0, 1, 2] and summary.failure is None


def test_a_reused_record_is_not_written_again(store: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run_jobs([job(0)], store)
    written: list[Any] = []
    monkeypatch.setattr(store, "put", written.append)
    summary = run_jobs([job(0, unexpected), job(1)], store, resume=True)
    assert summary.reused == 1 and numbers(summary.records) == [0, 1] and numbers(written) == [1]
