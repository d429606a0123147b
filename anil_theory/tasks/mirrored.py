"""Two mirrored tasks that attain the theorems for MAML: curvature and noise are at their bounds at once, with rho > 0.

One dimension, phi empty. Task B is task A with w -> -w. Around the m-th inner iterate of task A, u the offset from it,

    L_S''(u) = clip(low + rho (r^m delta - u), low, L),    around w_N:  L_D'(u) = clip(a M + L u, -M, M),

low = mu or -L and r = 1 - alpha low. Left of 0 the factors 1 - alpha H_m fall at the full rate alpha rho r^m, and L_D'
falls at rate L: so both gradients rise at nearly L_ww for |w| < delta, and so does their mean, which is 0 at w = 0.
The gradients there are +-a r^N M (nearly): the noise. With a step of 1/L_ww the iterate is the noise of the last step,
and as B grows a -> 1 and delta -> 0 let the average tend to sigma_w^2/B. What counts is how far the iterate goes: with
lam = beta L_ww the bound is reached as lam/B -> 0, at B = 1 with short steps too.

The local models are pieces of one function. Left of a point L_S'' stays at L for a while and falls to `low` again; the
slope of L_S is so large that neighbouring points are further apart than any w at which L_D' of the other task is
positive. So L_meta is least at 0, where the run starts: for w > 0 the gradient of A at w is at least that at -w. Either
the latter is not positive; or L_D'(-w) < a M <= L_D'(w), and the product of the factors is at most as large at -w as at
w, which is r^N from delta on, and below it by the monotone L_S''.

Constants: exact, for any rho > 0, with mu < L. Source: derived for this project; docs/theorem_bounds.md.
"""

import math
from dataclasses import replace
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Family, Setting, TaskSet
from anil_theory.tasks.piecewise import PiecewiseCubic, integrate

CUT = (0.5, 0.21)
"""1 - a in units of what L_D' varies by: so much, and so much more per unit of log B (2 - lam)/lam (searched)."""

WIDTH = 0.24
"""delta in units of the noise of w, per unit of the same logarithm. Found by a search as well."""

SMALLEST_MEAN = 0.05
"""The least a."""

RESOLVED = 1e-3
"""How large the rounding of an inner iterate may be, beside the noise that the iterate carries."""


class MirroredTask(NamedTuple):
    """Both functions of task A, and 1 for it or -1 for its mirror image."""

    support: PiecewiseCubic
    query: PiecewiseCubic
    sign: Float[Array, "*T"]


def support_loss(w: Array, phi: Array, task: MirroredTask) -> Array:
    """L_S(w)."""
    return task.support(task.sign * w[0])


def query_loss(w: Array, phi: Array, task: MirroredTask) -> Array:
    """L_D(w)."""
    return task.query(task.sign * w[0])


