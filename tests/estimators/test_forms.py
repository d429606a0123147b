"""Ascent over points and directions: never down, inside its ball, and to the known extremes of known matrices."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.estimators.fields import block_masks
from anil_theory.estimators.forms import Form, ascend, norm_at, start_directions

n_w, n_phi = 3, 2
n = n_w + n_phi
MASKS = block_masks(n_w, n_phi)


def linear(z: Any, matrix: Any) -> Any:
    """The gradient of z^T A z / 2: a form of order 2 is a form of A, everywhere."""
    return matrix @ z


def wavy(z: Any, matrix: Any) -> Any:
    """The gradient of sum_i sin((A z)_i)."""
    return matrix.T @ jnp.cos(matrix @ z)


@pytest.fixture
def matrix() -> Any:
    A = np.random.default_rng(0).standard_normal((n, n))
    return jnp.asarray((A + A.T) / 2)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _run(field: Any, tied: bool, iterations: int, form: Any, data: Any, z: Any, directions: Any, radius: Any) -> Any:
    options = {"iterations": iterations, "first_step": 0.3, "radius": radius}
    return ascend(field, form._replace(tied=tied), z, data, directions, **options)


def search(field: Any, form: Form, data: Any, iterations: int, seed: int = 1, radius: float = np.inf) -> Any:
    normal = np.random.default_rng(seed).standard_normal
    directions = start_directions(form, jnp.asarray(normal((form.masks.shape[0], n))))
    return _run(field, form.tied, iterations, form, data, jnp.asarray(normal(n)), directions, radius)


@pytest.mark.parametrize(("sign", "which"), [(1.0, -1), (-1.0, 0)])
def test_a_tied_form_with_a_shift_finds_the_extreme_eigenvalue(matrix: Any, sign: float, which: int) -> None:
    values, vectors = np.linalg.eigh(matrix)
    form = Form(jnp.stack([MASKS["z"]] * 2), sign=sign, tied=True, shift=float(np.abs(values).max()))
    found = search(linear, form, matrix, 400)
    assert float(found.value) == pytest.approx(sign * values[which], rel=1e-12)
    assert abs(float(found.directions[0] @ vectors[:, which])) == pytest.approx(1, abs=1e-6)
    assert (found.directions[0] == found.directions[1]).all()


def test_a_tied_form_stays_in_its_block(matrix: Any) -> None:
    block = np.asarray(matrix)[:n_w, :n_w]
    form = Form(jnp.stack([MASKS["w"]] * 2), sign=-1.0, tied=True, shift=float(np.linalg.norm(block, 2)))
    found = search(linear, form, matrix, 400)
    assert float(found.value) == pytest.approx(-np.linalg.eigvalsh(block)[0], rel=1e-12)
    assert not np.asarray(found.directions)[:, n_w:].any()


@jax.jit
def by_lanczos(form: Form, matrix: Any, direction: Any) -> Any:
    return norm_at(linear, form._replace(tied=False), jnp.zeros(n), matrix, direction, n).top


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("x", "y"), [("z", "z"), ("w", "w"), ("w", "phi"), ("phi", "phi")])
def test_an_untied_form_finds_the_spectral_norm_of_its_block(matrix: Any, x: str, y: str, seed: int) -> None:
    """From every start: directions that moved all at once would end at minus the norm half the time."""
    at = {"w": slice(0, n_w), "phi": slice(n_w, n), "z": slice(0, n)}
    norm = np.linalg.norm(np.asarray(matrix)[at[x], at[y]], 2)
    form = Form(jnp.stack([MASKS[x], MASKS[y]]))
    assert float(search(linear, form, matrix, 400, seed).value) == pytest.approx(norm, rel=1e-9)
    start = start_directions(form, jnp.asarray(np.random.default_rng(seed).standard_normal((2, n))))
    found = by_lanczos(form, matrix, start[1])
    assert float(found.value) == pytest.approx(norm, rel=1e-12) and float(found.distance) < 1e-12
    u, v = np.asarray(found.directions)
    assert u @ np.asarray(matrix) @ v == pytest.approx(float(found.value), rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_ascent_never_falls_and_its_value_is_that_of_its_witness(matrix: Any, order: int) -> None:
    form = Form(jnp.stack([MASKS["z"], MASKS["w"], MASKS["w"]][:order]))
    values = []
    for iterations in (0, 2, 16):
        found = search(wavy, form, matrix, iterations)
        values.append(float(found.value))
        A, z, d = np.asarray(matrix), np.asarray(found.point), np.asarray(found.directions)
        outer = {1: np.cos, 2: lambda x: -np.sin(x), 3: lambda x: -np.cos(x)}[order](A @ z)
        assert values[-1] == pytest.approx((outer * np.prod(A @ d.T, axis=1)).sum(), rel=1e-11)
        assert np.linalg.norm(d, axis=1) == pytest.approx(1)
    assert values == sorted(values) and values[-1] > values[0] >= 0


def test_a_start_of_negative_value_is_turned_around(matrix: Any) -> None:
    form = Form(jnp.stack([MASKS["z"]] * 2))
    values = [float(search(linear, form, matrix, 0, seed).value) for seed in range(8)]
    assert min(values) >= 0
    signs = []
    for seed in range(8):
        normal = np.random.default_rng(seed).standard_normal
        u, v = start_directions(form, jnp.asarray(normal((2, n))))
        signs.append(float(u @ matrix @ v) < 0)
    assert any(signs), "some start was negative"


def test_ascent_stays_in_its_ball(matrix: Any) -> None:
    form = Form(jnp.stack([MASKS["z"], MASKS["z"]]))
    radius = 0.2
    found = search(wavy, form, matrix, 40, radius=radius)
    free = search(wavy, form, matrix, 40)
    assert float(jnp.linalg.norm(found.point)) <= radius * (1 + 1e-12) < float(jnp.linalg.norm(free.point))
    assert float(found.value) <= float(free.value)


def test_a_form_that_vanishes_keeps_its_directions() -> None:
    form = Form(jnp.stack([MASKS["w"], MASKS["phi"]]))
    found = search(linear, form, jnp.zeros((n, n)), 5)
    assert float(found.value) == 0 and np.linalg.norm(found.directions, axis=1) == pytest.approx(1)
