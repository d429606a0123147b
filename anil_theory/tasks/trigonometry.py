"""Sine and cosine in plain float64 arithmetic, and a loss with its sines replaced by them: same values, less time.

XLA on CPUs evaluates float64 sines one at a time in a library call; a polynomial is vectorised with the arithmetic
around it and was measured 5 times faster. Losses keep `jnp.sin` in their formula (certificates and derivatives rest
on it); `with_polynomial_sines` rewrites the traced program, so that no formula is written twice.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree

from anil_theory.tasks.base import Loss

_PI_PARTS = (3.141592651605606, 1.9841871583270443e-09, 1.034036596358821e-18)
"""pi in three parts; the first two have 30 bits, so their products with integers below 2^20 are exact."""
_ODD_COEFFICIENTS = tuple((-1) ** j / math.factorial(2 * j + 1) for j in range(1, 11))
"""Taylor to degree 21: the remainder at pi/2 is (pi/2)^23/23! < 2e-18."""


def _reduced(x: Array, half: float) -> Array:
    """(-1)^n sin(x - (n + half) pi), with n the integer that brings the argument into [-pi/2, pi/2]."""
    n = jnp.round(x * (1 / math.pi) - half)
    for part in _PI_PARTS:
        x = x - (n + half) * part
    square = x * x
    tail = jnp.full_like(x, _ODD_COEFFICIENTS[-1])
    for coefficient in reversed(_ODD_COEFFICIENTS[:-1]):
        tail = tail * square + coefficient
    sign = 1 - 2 * (n - 2 * jnp.floor(n / 2))
    return sign * (x + x * square * tail)


@jax.custom_jvp
def sine(x: Array) -> Array:
    """sin x for float64 x: absolute error a few units of 1e-16 for |x| < 2^20, and |x| 2^-53 beyond."""
    return _reduced(x, 0.0)


@jax.custom_jvp
def cosine(x: Array) -> Array:
    """cos x, with the accuracy of `sine`."""
    return -_reduced(x, 0.5)


sine.defjvps(lambda t, _, x: t * cosine(x))
cosine.defjvps(lambda t, _, x: -t * sine(x))

_REPLACED = {"sin": sine, "cos": cosine}


def _inlined(name: str) -> bool:
    return name in ("jit", "pjit", "closed_call")


def _evaluate(jaxpr: core.Jaxpr, consts: Sequence[ArrayLike], *args: ArrayLike) -> list[Any]:
    """Run a jaxpr with its float64 sines and cosines replaced, also inside the calls that it makes."""
    values: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *args), strict=True))

    def read(atom: core.Literal | core.Var) -> ArrayLike:
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    for eqn in jaxpr.eqns:
        inputs = [read(v) for v in eqn.invars]
        name = eqn.primitive.name
        if name in _REPLACED and getattr(eqn.invars[0].aval, "dtype", None) == jnp.float64:
            outputs = [_REPLACED[name](*inputs)]
        elif _inlined(name):
            inner = eqn.params["jaxpr"] if "jaxpr" in eqn.params else eqn.params["call_jaxpr"]
            outputs = _evaluate(inner.jaxpr, inner.consts, *inputs)
        else:
            outputs = eqn.primitive.bind(*inputs, **eqn.primitive.get_bind_params(eqn.params))
            outputs = outputs if eqn.primitive.multiple_results else [outputs]
        values.update(zip(eqn.outvars, outputs, strict=True))
    return [read(v) for v in jaxpr.outvars]


@functools.cache
def with_polynomial_sines(loss: Loss) -> Loss:
    """The same loss, its sines and cosines evaluated by `sine` and `cosine`; one object per loss, so one compilation.

    Sines inside derivative rules of the loss's own (custom_jvp) are left as they are.
    """

    @functools.wraps(loss)
    def rewritten(w: PyTree, phi: PyTree, data: PyTree) -> Array:
        closed = jax.make_jaxpr(loss)(w, phi, data)
        return _evaluate(closed.jaxpr, closed.consts, *jax.tree.leaves((w, phi, data)))[0]

    return rewritten
