"""Tasks that come one by one: stacked, padded with a mask, refused by name; padding changes no meta-gradient."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import meta_gradient
from anil_theory.problem import Padded, TaskSet, masked_mean
from anil_theory.tasks.base import Losses


def per_example(w: Any, phi: Any, x: Any, y: Any) -> Any:
    # The logarithm is not defined at 0, the value that padding with zeros would bring.
    return jnp.log(x[:, 0]) * jnp.tanh(x @ (w * phi)) ** 2 + jnp.sqrt(y) * (x @ w)


def plain(w: Any, phi: Any, data: Any) -> Any:
    return jnp.mean(per_example(w, phi, data["x"], data["y"]))


def masked(w: Any, phi: Any, data: Padded) -> Any:
    return masked_mean(per_example(w, phi, data.examples["x"], data.examples["y"]), data.mask["x"])


def task(seed: int, examples: int) -> dict[str, np.ndarray]:
    uniform = np.random.default_rng(seed).uniform
    return {"x": uniform(0.5, 2.0, (examples, 2)), "y": uniform(0.5, 2.0, examples)}


W, PHI = jnp.array([0.3, -0.2]), jnp.array([0.5, 0.7])
gradient = jax.jit(meta_gradient, static_argnums=0, static_argnames="inner_steps")


@settings(max_examples=25)
@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_the_mask_says_what_is_there(sizes: list[int], seed: int) -> None:
    tasks = [task(seed + i, size) for i, size in enumerate(sizes)]
    stacked = TaskSet.stack(masked, masked, tasks, pad=True)
    assert len(stacked) == len(sizes)
    for index, original in enumerate(tasks):
        data = jax.tree.map(np.asarray, stacked.task(index))
        for name in ("x", "y"):
            np.testing.assert_array_equal(data.examples[name][data.mask[name]], original[name])
            assert data.examples[name].shape[0] == max(sizes)
        value = masked(W, PHI, stacked.task(index))
        np.testing.assert_allclose(value, plain(W, PHI, original), rtol=1e-12, atol=1e-14)


def test_padding_changes_no_meta_gradient() -> None:
    tasks = [task(i, size) for i, size in enumerate((2, 5, 3))]
    stacked = TaskSet.stack(masked, masked, tasks, pad=True)
    for index, original in enumerate(tasks):
        padded = gradient(stacked.losses, W, PHI, stacked.task(index), alpha=0.2, inner_steps=3)
        bare = gradient(Losses(plain, plain), W, PHI, jax.tree.map(jnp.asarray, original), alpha=0.2, inner_steps=3)
        np.testing.assert_allclose(padded.w, bare.w, rtol=1e-12)
        np.testing.assert_allclose(padded.phi, bare.phi, rtol=1e-12)


def test_equal_shapes_are_stacked_as_they_are() -> None:
    tasks = [task(i, 3) for i in range(4)]
    stacked = TaskSet.stack(plain, plain, tasks)
    for index, original in enumerate(tasks):
        for name in ("x", "y"):
            np.testing.assert_array_equal(stacked.task(index)[name], original[name])


def test_the_mean_of_nothing_is_nan() -> None:
    assert np.isnan(masked_mean(jnp.ones(3), jnp.zeros(3, bool)))
    np.testing.assert_array_equal(masked_mean(jnp.ones((3, 2)), jnp.array([True, False, True])), np.ones(2))


@pytest.mark.parametrize("size", [2, 4])
def test_a_list_of_trees_is_refused_with_the_way_out(size: int) -> None:
    """Four tasks of four examples share their leading axes, and were taken for four tasks that they are not."""
    tasks = [task(i, size) for i in range(4)]
    with pytest.raises(InvalidParameter, match=r"TaskSet\.stack"):
        TaskSet(plain, plain, tasks)
    with pytest.raises(InvalidParameter, match=r"TaskSet\.stack"):
        TaskSet(plain, plain, [(t["x"], t["y"]) for t in tasks])


def test_parts_of_one_tree_are_no_list_of_tasks() -> None:
    x, y = jnp.ones((4, 3)), jnp.ones(4)
    assert len(TaskSet(plain, plain, [x, y])) == 4
    assert len(TaskSet(plain, plain, ((x, y), (x, y)))) == 4
    assert len(TaskSet(plain, plain, [x, {"y": y}])) == 4


BAD: dict[str, tuple[list[Any], bool, str]] = {
    "no task": ([], True, "tasks"),
    "no array": ([(), ()], False, "tasks"),
    "another structure": ([{"x": np.ones(2)}, {"y": np.ones(2)}], True, "tasks[1]"),
    "ragged without padding": ([{"x": np.ones(2)}, {"x": np.ones(3)}], False, "tasks[..]['x']"),
    "ragged inside": ([{"x": np.ones((2, 2))}, {"x": np.ones((2, 3))}], True, "tasks[..]['x']"),
    "no example": ([{"x": np.ones(2)}, {"x": np.ones(0)}], True, "tasks[..]['x']"),
    "a number": ([{"x": np.ones(())}], True, "tasks[..]['x']"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_stacked_is_named(name: str) -> None:
    tasks, pad, blamed = BAD[name]
    with pytest.raises(InvalidParameter) as error:
        TaskSet.stack(plain, plain, tasks, pad=pad)
    assert error.value.name == blamed
