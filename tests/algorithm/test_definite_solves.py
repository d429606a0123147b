"""Solves by elimination agree with LAPACK's, batched and differentiated; measured programs call no LAPACK."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anil_theory
from anil_theory.algorithm.definite_solves import solve_definite

PACKAGE = Path(anil_theory.__file__).parent
CALLS = re.compile(r"jnp\.linalg\.(?!norm\b)\w+|jnp\.linalg\.norm\([^\n]*, (ord=)?2\)")
SMALL_ENOUGH = {"tensor_program.py"}
"""`tightness` runs it one cell at a time, with one call in a computation."""


def definite(seed: int, n: int, condition: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(generator.standard_normal((n, n)))
    return (turned * np.geomspace(1 / condition, 1.0, n)) @ turned.T


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6])
def test_it_agrees_with_lapack(n: int, condition: float) -> None:
    matrices = np.stack([definite(seed, n, condition) for seed in range(3)])
    right = np.random.default_rng(9).standard_normal((3, n))
    solved = jax.jit(jax.vmap(solve_definite))(matrices, right)
    expected = np.stack([np.linalg.solve(m, b) for m, b in zip(matrices, right, strict=True)])
    assert np.max(np.abs(solved - expected)) < 1e-14 * n * condition * np.max(np.abs(expected))
    several = solve_definite(jnp.asarray(matrices[0]), jnp.asarray(right.T))
    np.testing.assert_allclose(several[:, 0], solved[0], rtol=1e-12 * condition)


def test_its_derivative_is_that_of_the_inverse() -> None:
    matrix, right = jnp.asarray(definite(0, 4, 10.0)), jnp.arange(1.0, 5.0)
    moved = jnp.asarray(definite(1, 4, 3.0))
    _, slope = jax.jvp(lambda m: solve_definite(m, right), (matrix,), (moved,))
    inverse = np.linalg.inv(matrix)
    np.testing.assert_allclose(slope, -inverse @ moved @ inverse @ right, rtol=1e-10)


@pytest.mark.parametrize("room", ["algorithm", "estimators", "tasks"])
def test_measured_programs_call_no_batched_lapack(room: str) -> None:
    """Two cells in two threads would wait for each other on a machine of two cores."""
    calls = {
        (path.name, call.group(0))
        for path in sorted((PACKAGE / room).glob("*.py"))
        for call in CALLS.finditer(path.read_text(encoding="utf-8"))
        if path.name not in SMALL_ENOUGH
    }
    assert not calls
    assert CALLS.search("jnp.linalg.solve(H, p)") and CALLS.search("jnp.linalg.norm(f(a, b), 2)[None]")
    assert not CALLS.search("jnp.linalg.norm(p)")
