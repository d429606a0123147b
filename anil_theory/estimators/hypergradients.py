"""Unrolled and implicit hypergradients against the exact one, and the Hessian of the exact bilevel objective."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.hypergradients import (
    conjugate_gradients,
    derivatives,
    exact_gradient,
    exact_hessian,
    implicit_gradient,
    inner_minimum,
    neumann,
)
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.estimators.matrix_norm import spectral_norm
from anil_theory.estimators.measurement import Effort, Found, Measurement
from anil_theory.estimators.point_norms import Place, Rows, largest_norms
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

WAYS = ("unrolled", "neumann", "cg")
STARTS = ("solved", "started")
"""Where the inner loop starts: at w*(phi), or at the distance 1 from it, which is the unit of the estimates."""

ERRORS = tuple(f"{way}_error/{start}" for start in STARTS for way in WAYS)
SMOOTHNESS = "exact_objective_lipschitz/phiphi"
SOLVED_BY_CG = "cg_error/solved"

SQUARINGS = 40
"""What a norm of a Hessian is then below it, relatively, is less than a rounding."""

DENSE_LIMIT = 64
"""Above this many entries of w + phi the dense matrices are left out."""


def errors_at(place: Place) -> Float[Array, "6"]:
    """The errors in the order of ERRORS, at the phi of z, from w* and from w* + w/|w|; dials are L and mu."""
    pair = place.losses
    data = place.data
    phi = place.phi
    L, mu = place.dials
    best = inner_minimum(pair.support, place.w, phi, data, L=L, mu=mu)
    exact = exact_gradient(pair, best, phi, data)
    unit = place.w / jnp.linalg.norm(place.w)
    errors = []
    for distance in (0.0, 1.0):
        start = best + distance * unit
        unrolled = meta_gradient(pair, start, phi, data, place.loop).phi
        at = derivatives(pair, inner_loop(pair.support, start, phi, data, place.loop).final, phi, data)
        series = implicit_gradient(at, neumann(at.H, at.p, place.steps, 1 / L))
        conjugate = implicit_gradient(at, conjugate_gradients(at.H, at.p, place.steps))
        errors += [unrolled, series, conjugate]
    return jnp.stack([jnp.linalg.norm(each - exact) for each in errors])


def hessian_at(place: Place) -> Float[Array, "1"]:
    """||D^2 Phi|| at the phi of z; dials are L and mu."""
    L, mu = place.dials
    best = inner_minimum(place.losses.support, place.w, place.phi, place.data, L=L, mu=mu)
    return spectral_norm(exact_hessian(place.losses, best, place.phi, place.data))[None]


def _conditioned(power: int) -> Rows:
    """The condition number of the inner problem enters with every solve."""
    quantities, norms = (ERRORS, errors_at) if power == 2 else ((SMOOTHNESS,), hessian_at)

    def condition(problem: Problem, schedule: Schedule) -> float:
        constants = problem.constants
        curved = 1 + constants.rho * constants.M / constants.L**2 + constants.tau * constants.M / constants.L**2
        return constants.condition_number**power * curved

    return Rows(quantities, norms, condition)


def _measured(rows: Rows, problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, Estimate]:
    constants = problem.constants
    assert constants.mu is not None, "refused before"
    return largest_norms(
        rows,
        problem,
        schedule,
        seed=effort.seed,
        max_inner_steps=effort.max_inner_steps,
        dials=(constants.L, constants.mu),
    )


def measure_errors(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    """The largest errors over random phi of every task; with as many terms of a series as there are inner steps.

    Conjugate gradients end with the solution after n_w steps: what is then left from w* is rounding, and no estimate.
    """
    estimates = _measured(_conditioned(2), problem, schedule, effort)
    left = estimates[SOLVED_BY_CG]
    if problem.n_w <= schedule.inner_steps and 0 < left.value < left.rounding:
        del estimates[SOLVED_BY_CG]
    return estimates


def measure_smoothness(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    """The largest ||D^2 Phi|| over random phi of every task."""
    return _measured(_conditioned(3), problem, schedule, effort)


def without_minimum(problem: Problem) -> str:
    """Why w*(phi) need not exist; empty where it does."""
    return "" if problem.constants.mu else "the inner problem is not strongly convex: w*(phi) need not exist"


def _refusal(problem: Problem, schedule: Schedule) -> str:
    dense = problem.n_w + problem.n_phi > DENSE_LIMIT
    return without_minimum(problem) or (
        f"its matrices are dense, of at most {DENSE_LIMIT} entries of (w, phi)" if dense else ""
    )


ERROR_MEASUREMENT = Measurement(
    name="hypergradient-error",
    quantities=ERRORS,
    direction=Direction.LOWER,
    measure=measure_errors,
    refusal=_refusal,
    needs_phi=True,
    costly=True,
    units={"d0": 1.0},
)

SMOOTHNESS_MEASUREMENT = Measurement(
    name="exact-objective",
    quantities=(SMOOTHNESS,),
    direction=Direction.LOWER,
    measure=measure_smoothness,
    refusal=_refusal,
    depends_on=("constants", "shape"),
    needs_phi=True,
    costly=True,
)
