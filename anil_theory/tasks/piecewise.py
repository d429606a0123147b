"""Functions of one variable whose second derivative is piecewise linear, integrated twice in closed form."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class PiecewiseCubic(NamedTuple):
    """f with f'' linear on each piece; piece j holds between break j-1 and break j, the outer two reach infinity.

    On piece j, with d = x - anchor_j: f = value + slope d + curvature d^2/2 + jerk d^3/6.
    """

    breaks: Float[Array, "*T p-1"]
    anchor: Float[Array, "*T p"]
    value: Float[Array, "*T p"]
    slope: Float[Array, "*T p"]
    curvature: Float[Array, "*T p"]
    jerk: Float[Array, "*T p"]

    def __call__(self, x: Float[Array, ""]) -> Float[Array, ""]:
        """f(x), differentiable to any order within a piece; at a break the piece to the right decides."""
        piece = jnp.sum(x >= self.breaks)
        # A product with a one-hot row, not an index: it costs nothing here and every arithmetic can evaluate it.
        here = (jnp.arange(self.anchor.size) == piece).astype(self.anchor.dtype)
        d = x - here @ self.anchor
        return here @ self.value + d * (
            here @ self.slope + d * (here @ self.curvature / 2 + d * (here @ self.jerk) / 6)
        )

    def pad(self, pieces: int) -> "PiecewiseCubic":
        """The same function with pieces that are never reached appended, up to `pieces` in all."""
        extra = pieces - self.anchor.shape[-1]
        # In numpy: jnp.pad would be compiled again for every number of pieces.
        padded = [np.pad(np.asarray(self.breaks), (0, extra), constant_values=np.inf)]
        padded += [np.pad(np.asarray(leaf), (0, extra)) for leaf in self[1:]]
        return PiecewiseCubic(*map(jnp.asarray, padded))


def integrate(
    breaks: Sequence[float], curvature: Sequence[float], jerk: Sequence[float], slopes: dict[int, float]
) -> PiecewiseCubic:
    """The function with f'' = curvature_j + jerk_j (x - anchor_j) on piece j, f' and f continuous, f = 0 at break 0.

    Piece 0 is anchored at break 0, piece j >= 1 at break j-1. `slopes` gives f' at some breaks (index -> value),
    consistent with the integral up to rounding; the other slopes follow from the nearest given break to the left,
    or to the right where there is none, so that no error builds up along the knots that matter.
    """
    x = np.asarray(breaks, float)
    c, q = np.asarray(curvature, float), np.asarray(jerk, float)
    widths = np.diff(x)
    rise = c[1:-1] * widths + q[1:-1] * widths**2 / 2
    slope = np.full(x.size, np.nan)
    for index, value in slopes.items():
        slope[index] = value
    for j in range(1, x.size):
        if np.isnan(slope[j]):
            slope[j] = slope[j - 1] + rise[j - 1]
    for j in range(x.size - 2, -1, -1):
        if np.isnan(slope[j]):
            slope[j] = slope[j + 1] - rise[j]
    value = np.concatenate([[0.0], np.cumsum(slope[:-1] * widths + c[1:-1] * widths**2 / 2 + q[1:-1] * widths**3 / 6)])

    def first(a: np.ndarray) -> np.ndarray:
        """The entries of the pieces: pieces 0 and 1 share the anchor at break 0."""
        return np.concatenate([a[:1], a])

    return PiecewiseCubic(*map(jnp.asarray, (x, first(x), first(value), first(slope), c, q)))
