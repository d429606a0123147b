"""A population in its own frame has the same losses and meta-gradients; polynomial sines have the accuracy claimed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm.meta_gradient import meta_gradient
from anil_theory.constants import Constants
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.tasks.separable_frame import separable_frames
from anil_theory.tasks.trigonometry import cosine, sine


@pytest.mark.parametrize("query", ["sine", "log-cosh"])
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize(("n_w", "n_phi"), [(3, 3), (4, 2), (2, 5), (3, 0)])
def test_a_frame_changes_no_loss_and_no_gradient(query: str, share: bool, n_w: int, n_phi: int) -> None:
    constants = Constants(0.3, 1.0, 0.5, 0.4 if n_phi else 0.0, 1.0)
    tasks = SeparableFamily(constants, n_w, n_phi, query=query, share_rotation=share).sample(jax.random.key(1), 3)
    U, V, framed = separable_frames(tasks)
    w, phi = jnp.linspace(-2, 1, n_w), jnp.linspace(3, -1, n_phi)
    for i in range(3):
        u, v = U[i].T @ w, V[i].T @ phi
        for ours, theirs in zip(framed.losses, tasks.losses, strict=True):
            np.testing.assert_allclose(
                ours(u, v, framed.task(i)), theirs(w, phi, tasks.task(i)), rtol=1e-12, atol=1e-13
            )
        plain = meta_gradient(tasks.losses, w, phi, tasks.task(i), alpha=0.3, inner_steps=3)
        turned = meta_gradient(framed.losses, u, v, framed.task(i), alpha=0.3, inner_steps=3)
        np.testing.assert_allclose(U[i] @ turned.w, plain.w, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(V[i] @ turned.phi, plain.phi, rtol=1e-11, atol=1e-13)


def test_other_populations_have_no_frame() -> None:
    tasks = TaskSet(lambda w, phi, data: jnp.sum(w * data), lambda w, phi, data: jnp.sum(w), jnp.ones((2, 1)))
    with pytest.raises(InvalidParameter, match="tasks"):
        separable_frames(tasks)


def test_sines_are_accurate_with_all_derivatives() -> None:
    generator = np.random.default_rng(0)
    x = np.concatenate([np.linspace(-9, 9, 1001), generator.uniform(-1e6, 1e6, 1000), np.arange(-20, 20) * np.pi / 2])
    for ours, exact in ((sine, np.sin), (cosine, np.cos)):
        assert np.abs(np.asarray(ours(jnp.asarray(x))) - exact(x)).max() < 4.5e-16
    third = jax.vmap(jax.grad(jax.grad(jax.grad(sine))))(jnp.asarray(x))
    assert np.abs(np.asarray(third) + np.cos(x)).max() < 4.5e-16
    assert np.isnan(sine(jnp.asarray(np.inf)))
