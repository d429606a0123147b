"""Losses with a `custom_vjp` rule, made ready for forward mode: reverse over reverse in its place.

JAX differentiates a `custom_vjp` function in reverse mode only, to every order; forward mode meets a TypeError. The
meta-gradient and the searches differentiate forwards. Here the loss f gets forward rules that are made of reverse mode
alone, one for each order:

    G_0(x) = D f(x),    G_k(x; t_1..t_k) = D <G_{k-1}(x; t_1..t_{k-1}), t_k>,

and the derivative of G_k along (dx, dt_1..dt_k) is G_{k+1}(x; t_1..t_k, dx) + sum_i G_k(x; t_1.. dt_i ..t_k).
That is the derivative of G_k because higher derivatives of a function are symmetric: the rule of the loss is taken at
its word, it must be the derivative of the function.

A program that is differentiated in reverse mode and then forwards again (forward over reverse over forward) loses
these rules; nothing in this package does that to a loss.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import ClosedJaxpr, Jaxpr
from jaxtyping import Array, PyTree

from anil_theory.tasks.base import Loss

Leaves = list[Any]
"""The leaves of (w, phi, data); among tangents, None stands for a leaf that does not move."""


def custom_vjp_rules(program: ClosedJaxpr) -> tuple[str, ...]:
    """The `custom_vjp` functions that a traced program calls, each as "name at file:line"."""
    return tuple(dict.fromkeys(_rules(program.jaxpr)))


def _rules(jaxpr: Jaxpr) -> Iterator[str]:
    for equation in jaxpr.eqns:
        if equation.primitive.name.startswith("custom_vjp_call"):
            yield equation.params["call_jaxpr"].jaxpr.debug_info.func_src_info
            continue
        if equation.primitive.name.startswith("custom_jvp_call"):
            continue  # its own rule serves forward mode
        inner = jax.tree.leaves(tuple(equation.params.values()), is_leaf=_is_program)
        for program in filter(_is_program, inner):
            yield from _rules(getattr(program, "jaxpr", program))


def _is_program(value: object) -> bool:
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")


def forward_differentiable(loss: Loss) -> Loss:
    """The same loss, with derivatives in forward mode of every order that are computed in reverse mode.

    Its first derivative is that of the loss's own rules. Each further order costs one more pass of reverse mode.
    """

    def ready(w: PyTree, phi: PyTree, data: PyTree) -> Array:
        leaves, structure = jax.tree.flatten((w, phi, data))

        def flat_loss(leaves: Leaves) -> Array:
            return loss(*jax.tree.unflatten(structure, leaves))

        return _with_forward_rules(flat_loss)(leaves)

    return ready


def _with_forward_rules(flat_loss: Callable[[Leaves], Array]) -> Callable[[Leaves], Array]:
    """f with the rule f'(x)[dx] = <G_0(x), dx>, and every G_k with the rule of the module's docstring."""

    def paired(order: int, x: Leaves, directions: list[Leaves]) -> Array:
        """<G_{order-1}(x; t_1..), t_order>, and f itself at order 0."""
        if order == 0:
            return flat_loss(x)
        return _inner(slope(order - 1, x, directions[:-1]), directions[-1])

    def slope(order: int, x: Leaves, directions: list[Leaves]) -> Leaves:
        """G_order by reverse mode; None for leaves that are not floating."""
        moving = [leaf if _floats(leaf) else None for leaf in x]

        def at(moving: Leaves) -> Array:
            here = [old if new is None else new for old, new in zip(x, moving, strict=True)]
            return paired(order, here, directions)

        return jax.grad(at)(moving)

    @cache
    def field(order: int) -> Callable[..., Leaves]:
        """G_order, differentiable in forward mode."""

        @jax.custom_jvp
        def G(x: Leaves, directions: list[Leaves]) -> Leaves:
            return slope(order, x, directions)

        def rule(primals: tuple[Leaves, list[Leaves]], tangents: tuple[Leaves, list[Leaves]]) -> tuple[Leaves, Leaves]:
            x, directions = primals
            dx, dt = _without_zeros(x, tangents[0]), tangents[1]
            value = G(x, directions)
            total: Leaves = [None if leaf is None else jnp.zeros_like(leaf) for leaf in value]
            if any(leaf is not None for leaf in dx):
                total = _sum(total, field(order + 1)(x, [*directions, dx]))
            for i, moved in enumerate(dt):
                moved = _without_zeros(directions[i], moved)
                if any(leaf is not None for leaf in moved):
                    total = _sum(total, G(x, [*directions[:i], moved, *directions[i + 1 :]]))
            return value, total

        G.defjvp(rule, symbolic_zeros=True)
        return G

    @jax.custom_jvp
    def f(x: Leaves) -> Array:
        return flat_loss(x)

    def rule(primals: tuple[Leaves], tangents: tuple[Leaves]) -> tuple[Array, Array]:
        (x,) = primals
        return f(x), _inner(field(0)(x, []), _without_zeros(x, tangents[0]))

    f.defjvp(rule, symbolic_zeros=True)
    return f


def _floats(leaf: PyTree) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)


def _without_zeros(x: Leaves, tangents: Leaves) -> Leaves:
    """Tangents of the leaves of x, None for a leaf that does not move or is not floating."""
    return [
        None if move is None or isinstance(move, SymbolicZero) or not _floats(here) else move
        for here, move in zip(x, tangents, strict=True)
    ]


def _sum(a: Leaves, b: Leaves) -> Leaves:
    return [None if x is None else x + y for x, y in zip(a, b, strict=True)]


def _inner(slopes: Leaves, direction: Leaves) -> Array:
    products = [jnp.sum(s * t) for s, t in zip(slopes, direction, strict=True) if s is not None and t is not None]
    dtype = jnp.result_type(*(s for s in slopes if s is not None))
    return sum(products, start=jnp.zeros((), dtype))
