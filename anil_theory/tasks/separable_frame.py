"""Separable tasks seen from their own frame: an equivalent population whose inner loop needs no rotation.

Gradient descent commutes with orthogonal maps. With u = U^T w and v = V^T phi the inner loop of one separable task
stays in (u, v), so two products with U and V at the start and two at the end replace several per inner step:
g_w(w, phi) = U g_u(U^T w, V^T phi), and likewise for phi. In its frame the support loss is a sum over coordinates,
each a task of dimensions (1, 1), so the formula stays written once, in `separable`. Sines become polynomials
(`trigonometry`): they were most of the remaining time.

Source: derived for this project (identity; a test compares both meta-gradients).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter
from anil_theory.tasks.base import Loss, TaskSet
from anil_theory.tasks.separable import QUERY_LOSSES, SeparableTask, support_loss
from anil_theory.tasks.trigonometry import with_polynomial_sines


class SeparableFrames(NamedTuple):
    """A population equivalent to another: task i of `tasks`, at (rotation_w[i]^T w, rotation_phi[i]^T phi)."""

    rotation_w: Float[Array, "T n_w n_w"]
    rotation_phi: Float[Array, "T n_phi n_phi"]
    tasks: TaskSet


class FramedTask(NamedTuple):
    """One task in its frame: `coordinates` has leading axis k, `query` holds the rotations between the two frames."""

    coordinates: SeparableTask
    query: SeparableTask | None


def _pad(x: Array, k: int) -> Array:
    return jnp.pad(x, (0, k - x.size))


def _coordinatewise(loss, u: Array, v: Array, coordinates: SeparableTask) -> Array:
    k = coordinates.h.shape[0]
    return jnp.sum(jax.vmap(loss)(_pad(u, k)[:, None], _pad(v, k)[:, None], coordinates))


def _framed_support(u: Array, v: Array, task: FramedTask) -> Array:
    """L_S in the frame: the sum of its coordinates."""
    return _coordinatewise(support_loss, u, v, task.coordinates)


def _framed_query(loss):
    def framed(u: Array, v: Array, task: FramedTask) -> Array:
        if task.query is not None:
            return loss(u, v, task.query)
        return _coordinatewise(loss, u, v, task.coordinates)

    return framed


framed_support = with_polynomial_sines(_framed_support)

_FRAMED_QUERIES: dict[Loss, Loss] = {loss: with_polynomial_sines(_framed_query(loss)) for loss in QUERY_LOSSES.values()}
"""One function per query loss, made once: a new one for every population would compile anew."""


def is_separable(tasks: TaskSet) -> bool:
    """Whether the population was drawn by SeparableFamily, and has frames."""
    return isinstance(tasks.data, SeparableTask) and tasks.support is support_loss


def separable_frames(tasks: TaskSet) -> SeparableFrames:
    """The frames of a population drawn by SeparableFamily. Raises InvalidParameter for any other population."""
    data = tasks.data
    if not is_separable(tasks):
        raise InvalidParameter("tasks", "a population drawn by SeparableFamily", type(data).__name__)
    T, k = data.h.shape
    fields = ("h", "c", "g", "a", "amplitude", "frequency_w", "frequency_phi", "phase")
    fields += ("weight", "width", "angle", "center")
    unit = jnp.ones((T, k, 1, 1))
    narrow = {name: getattr(data, name)[..., None] for name in fields}
    coordinates = SeparableTask(rotation_w=unit, rotation_phi=unit, query_rotation=None, **narrow)
    query = None
    if data.query_rotation is not None:
        between = [
            jnp.einsum("tji,tjk->tik", own, other)
            for own, other in zip((data.rotation_w, data.rotation_phi), data.query_rotation, strict=True)
        ]
        query = data._replace(rotation_w=between[0], rotation_phi=between[1], query_rotation=None)
    framed = TaskSet(framed_support, _FRAMED_QUERIES[tasks.query], FramedTask(coordinates, query))
    return SeparableFrames(data.rotation_w, data.rotation_phi, framed)