class MirroredFamily(Family):
    """The two tasks at one schedule with its outer step size and its batch.

    mean    a; None: what was found to be best at this batch;
    delta   how far right of 0 the curvature still turns, in units of the noise of w; None: likewise.

    Raises InvalidParameter where rho = 0 (nothing turns) or tau > 0 (phi is empty), for mu = L, alpha >= 1/low, a
    missing beta_w or one of 2/L_ww and more, and where float64 does not resolve the noise of the last iterate beside
    the way to it.
    """

    name: ClassVar[str] = "mirrored"
    takes_constants: ClassVar[bool] = True
    is_witness: ClassVar[bool] = True
    in_pieces: ClassVar[bool] = True

    def __init__(self, constants: Constants, schedule: Schedule, mean: float | None = None, delta: float | None = None):
        if constants.rho == 0:
            raise InvalidParameter("rho", "> 0 for mirrored tasks", constants.rho)
        if constants.tau > 0:
            raise InvalidParameter("tau", "0 for mirrored tasks: their phi is empty", constants.tau)
        if constants.lowest_curvature >= constants.L:
            raise InvalidParameter("mu", "below L for mirrored tasks", constants.mu)
        if schedule.beta_w is None:
            raise InvalidParameter("beta_w", "given for mirrored tasks", None)
        self.constants = constants
        self.schedule = schedule
        self.n_w = 1
        self.n_phi = 0
        low = constants.lowest_curvature
        self.factor = 1 - schedule.one_alpha * low
        if self.factor <= 0:
            raise InvalidParameter("alpha", f"below 1/mu = {1 / low:g} for mirrored tasks", schedule.one_alpha)
        carried = self.factor**schedule.inner_steps
        moved_query = constants.L * carried**2
        self.curvature = moved_query + self._turned()
        lam = schedule.beta_w * self.curvature
        if lam >= 2:
            raise InvalidParameter(
                "beta_w", f"below 2/L_ww = {2 / self.curvature:g} for mirrored tasks", schedule.beta_w
            )
        # The iterate varies as it would at lam = 1 with this batch; B itself at lam = 1.
        batch = schedule.batch * (2 - lam) / lam
        log_batch = max(math.log(batch), 0.0)
        # How far w is from 0, and what L_D' varies by along the way.
        noise = carried * constants.M / self.curvature / math.sqrt(batch)
        share = constants.L * carried * noise / constants.M
        cut = CUT[0] + CUT[1] * log_batch
        self.mean = max(1 - cut * share, SMALLEST_MEAN) if mean is None else mean
        self.delta = noise * (WIDTH * log_batch if delta is None else delta)
        self.ramp = (constants.L - low) / constants.rho
        self.length_scale = noise
        self.centres, self.slopes = self._trajectory()
        if carried * noise * RESOLVED < np.finfo(float).eps * max(self.slopes[0] * schedule.one_alpha, 1.0):
            allowed = "such that (1 - alpha low)^N keeps the noise above rounding, for mirrored tasks"
            raise InvalidParameter("inner_steps", allowed, schedule.inner_steps)

    def _turned(self) -> float:
        """The part of L_ww that the turning Hessians of L_S make."""
        N, r = self.schedule.inner_steps, self.factor
        powers = sum(r**j for j in range(N))
        return self.constants.M * self.schedule.one_alpha * self.constants.rho * r ** (N - 1) * powers

    @property
    def plateaus(self) -> np.ndarray:
        """How long L_S'' stays at L, left of each point."""
        powers = self.factor ** np.arange(self.schedule.inner_steps)
        return powers * max(2 * self.delta, 8 * self.length_scale)

    def _trajectory(self) -> tuple[np.ndarray, np.ndarray]:
        """w_0 .. w_N of task A, and the slope of L_S at w_0 .. w_{N-1}."""
        N, r, alpha = self.schedule.inner_steps, self.factor, self.schedule.one_alpha
        height = self.constants.L - self.constants.lowest_curvature
        # The excess of L_S'' over `low`, integrated: all of a point's bump, and its part right of the point.
        excess = height * (self.ramp + self.plateaus)
        right = self._right_excess()
        # From here on L_D' of the mirror image is negative.
        lost = alpha * np.sum(r ** np.arange(N - 1, -1, -1) * excess)
        farthest = (self.constants.M / self.constants.L + lost) / r**N
        longest = max(1.0, r**N) * (farthest + self.delta) + 2 * self.ramp + self.plateaus.max()
        # L_S' falls by low times the gap, by the rest of this bump and by the beginning of the next.
        falls = excess[:-1] - right[:-1] + right[1:]
        slope = [2 * longest / alpha]
        if r < 1:
            for fall in falls[::-1]:
                slope.insert(0, (slope[0] + fall) / r)
        else:
            slope[0] = max(slope[0], float(excess.max()) / (r - 1) if N > 1 else 0.0)
            for fall in falls:
                slope.append(r * slope[-1] - fall)
        slopes = np.array(slope)
        return np.concatenate([[0.0], -np.cumsum(alpha * slopes)]), slopes

    @property
    def ends(self) -> np.ndarray:
        """How far right of each point L_S'' reaches `low`."""
        return self.delta * self.factor ** np.arange(self.schedule.inner_steps)

    def _right_excess(self) -> np.ndarray:
        """The excess of L_S'' over `low`, integrated from each point to its end on the right."""
        height = self.constants.L - self.constants.lowest_curvature
        turning = np.minimum(self.ends, self.ramp)
        return self.constants.rho * turning**2 / 2 + height * (self.ends - turning)

    def _slopes_at_the_ends(self) -> np.ndarray:
        """The slope of L_S at the end right of each point."""
        return self.slopes + self.constants.lowest_curvature * self.ends + self._right_excess()

    def _support(self) -> PiecewiseCubic:
        """L_S of task A: four pieces for every point, from the last to the first."""
        low, L, rho = self.constants.lowest_curvature, self.constants.L, self.constants.rho
        N = self.schedule.inner_steps
        ends = self.centres[:N] + self.ends
        breaks = []
        for end, plateau in zip(ends[::-1], self.plateaus[::-1], strict=True):
            top = end - self.ramp
            breaks += [top - plateau - self.ramp, top - plateau, top, end]
        known = {4 * (N - 1 - m) + 3: slope for m, slope in enumerate(self._slopes_at_the_ends())}
        curvatures = [low, *[low, L, L, low] * N]
        return integrate(breaks, curvatures, [0.0, *[rho, 0.0, -rho, 0.0] * N], known)

    def _query(self) -> PiecewiseCubic:
        """L_D of task A: 0 at its minimum, a M/L left of w_N."""
        L, M = self.constants.L, self.constants.M
        lowest = float(self.centres[-1]) - self.mean * M / L
        return integrate([lowest - M / L, lowest, lowest + M / L], [0.0, L, L, 0.0], [0.0] * 4, {0: -M, 1: 0.0, 2: M})

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """Both tasks, whatever is asked for: there is nothing random in them."""
        both = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), (self._support(), self._query()))
        return TaskSet(support_loss, query_loss, MirroredTask(*both, sign=jnp.array([1.0, -1.0])))

    def query_infimum(self, data: MirroredTask) -> Array:
        """The value at the minimum, M^2/(2 L) below the first break, where the function is 0."""
        return jnp.full(data.sign.shape, -(self.constants.M**2) / (2 * self.constants.L))

    @classmethod
    def smallest(cls, **options: object) -> "MirroredFamily":
        """At mu = 1/5, rho = 1, with one inner step."""
        return cls(Constants(0.2, 1.0, 1.0, 0.0, 1.0), replace(Schedule(0.2, 1, batch=16), beta_w=0.5))

    @classmethod
    def made_for(cls, setting: Setting) -> "MirroredFamily":
        """The tasks at the constants and the schedule of the setting, with their own dimensions and query loss."""
        return cls(setting.constants, setting.schedule)

    def problem(self, *, tasks: int = 2, seed: int = 0) -> Problem:
        """The problem of both tasks, which starts at its minimum."""
        problem = super().problem(tasks=2, seed=seed)
        return replace(problem, start=jnp.zeros(1), facts={"D0": 0.0})
