"""Statement B: a quadratic with a constant bias attains the floor, and no run with any bias exceeds the bound."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Kind
from anil_theory.statements.biased_descent import FirstOrderRun, biased_descent
from anil_theory.statements.joint_rates import one_block
from anil_theory.statements.scaled import scaled


def second_moments(Lam: float, start: float, steps: int, bias: float, noise: float) -> np.ndarray:
    """E D^2 of the quadratic Lam x^2/2 at beta = 1/Lam: exactly, as x_{k+1} = -(bias + noise)/Lam from x_0 on."""
    exact = np.full(steps, bias**2 + noise**2)
    exact[0] = (Lam * start) ** 2
    return exact


@pytest.mark.parametrize(("bias", "noise"), [(0.3, 0.5), (0.3, 0.0), (0.0, 0.5)])
def test_a_quadratic_attains_the_floor_and_refutes_half_of_it(bias: float, noise: float) -> None:
    Lam, K = 2.0, 2000
    start = bias / Lam
    measured = second_moments(Lam, start, K, bias, noise).mean()
    bound = biased_descent(Lam, Lam * start**2 / 2, K, bias=bias, second_moment=noise**2)
    assert 0.998 * bound < measured <= bound * (1 + 1e-12)
    assert measured > bound / 2


def test_the_exact_second_moments_are_those_of_a_simulation() -> None:
    generator = np.random.default_rng(0)
    x = np.full(200_000, 0.15)
    simulated = []
    for _ in range(4):
        slope = 2.0 * x
        simulated.append(np.mean(slope**2))
        x = x - (slope - 0.3 + 0.5 * generator.choice([-1.0, 1.0], x.size)) / 2.0
    np.testing.assert_allclose(simulated, second_moments(2.0, 0.15, 4, 0.3, 0.5), rtol=0.01)


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 60), bias=st.floats(0.0, 3.0))
def test_no_run_with_a_bounded_bias_exceeds_the_bound(seed: int, steps: int, bias: float) -> None:
    """Sums of quadratics and cosines, Lam-smooth, with a bias of its own at every step and no noise."""
    generator = np.random.default_rng(seed)
    waves = generator.standard_normal((3, 2))
    weights = generator.uniform(0.1, 1.0, 3)
    # Each wave a (1 - cos<u, x>) has a Hessian of at most a |u|^2, and its infimum 0 at x = 0.
    Lam = float(np.sum(weights * np.sum(waves**2, axis=1)))
    x = generator.standard_normal(2) * 3
    gap = float(np.sum(weights * (1 - np.cos(waves @ x))))
    squares = []
    for _ in range(steps):
        slope = (weights * np.sin(waves @ x)) @ waves
        squares.append(slope @ slope)
        direction = generator.standard_normal(2)
        error = bias * direction / np.linalg.norm(direction) if generator.random() < 0.5 else -min(bias, 0.5) * slope
        error *= min(1.0, bias / max(np.linalg.norm(error), 1e-300))
        x = x - (slope + error) / Lam
    assert np.mean(squares) <= biased_descent(Lam, gap, steps, bias=bias, second_moment=0.0) * (1 + 1e-9)


def test_without_a_bias_it_is_close_to_the_bound_of_one_block() -> None:
    K, noise = 50, 0.25
    exact = one_block(1.5, 0.7, K, noise)
    assert biased_descent(1.5, 0.7, K, bias=0.0, second_moment=noise) == pytest.approx(exact + noise / K)


@pytest.mark.parametrize("name", ["bias", "second_moment"])
def test_bad_input_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"{name} must be"):
        biased_descent(1.0, 1.0, 1, **({"bias": 0.0, "second_moment": 0.0} | {name: -1.0}))


def test_the_two_gradients_of_a_query_are_charged_together() -> None:
    """b^2 is the largest eigenvalue of a form whose mixed entry is |1 - Lambda| s_N: at rho = 0, by hand."""
    constants = Constants(0.2, 1.0, 0.0, 0.0, 1.0)
    alpha, N, Lambda = 0.7, 2, 0.5
    for beta_w, beta_phi in ((1.0, 1.0), (0.3, 2.0)):
        schedule = Schedule(alpha, N, beta_w=beta_w, beta_phi=beta_phi)
        run = FirstOrderRun(constants.geometry, Kind.REFINED, constants, schedule, 0.0, True)
        r = 1 - alpha * 0.2
        s_N = alpha * math.sqrt(1 - 0.2**2) * (1 + r)
        Z = max(abs(end**N - Lambda) for end in (r, 1 - alpha))
        angles = np.linspace(0, np.pi / 2, 20001)
        x, y = np.cos(angles), np.sin(angles)
        squares = beta_w * (Z * x) ** 2 + beta_phi * ((1 - Lambda) * y + s_N * x) ** 2
        b = float(run.bias(run.loop(r), scaled(Lambda)))
        assert b == pytest.approx(math.sqrt(squares.max()), rel=1e-7)
