"""Losses in one dimension of w and one of phi that are a quadratic form and a few functions of one variable.

    L_S(z) = z^T base z/2 + sum_i F_i(<v_i, z>),    L_D(z) = <slope, z> + Q(<u, z>),    z = (w, phi)

v_i and u are unit vectors; F_i'' and Q'' are piecewise linear (`tasks.piecewise`). So the constants of A1 and A2 are
those of functions of one variable: the Hessian of L_S is base + sum_i F_i'' v_i v_i^T, and D_w^2 L_S and D_phi D_w L_S
have the gradients sum_i F_i''' v_iw^2 v_i and sum_i F_i''' v_iw v_iphi v_i. Where the v_i are orthogonal, the lengths
of both do not depend on the signs of the F_i''', and are largest where all |F_i'''| are.

Source: derived for this project; docs/next_statements.md.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory.tasks.piecewise import PiecewiseCubic, integrate


class RidgeTask(NamedTuple):
    """One task: the rows of `along` are the v_i of the `ridges` F_i, stacked; `across` is u."""

    base: Float[Array, "*T 2 2"]
    along: Float[Array, "*T ridges 2"]
    ridges: PiecewiseCubic
    slope: Float[Array, "*T 2"]
    across: Float[Array, "*T 2"]
    query: PiecewiseCubic


def support_loss(w: Array, phi: Array, task: RidgeTask) -> Array:
    """L_S(w, phi)."""
    z = jnp.concatenate([w, phi])
    values = jax.vmap(lambda ridge, x: ridge(x))(task.ridges, task.along @ z)
    return z @ (task.base @ z) / 2 + jnp.sum(values)


def query_loss(w: Array, phi: Array, task: RidgeTask) -> Array:
    """L_D(w, phi)."""
    z = jnp.concatenate([w, phi])
    return task.slope @ z + task.query(task.across @ z)


def stacked(functions: Sequence[PiecewiseCubic]) -> PiecewiseCubic:
    """The functions, of equally many pieces, as one pytree with a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *functions)


def unit(w: float, phi: float) -> np.ndarray:
    """(w, phi), not 0, divided by its length."""
    return np.array([w, phi]) / math.hypot(w, phi)


def tent(*, peak: float, height: float, jerk: float, still: float) -> PiecewiseCubic:
    """The function with f'' = max(0, height - jerk |x - peak|), jerk > 0, of the sign of height, and f'(still) = 0."""
    size, sign = abs(height), math.copysign(1.0, height)
    half = size / jerk if size > 0 else 1.0
    rate = sign * jerk if size > 0 else 0.0
    left = -sign * float(area(still - peak, height=np.asarray(size), jerk=np.asarray(jerk)))
    return integrate(
        breaks=[peak - half, peak, peak + half],
        curvature=[0.0, 0.0, height, 0.0],
        jerk=[0.0, rate, -rate, 0.0],
        slopes={0: left},
    )


def area(x: np.ndarray | float, *, height: np.ndarray, jerk: np.ndarray) -> np.ndarray:
    """The integral of max(0, height - jerk |y|) over y <= x; height >= 0, jerk > 0."""
    half = height / jerk
    inside = np.clip(x, -half, half)
    rising = jerk * (inside + half) ** 2 / 2
    falling = height * half - jerk * (half - inside) ** 2 / 2
    return np.where(inside < 0, rising, falling)
