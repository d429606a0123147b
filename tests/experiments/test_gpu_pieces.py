"""The time limit of experiments/gpu.py, its JSON after every piece, and bad input: a clock in place of waiting."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import gpu
from experiments.gpu_steps import card as card_module
from experiments.gpu_steps.card import Fitted, NoCard, find_card, fit_tasks
from experiments.gpu_steps.pieces import Clock, Piece, Plain, Report, Step, repeat, run_steps
from experiments.gpu_steps.workers import NoAnswer, Worker


class Time:
    """A clock of `time.monotonic`'s kind that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def passes(self, seconds: float) -> Any:
        """A measurement that takes so long."""

        def measure(clock: Clock) -> Plain:
            self.seconds += seconds
            return {"done": seconds}

        return measure


def run(tmp_path: Path, pieces: list[Piece], time: Time, seconds: float = 10.0, **options: Any) -> dict[str, Plain]:
    report = Report(tmp_path / "card.json", say=lambda line: None)
    run_steps([Step("step", 1.0, pieces)], report, Clock(seconds, time), **options)
    written = json.loads(report.path.read_text(encoding="utf-8"))
    assert list(tmp_path.iterdir()) == [report.path]
    return written["steps"]["step"]


def test_a_piece_that_does_not_fit_is_left_out_and_a_shorter_one_is_run(tmp_path: Path) -> None:
    time = Time()
    pieces = [Piece(str(n), float(n), time.passes(n)) for n in (6, 5, 3)]
    found = run(tmp_path, pieces, time)
    assert found["6"]["done"] == 6 and found["3"]["done"] == 3
    assert found["5"] == {"skipped": "needs about 5 s, and 4 s are left"}


def test_expected_lengths_of_another_machine_skip_nothing_while_there_is_time(tmp_path: Path) -> None:
    time = Time()
    pieces = [Piece(name, 1000.0, time.passes(6)) for name in "abc"]
    found = run(tmp_path, pieces, time, trust_expected=False)
    assert "done" in found["a"] and "done" in found["b"] and "skipped" in found["c"]


def test_a_step_takes_its_share_and_no_more(tmp_path: Path) -> None:
    time, report = Time(), Report(tmp_path / "x.json", say=lambda line: None)
    steps = [Step(name, share, [Piece("p", 4.0, time.passes(4))]) for name, share in (("a", 0.3), ("b", 0.5))]
    run_steps(steps, report, Clock(10.0, time))
    assert "skipped" in report.steps["a"]["p"] and "done" in report.steps["b"]["p"]


def test_what_is_done_is_written_before_the_next_piece_begins(tmp_path: Path) -> None:
    path = tmp_path / "card.json"

    def cut_off(clock: Clock) -> Plain:
        assert json.loads(path.read_text(encoding="utf-8"))["steps"]["step"]["first"]["done"] == 1
        raise KeyboardInterrupt

    pieces = [Piece("first", 0.0, Time().passes(1)), Piece("second", 0.0, cut_off)]
    with pytest.raises(KeyboardInterrupt):
        run_steps([Step("step", 1.0, pieces)], Report(path, say=lambda line: None), Clock(10.0, Time()))
    assert list(json.loads(path.read_text(encoding="utf-8"))["steps"]["step"]) == ["first"]


def test_a_file_that_cannot_be_written_costs_the_file_and_not_the_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "file"
    taken.write_text("")
    time, report = Time(), Report(taken / "card.json", say=lambda line: None)
    run_steps([Step("step", 1.0, [Piece(name, 0.0, time.passes(1)) for name in "ab"])], report, Clock(10.0, time))
    assert all(report.steps["step"][name]["done"] == 1 for name in "ab")
    assert report.ending.status() == 3 and "card.json was not written" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_line_and_status_3(tmp_path: Path) -> None:
    """Before anything is measured; 1 would say that the card disagrees."""
    (tmp_path / "file").write_text("")
    command = [sys.executable, str(Path(gpu.__file__)), "--dry", "--out", str(tmp_path / "file")]
    done = subprocess.run([*command, "--work", str(tmp_path / "work")], capture_output=True, text=True)
    assert done.returncode == 3 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and "was not written" in done.stderr


