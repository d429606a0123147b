"""Two mirrored tasks of one w and one phi whose runs come close to Theorem J with rho, tau > 0.

Task B is task A with z -> -z. Let z_m = (w_m, 0) be the inner iterates of task A from z = 0, and e, u unit vectors:

    L_S(z) = slope w + z^T base z/2 + F(e . z) + F_w(w),    L_D(z) = Huber(z - z_N + mean (M/L) u),

    F''(s)   = sum_m clip(kappa (right_m + e . z_m - s), 0, kappa (right_m + left_m)), F_w'' likewise of w,
    Huber(v) = (L/2) |v|^2 where L |v| <= M, else M |v| - M^2/(2 L).

Around every z_m, as far as the iterates go, D_w^2 L_S falls by a v + b y and D_phi D_w L_S by b v + d y, where (b, d) =
kappa e_w e_phi e and a = kappa e_w^3 + kappa_w: the third derivatives of `shared_derivatives`. To the left every point
leaves one step behind, and those are small where the noise is. So the curvature of L_meta along the noise +-mean M J^T
u is that of the choice but for what the steps cost, and as B grows the average tends to the choice's own `floor`.

Constants: exact, on the whole space, for all rho, tau > 0, mu < L and alpha <= 1/L. Around z_m both functions turn, and
D_z D_w^2 L_S and D_z D_phi D_w L_S are -(a, b) and -(b, d), of norms rho and tau. F alone gives (b^2/d, b) and (b, d),
and F_w alone (a - b^2/d, 0) and 0: no longer. The steps of F lie apart, those of F_w too, and all have the same kappa,
so no more comes together elsewhere. base = [[h, -c], [-c, c^2/(L + h) - L]] has the least eigenvalue -L, and base plus
all steps is at most L by the choice of c. The steps are positive semidefinite, so all Hessians lie in between; and the
least D_w^2 L_S is h, which is mu.

L_meta is least at 0, where the run starts. F' and F_w' are concave, and e_w > 0, so D_w L_S is concave. With alpha
D_w^2 L_S <= 1 an inner step is hence convex in (w_m, phi) and does not decrease in w_m: w_N is convex in z. L_D is
convex, and its slope at z_N is mean M u with u_w >= 0. So L_D(w_N, phi) at z and at -z sum to at least twice what it is
at 0: the linear parts in phi cancel, and those in w_N do not fall.

Source: derived for this project; docs/theorem_bounds.md.
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
from anil_theory.tasks.piecewise import PiecewiseCubic
from anil_theory.tasks.shared_derivatives import best_derivatives
from anil_theory.tasks.turning_ridge import TurningRidge

RIGHT, LEFT = 0.75, 0.85
"""How far F'' falls around a point, in standard deviations there of the iterate, per unit of sqrt(log B (2 - lam)/lam).

