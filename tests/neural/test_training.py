"""Training: one compilation for every N, bit-identical resumption, divergence as a status, bad input."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from anil_theory import InvalidParameter
from anil_theory.neural.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from anil_theory.neural.program import Program
from anil_theory.neural.settings import Settings
from anil_theory.neural.training import RunState, train
from tests.neural.tiny_images import tiny_dataset

SETTINGS = Settings(
    ways=3,
    shots=2,
    queries=2,
    tasks=4,
    iterations=6,
    width=4,
    blocks=1,
    eval_tasks=6,
    max_inner_steps=5,
    l2=0.1,
    chunk=2,
    beta_w=0.01,
    beta_phi=0.01,
)


@pytest.fixture(scope="module")
def program() -> Program:
    return Program(SETTINGS, tiny_dataset())


def test_every_n_and_seed_shares_one_compilation_and_training_lowers_the_loss(program: Program) -> None:
    runs = {N: train(program, inner_steps=N, seed=N) for N in (1, 2, 5)}
    assert program.traces == {"add": 1, "update": 1, "evaluate": 1, "scan": 0}
    for run in runs.values():
        assert run.status is RunState.TRAINED and len(run.history.loss) == SETTINGS.iterations
        assert run.test is not None and 0 <= run.test.mean <= 1 and run.test.tasks == 6
        assert min(run.history.norm_w) > 0 and min(run.history.norm_phi) > 0
    assert np.mean(runs[5].history.loss[-2:]) < runs[5].history.loss[0]


def test_the_chunk_does_not_change_the_iteration(program: Program) -> None:
    other = Program(replace(SETTINGS, chunk=4), tiny_dataset())
    a, b = (p.iterate(p.initial_state(0), 0, 0, 3)[1] for p in (program, other))
    np.testing.assert_allclose(a, b, rtol=2e-5)


def test_a_resumed_run_is_bit_identical(program: Program, tmp_path: Path) -> None:
    whole = train(program, inner_steps=3, seed=1, evaluate=False)

    def stop(iteration: int, loss: float) -> None:
        if iteration == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(program, inner_steps=3, seed=1, checkpoints=tmp_path, every=2, on_iteration=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"checkpoint-{i:09d}.npz" for i in (2, 4)]
    seen: list[int] = []
    again = train(
        program,
        inner_steps=3,
        seed=1,
        checkpoints=tmp_path,
        resume=True,
        evaluate=False,
        every=2,
        on_iteration=lambda iteration, loss: seen.append(iteration),
    )
    assert seen == [5, 6]
    assert again.history.loss == whole.history.loss and again.history.norm_phi == whole.history.norm_phi
    for a, b in zip(jax.tree.leaves(again.params), jax.tree.leaves(whole.params), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(list(tmp_path.iterdir())) == 2, "the oldest is pruned"
    with pytest.raises(InvalidParameter, match="inner_steps = 2"):
        train(program, inner_steps=2, seed=1, checkpoints=tmp_path, resume=True)


def test_many_iterations_in_one_dispatch_are_the_same_iterations(program: Program, tmp_path: Path) -> None:
    several = Program(replace(SETTINGS, dispatch=4, chunk=2), program.data)
    how: dict = {"inner_steps": 2, "seed": 3, "evaluate": False, "probe": lambda _: {}, "probe_at": (5,)}
    mine, other = (train(p, **how, checkpoints=tmp_path / str(i), every=4) for i, p in enumerate((several, program)))
    for name in ("loss", "accuracy", "norm_w", "norm_phi"):
        np.testing.assert_allclose(getattr(mine.history, name), getattr(other.history, name), rtol=1e-4)
    assert len(mine.history.seconds) == SETTINGS.iterations and mine.history.probes == [{"iteration": 5}]
    assert several.traces["add"] <= several.traces["scan"] == 2, "lengths 4 and 1"
    diverging = Program(replace(SETTINGS, dispatch=4, beta_phi=1e9, beta_w=1e9), program.data)
    ended = train(diverging, inner_steps=2, seed=3)
    assert ended.status is RunState.DIVERGED
    assert len(ended.history.seconds) == len(ended.history.loss) == ended.diverged_at + 1


KILLED = """
import os, signal
from pathlib import Path
from anil_theory.neural.program import Program
from anil_theory.neural.training import train
from tests.neural.test_training import SETTINGS, tiny_dataset

fsync, calls = os.fsync, []

def killing(file):
    calls.append(file)
    if len(calls) == 2:  # while the second checkpoint is written: it has no name yet
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(file)

