"""The witness of a block estimate, evaluated again in ball arithmetic on the very task that it was found on."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.certify._replay import replay
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.errors import NoWitness
from anil_theory.estimators.base import Estimate
from anil_theory.estimators.fields import block_masks, meta_field
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet


def is_replayable(estimate: Estimate) -> bool:
    """Whether `replay_witness` can show the estimate again: a block estimate with a witness of the form it takes."""
    if estimate.witness is None or not estimate.quantity.startswith("meta_gradient_lipschitz/"):
        return False
    names = estimate.witness.points.keys()
    return {"z", "u", "v"} <= names or {"z1", "z2"} <= names


def replay_witness(tasks: TaskSet, schedule: Schedule, estimate: Estimate, n_w: int) -> Enclosure:
    """A rigorous enclosure of the block norm (or difference quotient) that a witness shows.

    tasks      the population that the estimate was measured on: its data are float64 numbers, taken as exact;
    estimate   a block estimate with a witness: a point and two directions ("z", "u", "v"), or a pair ("z1", "z2").

    The directions are normalised inside the arithmetic, so rounding in them costs nothing: the lower end of the
    enclosure is a proven lower bound of the block's Lipschitz constant for this task. Raises NoWitness for an estimate
    without one.
    """
    if estimate.witness is None:
        raise NoWitness(f"the estimate of {estimate.quantity} by {estimate.method!r} has no witness to compute again")
    points = {name: np.asarray(value, float) for name, value in estimate.witness.points.items()}
    data = tasks.task(estimate.witness.task)
    size = next(iter(points.values())).size
    template = (jnp.zeros(n_w), jnp.zeros(size - n_w))

    def field(z: Array, data: PyTree, alpha: Array) -> Array:
        return meta_field(tasks, template, UnrolledLoop(alpha, schedule.inner_steps))(z, data)

    if "u" in points:
        return replay(_rayleigh(field), points["z"], points["u"], points["v"], data, schedule.alpha)
    block = estimate.quantity.rsplit("/", 1)[-1]
    mask = block_masks(n_w, size - n_w)["w" if block.startswith("w") else "phi"]
    return replay(_quotient(field, mask), points["z1"], points["z2"], data, schedule.alpha)


def _rayleigh(field: Callable[..., Array]) -> Callable[..., Array]:
    def value(z: Array, u: Array, v: Array, data: PyTree, alpha: Array) -> Array:
        curved = jax.jvp(lambda z: field(z, data, alpha), (z,), (v,))[1]
        return u @ curved / jnp.sqrt((u @ u) * (v @ v))

    return value


def _quotient(field: Callable[..., Array], mask: Array) -> Callable[..., Array]:
    def value(z1: Array, z2: Array, data: PyTree, alpha: Array) -> Array:
        change = mask * (field(z2, data, alpha) - field(z1, data, alpha))
        move = z2 - z1
        return jnp.sqrt((change @ change) / (move @ move))

    return value
