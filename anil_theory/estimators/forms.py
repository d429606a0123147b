"""Suprema of multilinear forms: ascent over the point and over its unit directions together.

Every constant measured here is the supremum over points z of a derivative of a scalar function f on unit directions,

    F(z; d_1..d_k) = D^k f(z)[d_1, .., d_k],      each d_i in its block (w, phi or z),

the norm of a Hessian block (k = 2), the Lipschitz constant of a Hessian block (k = 3), of f itself (k = 1). Given the
field g = grad f, k nested forward derivatives of g return F, its gradients in every d_i (power-method steps) and its
gradient in z at once. Whatever the search does, F at unit directions is a lower bound of the supremum. At a fixed point
the norm of a Hessian block needs no search: Lanczos has it.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from anil_theory.estimators.fields import Field
from anil_theory.estimators.lanczos import FINAL_PRODUCTS, block_norm, mixed_directions


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
    """Best value of each start, the point, and the unit directions there.

    `distance` of a block's norm: a singular value lies within it of the value (see `lanczos`). Else it is infinite.
    """

    value: Float[Array, "..."]
    point: Float[Array, "... n"]
    directions: Float[Array, "... k n"]
    distance: Float[Array, "..."]


class NormAt(NamedTuple):
    """The norm at a point, and directions there from which an ascent should start (see `mixed_directions`)."""

    top: Search
    mixed: Float[Array, "... 2 n"]


def _jets(field: Field, z: Array, data: PyTree, directions: Array) -> Array:
    """All mixed derivatives of the field: axis i of the (2, .., 2, n) result says whether d_i was applied."""

    def with_derivative(f: Callable[[Array], Array], d: Array, z: Array) -> Array:
        return jnp.stack(jax.jvp(f, (z,), (d,)))

    def gradient(z: Array) -> Array:
        return field(z, data)

    f = gradient
    for d in directions[::-1]:
        f = partial(with_derivative, f, d)
    return f(z)


def _defined(jets: Array) -> Array:
    """The jets, or NaN where one of them is not finite: a derivative says nothing where the field has no value."""
    return jnp.where(jnp.all(jnp.isfinite(jets)), jets, jnp.nan)


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
    jets = form.sign * _defined(_jets(field, z, data, directions))
    others = [tuple(int(i != j) for j in range(k)) for i in range(k)]
    to_directions = jnp.stack([jets[o] for o in others])
    return to_directions[0] @ directions[0], to_directions, jets[(1,) * k]


def _unit(vectors: Array) -> Array:
    norm = jnp.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / jnp.where(norm > 0, norm, 1.0)


def _improve(form: Form, i: int | Array, direction: Array, gradient: Array) -> Array:
    """One power-method step of direction i; a direction whose gradient vanishes stays as it is."""
    moved = form.masks[i] * (gradient + form.shift * direction)
    return jnp.where(jnp.any(moved != 0), _unit(moved), direction)


def start_directions(form: Form, normals: Float[Array, "k n"]) -> Array:
    """Random unit directions in the blocks of the form, from standard normals; shape (k, n)."""
    d = _unit(form.masks * normals)
    return jnp.broadcast_to(d[0], d.shape) if form.tied else d


def norm_at(field: Field, form: Form, z: Array, data: PyTree, direction: Float[Array, " n"], steps: int) -> NormAt:
    """The norm of the Hessian block of a form of order 2 at a fixed z, by Lanczos: see `lanczos`.

    direction   in the columns of the block (the second mask), where the Krylov space begins;
    steps       of Lanczos; they cost `steps` + 2 products with the Hessian, each one forward derivative of the field.

    The value is -inf where the form is not finite.
    """

    def product(v: Array) -> Array:
        return _defined(_jets(field, z, data, v[None]))[1]

    norm, krylov = block_norm(product, form.masks, direction, steps)
    finite = jnp.isfinite(norm.value)
    first = jnp.stack([_unit(form.masks[0] * direction), direction])
    value = jnp.where(finite, norm.value, -jnp.inf)
    top = Search(value, z, jnp.where(finite, norm.directions, first), norm.distance)
    mixed = mixed_directions(krylov, form.masks, (steps + FINAL_PRODUCTS) // 2)
    return NormAt(top, jnp.where(finite, mixed, first))


def ascend(
    field: Field,
    form: Form,
    z: Float[Array, " n"],
    data: PyTree,
    directions: Float[Array, "k n"],
    *,
    iterations: int | Array,
    first_step: float | Array,
    radius: float | Array = jnp.inf,
) -> Search:
    """Maximise the form over z and directions from one start; batch it with `vmap`.

    Each iteration tries a step of its own length along the gradient in z together with a power step in one direction,
    and keeps both or neither: the value never falls. Directions take turns, each the best one given the others: moved
    all at once they would know nothing of each other's sign. Points stay in the ball of the given radius, and where the
    form is finite: the value is -inf when it is not at the start.

    iterations  may be traced: one compilation serves all of them;
    first_step  length of the first step in z, in the units of z: the distance over which the losses vary.
    """

    def project(z: Array) -> Array:
        norm = jnp.linalg.norm(z)
        return jnp.where(norm > radius, z * (radius / jnp.where(norm > 0, norm, 1.0)), z)

    k = form.masks.shape[0]

    def body(index: Array, state: _State) -> _State:
        z = project(state.z + state.step * _unit(state.to_point))
        turn = 0 if form.tied else index % k
        moved = _improve(form, turn, state.directions[turn], state.to_directions[turn])
        directions = jnp.broadcast_to(moved, (k, moved.size)) if form.tied else state.directions.at[turn].set(moved)
        value, to_directions, to_point = _evaluate(field, form, z, data, directions)
        if not form.tied:
            # F is odd in every direction: a negative value turns one of them round.
            sign = jnp.where(value < 0, -1.0, 1.0)
            value, to_point = sign * value, sign * to_point
            directions = directions.at[0].multiply(sign)
            to_directions = to_directions.at[1:].multiply(sign)
        grown = _State(value, z, directions, to_directions, to_point, state.step * 1.5)
        accept = (value >= state.value) & jnp.isfinite(value)
        return jax.tree.map(partial(jnp.where, accept), grown, state._replace(step=state.step * 0.4))

    # The first pass through the body only evaluates the start (nothing to follow yet, any value accepted), so that
    # the field is traced and compiled once and not a second time before the loop.
    first = jnp.asarray(first_step, z.dtype) / 1.5
    start = _State(jnp.array(-jnp.inf, z.dtype), project(z), directions, directions, jnp.zeros_like(z), first)
    state = jax.lax.fori_loop(-1, iterations, body, start)
    return Search(state.value, state.z, state.directions, jnp.full_like(state.value, jnp.inf))
