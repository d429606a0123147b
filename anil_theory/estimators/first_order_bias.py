"""What first-order ANIL leaves out: the distance of D L_D(w_N) from the meta-gradient, block by block."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.estimators.base import Direction
from anil_theory.estimators.measurement import Effort, Found, Measurement
from anil_theory.estimators.point_norms import Place, Rows, largest_norms
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

QUANTITY = "first_order_bias"


def bias_at(place: Place) -> Float[Array, " blocks"]:
    """||g_w - g_w^FO|| and, where phi is not empty, ||g_phi - g_phi^FO|| at one point of one task."""
    cheaper = dataclasses.replace(place.loop, first_order=True)
    exact = meta_gradient(place.losses, place.w, place.phi, place.data, place.loop)
    cheap = meta_gradient(place.losses, place.w, place.phi, place.data, cheaper)
    blocks = (exact.w - cheap.w, exact.phi - cheap.phi)[: 2 if place.phi.size else 1]
    return jnp.stack([jnp.linalg.norm(block) for block in blocks])


def measure_bias(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    """The largest bias of either block over random points of every task."""
    blocks = ("w", "phi")[: 2 if problem.n_phi else 1]
    rows = Rows(tuple(f"{QUANTITY}/{block}" for block in blocks), bias_at)
    return largest_norms(rows, problem, schedule, seed=effort.seed, max_inner_steps=effort.max_inner_steps)


MEASUREMENT = Measurement(
    name="first-order-bias",
    quantities=(f"{QUANTITY}/w", f"{QUANTITY}/phi"),
    direction=Direction.LOWER,
    measure=measure_bias,
    costly=True,
)
