"""Losses in coordinates whose origin is a point of one's own: a ball about the start is then a ball about the origin.

A shift changes no constant, and no step of ANIL: D L(z + c) is the derivative of the shifted loss at z.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

FlatFunction = Callable[[Array, Array, PyTree], Array]
"""A loss over vectors w and phi, and the data of a task."""


@dataclass(frozen=True)
class CentredLoss:
    """The loss (w, phi) -> loss(c_w + w, c_phi + phi) over vectors.

    centre   c = (c_w, c_phi) as the bytes of float64 numbers, so that equal losses share a compilation.
    """

    loss: FlatFunction
    centre: bytes

    @classmethod
    def about(cls, loss: FlatFunction, centre: Float[np.ndarray, " n"]) -> "CentredLoss":
        """The loss with its origin moved to `centre`."""
        return cls(loss, np.asarray(centre, np.float64).tobytes())

    def __call__(self, w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], data: PyTree) -> Array:
        centre = np.frombuffer(self.centre, np.float64)
        n_w = w.shape[0]
        return self.loss(jnp.asarray(centre[:n_w]) + w, jnp.asarray(centre[n_w:]) + phi, data)
