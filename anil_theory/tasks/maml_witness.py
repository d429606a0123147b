"""One loss of one variable, l = L_S, for which MAML is as curved at a point as statement G allows; phi is empty.

The curvature of l is one number, h = -L or h in [mu, L], along the whole loop, but for a tooth at each iterate: there
it rises, or falls, at the rate rho, over a way so short (TOOTH) that the gradient does not feel it. At the point, just
right of w_0, every Hessian is then h and every third derivative rho, with the sign that adds up. Nonconvex: that is the
bound, for every size of the gradient, in the limit of short teeth. Strongly convex: l rises from h at the rate rho
in the last step, as far as pays, so that the last Hessian is larger; h and the way are the best ones, by a scan.

Where rho = 0 it is a quadratic. L_D plays no part in statement G; here it is M w. Constants: exact. Source: derived for
this project; docs/next_statements.md, statement G.
"""

import math
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter, positive
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks
from anil_theory.tasks.piecewise import PiecewiseCubic, integrate

TOOTH = 1e-6
"""How far the curvature leaves h in a tooth, at most, in units of L."""

LARGEST_GROWTH = 1e6
"""The largest change of a length over the loop, either way: the first tooth is shorter than the last by as much."""

BASES = 2001
"""Values of h in the scan."""


class MamlTask(NamedTuple):
    """One task: L_S, and the slope of L_D."""

    support: PiecewiseCubic
    slope: Float[Array, "*T"]


def support_loss(w: Array, phi: Array, task: MamlTask) -> Array:
    """L_S(w); phi is empty."""
    return task.support(w[0])


def query_loss(w: Array, phi: Array, task: MamlTask) -> Array:
    """L_D(w)."""
    return task.slope * w[0]


class Shape(NamedTuple):
    """h, the factor 1 - alpha h of a step, and the way over which the curvature rises at the end of the loop."""

    h: float
    q: float
    rise: float


