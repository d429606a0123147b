"""The task that attains the constants of iMAML: the smoothness of its objective, and the error of its gradient.

One dimension, phi idle. L_S'' = min(h + rho |w|, L) with h = mu or -L, and L_S'(0) = 0; L_D' = max(M - L |w|, -M).
To the right of 0 the curvature rises at the full rate from the lowest there is, and L_D' falls at rate L from the
largest: (I + H/lam)^(-1) D_w L_D falls at the rate k L + k^2 rho M/lam, k = lam/(lam + h), and w* moves at the rate k.
Where w_0 is near 0, so is w*; the points are such. A start near 0 is a small slope, too, of which gradient steps keep
as much as they can, and the Neumann series keeps its largest remainder where L_S'' = h.

Source: derived for this project; docs/next_statements.md, statement F.
"""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory.constants import Constants
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks
from anil_theory.tasks.piecewise import PiecewiseCubic, integrate

NEAREST, FARTHEST = -8.0, -3.0
"""How far from 0 the points are, as powers of ten, in units of the length scale."""


class ProximalTask(NamedTuple):
    """The two functions of w."""

    support: PiecewiseCubic
    query: PiecewiseCubic


def support_loss(w: Array, phi: Array, task: ProximalTask) -> Array:
    """L_S(w); phi is idle."""
    return task.support(w[0])


def query_loss(w: Array, phi: Array, task: ProximalTask) -> Array:
    """L_D(w); phi is idle."""
    return task.query(w[0])


class ProximalWitness(Family):
    """The task at given constants; every sample is the same."""

    name: ClassVar[str] = "proximal-witness"
    takes_constants: ClassVar[bool] = True
    in_pieces: ClassVar[bool] = True

    def __init__(self, constants: Constants):
        self.constants = constants
        self.n_w = 1
        self.n_phi = 1
        lengths = [constants.M / constants.L]
        if constants.rho > 0:
            lengths.append(abs(constants.lowest_curvature) / constants.rho)
        self.length_scale = min(lengths)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` copies of the task: there is nothing random in it, and the key is not used."""
        task = ProximalTask(self._support(), self._query())
        data = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (check_num_tasks(num_tasks), *leaf.shape)), task)
        return TaskSet(support_loss, query_loss, data)

    def query_infimum(self, data: ProximalTask) -> Array:
        """-inf: L_D falls without bound far from 0."""
        return jnp.full(data.query.anchor.shape[:-1], -jnp.inf)

    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array:
        """Points to the right of 0, near it and evenly in their logarithm, whatever the spread; phi = 0."""
        powers = generator.uniform(NEAREST, FARTHEST, shape)
        w = self.length_scale * 10.0**powers
        return jnp.asarray(np.stack([w, np.zeros(shape)], axis=-1))

    @classmethod
    def made_for(cls, setting: Setting) -> "ProximalWitness":
        """The family at the constants of the setting, with its own 1 + 1 dimensions and query loss."""
        return cls(setting.constants)

    def _support(self) -> PiecewiseCubic:
        constants, low = self.constants, self.constants.lowest_curvature
        if constants.rho == 0 or low == constants.L:
            return integrate([-1.0, 0.0, 1.0], [low] * 4, [0.0] * 4, {1: 0.0})
        ramp = (constants.L - low) / constants.rho
        jerk = [0.0, -constants.rho, constants.rho, 0.0]
        return integrate([-ramp, 0.0, ramp], [constants.L, constants.L, low, constants.L], jerk, {1: 0.0})

    def _query(self) -> PiecewiseCubic:
        M, L = self.constants.M, self.constants.L
        reach = 2 * M / L
        return integrate([-reach, 0.0, reach], [0.0, L, -L, 0.0], [0.0] * 4, {0: -M, 1: M, 2: -M})
