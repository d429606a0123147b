"""Training with an inner step size for each part of w: equal ones are the number, others do what they say."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory import InvalidParameter
from anil_theory.neural.probe import CurvatureProbe
from anil_theory.neural.program import Program
from anil_theory.neural.settings import Settings
from anil_theory.neural.training import RunState, train
from tests.neural.tiny_images import tiny_dataset

SETTINGS = Settings(
    ways=3, shots=2, queries=2, tasks=2, iterations=2, width=4, blocks=1, eval_tasks=2, max_inner_steps=3, chunk=2
)


def spread(size: Any) -> Any:
    return lambda w: jax.tree.map(lambda leaf: jnp.full(leaf.shape, size), w)


def test_equal_entries_are_the_number(tmp_path: Path) -> None:
    one = Program(SETTINGS, tiny_dataset())
    many = Program(SETTINGS, one.data, step_sizes=spread(SETTINGS.alpha))
    runs = [train(program, inner_steps=3, seed=0, evaluate=False) for program in (one, many)]
    np.testing.assert_allclose(runs[1].history.loss, runs[0].history.loss, rtol=1e-5)
    np.testing.assert_allclose(runs[1].history.norm_w, runs[0].history.norm_w, rtol=1e-5)


def test_a_part_without_a_step_is_not_adapted_and_checkpoints_know(tmp_path: Path) -> None:
    still = Program(SETTINGS, tiny_dataset(), step_sizes=spread(0.0))
    runs = [train(still, inner_steps=N, seed=0, checkpoints=tmp_path / str(N), every=1) for N in (1, 3)]
    assert all(run.status is RunState.TRAINED for run in runs)
    assert runs[0].history.loss == runs[1].history.loss, "without a step every N is the same"
    other = Program(SETTINGS, still.data, step_sizes=spread(0.1))
    with pytest.raises(InvalidParameter, match="step_sizes"):
        train(other, inner_steps=1, seed=0, checkpoints=tmp_path / "1", resume=True)
    with pytest.raises(InvalidParameter, match="single inner step size"):
        CurvatureProbe(other)


def test_step_sizes_that_do_not_fit_are_named() -> None:
    with pytest.raises(InvalidParameter) as error:
        Program(SETTINGS, tiny_dataset(), step_sizes=lambda w: jax.tree.map(lambda leaf: jnp.ones(7), w))
    assert error.value.name.startswith("alpha for w")
