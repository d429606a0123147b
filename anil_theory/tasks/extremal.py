"""The extremal family: one task whose meta-gradient attains the `ww` constant of Propositions 2 and 3, for every N.

One dimension, phi idle. Let `low` be mu or -L, start at w_0 = 0 with a small slope g_0 > 0, and let the inner loop
step to the left: w_{m+1} = w_m - alpha g_m. Between w_{m+1} and w_m, L_S'' is a triangle: `low` at both ends and
slope +-rho towards the middle. Outside, L_S'' = min(low + rho dist(w, nearest w_m), L). The query loss has
L_D'(w) = max(M - L |w - w_N|, -M). Moving right from 0, every 1 - alpha H_m falls at the full rate alpha rho r^m and
L_D' falls at rate L: the difference quotient of the meta-gradient tends to the explicit `ww` bound.

Source: docs/theory.md, section 4 (attained: witness/bound = 1 up to rounding and the distance from 0).
"""

import math
import sys
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks
from anil_theory.tasks.piecewise import PiecewiseCubic, integrate

DIGITS = 280
"""The constant is built of products of up to 2 N factors r; from 10^-280 to 10^280 float64 keeps all their digits."""


class ExtremalTask(NamedTuple):
    """The two functions of w."""

    support: PiecewiseCubic
    query: PiecewiseCubic


def support_loss(w: Array, phi: Array, task: ExtremalTask) -> Array:
    """L_S(w); phi is idle."""
    return task.support(w[0])


def query_loss(w: Array, phi: Array, task: ExtremalTask) -> Array:
    """L_D(w); phi is idle."""
    return task.query(w[0])


def longest_loop(contraction: float) -> int:
    """The largest N for which r^(2N) stays between 10^-DIGITS and 10^DIGITS, r > 0."""
    digits_per_step = abs(2 * math.log10(contraction))
    return int(DIGITS / digits_per_step) if digits_per_step > 0 else sys.maxsize


class ExtremalFamily(Family):
    """The task that attains the `ww` constant at one schedule; every sample is the same task.

    max_inner_steps   pad the pieces to those of this many steps, so that a grid over N compiles once.

    Raises InvalidParameter when rho = 0 (nothing to turn), when alpha leaves r = 1 - alpha low at or below 0, and when
    r^(2N) leaves the range of float64.
    """

    name: ClassVar[str] = "extremal"
    takes_constants: ClassVar[bool] = True
    is_witness: ClassVar[bool] = True
    in_pieces: ClassVar[bool] = True

    def __init__(self, constants: Constants, schedule: Schedule, max_inner_steps: int | None = None):
        if constants.rho == 0:
            raise InvalidParameter("rho", "> 0 for the extremal family", constants.rho)
        self.constants = constants
        self.schedule = schedule
        self.max_inner_steps = max(schedule.inner_steps, max_inner_steps or 1)
        self.n_w = 1
        self.n_phi = 1
        low = constants.lowest_curvature
        L = constants.L
        rho = constants.rho
        alpha = schedule.one_alpha
        self.contraction = 1 - alpha * low
        if self.contraction <= 0 or low >= L:
            raise InvalidParameter("alpha", f"below 1/mu = {1 / low:g}, with mu < L", alpha)
        if rho * alpha**2 == 0.0:
            raise InvalidParameter("alpha", "such that rho alpha^2 is above 0 in float64 (extremal task)", alpha)
        longest = longest_loop(self.contraction)
        if schedule.inner_steps > longest:
            allowed = f"at most {longest}, beyond which (1 - alpha low)^(2N) leaves the range of float64"
            raise InvalidParameter("inner_steps", allowed, schedule.inner_steps)
        # The slope stays positive, and no triangle reaches L, while g_m <= half of either limit; g_m <= g_0 r^m.
        growth = max(1.0, self.contraction**schedule.inner_steps)
        limit = min((L - low) / (rho * alpha), self.contraction / (rho * alpha**2), 0.1 * L / rho)
        self.first_slope = 0.5 * limit / growth
        self.length_scale = alpha * self.first_slope

    @staticmethod
    def exists(constants: Constants, schedule: Schedule) -> bool:
        """Whether the task can be made: rho > 0, mu < L, alpha mu < 1, and r^(2N) within the range of float64."""
        try:
            ExtremalFamily(constants, schedule)
        except InvalidParameter:
            return False
        return True

    def trajectory(self) -> tuple[np.ndarray, np.ndarray]:
        """The inner iterates w_0..w_N and the slopes g_0..g_N there."""
        low = self.constants.lowest_curvature
        rho = self.constants.rho
        alpha = self.schedule.one_alpha
        w = [0.0]
        g = [self.first_slope]
        for _ in range(self.schedule.inner_steps):
            gap = alpha * g[-1]
            w.append(w[-1] - gap)
            g.append(g[-1] - low * gap - rho * gap**2 / 4)
        return np.array(w), np.array(g)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` copies of the task (there is nothing random in it; the key is not used)."""
        task = ExtremalTask(self._support(), self._query())
        data = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (check_num_tasks(num_tasks), *leaf.shape)), task)
        return TaskSet(support_loss, query_loss, data)

    def query_infimum(self, data: ExtremalTask) -> Array:
        """-inf: L_D falls without bound far from w_N."""
        return jnp.full(data.query.anchor.shape[:-1], -jnp.inf)

    @classmethod
    def made_for(cls, setting: Setting) -> "ExtremalFamily":
        """The family at the constants and schedule of the setting, with its own 1 + 1 dimensions and query loss."""
        return cls(setting.constants, setting.schedule, setting.max_inner_steps)

    def problem(self, *, tasks: int = 1, seed: int = 0) -> Problem:
        """The problem of the one task; more of them would be copies."""
        return super().problem(tasks=1, seed=seed)

    def attaining_point(self, distance: float = 2.0**-24) -> Array:
        """z = (w, phi) just right of the start, `distance` first gaps away: there the Hessian's ww entry is L_ww."""
        return jnp.array([distance * self.length_scale, 0.0])

    def _support(self) -> PiecewiseCubic:
        low = self.constants.lowest_curvature
        L = self.constants.L
        rho = self.constants.rho
        w, g = (a[::-1] for a in self.trajectory())
        middle = (w[:-1] + w[1:]) / 2
        ramp = (L - low) / rho
        knots = np.empty(2 * w.size - 1)
        knots[::2], knots[1::2] = w, middle
        breaks = np.concatenate([[w[0] - ramp], knots, [w[-1] + ramp]])
        gaps = np.diff(w)
        # Pieces: flat L, ramp down to w_N, then up and down over each gap, ramp up from w_0, flat L.
        rising = np.repeat([low], gaps.size)
        falling = low + rho * gaps / 2
        curvature = [L, L, *np.column_stack([rising, falling]).ravel(), low, L]
        jerk = [0.0, -rho, *([rho, -rho] * gaps.size), rho, 0.0]
        slopes = {1 + 2 * m: float(value) for m, value in enumerate(g)}
        return integrate(list(breaks), curvature, jerk, slopes).pad(2 * self.max_inner_steps + 4)

    def _query(self) -> PiecewiseCubic:
        M, L = self.constants.M, self.constants.L
        peak = float(self.trajectory()[0][-1])
        reach = 2 * M / L
        breaks = [peak - reach, peak, peak + reach]
        return integrate(breaks, [0.0, L, -L, 0.0], [0.0] * 4, {0: -M, 1: M, 2: -M})
