"""Losses over pytrees as losses over flat vectors, which is what searches move through."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr
from jaxtyping import Array, Float, PyTree

from anil_theory._admissible import InvalidParameter
from anil_theory.problem.task_set import Loss


@dataclass(frozen=True)
class Layout:
    """How a tree of arrays lies in a vector: leaf after leaf. Equal layouts are interchangeable."""

    structure: Any
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, name: str, tree: PyTree) -> "Layout":
        """The layout of a tree of finite real numbers; a tree without leaves is empty.

        Raises InvalidParameter, naming the leaf, for anything else.
        """
        for path, leaf in jax.tree.leaves_with_path(tree):
            array = np.asarray(leaf)
            if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
                allowed = "an array of finite floats"
                if callable(leaf):
                    allowed += " (of an equinox model take `eqx.partition(model, eqx.is_inexact_array)` first, split"
                    allowed += " the arrays into w and phi, and combine them with the rest inside the loss)"
                raise InvalidParameter(f"{name}{keystr(path)}", allowed, leaf)
        leaves, structure = jax.tree.flatten(tree)
        return cls(structure, tuple(np.shape(leaf) for leaf in leaves))

    @property
    def size(self) -> int:
        """How many numbers the tree holds."""
        return sum(math.prod(shape) for shape in self.shapes)

    def flat(self, tree: PyTree) -> Float[Array, " n"]:
        """The tree as a vector of float64."""
        leaves = [jnp.ravel(jnp.asarray(leaf, jnp.float64)) for leaf in jax.tree.leaves(tree)]
        return jnp.concatenate([jnp.zeros(0), *leaves])

    def tree(self, flat: Float[Array, " n"]) -> PyTree:
        """The vector as a tree."""
        leaves, used = [], 0
        for shape in self.shapes:
            size = math.prod(shape)
            leaves.append(flat[used : used + size].reshape(shape))
            used += size
        return jax.tree.unflatten(self.structure, leaves)


@dataclass(frozen=True)
class FlatLoss:
    """A loss over trees (w, phi) as the same loss over their vectors.

    Two of them are equal when loss and layouts are, so that they share a compilation.
    """

    loss: Loss
    w: Layout
    phi: Layout

    def __call__(self, w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], data: PyTree) -> Array:
        return self.loss(self.w.tree(w), self.phi.tree(phi), data)
