"""Two tasks on which first-order ANIL drops as much of the meta-gradient as it can: one for each block.

w = (x, t, y) with x in a plane; the queries are linear, M <p, x> and M y, so that neither bias depends on y and phi.

    L_S = base |x|^2/2 - turn delta^2 sum_k chi_k(t) a_k(x/delta) + clock t^2/2 + (h y^2 + 2 c y phi - h phi^2)/2

Strongly convex, rho > 0: at x = 0 the Hessian in x is (L + mu)/2 I - turn E_k as long as the clock t is where chi_k is
1, and inner step k finds it there; E_k reflects, a_k(x) = cos<e', x> - cos<e, x>, e and e' its axes. The axes turn from
step to step so that every I - alpha H_k multiplies the carried vector, a complex number, by one zeta: the one of the
disk for which |1 - zeta^N| is largest. Strongly convex, rho = 0: base = L. Nonconvex: base = -L. The pair (y, phi) has
h = mu and c^2 = L^2 - h^2 where L_S is strongly convex, else the best h of that circle; at N = 1 that attains the
bound, and for N > 1 no single pair does.

Constants: upper bounds. sum_k chi_k = 1 and ||D^2 a_k|| <= 1, so that the Hessian in x is within the interval; the
clock is so slow (SLOWNESS) that what its motion adds fits into the share MARGIN of turn and of clock that is left out.
Source: derived for this project; docs/next_statements.md, statement A.
"""

import math
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks

SLOWNESS = 1e4
"""The width of a change of the clock, in units of delta."""

MARGIN = 2e-4
"""With (L - mu)/2 = D, the clock adds at most 0.71 D/SLOWNESS beside the diagonal, and its square is below MARGIN^2."""

SETTLED = 40.0
"""Widths from a change at which a logistic function is 0 or 1 in float64."""

LONGEST_CLOCK = 1e13
"""The largest start of the clock in units of delta: beyond, float64 does not separate its steps."""


class WitnessTask(NamedTuple):
    """One task; `axes` are those of the reflections of each inner step, `changes` the times between two of them."""

    base: Float[Array, "*T"]
    turn: Float[Array, "*T"]
    delta: Float[Array, "*T"]
    axes: Float[Array, "*T N 2"]
    changes: Float[Array, "*T N"]
    width: Float[Array, "*T"]
    clock: Float[Array, "*T"]
    h: Float[Array, "*T"]
    c: Float[Array, "*T"]
    slope: Float[Array, "*T 4"]


def support_loss(w: Array, phi: Array, task: WitnessTask) -> Array:
    """L_S(w, phi)."""
    x, t, y = w[:2], w[2], w[3]
    passed = jax.nn.sigmoid((task.changes - t) / task.width)
    begun = jnp.concatenate([jnp.ones(1), passed[:-1]])
    along = task.axes @ x / task.delta
    across = (task.axes[:, 0] * x[1] - task.axes[:, 1] * x[0]) / task.delta
    turned = jnp.sum((begun - passed) * (jnp.cos(across) - jnp.cos(along)))
    pair = (task.h * (y * y - phi[0] * phi[0]) + 2 * task.c * y * phi[0]) / 2
    return (task.base * (x @ x) + task.clock * t * t) / 2 - task.turn * task.delta**2 * turned + pair


def query_loss(w: Array, phi: Array, task: WitnessTask) -> Array:
    """L_D(w), linear."""
    return task.slope @ w


