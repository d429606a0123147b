"""Norms of blocks by Lanczos against the SVD: exact in a full space, always from below, never far by its own word."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory.estimators.lanczos import BREAKDOWN, block_norm, mixed_directions

n_w, n = 3, 5
IN_W = np.arange(n) < n_w
PARTS = {"w": IN_W, "phi": ~IN_W}
BLOCKS = {"ww": ("w", "w"), "wphi": ("w", "phi"), "phiw": ("phi", "w"), "phiphi": ("phi", "phi")}
MASKS = jnp.asarray(np.array([[PARTS[x], PARTS[y]] for x, y in BLOCKS.values()], float))

EPS = np.finfo(float).eps


@partial(jax.jit, static_argnums=3)
def lanczos(matrix: Any, masks: Any, start: Any, steps: int) -> Any:
    return block_norm(lambda v: matrix @ v, masks, start, steps)[0]


@jax.jit
def all_blocks(matrix: Any, start: Any) -> Any:
    """Every block of a 5 x 5 matrix, in one compilation."""
    return jax.vmap(lambda masks: block_norm(lambda v: matrix @ v, masks, start, 20)[0])(MASKS)


def symmetric(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2


def block(matrix: np.ndarray, name: str) -> np.ndarray:
    x, y = BLOCKS[name]
    return matrix[np.ix_(PARTS[x], PARTS[y])]


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.floats(-300, 300), st.integers(0, 5))
def test_every_block_of_a_small_matrix(seed: int, exponent: float, rank: int) -> None:
    """Of any scale and rank: exact to 1e-10, a Rayleigh quotient at unit vectors in the block, and its word is kept."""
    generator = np.random.default_rng(seed)
    factor = generator.standard_normal((n, rank))
    matrix = 2.0**exponent * symmetric(factor * generator.choice([-1, 1], rank) @ factor.T)
    value, directions, distance = map(np.asarray, all_blocks(jnp.asarray(matrix), generator.standard_normal(n)))
    for i, name in enumerate(BLOCKS):
        singular = np.linalg.svd(block(matrix, name), compute_uv=False)
        size = max(singular[0], EPS * np.abs(matrix).max())
        assert value[i] <= singular[0] + 50 * EPS * size
        assert value[i] == pytest.approx(singular[0], rel=1e-10, abs=1e-10 * size)
        u, v = directions[i]
        x, y = BLOCKS[name]
        assert not u[~PARTS[x]].any() and not v[~PARTS[y]].any()
        assert u @ matrix @ v == pytest.approx(value[i], rel=1e-12, abs=50 * EPS * size)
        assert np.linalg.norm(v) == pytest.approx(1, rel=1e-12)
        assert np.abs(singular - value[i]).min() <= distance[i] + 50 * EPS * size


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_few_steps_stay_below_and_keep_their_word(seed: int, steps: int) -> None:
    generator = np.random.default_rng(seed)
    matrix = symmetric(generator.standard_normal((8, 8)))
    for rows in (np.arange(8) < 8, np.arange(8) < 5):
        for columns in (rows, ~rows if not rows.all() else rows):
            masks = jnp.asarray(np.array([rows, columns], float))
            found = lanczos(jnp.asarray(matrix), masks, jnp.asarray(generator.standard_normal(8)), steps)
            singular = np.linalg.svd(matrix[np.ix_(rows, columns)], compute_uv=False)
            # Of a block that is not square 0 counts: the larger side has vectors that it maps to 0.
            known = np.append(singular, [0.0] * abs(int(rows.sum()) - int(columns.sum())))
            assert float(found.value) <= singular[0] * (1 + 1e-14)
            assert np.abs(known - float(found.value)).min() <= float(found.distance) + 1e-13


def spectrum(name: str, size: int, generator: np.random.Generator) -> np.ndarray:
    signs = generator.choice([-1.0, 1.0], size)
    if name == "decaying":
        return signs * 0.8 ** np.arange(size)
    # Twenty values within 2 % of the top one, and the rest in the lower half.
    return signs * np.concatenate([np.linspace(1.0, 0.98, 20), generator.uniform(0, 0.5, size - 20)])


def reflected(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A dense symmetric matrix of given eigenvalues: two reflections of a diagonal one, which cost no factorisation."""
    matrix = np.diag(values)
    for _ in range(2):
        q = generator.standard_normal(len(values))
        q /= np.linalg.norm(q)
        matrix -= 2 * np.outer(q, q @ matrix)
        matrix -= 2 * np.outer(matrix @ q, q)
    return symmetric(matrix)


@pytest.mark.parametrize("size", [200, 2000])
@pytest.mark.parametrize(("name", "steps", "short"), [("decaying", 40, 1e-10), ("clustered", 40, 3e-3)])
def test_large_matrices(name: str, size: int, steps: int, short: float) -> None:
    """Short of the norm by little, never above it, and closer than as many products of power iteration."""
    generator = np.random.default_rng(size)
    matrix = reflected(spectrum(name, size, generator), generator)
    # The reflections keep the eigenvalues; the SVD of NumPy holds this where it is cheap.
    exact = np.linalg.norm(matrix, 2) if size == 200 else 1.0
    assert exact == pytest.approx(1, rel=1e-12)
    start = generator.standard_normal(size)
    found = lanczos(jnp.asarray(matrix), jnp.ones((2, size)), jnp.asarray(start), steps)
    value = float(found.value)
    assert exact * (1 - short) <= value <= exact * (1 + size * EPS)
    v = start
    for _ in range(steps + 2):
        v = matrix @ v / np.linalg.norm(v)
    assert exact - value < (exact - np.linalg.norm(v)) / 3
    assert float(found.distance) >= exact - value - size * EPS


