"""Constants of a network from its derivatives: against dense derivatives, and what they say of the Hessian blocks."""

from dataclasses import asdict
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from anil_theory import InvalidParameter
from anil_theory.neural.curvature import block_norms, random_unit
from anil_theory.neural.local_constants import TaskDerivatives, alternate, local_constants
from anil_theory.studies.bench.curvature_prediction import predict
from anil_theory.verdict import Outcome
from tests.neural.tiny_images import tiny_problem

ALPHA, N = 0.2, 2


@pytest.fixture(scope="module")
def convex() -> Any:
    p = tiny_problem("strongly-convex", max_steps=N)
    p.derivatives = TaskDerivatives(p.objective)
    return p


def test_the_norm_of_a_known_form_is_found_and_never_falls() -> None:
    # T = 3 (p x p x p) - 2 (q x q x q) for orthonormal p, q: its norm is 3.
    p, q = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 2)))[0].T

    def form(a: Any, b: Any) -> Any:
        total = 3 * (p @ a[0]) * (p @ b[0]) * p - 2 * (q @ a[0]) * (q @ b[0]) * q
        return jnp.asarray(total), jnp.zeros(0)

    for seed in range(4):
        start = [jnp.asarray(v / np.linalg.norm(v)) for v in np.random.default_rng(seed).normal(size=(2, 5))]
        found = [
            alternate(form, list(start), (lambda x: (x, None), lambda x: (x, None)), (0, 0), steps)
            for steps in (1, 2, 4, 30)
        ]
        assert all(a <= b * (1 + 1e-12) for a, b in pairwise(found))
        assert min(abs(found[-1] - 3), abs(found[-1] - 2)) < 1e-6  # a maximum of each form, one of them the largest


def test_second_and_third_derivatives_agree_with_differences(convex: Any) -> None:
    p, one = convex, jnp.ones(())
    data = jax.tree.map(lambda x: x[0], p.objective.prepare(p.episodes, jnp.float64))
    a, b = (random_unit(jax.random.key(i), (p.w, p.phi)) for i in (7, 8))
    h = 1e-5

    def along(step: float) -> Any:
        z = jax.tree.map(lambda x, v: x + step * v, (p.w, p.phi), b)
        return [ravel_pytree(part)[0] for part in p.derivatives.second(z, a, one, data)]

    (gradient, curved), (before, curved_before) = along(h), along(-h)
    other = ravel_pytree(p.derivatives.second((p.w, p.phi), b, one, data)[1])[0]
    np.testing.assert_allclose(other, (gradient - before) / (2 * h), rtol=1e-4, atol=1e-5)
    third = ravel_pytree(p.derivatives.third((p.w, p.phi), a, b, data))[0]
    np.testing.assert_allclose(third, (curved - curved_before) / (2 * h), rtol=1e-3, atol=1e-4)


def test_norms_are_those_of_dense_derivatives_and_the_prediction_covers_the_blocks(convex: Any) -> None:
    p = convex
    one_task = jax.tree.map(lambda x: x[:1], p.episodes)
    found = local_constants(
        p.derivatives, p.w, p.phi, one_task, alpha=ALPHA, inner_steps=1, key=jax.random.key(0), steps=40
    )
    data = jax.tree.map(lambda x: x[0], p.objective.prepare(p.episodes, jnp.float64))
    flat, unravel = ravel_pytree((p.w, p.phi))
    n_w = ravel_pytree(p.w)[0].size

    # Column by column through the compiled product: no further compilation.
    columns = [p.derivatives.second((p.w, p.phi), unravel(v), jnp.ones(()), data)[1] for v in jnp.eye(flat.size)]
    H = np.array([ravel_pytree(column)[0] for column in columns])
    np.testing.assert_allclose(H, H.T, atol=1e-10)
    assert found.mixed == pytest.approx(np.linalg.norm(H[n_w:, :n_w], 2), rel=0.02)
    extremes = np.linalg.eigvalsh(H[:n_w, :n_w])[[0, -1]]
    assert found.mu == pytest.approx(extremes[0], abs=1e-9) and found.mu == pytest.approx(p.objective.l2, abs=1e-9)
    assert found.contraction == pytest.approx(np.max(np.abs(1 - ALPHA * extremes)), rel=1e-9)
    assert 0.97 * np.linalg.norm(H, 2) <= found.L
    # No direction tried at random exceeds what the alternating iteration found.
    for seed in range(20):
        keys = jax.random.split(jax.random.key(seed), 3)
        a, c = random_unit(keys[0], p.w), random_unit(keys[1], (p.w, p.phi))
        none = jax.tree.map(jnp.zeros_like, p.phi)
        form = p.derivatives.third((p.w, p.phi), (a, none), c, data)
        assert float(jnp.linalg.norm(ravel_pytree(form[0])[0])) <= found.rho
        assert float(jnp.linalg.norm(ravel_pytree(form[1])[0])) <= found.tau


@pytest.mark.parametrize("geometry", ["strongly-convex", pytest.param("nonconvex", marks=pytest.mark.slow)])
def test_blocks_lie_below_the_prediction_and_above_it_nothing_is_refuted(geometry: str, convex: Any) -> None:
    p = convex if geometry == "strongly-convex" else tiny_problem(geometry, max_steps=N)
    derivatives = TaskDerivatives(p.objective) if geometry == "nonconvex" else p.derivatives
    one_task = jax.tree.map(lambda x: x[:1], p.episodes)
    how = {"alpha": ALPHA, "inner_steps": N, "key": jax.random.key(0)}
    found = local_constants(derivatives, p.w, p.phi, one_task, **how, steps=20)
    blocks = block_norms(p.objective, p.w, p.phi, one_task, **how, steps=12)
    probe = {"blocks": asdict(blocks), "constants": asdict(found)}
    for one in predict(probe, geometry, ALPHA, N):
        # The derivation at one point uses the derivatives at its own inner iterates only, and all of them are covered.
        assert one.local is not None and np.log10(one.measured) <= one.local
    # Constants that are far too small: the block exceeds the prediction, and that is no refutation.
    small = asdict(found) | {name: 1e-6 for name in ("mu", "L", "rho", "tau", "M", "smoothness")}
    for one in predict(probe | {"constants": small}, geometry, ALPHA, N):
        assert one.verdict.outcome is Outcome.INCONCLUSIVE and "estimates" in one.verdict.reason
    # A step size beyond 1/L for an L from below is beyond the true one.
    if geometry == "strongly-convex":
        assert predict(probe, geometry, 2 / found.L, N)[0].verdict.outcome is Outcome.NOT_APPLICABLE
    assert predict({"blocks": None, "constants": None}, geometry, ALPHA, N) == []


def test_maml_has_no_constants_of_blocks() -> None:
    m = tiny_problem("maml")
    with pytest.raises(InvalidParameter, match="maml"):
        local_constants(
            TaskDerivatives(m.objective),
            m.w,
            m.phi,
            m.episodes,
            alpha=0.1,
            inner_steps=1,
            key=jax.random.key(0),
        )
