"""A task that attains statement E: its exact bilevel objective is as curved as the sharp constant says.

    L_S = (h (w^2 - phi^2) - 2 c w phi)/2 + F_1(<v_1, z>) + F_2(<v_2, z>),    L_D = -M w + Q(<u, z>),    z = (w, phi)

At phi > 0, near 0: h = mu, j = D w* = c/mu, the query's Hessian is L along u, which is (j, 1), and its gradient is -M
in w. What is left is a symmetric third derivative of L_S with the entries (www, wwphi, wphiphi) = (a, b, d), those at
which Y(j) = a j^2 + 2 b j + d is reached. The entry in phi alone is free, and for one value of it the tensor is a sum
of two orthogonal directions:

    F_i''' = e_i/v_iw,    e_i and v_i the eigenvalues and eigenvectors of [[a, b], [b, d]].

So rho and tau hold whatever the signs of F_1''' and F_2''' elsewhere (`tasks.ridges`): a^2 + b^2 = rho^2, b^2 + d^2 =
tau^2. F_i'' is a tent so low, and Q' so small, that neither is felt beside mu, L and M: all of this is up to the share
MARGIN.

Constants: exact up to MARGIN, in the whole space. Source: derived for this project; docs/next_statements.md.
"""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.optimize import brentq

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks
from anil_theory.tasks.piecewise import PiecewiseCubic, integrate
from anil_theory.tasks.ridges import RidgeTask, query_loss, stacked, support_loss, tent, unit

MARGIN = 1e-6
"""The share of M that is left to Q', and of mu and of L - mu that is left to F_i''."""

NEAREST, FARTHEST = -3.0, -1.0
"""Powers of ten of phi, in units of the distance at which F_i''' or the query's Hessian changes."""


class ExactObjectiveWitness(Family):
    """The task; every sample is the same one.

    Raises InvalidParameter without mu, for mu so near to L that no margin is left, and for rho = 0 < tau: Hessians that
    are constant in w and bounded have no third derivative in the whole space.
    """

    name: ClassVar[str] = "exact-objective-witness"
    takes_constants: ClassVar[bool] = True
    in_pieces: ClassVar[bool] = True
    is_witness: ClassVar[bool] = True

    def __init__(self, constants: Constants):
        mu, L = constants.mu, constants.L
        if mu is None or mu > L * (1 - MARGIN):
            raise InvalidParameter("mu", f"known and below L = {L:g} by {MARGIN:g} of it, for this witness", mu)
        if constants.rho == 0 < constants.tau:
            raise InvalidParameter("rho", "> 0 where tau > 0, for this witness", constants.rho)
        self.constants = constants
        self.n_w, self.n_phi = 1, 1
        self.height = MARGIN * min(mu, L - mu) / 2
        self.h = mu + self.height
        left = L - self.height
        self.c = math.sqrt(left - self.h) * math.sqrt(left + self.h)
        self.move = self.c / self.h
        self.directions, self.jerks = two_directions(constants.rho, constants.tau, self.move)
        self.reach = MARGIN * constants.M / L
        # How far phi may go on before F_i''' or the query's Hessian changes, as w* moves with it.
        turns = [self.height / abs(jerk) for jerk in self.jerks if jerk]
        self.length_scale = min([self.reach, *turns]) / math.hypot(self.move, 1.0)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` copies of the task: there is nothing random in it, and the key is not used."""
        task = RidgeTask(
            base=jnp.array([[self.h, -self.c], [-self.c, -self.h]]),
            along=jnp.asarray(self.directions),
            ridges=stacked([self._ridge(jerk) for jerk in self.jerks]),
            slope=jnp.array([-self.constants.M * (1 - MARGIN), 0.0]),
            across=jnp.asarray(unit(self.move, 1.0)),
            query=self._query(),
        )
        data = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (check_num_tasks(num_tasks), *leaf.shape)), task)
        return TaskSet(support_loss, query_loss, data)

    def query_infimum(self, data: RidgeTask) -> Array:
        """-inf: L_D is linear far from 0."""
        return jnp.full(data.slope.shape[:-1], -jnp.inf)

    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array:
        """Points at w = w*(phi), to first order, with phi > 0 evenly in its logarithm, whatever the spread."""
        phi = self.length_scale * 10.0 ** generator.uniform(NEAREST, FARTHEST, shape)
        return jnp.asarray(np.stack([self.move * phi, phi], axis=-1))

    @classmethod
    def made_for(cls, setting: Setting) -> "ExactObjectiveWitness":
        """The family at the constants of the setting, with its own 1 + 1 dimensions and query loss."""
        return cls(setting.constants)

    def _ridge(self, jerk: float) -> PiecewiseCubic:
        """F'' rises, or falls, from 0 at the rate `jerk`."""
        if jerk == 0:
            return tent(peak=0.0, height=0.0, jerk=1.0, still=0.0)
        height = math.copysign(self.height, jerk)
        return tent(peak=self.height / abs(jerk), height=height, jerk=abs(jerk), still=0.0)

    def _query(self) -> PiecewiseCubic:
        """Q' = L x up to `reach`, from where it falls back to 0."""
        L, s = self.constants.L, self.reach
        slopes = {0: 0.0, 1: -L * s, 2: L * s, 3: 0.0}
        return integrate([-2 * s, -s, s, 2 * s], [0.0, -L, L, -L, 0.0], [0.0] * 5, slopes)


def two_directions(rho: float, tau: float, move: float) -> tuple[np.ndarray, tuple[float, float]]:
    """The rows v_1 and v_2, with <v_i, (move, 1)> >= 0, and F_1''' and F_2'''."""
    b = mixed_entry(rho, tau, move)
    a = math.sqrt(rho - b) * math.sqrt(rho + b)
    d = math.sqrt(tau - b) * math.sqrt(tau + b)
    if b == 0:
        return np.eye(2), (a, 0.0)
    sizes, vectors = np.linalg.eigh(np.array([[a, b], [b, d]]))
    signs = np.where(vectors.T @ np.array([move, 1.0]) < 0, -1.0, 1.0)
    directions = vectors.T * signs[:, None]
    first, second = sizes / directions[:, 0]
    return directions, (float(first), float(second))


def mixed_entry(rho: float, tau: float, move: float) -> float:
    """The b in [0, min(rho, tau)] at which sqrt(rho^2 - b^2) j^2 + 2 b j + sqrt(tau^2 - b^2), concave, is largest."""
    most = min(rho, tau)
    if most == 0:
        return 0.0

    def slope(share: float) -> float:
        # Half the derivative, times the product of both roots: finite at the end, too.
        b = share * most
        of_w = math.sqrt(rho - b) * math.sqrt(rho + b)
        of_phi = math.sqrt(tau - b) * math.sqrt(tau + b)
        return 2 * move * of_w * of_phi - b * (move * move * of_phi + of_w)

    # At the end itself one of the roots is 0 and falls infinitely fast, so that the maximum is before it.
    root: Any = brentq(slope, 0.0, 1 - 1e-15, xtol=1e-15)
    return float(root) * most
