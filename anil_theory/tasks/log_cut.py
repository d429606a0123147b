"""Smooth losses with any derivatives at given points: polynomials cut off so slowly that nothing else is felt.

    f(z) = slope . z + z^T base z / 2 + sum_k [ c_1(|x|) l_k . x + c_2(|x|) x^T A_k x / 2 + c_3(|x|) T_k(x, x, x) / 6 ],
    x = z - centre_k,    c_i(|x|) = S((log R_i - log |x|)/span),    S(u) = u^3 (10 - 15 u + 6 u^2) on [0, 1].

Near its centre each term is its polynomial; beyond |x| = R_i it is 0. In between the cut-off varies with log |x| at
rate 1/span: the k-th derivative of c(|x|) P(x), P homogeneous of degree k, differs from c D^k P by O(1/span) of the
norm of P, whatever R is. So a Hessian of norm L (or a third derivative of norm rho) at each of N far-apart points costs
only a factor 1 + O(1/span) in the constants of the whole function. The function is C^2 with Lipschitz second
derivatives, as Assumptions 1 and 2 ask.

The radii span factors of exp(span), so such a function is evaluated in ball arithmetic (`certify.realisation`); in
float64 it is right only while exp(span) is a small number. Source: derived for this project; docs/sharp_bounds.md.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class LogCutForms(NamedTuple):
    """One function: K centres with a linear, a quadratic and a cubic form each. `log_radii` are log R_1, R_2, R_3."""

    slope: Any
    base: Any
    centres: Any
    linear: Any
    quadratic: Any
    cubic: Any
    log_radii: Any
    span: Any
    weights: Any
    """The weight of each coordinate in |x|: 1, or 0 for one that neither the cut-offs nor the forms contain."""


class LogCutTask(NamedTuple):
    """Support and query loss of one task."""

    support: LogCutForms
    query: LogCutForms


def smooth_step(u: Array) -> Array:
    """S(u) = u^3 (10 - 15 u + 6 u^2): 0 to 1 with two vanishing derivatives at both ends."""
    return u**3 * (10 - 15 * u + 6 * u**2)


def cutoff(squared: Array, log_radius: Array, span: Array) -> Array:
    """1 for |x| <= R exp(-span), 0 for |x| >= R, S between; `squared` is |x|^2. Differentiable at 0."""
    inside = squared <= jnp.exp(2 * (log_radius - span))
    outside = squared >= jnp.exp(2 * log_radius)
    # The logarithm is taken of a number within the ramp, so that neither 0 nor infinity reaches its derivative.
    within = jnp.where(inside | outside, jnp.exp(2 * log_radius - span), squared)
    u = (log_radius - jnp.log(within) / 2) / span
    return jnp.where(inside, 1.0, jnp.where(outside, 0.0, smooth_step(u)))


def log_cut_value(z: Array, forms: LogCutForms) -> Float[Array, ""]:
    """f(z)."""
    x = z - forms.centres
    squared = jnp.sum(forms.weights * x * x, axis=1)
    linear = jnp.sum(forms.linear * x, axis=1)
    quadratic = jnp.einsum("kij,ki,kj->k", forms.quadratic, x, x) / 2
    cubic = jnp.einsum("kijl,ki,kj,kl->k", forms.cubic, x, x, x) / 6
    total = forms.slope @ z + z @ (forms.base @ z) / 2
    for degree, form in enumerate((linear, quadratic, cubic)):
        total = total + jnp.sum(cutoff(squared, forms.log_radii[degree], forms.span) * form)
    return total


def support_loss(w: Array, phi: Array, data: LogCutTask) -> Float[Array, ""]:
    """L_S."""
    return log_cut_value(jnp.concatenate([w, phi]), data.support)


def query_loss(w: Array, phi: Array, data: LogCutTask) -> Float[Array, ""]:
    """L_D."""
    return log_cut_value(jnp.concatenate([w, phi]), data.query)
