"""softplus, logsumexp, softmax and the logistic function, written so that their enclosures and derivatives are narrow.

The libraries' own formulas subtract a maximum, take absolute values or divide sums by sums: right in floats, and wide
or undecided over a box. As functions of real numbers those here are the same, with the same derivatives.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


@jax.custom_jvp
def logistic(x: Any) -> Any:
    """1/(1 + e^-x)."""
    return jax.lax.logistic(x)


@jax.custom_jvp
def logistic_slope(x: Any) -> Any:
    """The derivative of the logistic function, 1/(4 cosh^2(x/2)): it falls with |x|."""
    return 0.25 / jnp.cosh(0.5 * x) ** 2


@jax.custom_jvp
def half_tanh(x: Any) -> Any:
    """tanh(x/2) = 2 logistic(x) - 1."""
    return jnp.tanh(0.5 * x)


@logistic.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return logistic(x), logistic_slope(x) * dx


@logistic_slope.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    slope = logistic_slope(x)
    return slope, -(slope * half_tanh(x)) * dx


@half_tanh.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return half_tanh(x), 2 * logistic_slope(x) * dx


@jax.custom_jvp
def softplus(x: Any) -> Any:
    """log(1 + e^x), a monotone function of a monotone one."""
    return jnp.log1p(jnp.exp(x))


@softplus.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return softplus(x), logistic(x) * dx


def log_add_exp(a: Any, b: Any) -> Any:
    """log(e^a + e^b)."""
    return b + softplus(a - b)


def log_sum_exp(x: Any) -> Any:
    """log of the sum of e^x over the last axis."""
    return _log_sum_exp(x)


@jax.custom_jvp
def _log_sum_exp(x: Any) -> Any:
    return jnp.log(jnp.sum(jnp.exp(x), axis=-1))


@_log_sum_exp.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return _log_sum_exp(x), jnp.sum(softmax(x) * dx, axis=-1)


@jax.custom_jvp
def softmax(x: Any) -> Any:
    """e^x_i/sum_j e^x_j over the last axis, as 1/(1 + sum over j other than i of e^(x_j - x_i))."""
    return 1 / (1 + jnp.sum(_others(jnp.exp(_differences(x))), axis=-1))


@softmax.defjvp
def _(primals: Any, tangents: Any) -> Any:
    """p_i sum_j p_j (dx_i - dx_j): what is common to all of x does not move it."""
    (x,), (dx,) = primals, tangents
    p = softmax(x)
    return p, -p * jnp.sum(p[..., None, :] * _differences(dx), axis=-1)


def _differences(x: Any) -> Any:
    """x_j - x_i at [.., i, j], exactly 0 on the diagonal."""
    return _others(x[..., None, :] - x[..., :, None])


def _others(square: Any) -> Any:
    """Without its diagonal."""
    return square * (1.0 - jnp.eye(square.shape[-1], dtype=square.dtype))


def over_axes(function: Callable[[Any], Any], x: Any, axes: tuple[int, ...], keeps: bool) -> Any:
    """A function of the last axis, over several axes at once; `keeps` says whether it keeps the axis."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    moved = jnp.transpose(x, (*kept, *axes))
    found = function(moved.reshape(*moved.shape[: len(kept)], -1))
    if not keeps:
        return found
    order = [*kept, *axes]
    return jnp.transpose(found.reshape(moved.shape), [order.index(axis) for axis in range(x.ndim)])