def test_a_zero_block_has_norm_zero_and_keeps_directions_in_it() -> None:
    matrix = np.zeros((n, n))
    matrix[:n_w, :n_w] = np.diag([3.0, 2.0, 1.0])
    found = all_blocks(jnp.asarray(matrix), jnp.ones(n))
    np.testing.assert_allclose(found.value, [3, 0, 0, 0], rtol=1e-14)
    np.testing.assert_allclose(found.distance, 0, atol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(found.directions[:, 1], axis=1), 1, rtol=1e-14)


@pytest.mark.parametrize("value", [-2.5, 0.0, 1e-200, 1e200])
def test_one_dimension(value: float) -> None:
    found = lanczos(jnp.array([[value]]), jnp.ones((2, 1)), jnp.array([0.3]), 5)
    assert float(found.value) == pytest.approx(abs(value), rel=1e-14)
    assert float(found.distance) <= BREAKDOWN * EPS * abs(value)


def test_a_matrix_of_rank_one_is_done_after_one_step() -> None:
    v = np.random.default_rng(0).standard_normal(30)
    matrix = jnp.asarray(-np.outer(v, v))
    one, more = (lanczos(matrix, jnp.ones((2, 30)), jnp.ones(30), steps) for steps in (1, 6))
    for found in (one, more):
        assert float(found.value) == pytest.approx(v @ v, rel=1e-13)
    # One step knows |B v| at its start alone, which is some way below.
    assert float(one.distance) > 0.1 * (v @ v) and float(more.distance) < 1e-12 * (v @ v)


def test_equal_and_opposite_eigenvalues() -> None:
    """The top singular value of a block with eigenvalues 1 and -1 has two vectors; any mixture of them shows it."""
    for values in ([1.0, -1.0, 0.3, 0.2], [1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0]):
        found = lanczos(jnp.diag(jnp.array(values)), jnp.ones((2, 4)), jnp.array([0.3, 0.9, -0.4, 0.8]), 4)
        assert float(found.value) == pytest.approx(1, rel=1e-14) and float(found.distance) < 1e-13


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_has_no_value(bad: float) -> None:
    matrix = np.eye(4)
    matrix[1, 2] = matrix[2, 1] = bad
    found = lanczos(jnp.asarray(matrix), jnp.ones((2, 4)), jnp.ones(4), 4)
    assert np.isnan(float(found.value)) and np.isnan(float(found.distance))


def test_a_start_without_the_top_vector_finds_another_singular_value() -> None:
    """Why the distance is no upper bound: it is 0 here, at the second singular value."""
    found = lanczos(jnp.diag(jnp.array([5.0, 2.0, 1.0])), jnp.ones((2, 3)), jnp.array([0.0, 1.0, 1.0]), 3)
    assert float(found.value) == pytest.approx(2, rel=1e-12) and float(found.distance) < 1e-6


@pytest.mark.parametrize("name", BLOCKS)
def test_mixed_directions_are_those_of_power_iteration(name: str) -> None:
    """Without a product of their own, in a space that is full."""
    generator = np.random.default_rng(3)
    matrix = symmetric(generator.standard_normal((n, n)))
    rows, columns = masks = np.array([PARTS[part] for part in BLOCKS[name]], float)
    v = start = generator.standard_normal(n)
    for _ in range(3):
        v = columns * (matrix @ (rows * (matrix @ (columns * v))))
    u = rows * (matrix @ v)
    _, krylov = block_norm(lambda v: jnp.asarray(matrix) @ v, jnp.asarray(masks), jnp.asarray(start), n)
    found = np.asarray(mixed_directions(krylov, jnp.asarray(masks), 3))
    np.testing.assert_allclose(found, [u / np.linalg.norm(u), v / np.linalg.norm(v)], atol=1e-12)


def test_mixed_directions_of_a_whole_matrix_reach_the_top_pair_and_of_a_zero_block_stay_at_the_start() -> None:
    generator = np.random.default_rng(4)
    start = generator.standard_normal(n)
    basis = np.linalg.qr(generator.standard_normal((n, n)))[0]
    whole = jnp.ones((2, n))
    for size in (1.0, 0.0):
        matrix = jnp.asarray(size * basis @ np.diag([-3.0, 1.0, 0.5, 0.2, 0.1]) @ basis.T)
        _, krylov = block_norm(lambda v, matrix=matrix: matrix @ v, whole, jnp.asarray(start), n)
        u, v = np.asarray(mixed_directions(krylov, whole, 20))
        if size:
            top = np.sign(basis[:, 0] @ v) * basis[:, 0]
            np.testing.assert_allclose([u, v], [-top, top], atol=1e-12)
        else:
            np.testing.assert_allclose([u, v], [np.zeros(n), start / np.linalg.norm(start)], atol=1e-14)