class FirstOrderWitness(Family):
    """The tasks at one schedule: even samples are the witness of the w row, odd ones that of the phi row.

    max_inner_steps   pad the inner steps to this many, so that a grid over N compiles once.

    Raises InvalidParameter where mu = L or alpha mu >= 1 leave nothing to turn, and when the clock would have to run
    longer than float64 can tell its steps apart.
    """

    name: ClassVar[str] = "first-order-witness"
    takes_constants: ClassVar[bool] = True

    def __init__(self, constants: Constants, schedule: Schedule, max_inner_steps: int | None = None):
        self.constants = constants
        self.schedule = schedule
        self.n_w, self.n_phi = 4, 1
        self.steps = max(schedule.inner_steps, max_inner_steps or 1)
        self.length_scale = constants.M / constants.L
        self.half_range = (constants.L - constants.lowest_curvature) / 2
        self.turns = constants.mu is not None and constants.rho > 0
        if self.half_range <= 0:
            raise InvalidParameter("mu", f"below L = {constants.L:g} for the witness of first-order ANIL", constants.mu)
        self.delta = 1.001 * self.half_range / constants.rho if constants.rho > 0 else 1.0
        self.clock = constants.lowest_curvature + MARGIN * self.half_range
        self.kept = 1 - schedule.one_alpha * self.clock
        self.start_of_clock = self._start() if self.turns else 0.0

    def _start(self) -> float:
        """t_0: so large that the clock is SETTLED at every inner step."""
        if self.kept <= 0:
            raise InvalidParameter("alpha", "below 1/mu for the witness of first-order ANIL", self.schedule.one_alpha)
        slowest = (1 - self.kept) * self.kept ** (self.schedule.inner_steps - 1)
        widths = 2 * SETTLED / slowest if slowest > 0 else math.inf
        if widths * SLOWNESS > LONGEST_CLOCK:
            allowed = f"such that its clock runs for at most {LONGEST_CLOCK:g} delta (it would be {widths:g})"
            raise InvalidParameter("inner_steps", allowed, self.schedule.inner_steps)
        return widths * SLOWNESS * self.delta

    def _angles(self) -> np.ndarray:
        """The angle of the axis of each inner step: half-way between the carried vector and where it is reflected."""
        alpha, N = self.schedule.one_alpha, self.schedule.inner_steps
        radius = alpha * self.half_range * (1 - MARGIN)
        psi = np.linspace(0.0, math.pi, 200_001)
        zeta = 1 - alpha * (self.constants.L + self.constants.lowest_curvature) / 2 + radius * np.exp(1j * psi)
        best = int(np.argmax(np.abs(1 - zeta**N)))
        carried = np.arange(N)[::-1] * np.angle(zeta[best])
        return carried + psi[best] / 2

    def _pair(self) -> tuple[float, float]:
        """h and c."""
        L, alpha, N = self.constants.L, self.schedule.one_alpha, self.schedule.inner_steps
        if self.constants.mu is not None:
            return self.constants.mu, math.sqrt(L - self.constants.mu) * math.sqrt(L + self.constants.mu)
        angles = np.linspace(0.0, math.pi / 2, 2001)
        growth = N * np.log1p(alpha * L * np.cos(angles))
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.where(np.cos(angles) > 1e-12, np.tan(angles) * np.expm1(growth), alpha * L * N)
        best = angles[int(np.argmax(moved))]
        return -L * math.cos(best), L * math.sin(best)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` tasks, the two in turn: there is nothing random in them, and the key is not used."""
        T = check_num_tasks(num_tasks)
        constants, N = self.constants, self.schedule.inner_steps
        angles = np.zeros(self.steps)
        angles[:N] = self._angles()
        times = self.start_of_clock * self.kept ** np.arange(N + 1)
        # What never comes about: the padded steps, and all of them where nothing turns.
        changes = np.full(self.steps, -1e3 * max(self.start_of_clock, self.delta * SLOWNESS))
        changes[: N - 1] = (times[1:N] + times[: N - 1]) / 2
        lowest = constants.L if constants.mu is not None else -constants.L
        h, c = self._pair()
        first = WitnessTask(
            base=jnp.asarray((constants.L + constants.lowest_curvature) / 2 if self.turns else lowest),
            turn=jnp.asarray(self.half_range * (1 - MARGIN) if self.turns else 0.0),
            delta=jnp.asarray(self.delta),
            axes=jnp.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1)),
            changes=jnp.asarray(changes),
            width=jnp.asarray(self.delta * SLOWNESS),
            clock=jnp.asarray(self.clock if self.turns else constants.lowest_curvature),
            h=jnp.asarray(h),
            c=jnp.asarray(c),
            slope=jnp.array([constants.M, 0.0, 0.0, 0.0]),
        )
        data = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (T, *leaf.shape)), first)
        rows = jnp.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
        return TaskSet(support_loss, query_loss, data._replace(slope=constants.M * rows[jnp.arange(T) % 2]))

    def query_infimum(self, data: WitnessTask) -> Array:
        """-inf: L_D is linear."""
        return jnp.full(data.h.shape, -jnp.inf)

    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array:
        """Points from which the clock starts: x = 0 and t = t_0, normal y and phi."""
        points = np.zeros((*shape, 5))
        points[..., 2] = self.start_of_clock
        points[..., 3:] = spread * self.length_scale * generator.standard_normal((*shape, 2))
        return jnp.asarray(points)

    @classmethod
    def made_for(cls, setting: Setting) -> "FirstOrderWitness":
        """The family at the constants and the schedule of the setting, with its own dimensions and query loss."""
        return cls(setting.constants, setting.schedule, setting.max_inner_steps)
