"""The curvature of MAML at a point, ||D^2 (l o w_N)(w)||, beside the size of the gradient ||D l(w)|| there.

l is the support loss with phi held fixed, and both loops use it: the query loss plays no part. A bound that increases
with ||D l(w)|| is exceeded at one of the points at which no other has a smaller gradient and a larger curvature, so
these alone are returned, each with its gradient as a fact.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory._precision import gamma
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.estimators.base import COUNTED, Direction, Estimate, Witness, counted_roundings
from anil_theory.estimators.matrix_norm import spectral_norm
from anil_theory.estimators.measurement import Effort, Finding, Found, Measurement
from anil_theory.estimators.not_finite import explain, left_out
from anil_theory.estimators.point_norms import Place, norms_at_points
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses

QUANTITY = "maml_lipschitz_at/ww"

DENSE_LIMIT = 64
"""Above this many entries of w the dense matrices are left out."""


def curvature_at(place: Place) -> Float[Array, "2"]:
    """||D^2 (l o w_N)(w)|| and ||D l(w)|| at one point of one task."""
    support = place.losses.support
    phi, data = place.phi, place.data
    alone = Losses(support, support)
    hessian = jax.jacfwd(lambda w: meta_gradient(alone, w, phi, data, place.loop).w)(place.w)
    slope = jax.grad(support)(place.w, phi, data)
    return jnp.stack([spectral_norm(hessian), jnp.linalg.norm(slope)])


def measure_curvature(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    """The curvatures at random points of every task that stand out at the size of their gradient."""
    z, values, reach = norms_at_points(
        curvature_at, problem, schedule, seed=effort.seed, max_inner_steps=effort.max_inner_steps
    )
    explain_first = partial(explain, problem.tasks, schedule, problem.n_w, "w")
    dropped, reason = left_out(values.sum(axis=-1), z, explain_first, QUANTITY)
    curvatures, slopes = values[..., 0].ravel(), values[..., 1].ravel()
    estimates, facts = [], []
    for index in standing_out(curvatures, slopes):
        task, point = np.unravel_index(index, values.shape[:2])
        slope = float(slopes[index])
        farthest = float(reach[task, point])
        estimates.append(
            Estimate(
                QUANTITY,
                float(curvatures[index]),
                Direction.LOWER,
                method="points",
                rounding=_rounding(problem, schedule, slope, farthest),
                rounding_kind=COUNTED,
                samples=curvatures.size,
                seed=effort.seed,
                dropped=dropped,
                first_dropped=reason,
                witness=Witness({"z": z[task, point].tolist()}, int(task)),
            )
        )
        # Rounded upwards: a bound must not be judged at less than the gradient.
        counted = counted_roundings(problem.n_w + problem.n_phi)
        facts.append({"gradient_norm": slope + gamma(counted) * (slope + problem.constants.L * farthest)})
    return {QUANTITY: Finding(tuple(estimates), facts=tuple(facts))}


def standing_out(curvatures: np.ndarray, slopes: np.ndarray) -> list[int]:
    """The points with a larger curvature than every finite one that has no larger slope."""
    finite = np.isfinite(curvatures) & np.isfinite(slopes)
    largest, chosen = -math.inf, []
    for index in np.lexsort((-curvatures, slopes)):
        if finite[index] and curvatures[index] > largest:
            largest = curvatures[index]
            chosen.append(int(index))
    return chosen


def _rounding(problem: Problem, schedule: Schedule, slope: float, reach: float) -> float:
    """One rounding per operation, amplified by the loop: of the curvature, and of the places where it is taken."""
    constants, N = problem.constants, schedule.inner_steps
    alpha = schedule.alpha_range[1]
    contracts = constants.mu is not None and alpha * constants.L <= 1
    growth = 1.0 if contracts else math.exp(min(2 * N * math.log1p(alpha * constants.L), 690.0))
    size = constants.L + alpha * N * constants.rho * (slope + constants.L * reach) + constants.rho * reach
    return min(gamma(counted_roundings(problem.n_w + problem.n_phi, N)) * growth * size, 1e300)


def _too_large(problem: Problem, schedule: Schedule) -> str:
    return f"its matrix is dense, of at most {DENSE_LIMIT} entries of w" if problem.n_w > DENSE_LIMIT else ""


MEASUREMENT = Measurement(
    name="maml-curvature",
    quantities=(QUANTITY,),
    direction=Direction.LOWER,
    measure=measure_curvature,
    refusal=_too_large,
    costly=True,
)
