"""A population in its own frame has the same losses and meta-gradients; polynomial sines have the accuracy claimed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.constants import Constants
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.tasks.separable_frame import separable_frames
from anil_theory.tasks.trigonometry import cosine, sine


@pytest.mark.parametrize(
    ("query", "share", "n_w", "n_phi"),
    [("sine", True, 3, 3), ("log-cosh", True, 4, 2), ("sine", False, 2, 5), ("log-cosh", False, 3, 0)],
)
def test_a_frame_changes_no_loss_and_no_gradient(query: str, share: bool, n_w: int, n_phi: int) -> None:
    constants = Constants(0.3, 1.0, 0.5, 0.4 if n_phi else 0.0, 1.0)
    tasks = SeparableFamily(constants, n_w, n_phi, query=query, share_rotation=share).sample(jax.random.key(1), 3)
    frames = separable_frames(tasks)
    w, phi = jnp.linspace(-2, 1, n_w), jnp.linspace(3, -1, n_phi)

    @jax.jit
    @jax.vmap
    def both(U, V, data, framed):
        """(losses, meta-gradient) of one task as it is, and from its frame."""
        u, v, loop = U.T @ w, V.T @ phi, {"alpha": 0.3, "inner_steps": 3}
        turned = meta_gradient(frames.tasks.losses, u, v, framed, **loop)
        plain = meta_gradient(tasks.losses, w, phi, data, **loop)
        return (
            ([loss(w, phi, data) for loss in tasks.losses], plain.w, plain.phi),
            ([loss(u, v, framed) for loss in frames.tasks.losses], U @ turned.w, V @ turned.phi),
        )

    plain, turned = both(frames.rotation_w, frames.rotation_phi, tasks.data, frames.tasks.data)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13), plain, turned)


def test_other_populations_have_no_frame() -> None:
    tasks = TaskSet(lambda w, phi, data: jnp.sum(w * data), lambda w, phi, data: jnp.sum(w), jnp.ones((2, 1)))
    with pytest.raises(InvalidParameter, match="tasks"):
        separable_frames(tasks)


def test_sines_are_accurate_with_all_derivatives() -> None:
    generator = np.random.default_rng(0)
    x = np.concatenate([np.linspace(-9, 9, 1001), generator.uniform(-1e6, 1e6, 1000), np.arange(-20, 20) * np.pi / 2])
    for ours, exact in ((sine, np.sin), (cosine, np.cos)):
        assert np.abs(np.asarray(ours(jnp.asarray(x))) - exact(x)).max() < 4.5e-16
    third = jax.jit(jax.vmap(jax.grad(jax.grad(jax.grad(sine)))))(jnp.asarray(x))
    assert np.abs(np.asarray(third) + np.cos(x)).max() < 4.5e-16
    assert np.isnan(sine(jnp.asarray(np.inf)))