os.fsync = killing
train(Program(SETTINGS, tiny_dataset()), inner_steps=3, seed=1, checkpoints=Path({folder!r}), every=2)
"""


def test_a_run_killed_while_it_writes_a_checkpoint_goes_on_bit_identically(program: Program, tmp_path: Path) -> None:
    script = "import tests.conftest" + KILLED.format(folder=str(tmp_path))
    child = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2 and names[0].startswith(".writing-") and names[1] == "checkpoint-000000002.npz"
    whole = train(program, inner_steps=3, seed=1, evaluate=False)
    seen: list[int] = []
    again = train(
        program,
        inner_steps=3,
        seed=1,
        checkpoints=tmp_path,
        resume=True,
        evaluate=False,
        on_iteration=lambda iteration, loss: seen.append(iteration),
    )
    assert seen == [3, 4, 5, 6] and again.history.loss == whole.history.loss
    for a, b in zip(jax.tree.leaves(again.params), jax.tree.leaves(whole.params), strict=True):
        np.testing.assert_array_equal(a, b)


def test_probes_are_kept_through_a_resumption(program: Program, tmp_path: Path) -> None:
    def look(params) -> dict:
        return {"size": float(sum(abs(x).sum() for x in jax.tree.leaves(params)))}

    def stop(iteration: int, loss: float) -> None:
        if iteration == 4:
            raise KeyboardInterrupt

    how: dict = {"inner_steps": 1, "seed": 0, "evaluate": False, "probe": look, "probe_at": (0, 2, 6)}
    whole = train(program, **how).history.probes
    assert [one["iteration"] for one in whole] == [0, 2, 6] and len({one["size"] for one in whole}) == 3
    with pytest.raises(KeyboardInterrupt):
        train(program, **how, checkpoints=tmp_path, every=3, on_iteration=stop)
    assert train(program, **how, checkpoints=tmp_path, resume=True).history.probes == whole


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    state = {"a": np.arange(3.0), "b": np.ones((2, 2), np.float32)}
    save_checkpoint(tmp_path, {"x": 1}, Checkpoint(1, state, {"loss": [0.5, float("inf")]}))
    newest = save_checkpoint(tmp_path, {"x": 1}, Checkpoint(2, state, {}))
    newest.write_bytes(newest.read_bytes()[:200])
    found = load_checkpoint(tmp_path, {"x": 1}, state)
    assert found is not None and found.iteration == 1 and found.history == {"loss": [0.5, float("inf")]}
    np.testing.assert_array_equal(found.state["b"], state["b"])
    assert load_checkpoint(tmp_path / "none", {"x": 1}, state) is None
    with pytest.raises(InvalidParameter, match="arrays of shapes"):
        load_checkpoint(tmp_path, {"x": 1}, {"a": np.zeros(3)})


# The loss, and the norms of both gradients.
@pytest.mark.parametrize(("place", "bad"), [(0, np.nan), (0, np.inf), (2, np.nan), (3, np.inf)])
def test_numbers_that_are_not_finite_end_a_run(
    program: Program, monkeypatch: pytest.MonkeyPatch, place: int, bad: float
) -> None:
    step = program.iterate

    def spoilt(state, seed: int, iteration: int, N: int):
        state, readings = step(state, seed, iteration, N)
        return state, np.where((np.arange(4) == place) & (iteration == 2), bad, readings)

    monkeypatch.setattr(program, "iterate", spoilt)
    run = train(program, inner_steps=1, seed=0)
    assert run.status is RunState.DIVERGED and run.diverged_at == 2 and run.test is None


def test_images_of_another_type_are_refused() -> None:
    data = tiny_dataset()
    # A split checks its type when it is made; the program does not rely on that.
    object.__setattr__(data.train, "images", data.train.images.astype(np.float32))
    with pytest.raises(InvalidParameter, match="train images must be uint8"):
        Program(SETTINGS, data)
    with pytest.raises(InvalidParameter, match="a uint8 array"):
        tiny_dataset(dtype=np.float32)


def test_divergence_is_a_status_with_its_iteration() -> None:
    wild = Program(replace(SETTINGS, optimizer="sgd", beta_w=1e8, beta_phi=1e8), tiny_dataset())
    run = train(wild, inner_steps=5, seed=0)
    assert run.status is RunState.DIVERGED and run.diverged_at == len(run.history.loss) - 1 >= 1
    assert run.test is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"chunk": 3}, "chunk"),
        ({"alpha": 0.0}, "alpha"),
        ({"l2": -1.0}, "l2"),
        ({"optimizer": "adagrad"}, "optimizer"),
        ({"dtype": "bfloat16"}, "dtype"),
        ({"ways": 5}, "ways"),
        ({"shots": 5}, "shots"),
        ({"geometry": "convex"}, "geometry"),
    ],
)
def test_bad_settings_are_named(change: dict, word: str) -> None:
    with pytest.raises(InvalidParameter, match=word):
        Program(replace(SETTINGS, **change), tiny_dataset())


def test_n_beyond_the_compiled_loop_is_refused(program: Program) -> None:
    with pytest.raises(InvalidParameter, match="max_inner_steps = 5"):
        train(program, inner_steps=6, seed=0)
