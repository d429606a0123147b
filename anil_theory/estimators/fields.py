"""Gradient fields on flat points z = (w, phi): what the estimators differentiate."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from anil_theory.algorithm._inner_loop import admit_loss
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.tasks.base import Loss, TaskSet

Field = Callable[[Float[Array, " n"], PyTree], Float[Array, " n"]]
"""`field(z, data)`: the gradient at the flat point z of one task's scalar function."""


def meta_field(tasks: TaskSet, template: PyTree, loop: UnrolledLoop) -> Field:
    """The exact meta-gradient of one task as a field on flat points; `template` is a pair (w, phi) of the structure.

    It is the gradient of a function, so its Jacobian and its second derivative are symmetric: forward-mode
    derivatives give every product the searches need, and no residuals of the inner loop are ever stored.

    A program that takes several derivatives of one field traces it once: it is a jitted function.
    """
    _, unravel = ravel_pytree(template)

    @jax.jit
    def field(z: Array, data: PyTree) -> Array:
        w, phi = unravel(z)
        return ravel_pytree(tuple(meta_gradient(tasks.losses, w, phi, data, loop)))[0]

    return field


def loss_field(loss: Loss, template: PyTree) -> Field:
    """The gradient of L_S or L_D as a field on flat points, traced once as `meta_field` is."""
    _, unravel = ravel_pytree(template)

    @jax.jit
    def field(z: Array, data: PyTree) -> Array:
        w, phi = unravel(z)
        ready = admit_loss("task", loss, w, phi, data)

        def value(z: Array) -> Array:
            w, phi = unravel(z)
            return ready(w, phi, data)

        return jax.grad(value)(z)

    return field


def block_masks(n_w: int, n_phi: int) -> dict[str, Float[Array, " n"]]:
    """Masks over z that select w, phi, or both ("z")."""
    w = jnp.concatenate([jnp.ones(n_w), jnp.zeros(n_phi)])
    return {"w": w, "phi": 1 - w, "z": jnp.ones(n_w + n_phi)}


BLOCK_DIRECTIONS = {"ww": ("w", "w"), "wphi": ("w", "phi"), "phiw": ("phi", "w"), "phiphi": ("phi", "phi")}
"""Block xy of the Jacobian: the output in x, the move in y."""


def live_blocks(n_phi: int) -> tuple[str, ...]:
    """The blocks that exist: `ww` alone when phi is empty (MAML)."""
    return tuple(BLOCK_DIRECTIONS) if n_phi > 0 else ("ww",)
