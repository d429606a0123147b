"""Upper bounds on what a cut-off costs, against the derivatives of cut forms themselves at sampled points."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Array

from anil_theory.certify import cut_cost
from anil_theory.estimators.local_witness import unit_sphere
from anil_theory.estimators.tensor_norms import spectral_norms
from anil_theory.tasks.log_cut import smooth_step

spans = st.floats(8.0, 4000.0)
"""From cut-offs that cost as much as the form itself."""

LEVELS = np.unique(np.concatenate([np.linspace(0, 1, 21), 1 - np.geomspace(1e-3, 0.9, 20)]))


@jax.jit
def _derivatives(form: Array, directions: Array, levels: Array, span: Array) -> tuple[Array, ...]:
    """Gradient, Hessian and third derivative of c(|x|) F(x, .., x)/k! at |x| = 1 and levels of the ramp."""

    def cut(x: Array, level: Array) -> Array:
        value = form
        for _ in range(form.ndim):
            value = jnp.tensordot(value, x, 1)
        return smooth_step(level - jnp.log(x @ x) / 2 / span) * value / math.factorial(form.ndim)

    def each(x: Array, level: Array) -> tuple[Array, ...]:
        return jax.grad(cut)(x, level), jax.hessian(cut)(x, level), jax.jacfwd(jax.hessian(cut))(x, level)

    return jax.vmap(jax.vmap(each, in_axes=(0, None)), in_axes=(None, 0))(directions, levels)


def largest_derivatives(form: np.ndarray, span: float) -> tuple[float, float, float]:
    """The largest norms of the three derivatives, over directions and levels."""
    found = _derivatives(
        jnp.asarray(form), jnp.asarray(unit_sphere(3, 40)), jnp.asarray(LEVELS), jnp.asarray(float(span))
    )
    D1, D2, D3 = (np.asarray(d).reshape(-1, *d.shape[2:]) for d in found)
    return (
        float(np.linalg.norm(D1, axis=1).max()),
        float(np.linalg.norm(D2, ord=2, axis=(1, 2)).max()),
        float(spectral_norms(D3).max()),
    )


def symmetric(degree: int, seed: int) -> np.ndarray:
    """A random symmetric form of spectral norm 1."""
    form = np.random.default_rng(seed).standard_normal((3,) * degree)
    form = np.mean([np.transpose(form, order) for order in itertools.permutations(range(degree))], axis=0)
    norms = {1: np.linalg.norm, 2: lambda a: np.linalg.norm(a, ord=2), 3: lambda a: spectral_norms(a[None])[0]}
    return form / float(norms[degree](form))


@given(spans, st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_every_derivative_of_a_cut_form_is_below_its_bound(span: float, seed: int) -> None:
    slack = 1 + 1e-9
    _, hessian, twist = largest_derivatives(symmetric(3, seed), span)
    assert twist <= cut_cost.cubic_cost(1.0, span) * slack and hessian <= cut_cost.cubic_hessian(span) * slack
    gradient, hessian, twist = largest_derivatives(symmetric(2, seed), span)
    assert gradient <= cut_cost.quadratic_gradient(span) * slack
    assert hessian <= cut_cost.quadratic_cost(span) * slack
    assert twist <= max(1.0, span) * cut_cost.quadratic_twist(span) * slack
    gradient, hessian, _ = largest_derivatives(symmetric(1, seed), span)
    assert gradient <= cut_cost.linear_cost(span) * slack and hessian <= cut_cost.linear_hessian(span) * slack


@given(st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 0.1))
def test_the_maximum_over_the_ramp_is_an_upper_bound_and_close(first: float, second: float, third: float) -> None:
    u = np.linspace(0, 1, 20_001)
    S = u**3 * (10 - 15 * u + 6 * u**2)
    slope, curve, twist = (
        30 * u**2 * (1 - u) ** 2,
        abs(60 * u - 180 * u**2 + 120 * u**3),
        abs(60 - 360 * u + 360 * u**2),
    )
    sampled = float(np.max(S + first * slope + second * curve + third * twist))
    bound = cut_cost.ramp_maximum(first, second, third)
    assert sampled <= bound <= sampled * 1.01 + 60 * third


@given(st.floats(0.01, 10), st.floats(0.0, 10), st.integers(0, 100))
def test_the_norm_of_a_cubic_form(rho: float, tau: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, d = rho * generator.uniform(-1, 1), tau * generator.uniform(-1, 1)
    b = min(rho, tau) * generator.uniform(-1, 1)
    angle = np.linspace(0, 2 * np.pi, 500)
    x, y = np.cos(angle), np.sin(angle)
    assert np.abs(a * x**3 + 3 * b * x**2 * y + 3 * d * x * y**2).max() <= cut_cost.cubic_norm(rho, tau)


def test_a_slow_cut_off_costs_little_and_a_fast_one_more() -> None:
    assert 1 <= cut_cost.cubic_cost(4.0, 4000.0) < 1 + 2e-5
    assert cut_cost.cubic_cost(4.0, 50.0) > 1.5
    assert cut_cost.quadratic_cost(400.0) == pytest.approx(1, abs=1e-4)
