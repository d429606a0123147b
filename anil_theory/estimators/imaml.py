"""iMAML at random initialisations: the errors of its gradient near w*(w_0), and the Hessian of its objective."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory.algorithm.hypergradients import conjugate_gradients, neumann
from anil_theory.algorithm.implicit_maml import (
    gradient_derivative,
    implicit_meta_gradient,
    proximal_minimum,
    proximal_steps,
    shifted_hessian,
)
from anil_theory.algorithm.positive_solve import solve_positive
from anil_theory.estimators.base import Direction
from anil_theory.estimators.matrix_norm import TO_ROUNDING, spectral_norm, top_directions
from anil_theory.estimators.measurement import Effort, Finding, Found, Measurement
from anil_theory.estimators.point_norms import Place, Rows, largest_norms
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

AT_POINT = ("imaml_error/slope", "imaml_error/distance", "imaml_lipschitz/ww")
STEPS, SERIES, CONJUGATE = "imaml_error/steps", "imaml_error/neumann", "imaml_error/cg"

PER_SLOPE = tuple(f"{STEPS}/{share}" for share in range(3))

DISTANCE = 1.0
"""The distance from w* at which the error is measured."""

DENSE_LIMIT = 64
"""Above this many entries of w the dense matrices are left out."""

LEAST_SLOPES = (1e-6, 1e-3, 1.0)
"""Errors are per unit of |D L_S(w_0)|, or of this share of M where that is smaller; what is the most after its rounding
counts. Dividing by too much lowers the estimate, dividing by little raises its rounding."""


def near_minimum(place: Place) -> Float[Array, "3"]:
    """The rows AT_POINT for w_0 and phi of z; dials are lam and rho.

    They are the norm of the derivative of (I + H/lam)^(-1) D_w L_D at w*, the change of that vector over DISTANCE along
    the direction in which it changes most at w*, and the norm of the Hessian of L_D(w*(w_0)).
    """
    pair = place.losses
    data = place.data
    w_0, phi = place.w, place.phi
    lam, rho = place.dials
    best = proximal_minimum(pair.support, w_0, phi, data, lam=lam, rho=rho)
    changes = gradient_derivative(pair, best, phi, data, lam=lam)
    left, right = top_directions(changes, squarings=TO_ROUNDING)
    exact = implicit_meta_gradient(pair, best, phi, data, lam=lam)
    points = best + DISTANCE * jnp.stack([right, -right])
    far = jax.vmap(lambda w: implicit_meta_gradient(pair, w, phi, data, lam=lam))(points)
    matrix = shifted_hessian(pair.support, best, phi, data, lam=lam)
    moves = solve_positive(matrix, lam * jnp.eye(best.size))
    distant = jnp.max(jnp.linalg.norm(far - exact, axis=1))
    return jnp.stack([left @ changes @ right, distant, spectral_norm(changes @ moves)])


def after_steps(place: Place) -> Float[Array, "5"]:
    """The errors of N terms of the Neumann series, of N CG steps, of N gradient steps per unit of each least slope.

    dials   lam, rho, L and M.
    """
    pair = place.losses
    data = place.data
    w_0, phi = place.w, place.phi
    N = place.steps
    lam, rho, L, M = place.dials
    best = proximal_minimum(pair.support, w_0, phi, data, lam=lam, rho=rho)
    exact = implicit_meta_gradient(pair, best, phi, data, lam=lam)
    end = proximal_steps(pair.support, w_0, phi, data, lam=lam, alpha=place.loop.alpha, steps=N)
    stepped = implicit_meta_gradient(pair, end, phi, data, lam=lam)
    slope = jnp.linalg.norm(jax.grad(pair.support)(w_0, phi, data))
    matrix = shifted_hessian(pair.support, best, phi, data, lam=lam)
    right = lam * jax.grad(pair.query)(best, phi, data)
    series = neumann(matrix, right, N, 1 / (L + lam))
    conjugate = conjugate_gradients(matrix, right, N)
    solved = jnp.stack([jnp.linalg.norm(each - exact) for each in (series, conjugate)])
    slopes = jnp.maximum(slope, M * jnp.asarray(LEAST_SLOPES))
    return jnp.concatenate([solved, jnp.linalg.norm(stepped - exact) / slopes])


def _margin(problem: Problem, schedule: Schedule) -> float:
    """lam + h, the strong convexity of the regularised inner problem, where it is > 0."""
    return schedule.proximal_weight + problem.constants.lowest_curvature


def _condition(power: int) -> Callable[[Problem, Schedule], float]:
    """Every solve multiplies a rounding by the condition number, and w* may lie that much further away than z."""

    def condition(problem: Problem, schedule: Schedule) -> float:
        constants, margin = problem.constants, _margin(problem, schedule)
        solves = ((constants.L + schedule.proximal_weight) / margin) ** power
        curved = 1 + constants.rho * constants.M / (margin * constants.L)
        # The point at a distance is further out than any that the charged reach knows of.
        distant = 1 + constants.L * DISTANCE / constants.M
        return solves * curved * distant

    return condition


def not_convex(quantities: tuple[str, ...], problem: Problem, schedule: Schedule) -> Found:
    """No estimates where lam is too small, and by how much."""
    short = -_margin(problem, schedule)
    reason = f"L_S + lam/2 |w - w_0|^2 may be concave by {short:.3g} somewhere: w*(w_0) need not be one point"
    return {quantity: Finding((), reason) for quantity in quantities}


def measure_near_minimum(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    """The largest of AT_POINT over random w_0 and phi of every task; nothing where lam is too small."""
    if _margin(problem, schedule) <= 0:
        return not_convex(AT_POINT, problem, schedule)
    rows = Rows(AT_POINT, near_minimum, _condition(3))
    dials = (schedule.proximal_weight, problem.constants.rho)
    alone = dataclasses.replace(schedule, inner_steps=1)
    return largest_norms(rows, problem, alone, seed=effort.seed, max_inner_steps=None, dials=dials)


def measure_after_steps(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    """The largest errors of the iterates over random w_0 and phi of every task; nothing where lam is too small.

    Conjugate gradients are left out where they have as many steps as dimensions, and end with the exact solution.
    """
    if _margin(problem, schedule) <= 0:
        return not_convex((STEPS, SERIES, CONJUGATE), problem, schedule)
    constants = problem.constants
    estimates = largest_norms(
        Rows((SERIES, CONJUGATE, *PER_SLOPE), after_steps, _condition(2)),
        problem,
        schedule,
        seed=effort.seed,
        max_inner_steps=effort.max_inner_steps,
        dials=(schedule.proximal_weight, constants.rho, constants.L, constants.M),
    )
    per_slope = []
    for quantity, share in zip(PER_SLOPE, LEAST_SLOPES, strict=True):
        estimate = estimates.pop(quantity)
        rounding = estimate.rounding / (share * constants.M)
        per_slope.append(dataclasses.replace(estimate, quantity=STEPS, rounding=rounding))
    estimates[STEPS] = max(per_slope, key=lambda estimate: estimate.value - estimate.rounding)
    if problem.n_w <= schedule.inner_steps:
        del estimates[CONJUGATE]
    return estimates


def _refusal(problem: Problem, schedule: Schedule) -> str:
    if schedule.lam is None:
        return "the schedule has no lam, the weight of iMAML's proximal term"
    if problem.n_w > DENSE_LIMIT:
        return f"its matrices are dense, of at most {DENSE_LIMIT} entries of w"
    return ""


def _refusal_of_steps(problem: Problem, schedule: Schedule) -> str:
    low, high = schedule.alpha_range
    return _refusal(problem, schedule) or ("" if low == high else "parts of w have inner step sizes of their own")


POINT_MEASUREMENT = Measurement(
    name="imaml",
    quantities=AT_POINT,
    direction=Direction.LOWER,
    measure=measure_near_minimum,
    refusal=_refusal,
    depends_on=("constants", "shape", "lam"),
    costly=True,
    units={"d": DISTANCE, "slope": 1.0},
)

STEPS_MEASUREMENT = Measurement(
    name="imaml-steps",
    quantities=(STEPS, SERIES, CONJUGATE),
    direction=Direction.LOWER,
    measure=measure_after_steps,
    refusal=_refusal_of_steps,
    depends_on=("constants", "alpha", "inner_steps", "shape", "lam"),
    costly=True,
    units={"d": DISTANCE, "slope": 1.0},
)
