"""The sharp block constants: duals against primals, never above the refined bound, rounding, overflow."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import BLOCKS, Kind, blocks
from anil_theory.statements.contraction import block_bound
from anil_theory.statements.sharp import cross_sensitivity, own_sensitivity

pytestmark = pytest.mark.filterwarnings("error")

sizes = st.floats(0, 20)


def cathetus(hypotenuse: float, b: np.ndarray) -> np.ndarray:
    """sqrt(hypotenuse^2 - b^2), without the squares: they are 0 for sizes below 1e-162."""
    return np.sqrt(np.maximum(hypotenuse - b, 0)) * np.sqrt(hypotenuse + b)


@given(st.floats(0, 5), sizes, sizes)
@example(2.8, 1.2e-210, 1.2e-210)
def test_the_cross_sensitivity_is_the_maximum_over_the_circle(s: float, rho: float, tau: float) -> None:
    """max a s + b over a^2 + b^2 <= rho^2, |b| <= tau, by a fine scan of b (the best a is on the circle)."""
    found = cross_sensitivity(np.array([s]), np.ones(1), rho, tau)[0]
    b = np.linspace(0, min(rho, tau), 4001)
    scanned = (s * cathetus(rho, b) + b).max()
    assert scanned <= found * (1 + 1e-12) + 1e-300
    assert found <= scanned + 1e-2 * max(rho, tau) * (1 + s) / 40


@given(st.floats(0, 5), sizes, sizes)
@example(2.8, 1.2e-210, 1.2e-210)
def test_the_dual_of_the_own_sensitivity_is_its_maximum(s: float, rho: float, tau: float) -> None:
    """Weak duality: no admissible (a, b, d) is above. Strong duality: the best of a fine scan is close."""
    found = own_sensitivity(np.array([s]), np.ones(1), rho, tau)[0]
    angle = np.linspace(0, math.pi / 2, 8001)
    b = min(rho, tau) * np.sin(angle)
    a, d = cathetus(rho, b), cathetus(tau, b)
    scanned = (a * s**2 + 2 * b * s + d).max()
    assert scanned <= found * (1 + 1e-12) + 1e-300
    assert found <= scanned * (1 + 1e-3) + 1e-9


@given(
    st.one_of(st.none(), st.floats(0.02, 0.98)),
    sizes,
    sizes,
    st.floats(0.01, 10),
    st.integers(1, 40),
    st.floats(0.05, 1),
)
def test_sharp_is_never_above_refined(mu, rho, tau, M, N, share) -> None:
    constants = Constants(mu, 1.0, rho, tau, M)
    schedule = Schedule(share / constants.L, N)
    refined, sharp = (blocks(constants, schedule, constants.geometry, kind) for kind in (Kind.REFINED, Kind.SHARP))
    assert float(sharp.ww) == pytest.approx(float(refined.ww), rel=1e-12), "that block was sharp before"
    assert float(sharp.wphi) == float(sharp.phiw)
    for block in BLOCKS:
        assert float(getattr(sharp, block)) <= float(getattr(refined, block)) * (1 + 1e-11)


@pytest.mark.parametrize("mu", [0.3, None])
def test_one_step_by_hand(mu) -> None:
    """N = 1: s_1 = alpha cbar, X(0) = min(rho, tau), Y(0) = tau."""
    L, rho, tau, M, alpha = 2.0, 1.5, 0.4, 3.0, 0.25
    constants = Constants(mu, L, rho, tau, M)
    found = blocks(constants, Schedule(alpha, 1), constants.geometry, Kind.SHARP)
    s = alpha * (math.sqrt(L**2 - mu**2) if mu else L)
    r = 1 - alpha * mu if mu else 1 + alpha * L
    assert float(found.wphi) == pytest.approx(M * alpha * tau + L * r * math.hypot(1, s), rel=1e-13)
    assert float(found.phiphi) == pytest.approx(M * alpha * tau + L * (1 + s**2), rel=1e-13)


def test_without_third_derivatives_the_outer_term_is_left() -> None:
    constants = Constants(None, 1.0, 0.0, 0.0, 1.0)
    found = blocks(constants, Schedule(0.1, 5), Geometry.NONCONVEX, Kind.SHARP)
    s = 0.0
    for _ in range(5):
        s += 0.1 * math.hypot(1, s)
    assert float(found.phiphi) == pytest.approx(1 + s**2, rel=1e-14)
    assert float(found.wphi) == pytest.approx(1.1**5 * math.hypot(1, s), rel=1e-14)


@pytest.mark.parametrize("block", BLOCKS)
def test_overflow_is_explained_and_stays_below_refined(block: str) -> None:
    constants = Constants(None, 1.0, 1.0, 0.5, 1.0)
    sharp, refined = (
        block_bound(constants, Schedule(0.1, 10_000), Geometry.NONCONVEX, kind, block)
        for kind in (Kind.SHARP, Kind.REFINED)
    )
    assert sharp.value == math.inf and "exceeds float64" in sharp.note
    assert refined.log10 - 1.5 < sharp.log10 <= refined.log10 + 1e-9


def test_bounded_in_the_number_of_steps_under_the_propositions_own_step_size() -> None:
    constants = Constants(None, 1.0, 1.0, 1.0, 1.0)
    values = [
        block_bound(constants, Schedule.nonconvex(constants, N, 0.7), Geometry.NONCONVEX, Kind.SHARP, "phiphi").value
        for N in (10, 100, 1000, 10_000)
    ]
    assert values[3] - values[2] < (values[1] - values[0]) / 10
    # In the limit s solves s' = L sqrt(1 + s^2): s_N -> sinh(c), and the outer term tends to L cosh(c)^2.
    quadratic = block_bound(
        Constants(None, 1.0, 0.0, 0.0, 1.0), Schedule(0.7e-5, 100_000), Geometry.NONCONVEX, Kind.SHARP, "phiphi"
    )
    assert quadratic.value == pytest.approx(math.cosh(0.7) ** 2, rel=1e-4)


def phiphi_share(constants: Constants, alpha: float, N: int) -> float:
    """sharp/refined of the phiphi block."""
    refined, sharp = (
        blocks(constants, Schedule(alpha, N), constants.geometry, kind) for kind in (Kind.REFINED, Kind.SHARP)
    )
    return float(sharp.phiphi) / float(refined.phiphi)


def test_refined_is_twice_the_truth_where_the_docs_say_so() -> None:
    assert phiphi_share(Constants(0.9, 1.0, 5.0, 0.1, 3.0), 0.9, 4) == pytest.approx(0.527, abs=5e-4)


@pytest.mark.parametrize("geometry", list(Geometry))
def test_no_positive_number_bounds_sharp_over_refined_from_below(geometry: Geometry) -> None:
    """At N = 2, tau below s_1^2 and M large, the share falls in proportion to s_1."""
    shares, moves_of_w = [], []
    for s_1 in (1e-1, 1e-2, 1e-3, 1e-4):
        convex = geometry is Geometry.STRONGLY_CONVEX
        mu = math.sqrt(1 - s_1**2) if convex else None
        alpha = 1.0 if convex else s_1
        shares.append(phiphi_share(Constants(mu, 1.0, 1.0, s_1**3, s_1**-5), alpha, 2))
        moves_of_w.append(s_1)
    np.testing.assert_allclose(np.array(shares) / moves_of_w, 1.0, rtol=0.35)
    assert shares[-1] < 2e-4


@given(
    st.lists(st.floats(-8, 8), min_size=1, max_size=12),
    st.floats(-3, 3),
    st.floats(-3, 3),
)
def test_the_multiplier_of_the_own_sensitivity_is_the_best_one(
    logs: list[float], log_rho: float, log_tau: float
) -> None:
    """Against a hundred bisections of the dual's slope, which know nothing of Newton's method."""
    s, unit, rho, tau = 10.0 ** np.array(logs), np.ones(len(logs)), 10.0**log_rho, 10.0**log_tau
    low, high = np.zeros_like(s), np.ones_like(s)
    for _ in range(100):
        x = (low + high) / 2
        rises = rho * x / np.hypot(s, 2 * x) > tau * (1 - x) * s / np.hypot(1, 2 * (1 - x) * s)
        low, high = np.where(rises, low, x), np.where(rises, x, high)
    least = rho * s * np.hypot(s, 2 * x) + tau * np.hypot(1, 2 * (1 - x) * s)
    found = own_sensitivity(s, unit, rho, tau)
    assert (found <= least * (1 + 1e-13)).all()
    assert (found >= least * (1 - 1e-13)).all()
