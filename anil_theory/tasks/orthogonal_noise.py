"""A population that attains the noise term of Theorem J: every gradient is of the largest size, in its own direction.

n copies of one pair (w, phi) with the curvature that carries a gradient furthest back, and 2 n tasks whose query losses
are Huber functions of z = (w_N, phi), apart along orthogonal directions:

    L_S(w, phi) = (h |w|^2 + 2 c <w, phi> - h |phi|^2)/2,    h^2 + c^2 = L^2,
    L_D(w, phi) = H(z + xi/L),    H(v) = (L/2) |v|^2 where L |v| <= M, else M |v| - M^2/(2 L),
    xi = +- a u (x) e_i,  i = 1..n,

u the top left singular vector of J D^(1/2), where J takes (w, phi) to z and D = diag(beta_w, beta_phi). SGD then moves
along one pair of directions: its iterate is a sum of noises that are orthogonal, of squared length lam a^2/((2 - lam)
B) in the mean, and orthogonal to most of the tasks' own. With a^2 (1 + lam/((2 - lam) B)) = M^2 every gradient would be
at its bound M and the average of the squared norms at lam S2/(B (2 - lam (1 - 1/B))), Theorem J's floor. In finite
dimension their lengths vary by 1/sqrt(n); a is smaller by that much, so that few gradients are cut.

D0 is 0, because the run starts at the minimum: the mean of the tasks is even and convex, so it is least at 0.

`DecayFamily` is the same pair alone, without noise, that starts where its gradient is M: it attains the term 2 D0/K at
every admissible step, where (1 - lam)^(2 K) is small and B is so large that the bound expects no noise.

Constants: exact, with rho = tau = 0. Source: derived for this project; docs/theorem_bounds.md.
"""

import math
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.optimize import minimize_scalar

from anil_theory._admissible import InvalidParameter, count
from anil_theory.constants import Constants
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks

COPIES = 400
"""n, the number of copies. The average is below the floor by some 2 CUT/sqrt(n)."""

CUT = 0.5
"""a is smaller than M asks, by this many times 1/sqrt(n). At 0 the average is 0.99 to 1 times the floor, and its
standard error does not tell on which side it lies."""


class NoisyTask(NamedTuple):
    """One task: h and c of L_S, L and M of L_D, and its shift: a u, the copy i that it lies in, and the sign."""

    h: Float[Array, "*T"]
    c: Float[Array, "*T"]
    L: Float[Array, "*T"]
    M: Float[Array, "*T"]
    shift: Float[Array, "*T 2"]
    copy: Int[Array, "*T"]


def support_loss(w: Array, phi: Array, task: NoisyTask) -> Array:
    """L_S(w, phi)."""
    return (task.h * (w @ w) + 2 * task.c * (w @ phi) - task.h * (phi @ phi)) / 2


def query_loss(w: Array, phi: Array, task: NoisyTask) -> Array:
    """L_D(w, phi)."""
    own = jnp.arange(w.size) == task.copy
    moved_w = w + own * task.shift[0] / task.L
    moved_phi = phi + own * task.shift[1] / task.L
    square = moved_w @ moved_w + moved_phi @ moved_phi
    inside = task.L**2 * square <= task.M**2
    # The root is taken where it is used: at 0 it has no derivative.
    norm = jnp.sqrt(jnp.where(inside, 1.0, square))
    return jnp.where(inside, task.L / 2 * square, task.M * norm - task.M**2 / (2 * task.L))


