"""Damaged and foreign checkpoints give way to older ones, with a line in the log; nothing of them runs."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.neural.checkpoints import Checkpoint, OtherConfiguration, load_checkpoint, save_checkpoint
from anil_theory.neural.training import History
from tests.neural.hostile_zips import DAMAGES, array_bytes, header, members, write

CONFIGURATION = {"rate": 0.5}
STATE = {"a": np.arange(3.0), "b": np.ones((20, 20), np.float32)}


def saved(folder: Path, iteration: int) -> Path:
    return save_checkpoint(folder, CONFIGURATION, Checkpoint(iteration, STATE, {"loss": [float(iteration)]}))


def newest(folder: Path) -> Checkpoint:
    found = load_checkpoint(folder, CONFIGURATION, STATE)
    assert found is not None
    return found


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_gives_way_to_the_one_before(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    saved(tmp_path, 1)
    path = saved(tmp_path, 2)
    assert newest(tmp_path).iteration == 2
    DAMAGES[damage][0](path)
    with caplog.at_level(logging.WARNING):
        found = newest(tmp_path)
    assert found.iteration == 1 and found.history == {"loss": [1.0]}
    np.testing.assert_array_equal(found.state["b"], STATE["b"])
    assert not (tmp_path / "mark").exists()
    if path.is_file():  # pipes and folders are no files to begin with
        [line] = [record.getMessage() for record in caplog.records]
        assert path.name in line and DAMAGES[damage][1] in line and "\n" not in line


def _about(text: str) -> bytes:
    return array_bytes(header("()", f"'<U{len(text)}'"), text.encode("utf-32-le"))


ABOUT = {
    "no JSON": "{",
    "a list": "[]",
    "too little": json.dumps({"configuration": {}}),
    "no mapping": json.dumps({"configuration": [1], "history": {}}),
    "deep": "[" * 100_000 + "]" * 100_000,
    "long": "9" * 5000,
}


@pytest.mark.parametrize("case", ABOUT)
def test_a_checkpoint_that_does_not_say_of_what_is_passed_over(tmp_path: Path, case: str) -> None:
    saved(tmp_path, 1)
    path = saved(tmp_path, 2)
    write(path, members(path) | {"about.npy": _about(ABOUT[case])})
    assert newest(tmp_path).iteration == 1


def test_other_arrays_are_passed_over_or_named(tmp_path: Path) -> None:
    path = saved(tmp_path, 2)
    content = members(path)
    write(path, {name: raw for name, raw in content.items() if name != "leaf0.npy"})
    assert load_checkpoint(tmp_path, CONFIGURATION, STATE) is None
    write(path, content)
    for other in ({"a": STATE["a"]}, {**STATE, "b": np.ones((20, 20))}, {**STATE, "b": np.ones((2, 2), np.float32)}):
        with pytest.raises(InvalidParameter, match="arrays of shapes") as caught:
            load_checkpoint(tmp_path, CONFIGURATION, other)
        assert len(str(caught.value)) < 300
    sentence = r"the checkpoint is of a run with rate = 0\.5, and this run has rate = 0\.25: choose another --out"
    with pytest.raises(OtherConfiguration, match=sentence):
        load_checkpoint(tmp_path, {"rate": 0.25}, STATE)


def test_names_that_are_no_checkpoints_are_left_alone(tmp_path: Path) -> None:
    for name in ("checkpoint-zzz.npz", "checkpoint-1e9.npz", "checkpoint-.npz", "checkpoint--00000001.npz"):
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / "checkpoint-000000009.npz").mkdir()
    os.mkfifo(tmp_path / "checkpoint-000000008.npz")
    for iteration in (1, 2, 3, 2_000_000_000):  # the last has more digits than the others
        saved(tmp_path, iteration)
    assert newest(tmp_path).iteration == 2_000_000_000
    kept = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert len(kept) == 6 and {"checkpoint-000000003.npz", "checkpoint-2000000000.npz", "checkpoint-zzz.npz"} <= kept


def test_objects_are_not_saved(tmp_path: Path) -> None:
    """Else the state would be pickled, and no checkpoint with it could be read."""
    with pytest.raises(InvalidParameter, match="leaf0 must be an array of numbers or texts"):
        save_checkpoint(tmp_path, {}, Checkpoint(1, [np.array([{}], dtype=object)], {}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "plain",
    [None, [], {}, {"loss": []}, {"loss": 3.0}, {"loss": [0.0], "more": []}, {"loss": [0.0, 1.0]}, {"loss": []}],
)
def test_a_history_that_is_none_is_refused(plain: Any) -> None:
    sound = {"loss": [0.5], "accuracy": [0.2], "norm_w": [1.0], "norm_phi": [1.0], "seconds": [0.1], "probes": []}
    assert History.kept(sound, 1).loss == [0.5]
    with pytest.raises(InvalidParameter, match="checkpoint must be one with"):
        History.kept(sound | plain if isinstance(plain, dict) and plain else plain, 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=3))
def test_any_flip_is_noticed_or_harmless(tmp_path: Path, flips: list[tuple[int, int]]) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    saved(tmp_path, 1)
    path = saved(tmp_path, 2)
    damaged = bytearray(path.read_bytes())
    for place, mask in flips:
        damaged[place % len(damaged)] ^= mask
    path.write_bytes(damaged)
    found = newest(tmp_path)
    assert found.history == {"loss": [float(found.iteration)]}
    for name, leaf in STATE.items():
        np.testing.assert_array_equal(found.state[name], leaf)
