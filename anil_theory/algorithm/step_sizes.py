"""Inner step sizes: one number alpha, or one for each part of w, down to one for each entry (Meta-SGD).

A step is w_{m+1} = w_m - A D_w L_S(w_m, phi) with A diagonal: alpha times the identity when alpha is a number, else
the entries of a pytree prefix of w, spread over the leaves that each stands for. The paper's statements are about one
number. Source of the other form: Z. Li, F. Zhou, F. Chen, H. Li, Meta-SGD, arXiv:1707.09835.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.flatten_util import ravel_pytree
from jax.tree_util import keystr
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter, positive

ALLOWED = "a finite number > 0, or a pytree prefix of w of finite numbers that broadcast to its leaves"


def check_step_sizes(alpha: PyTree, w: PyTree) -> None:
    """Raise InvalidParameter for a number that is not finite and positive, and for a tree that does not fit w.

    Traced values pass; their shapes are looked at all the same. The entries of a tree may be 0 (a part that is not
    adapted) or negative (a learned step may turn round).
    """
    if is_number(alpha):
        if not isinstance(alpha, Tracer):
            positive("alpha", alpha)
        return
    try:
        spread = jax.tree.broadcast(alpha, w)
    except ValueError as error:
        raise InvalidParameter("alpha", ALLOWED, jax.tree.structure(alpha)) from error
    leaves = jax.tree.leaves(w)
    for (path, sizes), leaf in zip(jax.tree.leaves_with_path(spread), leaves, strict=True):
        name = f"alpha for w{keystr(path)}"
        if not fits(sizes, jnp.shape(leaf)):
            raise InvalidParameter(name, f"of a shape that broadcasts to {jnp.shape(leaf)}", jnp.shape(sizes))
        if not isinstance(sizes, Tracer) and not np.all(np.isfinite(np.asarray(sizes, float))):
            raise InvalidParameter(name, "finite", np.asarray(sizes).tolist())


def is_number(alpha: PyTree) -> bool:
    """Whether alpha is one number (also traced) and not a tree or an array of several."""
    return jax.tree.structure(alpha).num_nodes == 1 and (np.ndim(alpha) == 0 or isinstance(alpha, (str, bytes)))


def fits(sizes: PyTree, shape: tuple[int, ...]) -> bool:
    """Whether an array broadcasts to `shape` and not beyond it."""
    try:
        return jnp.broadcast_shapes(jnp.shape(sizes), shape) == shape
    except ValueError:
        return False


def scaled(alpha: PyTree, direction: PyTree) -> PyTree:
    """A times a pytree of the structure of w, each leaf in its own dtype (whatever the dtype of alpha)."""
    spread = jax.tree.broadcast(alpha, direction)
    return jax.tree.map(lambda sizes, leaf: jnp.asarray(sizes, jnp.result_type(leaf)) * leaf, spread, direction)


def diagonal(alpha: PyTree, w: PyTree) -> PyTree:
    """The diagonal of A, as a pytree of the shapes and dtypes of w."""
    return scaled(alpha, jax.tree.map(jnp.ones_like, w))


def descended(w: PyTree, alpha: PyTree, slope: PyTree) -> PyTree:
    """w - A slope."""
    return jax.tree.map(lambda x, move: x - move, w, scaled(alpha, slope))


def flat_diagonal(alpha: PyTree, w: PyTree) -> Array:
    """The diagonal of A, as one vector."""
    return ravel_pytree(diagonal(alpha, w))[0]