class OrthogonalNoiseFamily(Family):
    """The population that attains the floor of Theorem J at one schedule with its outer step sizes and its batch.

    copies   n; there are 2 n tasks.

    Raises InvalidParameter where rho or tau is positive (more could be reached then), where mu = L, where an outer step
    size is missing, and where lam (1 - 1/B) >= 2 leaves no bound.
    """

    name: ClassVar[str] = "orthogonal-noise"
    takes_constants: ClassVar[bool] = True
    is_witness: ClassVar[bool] = True

    def __init__(self, constants: Constants, schedule: Schedule, copies: int = COPIES):
        for letter in ("rho", "tau"):
            if getattr(constants, letter) > 0:
                raise InvalidParameter(letter, "0 for orthogonal noise", getattr(constants, letter))
        if constants.lowest_curvature >= constants.L:
            raise InvalidParameter("mu", "below L for orthogonal noise", constants.mu)
        if schedule.beta_w is None or schedule.beta_phi is None:
            raise InvalidParameter(
                "beta_w and beta_phi", "given for orthogonal noise", (schedule.beta_w, schedule.beta_phi)
            )
        # reach: the pair (w, phi) that the map takes to `top`.
        self.constants = constants
        self.schedule = schedule
        self.n_w = self.n_phi = count("copies", copies)
        self.h, self.c = self._curvature()
        left, sizes, right = np.linalg.svd(self._scaled_map(self.h, self.c))
        self.lam = constants.L * float(sizes[0]) ** 2
        if self.lam * (1 - 1 / schedule.batch) >= 2:
            raise InvalidParameter("beta_w", "such that lam (1 - 1/B) < 2, for orthogonal noise", schedule.beta_w)
        self.top = left[:, 0]
        self.reach = right[0] / sizes[0] * np.sqrt([schedule.beta_w, schedule.beta_phi])
        self.length_scale = constants.M / constants.L

    def _scaled_map(self, h: float, c: float) -> np.ndarray:
        """J D^(1/2): the pair (w, phi), in the units of the steps, to (w_N, phi)."""
        keep = 1 - self.schedule.one_alpha * h
        turn = np.array([[keep, -self.schedule.one_alpha * c], [0.0, 1.0]])
        assert self.schedule.beta_w is not None and self.schedule.beta_phi is not None
        steps = np.sqrt([self.schedule.beta_w, self.schedule.beta_phi])
        return np.linalg.matrix_power(turn, self.schedule.inner_steps) * steps

    def _curvature(self) -> tuple[float, float]:
        """h and c: mu and the rest of L, or the point of the circle of radius L whose J D^(1/2) is largest."""
        L = self.constants.L
        if self.constants.mu is not None:
            return self.constants.mu, -math.sqrt(L - self.constants.mu) * math.sqrt(L + self.constants.mu)

        def size(angle: float) -> float:
            return -float(np.linalg.norm(self._scaled_map(-L * math.cos(angle), -L * math.sin(angle)), 2))

        angles = np.linspace(0.0, math.pi / 2, 33)
        best = int(np.argmin([size(angle) for angle in angles]))
        bounds = (angles[max(best - 1, 0)], angles[min(best + 1, 32)])
        optimum: Any = minimize_scalar(size, bounds=bounds, method="bounded", options={"xatol": 1e-12})
        return -L * math.cos(optimum.x), -L * math.sin(optimum.x)

    def noise(self) -> float:
        """a: how far the tasks lie apart, times L."""
        of_iterate = self.lam / ((2 - self.lam) * self.schedule.batch) if self.lam < 2 else math.inf
        return self.constants.M / math.sqrt(1 + of_iterate) * (1 - CUT / math.sqrt(self.n_w))

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """All 2 n tasks, whatever is asked for: there is nothing random in them, and fewer would not be orthogonal."""
        n, constants = self.n_w, self.constants
        numbers = {"h": self.h, "c": self.c, "L": constants.L, "M": constants.M}
        every = {name: jnp.full(2 * n, value) for name, value in numbers.items()}
        signs = jnp.repeat(jnp.array([1.0, -1.0]), n)
        shift = signs[:, None] * self.noise() * jnp.asarray(self.top)
        return TaskSet(support_loss, query_loss, NoisyTask(**every, shift=shift, copy=jnp.tile(jnp.arange(n), 2)))

    def query_infimum(self, data: NoisyTask) -> Array:
        """0, which every task reaches at its own point."""
        return jnp.zeros(data.copy.shape)

    @classmethod
    def smallest(cls, **options: object) -> "OrthogonalNoiseFamily":
        """Two copies at mu = 1/5 and one inner step."""
        constants = Constants(0.2, 1.0, 0.0, 0.0, 1.0)
        return cls(constants, replace(Schedule(0.2, 1, batch=4), beta_w=0.5, beta_phi=0.5), copies=2)

    @classmethod
    def made_for(cls, setting: Setting) -> "OrthogonalNoiseFamily":
        """The family at the constants and the schedule of the setting, with its own dimensions and query loss."""
        return cls(setting.constants, setting.schedule)

    def problem(self, *, tasks: int = 1, seed: int = 0) -> Problem:
        """The problem of the whole population, which starts at its minimum."""
        problem = super().problem(tasks=tasks, seed=seed)
        return replace(problem, start=jnp.zeros(2 * self.n_w), facts={"D0": 0.0})


class DecayFamily(OrthogonalNoiseFamily):
    """One task without noise that attains the term 2 D0/K of Theorem J: a quadratic along one pair of directions."""

    name: ClassVar[str] = "decay"

    def __init__(self, constants: Constants, schedule: Schedule):
        super().__init__(constants, schedule, copies=1)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` copies of the task: there is nothing random in it."""
        T = check_num_tasks(num_tasks)
        numbers = {"h": self.h, "c": self.c, "L": self.constants.L, "M": self.constants.M}
        every = {name: jnp.full(T, value) for name, value in numbers.items()}
        task = NoisyTask(**every, shift=jnp.zeros((T, 2)), copy=jnp.zeros(T, int))
        return TaskSet(support_loss, query_loss, task)

    @classmethod
    def smallest(cls, **options: object) -> "DecayFamily":
        """The task at mu = 1/5 and one inner step."""
        constants = Constants(0.2, 1.0, 0.0, 0.0, 1.0)
        return cls(constants, replace(Schedule(0.2, 1, batch=4), beta_w=0.5, beta_phi=0.5))

    def problem(self, *, tasks: int = 1, seed: int = 0) -> Problem:
        """The problem that starts where the query gradient has the size M, a little inside; D0 is M^2/(2 L) there."""
        inside = 1 - 1e-9
        start = self.constants.M / self.constants.L * inside * self.reach
        gap = self.constants.M**2 / (2 * self.constants.L)
        return replace(super().problem(tasks=1, seed=seed), start=jnp.asarray(start), facts={"D0": gap})
