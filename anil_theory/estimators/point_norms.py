"""The largest norm of a few vectors of one task over random points of every task: what bounds of an error ask for.

A measurement supplies `norms(place)`, which returns one norm per row at a point of one task (`Place`). The rounding is
the convention of `counted_roundings`, propagated as `identity` does, times a condition number.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from anil_theory._precision import gamma, require_float64
from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.base import COUNTED, Direction, Estimate, Witness, counted_roundings
from anil_theory.estimators.not_finite import explain, left_out
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, Losses

POINTS = 128
"""Points of each task."""


class Place(NamedTuple):
    """One point of one task, with the inner loop that starts there.

    z       (w, phi), flat: w has `n_w` entries;
    dials   numbers that a measurement has traced, like constants.
    """

    losses: Losses
    n_w: int
    data: PyTree
    z: Float[Array, " n"]
    loop: UnrolledLoop
    dials: Float[Array, " dials"]

    @property
    def w(self) -> Float[Array, " n_w"]:
        return self.z[: self.n_w]

    @property
    def phi(self) -> Float[Array, " n_phi"]:
        return self.z[self.n_w :]

    @property
    def steps(self) -> Any:
        """N: how many steps of the loop are taken, whatever it is compiled for."""
        return self.loop.inner_steps if self.loop.active_steps is None else self.loop.active_steps


Norms = Callable[[Place], Float[Array, " rows"]]
"""A norm, or a ratio of two, for every row."""


@dataclass(frozen=True)
class Rows:
    """What is measured at a point.

    quantities   one per row;
    norms        a function of a module: one compilation serves all settings of a shape;
    condition    by how much the last stage may amplify a rounding, beside the inner loop.
    """

    quantities: tuple[str, ...]
    norms: Norms
    condition: Callable[[Problem, Schedule], float] = lambda problem, schedule: 1.0


def largest_norms(
    rows: Rows,
    problem: Problem,
    schedule: Schedule,
    *,
    seed: int,
    max_inner_steps: int | None,
    dials: Sequence[float] = (),
    points: int = POINTS,
    at_start: bool = False,
) -> dict[str, Estimate]:
    """The largest value of every row over random points of every task, as a lower estimate with its witness.

    dials      numbers that the norms take, traced;
    at_start   look at the problem's start too.

    Points at which a row is not finite are left out and counted. Raises NotFinite when it is finite nowhere, and
    InvalidParameter for tasks that are not float64.
    """
    z, values, reach = norms_at_points(
        rows.norms,
        problem,
        schedule,
        seed=seed,
        max_inner_steps=max_inner_steps,
        dials=dials,
        points=points,
        at_start=at_start,
    )
    tasks = problem.tasks
    rounding = _rounding(problem, schedule, float(np.max(reach, where=np.isfinite(reach), initial=0.0)))
    rounding = min(rounding * rows.condition(problem, schedule), 1e300)
    estimates = {}
    for i, quantity in enumerate(rows.quantities):
        explain_first = partial(explain, tasks, schedule, problem.n_w, "w")
        dropped, reason = left_out(values[..., i], z, explain_first, quantity)
        finite = np.where(np.isfinite(values[..., i]), values[..., i], -np.inf)
        task, point = np.unravel_index(np.argmax(finite), finite.shape)
        estimates[quantity] = Estimate(
            quantity,
            float(finite[task, point]),
            Direction.LOWER,
            method="points",
            rounding=rounding,
            rounding_kind=COUNTED,
            samples=finite.size,
            seed=seed,
            dropped=dropped,
            first_dropped=reason,
            witness=Witness({"z": z[task, point].tolist()}, int(task)),
        )
    return estimates


def norms_at_points(
    norms: Norms,
    problem: Problem,
    schedule: Schedule,
    *,
    seed: int,
    max_inner_steps: int | None,
    dials: Sequence[float] = (),
    points: int = POINTS,
    at_start: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random points of every task (T, P, n), every row there (T, P, rows), and how far the loop goes from 0 (T, P).

    dials, at_start   as in `largest_norms`.

    Raises InvalidParameter for tasks that are not float64.
    """
    tasks = problem.tasks
    require_float64("tasks", tasks.data)
    z = problem.points(np.random.default_rng(seed), (len(tasks), points))
    if at_start:
        z = jnp.concatenate([jnp.broadcast_to(problem.start, (len(tasks), 1, z.shape[-1])), z[:, 1:]], axis=1)
    loop = UnrolledLoop.of_schedule(schedule, max_inner_steps)
    losses = tasks.support, tasks.query
    traced = jnp.asarray(tuple(dials), jnp.float64)
    values, reach = _over_points(norms, losses, problem.n_w, tasks.data, z, loop, traced)
    return np.asarray(z), np.asarray(values), np.asarray(reach)


def _rounding(problem: Problem, schedule: Schedule, reach: float) -> float:
    """One rounding per operation, amplified by the inner loop: see `identity.measure_identity`."""
    constants, N = problem.constants, schedule.inner_steps
    alpha = schedule.alpha_range[1]
    contracts = constants.mu is not None and alpha * constants.L <= 1
    amplification = 1.0 if contracts else math.exp(min(2 * N * math.log1p(alpha * constants.L), 700.0))
    sensitivity = constants.L + alpha * N * constants.rho * constants.M
    operations = counted_roundings(problem.n_w + problem.n_phi, N)
    return gamma(operations) * amplification * (constants.M + sensitivity * reach)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _over_points(
    norms: Norms,
    losses: tuple[Loss, Loss],
    n_w: int,
    data: PyTree,
    z: Float[Array, "T P n"],
    loop: UnrolledLoop,
    dials: Float[Array, " dials"],
) -> tuple[Float[Array, "T P rows"], Float[Array, "T P"]]:
    """The rows at all points, and the norm of the point and of the longest inner iterate."""

    def one(data: Any, z: Float[Array, " n"]) -> tuple[Array, Array]:
        place = Place(Losses(*losses), n_w, data, z, loop, dials)
        iterates = inner_loop(losses[0], place.w, place.phi, data, loop).iterates
        reach = jnp.linalg.norm(z) + jnp.max(jnp.linalg.norm(iterates, axis=-1))
        return norms(place), reach

    return jax.vmap(lambda data, z: jax.vmap(partial(one, data))(z))(data, z)
