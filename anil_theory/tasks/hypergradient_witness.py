"""Three tasks on which hypergradients are far off from a distance of 1: one for the unrolled, for the implicit one by
the Neumann series, and by conjugate gradients.

    L_S = z^T base z/2 + F(<v, z>),    L_D = Q(<u, z>),    z = (w, phi),    w* = 0 and w_0 = 1 at phi = 0

F'' is a tent along the path of the inner loop, as steep as rho and tau allow: H is mu where it is 0, and base is such
that the Hessian of L_S has the eigenvalues -L there and L at the top, so that C is about -sqrt(L^2 - mu^2). Q' changes
at the rate L at most between two of the values -M to M. How steep v is, where the tent is and how wide, and which u:
the best of a grid, three times refined. A tent of height 0 is a quadratic.

Conjugate gradients are exact after one step, as w has one dimension.

Constants: upper bounds, in the whole space. Source: derived for this project; docs/next_statements.md, statements C and
D.
"""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks
from anil_theory.tasks.hypergradient_paths import WAYS, Paths, Tents, along, base_of, best_query
from anil_theory.tasks.piecewise import integrate
from anil_theory.tasks.ridges import RidgeTask, query_loss, stacked, support_loss, tent, unit

NEAREST_END = 1e-200
"""A loop that ends nearer to w* leaves no room for the query loss in float64."""

REFINEMENTS = 3


class Best(NamedTuple):
    """One tent and query: the angle of u, and Q' at w* and at w_N."""

    tents: Tents
    end: float
    angle: float
    start_slope: float
    end_slope: float


class HypergradientWitness(Family):
    """The tasks at one schedule, in the order of WAYS, in turn.

    Raises InvalidParameter without mu, for mu = L (C is 0 then), for alpha above 1/L, and for loops that end within
    NEAREST_END of w*.
    """

    name: ClassVar[str] = "hypergradient-witness"
    takes_constants: ClassVar[bool] = True
    is_witness: ClassVar[bool] = True
    in_pieces: ClassVar[bool] = True

    def __init__(self, constants: Constants, schedule: Schedule):
        mu, L, alpha = constants.mu, constants.L, schedule.one_alpha
        if mu is None or mu >= L:
            raise InvalidParameter("mu", f"known and below L = {L:g} for the witness of hypergradients", mu)
        if alpha * L > 1:
            raise InvalidParameter("alpha", f"at most 1/L = {1 / L:g} for the witness of hypergradients", alpha)
        if (1 - alpha * mu) ** schedule.inner_steps < NEAREST_END:
            allowed = f"such that the loop ends at least {NEAREST_END:g} from w* (witness of hypergradients)"
            raise InvalidParameter("inner_steps", allowed, schedule.inner_steps)
        self.constants = constants
        self.schedule = schedule
        self.n_w, self.n_phi = 1, 1
        self.length_scale = 1.0

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` tasks, the three in turn: there is nothing random in them, and the key is not used."""
        T = check_num_tasks(num_tasks)
        three = [self._task(best) for best in best_of_ways(self.constants, self.schedule)]
        chosen = jnp.arange(T) % len(three)
        data = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves])[chosen], *three)
        return TaskSet(support_loss, query_loss, data)

    def query_infimum(self, data: RidgeTask) -> Array:
        """-inf: L_D is linear far from 0."""
        return jnp.full(data.slope.shape[:-1], -jnp.inf)

    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array:
        """Points to the right of w* = 0, phi = 0: a measurement takes w for the direction in which the loop starts."""
        w = self.length_scale * (1 + generator.random(shape))
        return jnp.asarray(np.stack([w, np.zeros(shape)], axis=-1))

    @classmethod
    def made_for(cls, setting: Setting) -> "HypergradientWitness":
        """The family at the constants and the schedule of the setting, with its own 1 + 1 dimensions and query loss."""
        return cls(setting.constants, setting.schedule)

    def _task(self, best: Best) -> RidgeTask:
        tents = best.tents
        v = unit(1.0, tents.tangent.item())
        # What is measured along w in `tents` is measured along v here: x = v_w w, and f = v_w^2 F''.
        ridge = tent(
            peak=tents.peak.item() * v[0],
            height=tents.height.item() / v[0] ** 2,
            jerk=tents.rate.item() / v[0] ** 3,
            still=0.0,
        )
        mixed, own = (entry.item() for entry in base_of(self.constants, tents))
        u = np.array([np.cos(best.angle), np.sin(best.angle)])
        reach = u[0] * best.end
        bend = (best.end_slope - best.start_slope) / reach
        query = integrate([0.0, reach], [0.0, bend, 0.0], [0.0] * 3, {0: best.start_slope, 1: best.end_slope})
        return RidgeTask(
            base=jnp.array([[self.constants.mu, mixed], [mixed, own]]),
            along=jnp.asarray(v[None]),
            ridges=stacked([ridge]),
            slope=jnp.zeros(2),
            across=jnp.asarray(u),
            query=query,
        )


def best_of_ways(constants: Constants, schedule: Schedule) -> list[Best]:
    """The best tent and query for each of WAYS."""
    grid = Tents.grid(constants, schedule)
    paths = along(constants, schedule, grid)
    return [_refined(constants, schedule, grid, paths, way) for way in range(len(WAYS))]


def _refined(constants: Constants, schedule: Schedule, tents: Tents, paths: Paths, way: int) -> Best:
    for width in np.geomspace(0.2, 0.02, REFINEMENTS):
        tents = tents.chosen(_best(constants, paths, way)).near(constants, width)
        paths = along(constants, schedule, tents)
    best = _best(constants, paths, way)
    angles = np.linspace(0.0, np.pi / 2, 2001)[:-1]
    query = best_query(constants, paths.chosen(best), way, angles)
    at = int(np.argmax(query.error))
    return Best(
        tents=tents.chosen(best),
        end=paths.end[best].item(),
        angle=float(angles[at]),
        start_slope=float(query.start_slope[at]),
        end_slope=float(query.end_slope[at]),
    )


def _best(constants: Constants, paths: Paths, way: int) -> np.ndarray:
    """The index, of shape (1,), of the tent with the largest error over a few angles of u."""
    few = np.geomspace(0.01, 1.2, 12)
    every = paths.chosen(np.arange(paths.end.size)[:, None])
    errors = best_query(constants, every, way, few).error
    return np.argmax(np.max(errors, axis=-1), keepdims=True)
