"""Convolutions made of matrix products against the library's: values, and derivatives up to the second order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory.neural.convolution import direct, fastest, unrolled, winograd


def draw(seed: int, *shape: int, dtype: str = "float64") -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3), st.integers(0, 9))
def test_it_is_the_convolution_for_every_shape(n: int, height: int, width: int, c: int, d: int, seed: int) -> None:
    x, kernel = draw(seed, n, height, width, c), draw(seed + 1, 3, 3, c, d)
    for other in (winograd, unrolled):
        np.testing.assert_allclose(other(x, kernel), direct(x, kernel), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sides", [(8, 8), (7, 5)])
def test_first_and_second_derivatives_agree(sides: tuple[int, int]) -> None:
    x, kernel = draw(0, 2, *sides, 3), draw(1, 3, 3, 3, 4)
    moves = draw(2, *x.shape), draw(3, *kernel.shape)

    def curved(convolution):
        gradient = jax.grad(lambda x, kernel: jnp.sum(jnp.sin(convolution(x, kernel))), argnums=(0, 1))
        return jax.jit(lambda *at: jax.jvp(gradient, at, moves))(x, kernel)

    expected = jax.tree.leaves(curved(direct))
    for ours, theirs in zip(jax.tree.leaves([curved(winograd), curved(unrolled)]), 2 * expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


def test_rounding_in_float32_is_that_of_a_few_additions() -> None:
    x, kernel = draw(0, 2, 16, 16, 64, dtype="float32"), draw(1, 3, 3, 64, 64, dtype="float32")
    exact = direct(x.astype("float64"), kernel.astype("float64"))
    error = {f.__name__: float(jnp.max(jnp.abs(f(x, kernel) - exact))) for f in (winograd, direct)}
    assert error["winograd"] < 1e-4 * float(jnp.max(jnp.abs(exact)))
    assert error["winograd"] < 20 * error["direct"]


def test_the_faster_way_is_taken_on_the_cpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = jnp.zeros((3, 3, 8, 8))
    assert fastest(jnp.zeros((1, 16, 16, 8)), kernel) is winograd
    assert fastest(jnp.zeros((1, 16, 16, 3)), jnp.zeros((3, 3, 3, 8))) is unrolled
    assert fastest(jnp.zeros((1, 2, 2, 8)), kernel) is direct
    assert fastest(jnp.zeros((1, 16, 16, 8), jnp.bfloat16), kernel) is direct
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert fastest(jnp.zeros((1, 16, 16, 8)), kernel) is direct