Found by a search, as CUT: the optimum is flat.
"""

CUT = 0.87
"""1 - mean in standard deviations of the slope of L_D along u, over M, per unit of the same root."""

LEAST_LOGARITHM = 1.0
"""What log B (2 - lam)/lam counts as where it is smaller: without any breadth nothing would turn."""

SMALLEST_MEAN = 0.05
"""The least `mean`."""

ROOM = 0.2
"""The largest share of L - h that all steps of F'' and F_w'' take together: with large noise they are narrower."""

RESOLVED = 1e-3
"""How large the rounding of an inner iterate may be, beside the noise that it carries."""


class MirroredPairTask(NamedTuple):
    """Both functions of task A, and 1 for it or -1 for its mirror image."""

    slope: Float[Array, "*T"]
    base: Float[Array, "*T 2 2"]
    direction: Float[Array, "*T 2"]
    along: PiecewiseCubic
    own: PiecewiseCubic
    lowest: Float[Array, "*T 2"]
    L: Float[Array, "*T"]
    M: Float[Array, "*T"]
    sign: Float[Array, "*T"]


def support_loss(w: Array, phi: Array, task: MirroredPairTask) -> Array:
    """L_S(w, phi)."""
    z = task.sign * jnp.concatenate([w, phi])
    return task.slope * z[0] + z @ (task.base @ z) / 2 + task.along(task.direction @ z) + task.own(z[0])


def query_loss(w: Array, phi: Array, task: MirroredPairTask) -> Array:
    """L_D(w, phi)."""
    v = task.sign * jnp.concatenate([w, phi]) - task.lowest
    square = v @ v
    inside = task.L**2 * square <= task.M**2
    # The root is taken where it is used: at 0 it has no derivative.
    norm = jnp.sqrt(jnp.where(inside, 1.0, square))
    return jnp.where(inside, task.L / 2 * square, task.M * norm - task.M**2 / (2 * task.L))


class MirroredPairFamily(Family):
    """The two tasks at one schedule with its outer step sizes and its batch.

    max_inner_steps   the N that the data is padded to, at least that of the schedule; default: no padding.

    Raises InvalidParameter where rho or tau is 0 (nothing turns), for mu = L, alpha > 1/L, a missing outer step size,
    outer steps so long that SGD is unstable on every choice, and where float64 does not resolve the noise of an inner
    iterate beside the way to it.
    """

    name: ClassVar[str] = "mirrored-pair"
    takes_constants: ClassVar[bool] = True
    in_pieces: ClassVar[bool] = True
    is_witness: ClassVar[bool] = True

    def __init__(self, constants: Constants, schedule: Schedule, max_inner_steps: int | None = None):
        self._refuse(constants, schedule)
        self.constants = constants
        self.schedule = schedule
        self.n_w = self.n_phi = 1
        self.pieces = 2 * max(max_inner_steps or 0, schedule.inner_steps) + 1
        chosen = best_derivatives(constants, schedule)
        if not chosen.stable:
            raise InvalidParameter("beta_w and beta_phi", "so short that SGD is stable", chosen.steps.tolist())
        self.chosen = chosen
        self.direction = np.array([chosen.b, chosen.d]) / math.hypot(chosen.b, chosen.d)
        # The iterate varies as it would at lam = 1 with this batch.
        draws = schedule.batch * (2 - chosen.lam) / chosen.lam
        breadth = math.sqrt(max(math.log(draws), LEAST_LOGARITHM))
        spreads = chosen.spreads(self.direction), chosen.spreads(np.array([1.0, 0.0]))
        self.length_scale = float(spreads[1][0])
        self.along, self.own = self._ridges(spreads, breadth)
        varied = constants.L / constants.M * float(chosen.spreads(chosen.outer)[-1])
        self.mean = max(1 - CUT * breadth * varied, SMALLEST_MEAN)
        self.base = self._base()
        self.slope, self.centres = self._trajectory()
        least = min(float(spread[:-1].min()) for spread in spreads)
        if least * RESOLVED < np.finfo(float).eps * float(np.abs(self.centres).max()):
            allowed = "such that the noise of every inner iterate is above rounding, for a mirrored pair"
            raise InvalidParameter("inner_steps", allowed, schedule.inner_steps)

    @staticmethod
    def _refuse(constants: Constants, schedule: Schedule) -> None:
        """Refuse what no pair exists for, before anything is searched."""
        for letter in ("rho", "tau"):
            if getattr(constants, letter) == 0:
                raise InvalidParameter(letter, "> 0 for a mirrored pair", 0.0)
        if constants.lowest_curvature >= constants.L:
            raise InvalidParameter("mu", "below L for a mirrored pair", constants.mu)
        if schedule.one_alpha * constants.L > 1 + 1e-12:
            raise InvalidParameter("alpha", f"at most 1/L = {1 / constants.L:g} for a mirrored pair", schedule.alpha)
        steps = (schedule.beta_w, schedule.beta_phi)
        if None in steps:
            raise InvalidParameter("beta_w and beta_phi", "given for a mirrored pair", steps)

    def _ridges(self, spreads: tuple[np.ndarray, np.ndarray], breadth: float) -> tuple[TurningRidge, TurningRidge]:
        """F and F_w; the last of `spreads` is that of the outer point, where L_S is not asked."""
        chosen = self.chosen
        kappa = math.hypot(chosen.b, chosen.d) ** 3 / (chosen.b * chosen.d)
        # Nonnegative but for rounding (`own_maximiser`).
        own_kappa = max(chosen.a - chosen.b**2 / chosen.d, 0.0)
        along, own = (
            TurningRidge(rate, RIGHT * breadth * spread[:-1], LEFT * breadth * spread[:-1])
            for rate, spread in zip((kappa, own_kappa), spreads, strict=True)
        )
        taken = float(along.steps.sum() + own.steps.sum()) / (ROOM * (self.constants.L - chosen.h))
        shrunk = 1 / max(taken, 1.0)
        return along.narrowed(shrunk), own.narrowed(shrunk)

    def _base(self) -> np.ndarray:
        """The Hessian of L_S on the far right: h, the largest c that the steps leave room for, and what makes it L."""
        L, h = self.constants.L, self.chosen.h
        added = float(self.along.steps.sum()) * np.outer(self.direction, self.direction)
        added[0, 0] += float(self.own.steps.sum())
        # c solves room (2 L - c^2/(L + h) - added_phiphi) = (c - added_wphi)^2: base + added has the eigenvalue L.
        room = L - h - added[0, 0]
        weight = 1 + room / (L + h)
        discriminant = added[0, 1] ** 2 - weight * (added[0, 1] ** 2 - room * (2 * L - added[1, 1]))
        c = min((added[0, 1] + math.sqrt(discriminant)) / weight, self.chosen.c)
        return np.array([[h, -c], [-c, c**2 / (L + h) - L]])

    def _trajectory(self) -> tuple[float, np.ndarray]:
        """The slope of L_S, a power of 2 times the least thinkable, and w_0 .. w_N: as far apart as the steps need."""
        of_along = float(np.max(self.along.right + self.along.left)) / float(self.direction[0])
        apart = 2 * max(of_along, float(np.max(self.own.right + self.own.left)))
        slope = apart / self.schedule.one_alpha
        while True:
            centres = self._centres(slope)
            if np.all(-np.diff(centres) >= apart):
                return slope, centres
            slope *= 2

    def _centres(self, slope: float) -> np.ndarray:
        """w_0 .. w_N of task A from z = 0."""
        e_w = float(self.direction[0])
        centres = np.zeros(self.schedule.inner_steps + 1)
        for m in range(self.schedule.inner_steps):
            of_ridges = e_w * self.along.slope_at(e_w * centres, m) + self.own.slope_at(centres, m)
            gradient = slope + self.base[0, 0] * centres[m] + of_ridges
            centres[m + 1] = centres[m] - self.schedule.one_alpha * gradient
        return centres

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """Both tasks, whatever is asked for: there is nothing random in them."""
        L, M = self.constants.L, self.constants.M
        inner = self.centres[:-1]
        final = np.array([self.centres[-1], 0.0])
        numbers = {"slope": self.slope, "base": self.base, "direction": self.direction, "L": L, "M": M}
        task = MirroredPairTask(
            **{name: jnp.asarray(number) for name, number in numbers.items()},
            along=self.along.function(self.direction[0] * inner, self.pieces),
            own=self.own.function(inner, self.pieces),
            lowest=jnp.asarray(final - self.mean * M / L * self.chosen.outer),
            sign=jnp.ones(()),
        )
        both = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), task)
        return TaskSet(support_loss, query_loss, both._replace(sign=jnp.array([1.0, -1.0])))

    def query_infimum(self, data: MirroredPairTask) -> Array:
        """0, which every task reaches at its own point."""
        return jnp.zeros(data.sign.shape)

    @classmethod
    def smallest(cls, **options: object) -> "MirroredPairFamily":
        """At mu = 1/5 and rho = 1, with one inner step."""
        constants = Constants(0.2, 1.0, 1.0, 0.5, 1.0)
        return cls(constants, replace(Schedule(0.2, 1, batch=4096), beta_w=0.4, beta_phi=0.4))

    @classmethod
    def made_for(cls, setting: Setting) -> "MirroredPairFamily":
        """The tasks at the constants and the schedule of the setting, with their own dimensions and query loss."""
        return cls(setting.constants, setting.schedule, setting.max_inner_steps)

    def problem(self, *, tasks: int = 2, seed: int = 0) -> Problem:
        """The problem of both tasks, which starts at its minimum."""
        problem = super().problem(tasks=2, seed=seed)
        return replace(problem, start=jnp.zeros(2), facts={"D0": 0.0})