class MamlWitness(Family):
    """The task at one schedule.

    gradient_norm     |l'| at the point; None: where rho > 0, so large that both terms of the general bound are equal;
    max_inner_steps   pad the pieces to those of so many steps, so that a grid over N compiles once.

    Raises InvalidParameter for steps over which a length changes by more than LARGEST_GROWTH, and for alpha > 1/L where
    l is strongly convex.
    """

    name: ClassVar[str] = "maml-witness"
    takes_constants: ClassVar[bool] = True
    in_pieces: ClassVar[bool] = True

    def __init__(
        self,
        constants: Constants,
        schedule: Schedule,
        gradient_norm: float | None = None,
        max_inner_steps: int | None = None,
    ):
        self.constants = constants
        self.alpha, self.inner_steps = schedule.one_alpha, schedule.inner_steps
        if constants.mu is not None and self.alpha * constants.L > 1 + 1e-12:
            raise InvalidParameter("alpha", f"at most 1/L = {1 / constants.L:g} (witness of MAML)", self.alpha)
        self.steps = max(schedule.inner_steps, max_inner_steps or 1)
        self.n_w, self.n_phi = 1, 0
        self.length_scale = constants.M / constants.L
        growth = 1 - self.alpha * constants.lowest_curvature
        if not 1 / LARGEST_GROWTH < growth**self.inner_steps < LARGEST_GROWTH:
            allowed = f"such that lengths change by a factor of at most {LARGEST_GROWTH:g} over them (witness of MAML)"
            raise InvalidParameter("inner_steps", allowed, self.inner_steps)
        self.gradient_norm = self._even() if gradient_norm is None else positive("gradient_norm", gradient_norm)
        self.shape = Shape(-constants.L, growth, 0.0) if constants.mu is None else self._best()

    def _even(self) -> float:
        """The size of the gradient at which both terms are equal, for r = 1 + alpha L; 1 where rho = 0."""
        if self.constants.rho == 0:
            return 1.0
        A = 1 + self.alpha * self.constants.L
        summed = math.expm1(self.inner_steps * math.log(A)) / (self.alpha * self.constants.L)
        return self.constants.L * A / (self.alpha * self.constants.rho * summed)

    def _best(self) -> Shape:
        """The shape with the largest curvature at the point: h by a scan, the rise in closed form for each h."""
        constants, N, alpha = self.constants, self.inner_steps, self.alpha
        assert constants.mu is not None
        h = np.linspace(constants.mu, constants.L, BASES)
        # Below this the teeth would be too short; with rho = 0 there are none.
        h = h[(1 - alpha * h) ** N > (1 / LARGEST_GROWTH if constants.rho > 0 else -1.0)]
        q = 1 - alpha * h
        summed = np.sum(q[:, None] ** np.arange(N), axis=1)
        rise = np.zeros_like(h)
        if constants.rho > 0:
            # The second derivative gains q^(2N) rho per length of the rise, and loses alpha rho q^(N-1) S_N (rise)^2/2.
            free = q ** (N + 1) / (alpha * constants.rho * summed)
            room = np.minimum((constants.L - h) / constants.rho, alpha * q ** (N - 1) * self.gradient_norm)
            rise = np.minimum(free, (1 - 1e-3) * room)
        last = q**N * self.gradient_norm - constants.rho * rise**2 / 2
        value = q ** (2 * N) * (h + constants.rho * rise) + alpha * constants.rho * q ** (N - 1) * summed * last
        best = int(np.argmax(value))
        return Shape(float(h[best]), float(q[best]), float(rise[best]))

    def _teeth(self) -> np.ndarray:
        """The half width of the tooth at each iterate; they change with the lengths of the loop."""
        lengths = self.shape.q ** np.arange(self.inner_steps)
        gap = self.alpha * self.gradient_norm
        longest = min(TOOTH * self.constants.L / self.constants.rho, 1e-4 * gap * float(lengths.min()))
        return longest * lengths / lengths.max()

    def _support(self) -> PiecewiseCubic:
        """The loss, made from the right to the left: tooth by tooth as the loop goes, w_0 = 0."""
        h, rise, rho = self.shape.h, self.shape.rise, self.constants.rho
        pieces = 3 * self.steps + 4
        if rho == 0:
            return integrate([0.0], [h, h], [0.0, 0.0], {0: self.gradient_norm}).pad(pieces)
        widths = [*self._teeth().tolist(), 0.0]
        # Nonconvex: up from h at w_m, and down again. Strongly convex: up on the way to w_m, and down from it.
        left = 0.0 if self.constants.mu is None else 1.0
        breaks: list[float] = []
        slopes: dict[float, float] = {}
        w, g = 0.0, self.gradient_norm
        for m, width in enumerate(widths[:-1]):
            breaks = [w - left * width, w + (1 - left) * width, w + (2 - left) * width, *breaks]
            slopes[w] = g
            # What a step passes of its own tooth and of the next one: the halves, or nothing and the whole.
            passed = rho * (left * width**2 / 2 + (1 - left / 2) * widths[m + 1] ** 2)
            gap = self.alpha * g
            w, g = w - gap, g - h * gap - passed
        curvature = [value for width in widths[-2::-1] for value in (h, h + rho * width, h)]
        jerk = [rate for _ in widths[:-1] for rate in (rho, -rho, 0.0)]
        if rise > 0:
            # From w_N + rise leftwards the curvature grows at the rate rho; it stays where it is beyond w_N.
            breaks = [w, w + rise, *breaks]
            curvature = [h + rho * rise, h + rho * rise, h, *curvature]
            jerk = [0.0, -rho, 0.0, *jerk]
        else:
            curvature, jerk = [h, *curvature], [0.0, *jerk]
        known = {index: slopes[at] for index, at in enumerate(breaks) if at in slopes}
        return integrate(breaks, curvature, jerk, known).pad(pieces)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` copies of the task: there is nothing random in it, and the key is not used."""
        T = check_num_tasks(num_tasks)
        task = MamlTask(self._support(), jnp.asarray(self.constants.M))
        data = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (T, *leaf.shape)), task)
        return TaskSet(support_loss, query_loss, data)

    def query_infimum(self, data: MamlTask) -> Array:
        """-inf: L_D is linear."""
        return jnp.full(data.slope.shape, -jnp.inf)

    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array:
        """The point just right of w_0 = 0, within the first tooth, as often as asked for."""
        inside = 0.25 * float(self._teeth()[0]) if self.constants.rho > 0 else 0.0
        return jnp.full((*shape, 1), inside)

    @classmethod
    def smallest(cls, **options: Any) -> "MamlWitness":
        """The task for one step."""
        return cls(Constants(None, 1.0, 1.0, 0.0, 1.0), Schedule(0.5, 1), **options)

    @classmethod
    def made_for(cls, setting: Setting) -> "MamlWitness":
        """The family at the constants and the schedule of the setting, with its own dimensions."""
        return cls(setting.constants, setting.schedule, max_inner_steps=setting.max_inner_steps)
