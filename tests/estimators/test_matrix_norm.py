"""Top singular vectors by squaring, against the SVD."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.estimators.matrix_norm import top_directions

BATCHED = jax.jit(jax.vmap(top_directions))


@given(st.integers(0, 2**32), st.floats(-200, 100))
def test_the_norm_is_reached_from_below(seed: int, exponent: float) -> None:
    matrices = 2.0**exponent * np.random.default_rng(seed).standard_normal((30, 3, 4))
    u, v = map(np.asarray, BATCHED(jnp.asarray(matrices)))
    norms = np.linalg.norm(matrices, 2, axis=(1, 2))
    reached = np.einsum("bi,bij,bj->b", u, matrices, v)
    assert (reached <= norms * (1 + 1e-12)).all() and (reached >= norms * (1 - 2e-3)).all()
    np.testing.assert_allclose(np.linalg.norm(u, axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("matrix", [np.diag([-3.0, 1.0]), np.diag([3.0, -3.0]), np.ones((2, 2)) * 1.5])
def test_signs_and_ties(matrix: np.ndarray) -> None:
    u, v = top_directions(jnp.asarray(matrix))
    assert float(u @ matrix @ v) == pytest.approx(3, rel=1e-12)


def test_a_zero_matrix_has_no_direction() -> None:
    u, v = top_directions(jnp.zeros((2, 3)))
    assert not u.any() and not v.any()
