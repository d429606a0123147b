"""softplus, logsumexp, softmax and the logistic function, written so that their enclosures and derivatives are narrow.

The libraries' own formulas subtract a maximum, take absolute values or divide sums by sums: right in floats, and wide
or undecided over a box. As functions of real numbers those here are the same, with the same derivatives. Each is a
primitive, so that nothing takes its derivative apart again.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from anil_theory.certify.program.smooth_primitives import smooth_primitive


def _slope(x: Array, dx: Array) -> Array:
    return logistic_slope(x) * dx


def _curvature(x: Array, dx: Array) -> Array:
    return -(logistic_slope(x) * half_tanh(x)) * dx


def _twice_the_slope(x: Array, dx: Array) -> Array:
    return 2 * logistic_slope(x) * dx


logistic = smooth_primitive("logistic", jax.lax.logistic, _slope)
"""1/(1 + e^-x)."""

logistic_slope = smooth_primitive("logistic_slope", lambda x: 0.25 / jnp.cosh(0.5 * x) ** 2, _curvature)
"""The derivative of the logistic function, 1/(4 cosh^2(x/2)): it falls with |x|."""

half_tanh = smooth_primitive("half_tanh", lambda x: jnp.tanh(0.5 * x), _twice_the_slope)
"""tanh(x/2) = 2 logistic(x) - 1."""

softplus = smooth_primitive("softplus", lambda x: jnp.log1p(jnp.exp(x)), lambda x, dx: logistic(x) * dx)
"""log(1 + e^x), a monotone function of a monotone one."""


def log_add_exp(a: Array, b: Array) -> Array:
    """log(e^a + e^b)."""
    return b + softplus(a - b)


def _weighted(x: Array, dx: Array) -> Array:
    return jnp.sum(softmax(x) * dx, axis=-1)


log_sum_exp = smooth_primitive("log_sum_exp", lambda x: jnp.log(jnp.sum(jnp.exp(x), axis=-1)), _weighted, reduces=True)
"""log of the sum of e^x over the last axis."""


def _softmax(x: Array) -> Array:
    return 1 / (1 + jnp.sum(_others(jnp.exp(_differences(x))), axis=-1))


def _softmax_change(x: Array, dx: Array) -> Array:
    """p_i sum_j p_j (dx_i - dx_j): what is common to all of x does not move it."""
    p = softmax(x)
    return -p * jnp.sum(p[..., None, :] * _differences(dx), axis=-1)


softmax = smooth_primitive("softmax", _softmax, _softmax_change)
"""e^x_i/sum_j e^x_j over the last axis, as 1/(1 + sum over j other than i of e^(x_j - x_i))."""


def _differences(x: Array) -> Array:
    """x_j - x_i at [.., i, j], exactly 0 on the diagonal."""
    return _others(x[..., None, :] - x[..., :, None])


def _others(square: Array) -> Array:
    """The matrix with zeros on its diagonal."""
    return square * (1.0 - jnp.eye(square.shape[-1], dtype=square.dtype))


def over_axes(function: Callable[[Array], Array], x: Array, axes: tuple[int, ...], keeps: bool) -> Array:
    """A function of the last axis, over several axes at once; `keeps` says whether it keeps the axis."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    moved = jnp.transpose(x, (*kept, *axes))
    values = function(moved.reshape(*moved.shape[: len(kept)], -1))
    if not keeps:
        return values
    order = [*kept, *axes]
    return jnp.transpose(values.reshape(moved.shape), [order.index(axis) for axis in range(x.ndim)])
