"""Jobs that are measured together: how they are grouped, and that each keeps a record and an error of its own."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anil_theory.record import RecordStore
from anil_theory.study import Batch, Hand, Job, Measure, Result, run_jobs
from anil_theory.study.job import in_groups

MOST = 4
PATIENCE = 60.0


class Together:
    """Measures numbers in one call and keeps what it was asked; `action` is what a number does when it is measured."""

    def __init__(self, action: Callable[[int, Hand], None] = lambda number, hand: None):
        self.calls: list[list[int]] = []
        self.action = action

    def __call__(self, numbers: Sequence[int]) -> list[Measure]:
        self.calls.append(list(numbers))
        return [partial(self.one, number) for number in numbers]

    def one(self, number: int, hand: Hand) -> Result:
        self.action(number, hand)
        return Result(verdicts=[{"outcome": "CONSISTENT", "number": number}])


def alone(number: int, hand: Hand) -> Result:
    return Result(verdicts=[{"outcome": "CONSISTENT", "number": number, "alone": True}])


def job(number: int, together: Together, key: Any = "key", shape: Any = None) -> Job:
    batch = Batch(key, number, together, MOST)
    return Job({"number": number}, partial(alone, number), name=f"cell {number}", shape=shape, batch=batch)


def numbers(records: Any) -> list[int]:
    return [record.cell["number"] for record in records]


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=30), st.data())
def test_groups_hold_every_job_once_and_jobs_of_one_key_alone(keys: list[Any], data: st.DataObject) -> None:
    together = Together()
    jobs = [job(n, together, key) if key else Job({"number": n}, partial(alone, n)) for n, key in enumerate(keys)]
    todo = data.draw(st.lists(st.sampled_from(range(len(jobs))), unique=True) if jobs else st.just([]))
    groups = in_groups(jobs, sorted(todo))
    assert sorted(index for group in groups for index in group) == sorted(todo)
    for group in groups:
        assert list(group) == sorted(group) and 1 <= len(group) <= MOST
        assert len({keys[index] for index in group}) == 1 and (keys[group[0]] or len(group) == 1)
    for key in {keys[index] for index in todo} - {None}:
        # As few groups as there can be.
        sizes = [len(group) for group in groups if keys[group[0]] == key]
        assert len(sizes) == -(-sum(sizes) // MOST)


def test_a_group_is_one_call_with_a_record_for_each_job(tmp_path: Any) -> None:
    together = Together()
    jobs = [job(n, together, key=n % 2) for n in range(10)]
    summary = run_jobs(jobs, RecordStore(tmp_path))
    assert sorted(together.calls) == [[0, 2, 4, 6], [1, 3, 5, 7]], "8 and 9 are alone"
    assert numbers(summary.records) == list(range(10)) and len(RecordStore(tmp_path)) == 10
    assert [r.verdicts[0]["number"] for r in summary.records] == list(range(10))
    assert [bool(r.verdicts[0].get("alone")) for r in summary.records] == [False] * 8 + [True] * 2


def test_what_is_left_over_of_a_shape_takes_the_program_of_its_groups() -> None:
    """Of another shape, which has no group, a job is measured alone."""
    together = Together()
    jobs = [job(n, together, shape="grouped") for n in range(5)]
    jobs += [job(5, together, "another key", "grouped"), job(6, together, "a third", "single")]
    summary = run_jobs(jobs, None)
    assert sorted(together.calls) == [[0, 1, 2, 3], [4], [5]]
    assert [number for number, r in enumerate(summary.records) if r.verdicts[0].get("alone")] == [6]


def test_resume_takes_single_jobs_out_of_a_group(tmp_path: Any) -> None:
    store, together = RecordStore(tmp_path), Together()
    run_jobs([job(1, Together())], store)
    summary = run_jobs([job(n, together) for n in range(4)], store, resume=True)
    assert together.calls == [[0, 2, 3]] and summary.reused == 1 and numbers(summary.records) == [0, 1, 2, 3]


def test_ctrl_c_lets_the_group_in_hand_finish(tmp_path: Any) -> None:
    def interrupt(number: int, hand: Hand) -> None:
        if number == 1:
            os.kill(os.getpid(), 2)
            assert hand.stop.wait(PATIENCE)

    together = Together(interrupt)
    summary = run_jobs([job(n, together) for n in range(12)], RecordStore(tmp_path))
    assert summary.interrupted and numbers(summary.records) == [0, 1, 2, 3] and together.calls == [[0, 1, 2, 3]]


def test_an_error_in_one_job_of_a_group_loses_no_other(tmp_path: Any) -> None:
    def fail(number: int, hand: Hand) -> None:
        if number == 1:
            raise ArithmeticError("at fault")

    summary = run_jobs([job(n, Together(fail)) for n in range(4)], RecordStore(tmp_path))
    assert numbers(summary.records) == [0, 2, 3] and len(RecordStore(tmp_path)) == 3
    assert isinstance(summary.failure, ArithmeticError) and summary.failed == "cell 1"


def test_a_call_that_cannot_be_made_ends_the_run_and_hangs_no_follower(tmp_path: Any) -> None:
    def impossible(numbers: Sequence[int]) -> list[Measure]:
        raise ArithmeticError("no call")

    jobs = [
        Job({"number": n}, partial(alone, n), name=f"cell {n}", shape="shape", batch=Batch("key", n, impossible, MOST))
        for n in range(9)
    ]
    summary = run_jobs(jobs, RecordStore(tmp_path), workers=2)
    assert isinstance(summary.failure, ArithmeticError) and summary.failed == "cell 0" and summary.records == []
