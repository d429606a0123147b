"""How curved L_meta is along a step that moves w and phi at once, and how large the gradient of one task is.

    joint_form/curvature   max over points and tasks of ||D^(1/2) D^2 L_meta D^(1/2)||,  D = diag(beta_w I, beta_phi I)
    joint_form/gradient    max over points and tasks of beta_w ||g_w||^2 + beta_phi ||g_phi||^2

At a point both are exact up to rounding: the norm is that of a dense matrix. Direction: lower.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory.estimators.base import Direction, Estimate
from anil_theory.estimators.fields import meta_field
from anil_theory.estimators.matrix_norm import spectral_norm
from anil_theory.estimators.measurement import Effort, Measurement
from anil_theory.estimators.point_norms import Place, Rows, largest_norms
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet

QUANTITIES = ("joint_form/curvature", "joint_form/gradient")

DENSE_LIMIT = 64
"""Above this many entries of w and phi the dense matrices are left out."""


def forms_at(place: Place) -> Float[Array, "2"]:
    """Both quantities at one point of one task; dials are beta_w and beta_phi."""
    beta_w, beta_phi = place.dials
    weights = jnp.concatenate([jnp.full(place.w.size, beta_w), jnp.full(place.phi.size, beta_phi)])
    batch = jax.tree.map(lambda leaf: leaf[None], place.data)
    field = meta_field(TaskSet(*place.losses, batch), (place.w, place.phi), place.loop)
    value, derivative = jax.linearize(lambda z: field(z, place.data), place.z)
    hessian = jax.vmap(derivative)(jnp.eye(place.z.size))
    root = jnp.sqrt(weights)
    scaled = root[:, None] * (hessian + hessian.T) / 2 * root
    curvature = spectral_norm(scaled)
    return jnp.stack([curvature, jnp.sum(weights * value**2)])


def _condition(problem: Problem, schedule: Schedule) -> float:
    """What becomes of an error of the gradient: it is squared, or differentiated over the length of the losses."""
    constants = problem.constants
    carried = math.exp(min(schedule.inner_steps * math.log1p(schedule.alpha_range[1] * constants.L), 350.0))
    longest = max(schedule.beta_w or 0.0, schedule.beta_phi or 0.0)
    return longest * max(1 / problem.length_scale, 4 * carried * constants.M)


ROWS = Rows(QUANTITIES, forms_at, _condition)


def measure_forms(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, Estimate]:
    """The largest values over the start and random points of every task."""
    return largest_norms(
        ROWS,
        problem,
        schedule,
        seed=effort.seed,
        max_inner_steps=effort.max_inner_steps,
        dials=(schedule.beta_w or 0.0, schedule.beta_phi or 0.0),
        at_start=True,
    )


def _refusal(problem: Problem, schedule: Schedule) -> str:
    if schedule.beta_w is None or schedule.beta_phi is None:
        return "the schedule has no outer step sizes"
    if problem.n_w + problem.n_phi > DENSE_LIMIT:
        return f"its matrices are dense, of at most {DENSE_LIMIT} entries of (w, phi)"
    return ""


MEASUREMENT = Measurement(
    name="joint-form",
    quantities=QUANTITIES,
    direction=Direction.LOWER,
    measure=measure_forms,
    refusal=_refusal,
    depends_on=("constants", "alpha", "inner_steps", "beta", "shape"),
    needs_phi=True,
    costly=True,
)
