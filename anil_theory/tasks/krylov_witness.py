"""The quadratic for which N conjugate gradient steps are worst: statements D and F.

L_S = w^T H w/2 + phi c.w + f phi^2/2 and L_D = M^2/L sin(TILT + L u.w/M), with N + 1 eigenvalues of H at the extrema
of the Chebyshev polynomial of degree N on [h, L], h = mu or -L. D_w L_D = p is nearly M u at the points. Conjugate
gradients solve A x = b with A = H + lam I and b = lam p (F), or A = H and b = p (D). After N steps their error in the
norm of A is min |pi(A) e|_A over the polynomials pi of degree N with pi(0) = 1. On N + 1 points pi(0) = sum_i l_i
pi(A_i), l_i the Lagrange polynomials at 0. So no pi is below 1/sum |l_i| on all of them, and with

    b_i^2/A_i  in proportion to  |l_i|

none makes the error smaller than that, relative to |e|_A. It is 1/T_N at 0: the bound 2 q^N of Chebyshev, but for a
factor of 1 + q^(2N). Statements D and F have sqrt(kappa) more, to pass from |.|_A to |.|. They are attained as
kappa -> 1, and reached to a half and more up to kappa = 2 (F) and 1.7 (D).

c is the mixed block that carries most of the error of the solve: c_i in proportion to (L^2 - H_i^2) e_i, as long as
H^2 + c c^T <= L^2 allows; f makes the norm of the whole Hessian L (Parrott's theorem). Constants: exact, but for rho
and tau, which a quadratic does not need. Source: A. Greenbaum, Comparison of splittings used with the conjugate
gradient algorithm (1979), for the weights; derived here.
"""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter, count, nonnegative
from anil_theory.constants import Constants
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks

TILT = 0.25
"""At 0 the slope of L_D is cos(TILT) M, and its curvature sin(TILT) L: errors that come from it are not 0."""

NEAR = 1e-3
"""How far from 0 the points are, in units of those of other families."""


class KrylovTask(NamedTuple):
    """The eigenvalues of H, the mixed block, the curvature in phi, u, and (L, M)."""

    curvatures: Float[Array, "*T n_w"]
    mixed: Float[Array, "*T n_w"]
    of_phi: Float[Array, "*T"]
    direction: Float[Array, "*T n_w"]
    dials: Float[Array, "*T 2"]


def support_loss(w: Array, phi: Array, task: KrylovTask) -> Array:
    """L_S(w, phi)."""
    return task.curvatures @ w**2 / 2 + phi[0] * (task.mixed @ w) + task.of_phi * phi[0] ** 2 / 2


def query_loss(w: Array, phi: Array, task: KrylovTask) -> Array:
    """L_D(w)."""
    L, M = task.dials
    return M**2 / L * jnp.sin(TILT + L / M * (task.direction @ w))


class KrylovWitness(Family):
    """The task for one number of steps; every sample is the same.

    steps   N >= 1, of conjugate gradients: w has N + 1 entries;
    lam     of iMAML, or 0 for the implicit hypergradient.

    Raises InvalidParameter where H + lam I is not positive definite, and for mu = L.
    """

    name: ClassVar[str] = "krylov-witness"
    takes_constants: ClassVar[bool] = True
    is_witness: ClassVar[bool] = True

    def __init__(self, constants: Constants, steps: int, lam: float = 0.0):
        low = constants.lowest_curvature
        if nonnegative("lam", lam) + low <= 0:
            raise InvalidParameter("lam", f"above {-low:g}: conjugate gradients need a positive definite matrix", lam)
        if low >= constants.L:
            raise InvalidParameter("mu", "below L: with one eigenvalue the first step solves", constants.mu)
        self.constants = constants
        self.n_w = count("steps", steps) + 1
        self.n_phi = 1
        self.lam = lam
        self.length_scale = constants.M / constants.L

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` copies of the task: there is nothing random in it, and the key is not used."""
        H, L = self._curvatures(), self.constants.L
        system = H + self.lam
        weights = np.abs(_lagrange_at_zero(system))
        right = np.sqrt(weights * system)
        direction = right / np.linalg.norm(right)
        # pi is 1 and -1 by turns, times a number.
        error = (-1.0) ** np.arange(self.n_w) * direction / system
        room = np.maximum((L - H) * (L + H), 0.0)
        length = np.sqrt(np.sum(room * error**2))
        # Where every eigenvalue is -L or L there is no room for a mixed block.
        mixed = room * error / length if length > 0 else np.zeros_like(error)
        of_phi = -np.sum(np.where(room > 0, mixed**2 * H / np.where(room > 0, room, 1.0), 0.0))
        task = KrylovTask(*map(jnp.asarray, (H, mixed, of_phi, direction, (L, self.constants.M))))
        data = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (check_num_tasks(num_tasks), *leaf.shape)), task)
        return TaskSet(support_loss, query_loss, data)

    def query_infimum(self, data: KrylovTask) -> Array:
        """-M^2/L, the minimum of the sine."""
        return -(data.dials[..., 1] ** 2) / data.dials[..., 0]

    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array:
        """Points near 0, where D L_D is cos(TILT) M u."""
        return NEAR * super().points(generator, shape, spread)

    @classmethod
    def smallest(cls, **options: object) -> "KrylovWitness":
        """One step, with a well-conditioned H."""
        return cls(Constants(0.9, 1.0, 0.0, 0.0, 1.0), 1)

    @classmethod
    def made_for(cls, setting: Setting) -> "KrylovWitness":
        """The family at the constants, N and lam of the setting, with its own dimensions and query loss."""
        return cls(setting.constants, setting.schedule.inner_steps, setting.schedule.lam or 0.0)

    def _curvatures(self) -> np.ndarray:
        """The extrema of the Chebyshev polynomial, in increasing order, its ends exact."""
        low, high = self.constants.lowest_curvature, self.constants.L
        N = self.n_w - 1
        inside = (high + low) / 2 - (high - low) / 2 * np.cos(np.pi * np.arange(1, N) / N)
        return np.concatenate([[low], inside, [high]])


def _lagrange_at_zero(points: np.ndarray) -> np.ndarray:
    """l_i = prod_(j != i) x_j/(x_j - x_i)."""
    differences = points[None, :] - points[:, None]
    np.fill_diagonal(differences, 1.0)
    factors = points[None, :] / differences
    np.fill_diagonal(factors, 1.0)
    return np.prod(factors, axis=1)
