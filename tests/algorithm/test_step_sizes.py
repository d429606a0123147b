"""Inner step sizes: of any floating type, and one for each part of w (Meta-SGD); leaves that cannot move are named."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import METHODS, inner_loop, meta_gradient
from anil_theory.tasks.base import Losses
from tests.algorithm.nested_task import LOSSES, flat, point

TREES: dict[str, Any] = {
    "number": 0.1,
    "prefix": {"head": 0.1, "inner": 0.02},
    "rows": {"head": [np.array([[0.1], [0.03]]), 0.0], "inner": np.float32(0.05)},
}


def reference(losses: Losses, w: Any, phi: Any, data: Any, sizes: Any, inner_steps: int) -> Any:
    """The gradient of L_D(w_N, phi) by reverse mode through a Python loop that spreads the step sizes itself."""

    def adapted_loss(w: Any, phi: Any) -> Any:
        for _ in range(inner_steps):
            slope = jax.grad(losses.support)(w, phi, data)
            w = jax.tree.map(lambda x, a, s: x - a * s, w, sizes, slope)
        return losses.query(w, phi, data)

    return jax.grad(adapted_loss, argnums=(0, 1))(w, phi)


def spread(alpha: Any, w: Any) -> Any:
    if isinstance(alpha, dict):
        return {name: spread(alpha[name], part) for name, part in w.items()}
    if isinstance(alpha, list):
        return [spread(a, part) for a, part in zip(alpha, w, strict=True)]
    return jax.tree.map(lambda leaf: np.broadcast_to(alpha, leaf.shape), w)


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("method", METHODS)
def test_each_part_of_w_moves_with_its_own_step(name: str, method: str) -> None:
    w, phi, data = point()
    alpha = TREES[name]
    expected = jax.jit(reference, static_argnums=(0, 5))(LOSSES, w, phi, data, spread(alpha, w), 3)
    found = jax.jit(partial(meta_gradient, LOSSES, alpha=alpha, inner_steps=3, method=method))(w, phi, data)
    np.testing.assert_allclose(flat(found), flat(expected), rtol=1e-11, atol=1e-13)


def test_a_part_with_step_zero_is_not_adapted() -> None:
    w, phi, data = point()
    final = inner_loop(LOSSES.support, w, phi, data, alpha={"head": 0.1, "inner": 0.0}, inner_steps=3).final
    np.testing.assert_array_equal(final["inner"], w["inner"])
    assert np.linalg.norm(final["head"][0] - w["head"][0]) > 1e-3


BAD: dict[str, tuple[Any, str]] = {
    "another structure": ({"head": 0.1}, "alpha"),
    "too many entries": ({"head": 0.1, "inner": np.ones((2, 3, 2))}, "alpha for w['inner']"),
    "another shape": ({"head": 0.1, "inner": np.ones(5)}, "alpha for w['inner']"),
    "not finite": ({"head": [0.1, np.nan], "inner": 0.1}, "alpha for w['head'][1]"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_tree_that_does_not_fit_is_named(name: str) -> None:
    alpha, blamed = BAD[name]
    with pytest.raises(InvalidParameter) as error:
        meta_gradient(LOSSES, *point(), alpha=alpha, inner_steps=2)
    assert error.value.name == blamed


def cubic(w: Any, phi: Any, data: Any) -> Any:
    return jnp.mean((data * w["a"] * phi - 1) ** 2)


def single(dtype: Any) -> tuple[Any, ...]:
    w, phi, data = {"a": jnp.array([0.3, 0.2], dtype)}, jnp.array([1.0, 2.0], dtype), jnp.ones(2, dtype)
    return Losses(cubic, cubic), w, phi, data


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("alpha", ["float64", "float32", "float16", "python"])
def test_a_step_size_of_any_type_leaves_the_model_its_own(alpha: str, model: str, method: str) -> None:
    size = 0.125 if alpha == "python" else jnp.asarray(0.125, alpha)
    run = jax.jit(partial(meta_gradient, *single(model), inner_steps=2, method=method))
    found = run(alpha=size)
    assert found.w["a"].dtype == found.phi.dtype == model
    # 1/8 is the same number in every type.
    np.testing.assert_array_equal(np.asarray(found.w["a"], float), np.asarray(run(alpha=0.125).w["a"], float))


@pytest.mark.parametrize("block", ["w", "phi"])
@pytest.mark.parametrize("leaf", [jnp.array(3), jnp.array([True]), 3, 1j])
def test_a_leaf_that_is_not_floating_is_named_by_its_path(block: str, leaf: Any) -> None:
    _, w, phi, data = single("float64")
    trees = {"w": w, "phi": {"p": phi}}
    trees[block] = trees[block] | {"buffers": [leaf]}
    inner = Losses(*[lambda w, phi, data: cubic(w, phi["p"], data)] * 2)
    with pytest.raises(InvalidParameter) as error:
        meta_gradient(inner, trees["w"], trees["phi"], data, alpha=0.1, inner_steps=2)
    assert error.value.name == f"{block}['buffers'][0]"
    with pytest.raises(InvalidParameter):
        inner_loop(inner.support, trees["w"], trees["phi"], data, alpha=0.1, inner_steps=2)
