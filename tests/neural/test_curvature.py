"""Block norms against dense Hessians, and the strong convexity of the head."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from anil_theory import InvalidParameter
from anil_theory.neural.curvature import block_norms, head_eigenvalues
from tests.neural.tiny_images import tiny_problem


@pytest.mark.slow
def test_block_norms_are_those_of_the_dense_hessian() -> None:
    p = tiny_problem("strongly-convex", max_steps=2)
    flat, unravel = ravel_pytree((p.w, p.phi))
    n_w = ravel_pytree(p.w)[0].size

    def gradient(point):
        total = p.objective.meta_sum(*unravel(point), p.episodes, p.alpha, jnp.asarray(2))
        return ravel_pytree((total.w, total.phi))[0] / 2

    H = np.asarray(jax.jit(jax.jacfwd(gradient))(flat))
    assert np.max(np.abs(H - H.T)) < 1e-10
    found = block_norms(
        p.objective,
        p.w,
        p.phi,
        p.episodes,
        alpha=0.2,
        inner_steps=2,
        key=jax.random.key(0),
        steps=60,
    )
    dense = [np.linalg.norm(block, 2) for block in (H[:n_w, :n_w], H[n_w:, :n_w], H[n_w:, n_w:])]
    for measured, exact in zip((found.ww, found.cross, found.phiphi), dense, strict=True):
        assert 0.97 * exact <= measured <= exact * (1 + 1e-9)


def head_curvature(problem: Any) -> tuple[float, float]:
    """The smallest and the largest eigenvalue of D_w^2 L_S over the episodes."""
    objective, episodes = problem.objective, problem.episodes
    phi_body, phi_head = objective.model.split_body(problem.phi)
    images, labels = objective.prepare(episodes, np.float64)
    features = jax.vmap(objective.model.body, (None, 0))(phi_body, images)
    eigenvalues = head_eigenvalues(objective)
    tasks = [jax.tree.map(lambda x, i=i: x[i], (features, labels)) for i in range(len(episodes.support_labels))]
    extremes = np.array([eigenvalues(problem.w, phi_head, *task) for task in tasks])
    return extremes[:, 0].min(), extremes[:, 1].max()


def test_strong_convexity_of_a_linear_head_is_lambda_and_of_a_nonconvex_one_less() -> None:
    p = tiny_problem("strongly-convex")
    smallest, largest = head_curvature(p)
    assert smallest == pytest.approx(p.objective.l2, abs=1e-12) and largest > 2 * smallest
    q = tiny_problem("nonconvex")
    assert head_curvature(q)[0] < q.objective.l2 - 1e-6
    m = tiny_problem("maml")
    with pytest.raises(InvalidParameter, match="maml"):
        block_norms(m.objective, m.w, m.phi, m.episodes, alpha=0.1, inner_steps=1, key=jax.random.key(0))
