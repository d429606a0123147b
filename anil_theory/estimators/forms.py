"""Suprema of multilinear forms: ascent over the point and over its unit directions together.

Every constant measured here is the supremum over points z of a derivative of a scalar function f on unit directions,

    F(z; d_1..d_k) = D^k f(z)[d_1, .., d_k],      each d_i in its block (w, phi or z),

the norm of a Hessian block (k = 2), the Lipschitz constant of a Hessian block (k = 3), of f itself (k = 1). Given the
field g = grad f, k nested forward derivatives of g return F, its gradients in every d_i (power-method steps) and its
gradient in z at once. Whatever the search does, F at unit directions is a lower bound of the supremum.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from anil_theory.estimators.fields import Field


class Form(NamedTuple):
    """Which form: one mask over z per direction, a sign, and a shift.

    A tied form uses one direction k times (a Rayleigh quotient). The shift s > 0 adds s |d|^2 to the form when the
    directions are improved, which turns the power method towards the largest value instead of the largest modulus.
    """

    masks: Float[Array, "k n"]
    sign: float = 1.0
    tied: bool = False
    shift: float | Array = 0.0


class Search(NamedTuple):
    """Best value of each start, the point, and the unit directions there."""

    value: Float[Array, "..."]
    point: Float[Array, "... n"]
    directions: Float[Array, "... k n"]


def _jets(field: Field, z: Array, data: PyTree, directions: Array) -> Array:
    """All mixed derivatives of the field: axis i of the (2, .., 2, n) result says whether d_i was applied."""
    f = lambda z: field(z, data)  # noqa: E731 - rebound below
    for d in directions[::-1]:
        f = partial(lambda f, d, z: jnp.stack(jax.jvp(f, (z,), (d,))), f, d)
    return f(z)


class _State(NamedTuple):
    value: Array
    z: Array
    directions: Array
    to_directions: Array
    to_point: Array
    step: Array


def _evaluate(field: Field, form: Form, z: Array, data: PyTree, directions: Array) -> tuple[Array, Array, Array]:
    """F, its gradient in each direction (k, n), and its gradient in z (n,)."""
    k = directions.shape[0]
    jets = form.sign * _jets(field, z, data, directions)
    others = [tuple(int(i != j) for j in range(k)) for i in range(k)]
    to_directions = jnp.stack([jets[o] for o in others])
    return to_directions[0] @ directions[0], to_directions, jets[(1,) * k]


def _unit(vectors: Array) -> Array:
    norm = jnp.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / jnp.where(norm > 0, norm, 1.0)


def _improve(form: Form, directions: Array, to_directions: Array) -> Array:
    """One power-method step in every direction; a direction whose gradient vanishes stays as it is."""
    moved = form.masks * (to_directions + form.shift * directions)
    new = _unit(moved)
    new = jnp.where(jnp.any(moved != 0, axis=-1, keepdims=True), new, directions)
    return jnp.broadcast_to(new[0], new.shape) if form.tied else new


def start_directions(form: Form, normals: Float[Array, "k n"]) -> Array:
    """Random unit directions in the blocks of the form, from standard normals; shape (k, n)."""
    d = _unit(form.masks * normals)
    return jnp.broadcast_to(d[0], d.shape) if form.tied else d


def power_iteration(field: Field, form: Form, z: Array, data: PyTree, directions: Array, iterations: int) -> Search:
    """The form at fixed z, maximised over directions: matrix-free, k nested forward derivatives per iteration."""

    def values(directions: Array) -> tuple[Array, Array]:
        if form.masks.shape[0] == 1:
            to = form.sign * field(z, data)[None]
        else:
            k = directions.shape[0]
            # The last direction never has to be applied to the field: F = D^{k-1} g [d_1..d_{k-1}] . d_k.
            to = jnp.stack([_jets(field, z, data, jnp.delete(directions, i, 0))[(1,) * (k - 1)] for i in range(k)])
            to = form.sign * to
        return to[0] @ directions[0], to

    def body(carry: tuple[Array, Array, Array], _: None) -> tuple[tuple[Array, Array, Array], None]:
        best, kept, directions = carry
        value, to = values(directions)
        better = value > best
        kept = jnp.where(better, directions, kept)
        return (jnp.maximum(value, best), kept, _improve(form, directions, to)), None

    start = (jnp.array(-jnp.inf), directions, directions)
    (value, kept, _), _ = jax.lax.scan(body, start, None, length=iterations)
    return Search(value, z, kept)


def ascend(
    field: Field,
    form: Form,
    z: Float[Array, " n"],
    data: PyTree,
    directions: Float[Array, "k n"],
    *,
    iterations: int,
    first_step: float | Array,
    radius: float | Array = jnp.inf,
) -> Search:
    """Maximise the form over z and directions from one start; batch it with `vmap`.

    Each iteration tries a step of its own length along the gradient in z together with a power step in the
    directions, and keeps both or neither: the value never falls. Points stay in the ball of the given radius.

    first_step  length of the first step in z, in the units of z: the distance over which the losses vary.
    """

    def project(z: Array) -> Array:
        norm = jnp.linalg.norm(z)
        return jnp.where(norm > radius, z * (radius / jnp.where(norm > 0, norm, 1.0)), z)

    def body(state: _State, _: None) -> tuple[_State, None]:
        z = project(state.z + state.step * _unit(state.to_point))
        directions = _improve(form, state.directions, state.to_directions)
        value, to_directions, to_point = _evaluate(field, form, z, data, directions)
        grown = _State(value, z, directions, to_directions, to_point, state.step * 1.5)
        accept = value >= state.value
        kept = jax.tree.map(partial(jnp.where, accept), grown, state._replace(step=state.step * 0.4))
        return kept, None

    z = project(z)
    start = _start(field, form, z, data, directions, jnp.asarray(first_step, z.dtype))
    state, _ = jax.lax.scan(body, start, None, length=iterations)
    return Search(state.value, state.z, state.directions)


def _start(field: Field, form: Form, z: Array, data: PyTree, directions: Array, step: Array) -> _State:
    """The first state; a start of negative value flips one direction (an odd power step cannot)."""
    value, to_directions, to_point = _evaluate(field, form, z, data, directions)
    if form.tied:
        return _State(value, z, directions, to_directions, to_point, step)
    sign = jnp.where(value < 0, -1.0, 1.0)
    directions = directions.at[0].multiply(sign)
    to_directions = to_directions.at[1:].multiply(sign)
    return _State(value * sign, z, directions, to_directions, to_point * sign, step)