def test_a_piece_that_fails_is_named_and_the_next_one_goes_on(tmp_path: Path) -> None:
    def fail(clock: Clock) -> Plain:
        raise RuntimeError("a reason")

    time = Time()
    found = run(tmp_path, [Piece("bad", 0.0, fail), Piece("good", 0.0, time.passes(1))], time)
    assert found["bad"]["failed"] == "RuntimeError: a reason" and found["good"]["done"] == 1
    assert gpu.exit_status({"step": found}) == 3 and gpu.exit_status({"step": {"good": found["good"]}}) == 0
    assert gpu.exit_status({"correctness": {"maml": {"agrees": False}}, "step": found}) == 1


def test_a_limit_that_comes_between_repetitions_shortens_them() -> None:
    time, calls = Time(), []

    def action() -> None:
        time.seconds += 4
        calls.append(time.seconds)

    found = repeat(action, Clock(10.0, time), rounds=5)
    assert len(calls) == 3 and len(found["each"]) == 2
    assert found["shortened"] == "2 of 5 repetitions: the time was up"
    assert len(repeat(action, Clock(0.0, time), rounds=5)["each"]) == 1
    assert "shortened" not in repeat(action, Clock(100.0, time), rounds=2)


def test_numbers_that_json_cannot_say_are_written_all_the_same(tmp_path: Path) -> None:
    found = run(tmp_path, [Piece("p", 0.0, lambda clock: {"loss": float("nan")})], Time())
    assert found["p"]["loss"] != 0


def device(platform: str, **statistics: int) -> Any:
    return SimpleNamespace(platform=platform, device_kind="NVIDIA H100 80GB HBM3", memory_stats=lambda: statistics)


def test_a_machine_without_a_card_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_module.jax, "devices", lambda: [device("cpu")])
    monkeypatch.setattr(card_module, "cards_of_the_driver", list)
    with pytest.raises(NoCard, match="no card; --dry"):
        find_card(dry=False)
    assert find_card(dry=True).toy


def test_a_jax_that_does_not_see_the_card_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_module.jax, "devices", lambda: [device("cpu")])
    monkeypatch.setattr(card_module, "cards_of_the_driver", lambda: ["NVIDIA H200"])
    with pytest.raises(NoCard, match=r"has NVIDIA H200, and JAX .* sees only cpu.*cuda"):
        find_card(dry=False)


def test_a_card_is_named_in_the_form_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_module.jax, "devices", lambda: [device("gpu", bytes_limit=7)])
    found = find_card(dry=False)
    assert (found.slug, found.bytes_limit, found.toy) == ("nvidia-h100-80gb-hbm3", 7, False)


def test_the_driver_is_asked_by_its_own_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H100'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert card_module.cards_of_the_driver() == ["NVIDIA H100"]
    monkeypatch.setattr(card_module.shutil, "which", lambda name: None)
    assert card_module.cards_of_the_driver() == []


def test_too_little_memory_halves_the_tasks_and_says_so() -> None:
    assert fit_tasks(32, 1e9, 80 * 2**30) == Fitted(32, "")
    small = fit_tasks(32, 1e9, 16 * 2**30)
    assert (
        small.tasks == 8 and small.remark == "8 tasks in place of 32: the card has 16 GiB, too little for all of them"
    )
    assert fit_tasks(32, 1e12, 2**30).tasks == 1


def test_no_card_and_other_bad_input_end_with_status_2(tmp_path: Path) -> None:
    script = Path(gpu.__file__)
    for arguments, message in (
        (["--minutes", "0"], "must be a finite number > 0; got '0'"),
        (["--minutes", "soon"], "got 'soon'"),
    ):
        done = subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True)
        assert done.returncode == 2 and message in done.stderr, done.stderr


def test_a_worker_that_does_not_answer_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.gpu_steps.workers.GRACE", 0.2)
    worker = Worker("timeit", "-n", "1", "-r", "1", "import time; time.sleep(60)")
    with pytest.raises(NoAnswer, match="was ended: the time was up"):
        worker.ask({}, Clock(0.0))
    assert worker.process is None


def test_a_worker_that_ends_by_itself_is_told_from_a_slow_one() -> None:
    with pytest.raises(NoAnswer, match=r"json\.tool has ended"):
        Worker("json.tool", "--no-such-option").ask({}, Clock(20.0))
