"""The engine against a literal transcription of its formulas in exact arithmetic, by hand, and at its extremes."""

import math
import sys
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Kind
from anil_theory.statements.contraction import (
    BLOCKS,
    block_bound,
    block_constants,
    blocks,
    contraction_factor,
    gradient_sizes,
    mixed_norm,
    step_margin,
)
from anil_theory.statements.scaled import Scaled

pytestmark = pytest.mark.filterwarnings("error")

KINDS = (Kind.EXPLICIT, Kind.REFINED)
LARGEST = math.log10(sys.float_info.max)
SC, NC = Geometry.STRONGLY_CONVEX, Geometry.NONCONVEX
INGREDIENTS: dict[str, Any] = dict(r=1.3, alpha=0.2, inner_steps=6, L=1.5, rho=0.8, tau=0.6, M=2.0, cbar=1.1)


def literal(r, alpha, N, L, rho, tau, M, cbar, x):
    """Section 3.1 as printed, double loops and all, in exact or multiple precision; x[m] is e_m or n_m."""
    S = [sum((r**j for j in range(m)), start=r * 0) for m in range(N + 1)]
    phiw = sum(sum(r**j for j in range(m + 1, N)) * r ** (N - 2 - m) for m in range(N - 1))
    phiphi = sum(sum(x[j] for j in range(m + 1, N)) * r ** (N - 2 - m) for m in range(N - 1))
    return {
        "ww": M * alpha * rho * r ** (N - 1) * S[N] + L * r ** (2 * N),
        "wphi": M * alpha * rho * r ** (N - 1) * sum(x[m] for m in range(N)) + L * r**N * x[N],
        "phiw": M * alpha * tau * N * r ** (N - 1) + M * alpha**2 * rho * cbar * phiw + L * r**N * x[N],
        "phiphi": M * alpha * tau * sum(r ** (N - 1 - m) * x[m] for m in range(N))
        + M * alpha**2 * rho * cbar * phiphi
        + L * x[N] ** 2,
    }


def literal_moves(r, alpha, N, cbar, kind):
    s = [alpha * cbar * sum((r**j for j in range(m)), start=r * 0) for m in range(N + 1)]
    return [1 + v for v in s] if kind is Kind.EXPLICIT else [mpmath.sqrt(1 + v**2) for v in s]


def sizes(low=0.01, high=20.0):
    return st.floats(low, high, allow_nan=False)


@st.composite
def ingredients(draw, max_steps=9):
    r = draw(st.one_of(st.floats(0.01, 3), st.sampled_from([0.0, 1.0, 0.5, 2.0])))
    nonnegative = st.one_of(st.just(0.0), sizes())
    drawn: dict[str, Any] = dict(
        r=r,
        alpha=draw(sizes(0.001, 2)),
        inner_steps=draw(st.integers(1, max_steps)),
        L=draw(sizes()),
        rho=draw(nonnegative),
        tau=draw(nonnegative),
        M=draw(sizes()),
        cbar=draw(nonnegative),
    )
    return drawn


@st.composite
def strongly_convex(draw, max_steps=30):
    """Constants and a schedule with 0 < alpha <= 1/L, both ends included, mu = L included."""
    L, ratio = draw(sizes(0.1, 10)), draw(st.one_of(st.just(1.0), st.floats(0.01, 1)))
    constants = Constants(L * ratio, L, draw(sizes(0.0, 5)), draw(sizes(0.0, 5)), draw(sizes(0.1, 5)))
    share = draw(st.one_of(st.just(1.0), st.floats(0.01, 1)))
    return constants, Schedule(share * (1 / L), draw(st.integers(1, max_steps)))


@given(ingredients(), st.sampled_from(KINDS))
def test_engine_equals_the_literal_double_loops(given_, kind):
    exact = {key: Fraction(value) for key, value in given_.items() if key != "inner_steps"}
    N = given_["inner_steps"]
    with mpmath.workdps(60):
        if kind is Kind.REFINED:
            exact = {key: mpmath.mpf(value.numerator) / value.denominator for key, value in exact.items()}
        x = literal_moves(exact["r"], exact["alpha"], N, exact["cbar"], kind)
        truth = literal(N=N, x=x, **exact)
        found = block_constants(**given_, kind=kind)
        for block in BLOCKS:
            value = float(getattr(found, block))
            assert abs(value - float(truth[block])) <= 1e-12 * float(truth[block]), block


@given(strongly_convex(max_steps=9), st.sampled_from([SC, NC]), st.sampled_from(KINDS), st.sampled_from(BLOCKS))
def test_rounding_covers_the_distance_to_the_exact_bound(drawn, geometry, kind, block):
    constants, schedule = drawn
    bound = block_bound(constants, schedule, geometry, kind, block)
    with mpmath.workdps(60):
        mu, L, rho, tau, M = (mpmath.mpf(getattr(constants, name)) for name in ("mu", "L", "rho", "tau", "M"))
        alpha, N = mpmath.mpf(schedule.alpha), schedule.inner_steps
        r = abs(1 - alpha * mu) if geometry is SC else 1 + alpha * L
        cbar = mpmath.sqrt(L**2 - mu**2) if (geometry, kind) == (SC, Kind.REFINED) else L
        truth = literal(r, alpha, N, L, rho, tau, M, cbar, literal_moves(r, alpha, N, cbar, kind))
        if kind is Kind.REFINED:
            truth["wphi"] = truth["phiw"] = min(truth["wphi"], truth["phiw"])
        assert abs(mpmath.mpf(bound.value) - truth[block]) <= bound.rounding
    scale = 1e-12 * max(bound.value, constants.L + constants.M * schedule.alpha * (constants.rho + constants.tau))
    assert bound.rounding <= scale  # and it is not an excuse


@given(strongly_convex())
def test_refined_is_never_larger(drawn):
    constants, schedule = drawn
    for geometry in Geometry:
        explicit, refined = (blocks(constants, schedule, geometry, kind) for kind in KINDS)
        for block in (*BLOCKS, "cross"):
            allowed = float(getattr(explicit, block)) * (1 + 1e-12)
            assert float(getattr(refined, block)) <= allowed, (geometry, block)
        assert refined.wphi == refined.phiw == refined.cross
        assert float(refined.smoothness()) <= float(explicit.smoothness()) * (1 + 1e-12)


@given(ingredients(), st.sampled_from(["r", "L", "rho", "tau", "M", "cbar", "alpha"]), st.floats(1, 3))
def test_monotone_in_every_ingredient(given_, name, factor):
    larger = given_ | {name: given_[name] * factor}
    for kind in KINDS:
        before, after = block_constants(**given_, kind=kind), block_constants(**larger, kind=kind)
        for block in BLOCKS:
            assert float(getattr(after, block)) >= float(getattr(before, block)) * (1 - 1e-12), (kind, block)


@given(ingredients(), st.sampled_from(KINDS))
def test_more_steps_cost_more_when_steps_expand(given_, kind):
    given_ = given_ | {"r": 1 + given_["r"]}
    before = block_constants(**given_, kind=kind)
    after = block_constants(**given_ | {"inner_steps": given_["inner_steps"] + 1}, kind=kind)
    assert all(float(getattr(after, b)) >= float(getattr(before, b)) * (1 - 1e-12) for b in BLOCKS)


def test_one_step_by_hand():
    r, a, L, rho, tau, M, c = 0.75, 0.5, 2.0, 3.0, 5.0, 7.0, 1.5
    found = block_constants(r=r, alpha=a, inner_steps=1, L=L, rho=rho, tau=tau, M=M, cbar=c, kind=Kind.EXPLICIT)
    e_1 = 1 + a * c
    assert float(found.ww) == pytest.approx(M * a * rho + L * r**2, rel=1e-15)
    assert float(found.wphi) == pytest.approx(M * a * rho + L * r * e_1, rel=1e-15)
    assert float(found.phiw) == pytest.approx(M * a * tau + L * r * e_1, rel=1e-15)
    assert float(found.phiphi) == pytest.approx(M * a * tau + L * e_1**2, rel=1e-15)


def test_two_steps_by_hand():
    r, a, L, rho, tau, M, c = 0.75, 0.5, 2.0, 3.0, 5.0, 7.0, 1.5
    found = block_constants(r=r, alpha=a, inner_steps=2, L=L, rho=rho, tau=tau, M=M, cbar=c, kind=Kind.EXPLICIT)
    e_1, e_2 = 1 + a * c, 1 + a * c * (1 + r)
    assert float(found.ww) == pytest.approx(M * a * rho * r * (1 + r) + L * r**4, rel=1e-15)
    assert float(found.wphi) == pytest.approx(M * a * rho * r * (1 + e_1) + L * r**2 * e_2, rel=1e-15)
    assert float(found.phiw) == pytest.approx(2 * M * a * tau * r + M * a**2 * rho * c * r + L * r**2 * e_2, rel=1e-15)
    phiphi = M * a * tau * (r + e_1) + M * a**2 * rho * c * e_1 + L * e_2**2
    assert float(found.phiphi) == pytest.approx(phiphi, rel=1e-15)


@given(ingredients())
def test_uncoupled_losses_leave_phi_as_it_is(given_):
    """Without a mixed block (cbar = tau = 0) w_N ignores phi: D_phi L_meta has the constants of D_phi L_D."""
    given_ = given_ | {"cbar": 0.0, "tau": 0.0}
    r, a, N, L, rho, M = (given_[k] for k in ("r", "alpha", "inner_steps", "L", "rho", "M"))
    for kind in KINDS:
        found = block_constants(**given_, kind=kind)
        assert float(found.phiphi) == pytest.approx(L, rel=1e-14)
        assert float(found.phiw) == pytest.approx(L * r**N, rel=1e-12)
        assert float(found.wphi) == pytest.approx(M * a * rho * r ** (N - 1) * N + L * r**N, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_quadratic_losses_leave_the_outer_term(kind):
    given_: dict[str, Any] = INGREDIENTS | {"rho": 0.0, "tau": 0.0}
    found, N = block_constants(**given_, kind=kind), given_["inner_steps"]
    assert float(found.ww) == pytest.approx(given_["L"] * given_["r"] ** (2 * N), rel=1e-13)
    # the outer term is L times a product of two norms, so the cross constant is the geometric mean
    assert float(found.cross) ** 2 == pytest.approx(float(found.ww) * float(found.phiphi), rel=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("N", [1, 2, 7, 40])
def test_the_two_geometries_meet_at_r_equal_one(kind, N):
    """1 - alpha mu -> 1 <- 1 + alpha L: no jump at r = 1, where the engine changes its scaling."""
    at = {r: block_constants(**INGREDIENTS | {"r": r, "inner_steps": N}, kind=kind) for r in (1 - 1e-9, 1.0, 1 + 1e-9)}
    for block in BLOCKS:
        below, one, above = (float(getattr(found, block)) for found in at.values())
        assert abs(above - one) + abs(one - below) <= 1e-8 * N * one


@given(strongly_convex())
def test_nonconvex_rows_have_equal_explicit_constants(drawn):
    """With cbar = L and r = 1 + alpha L, e_m = r^m: moving phi by a unit does what moving w by a unit does."""
    found = blocks(drawn[0], drawn[1], NC, Kind.EXPLICIT)
    assert float(found.wphi) == pytest.approx(float(found.ww), rel=1e-11)
    assert float(found.phiw) == pytest.approx(float(found.phiphi), rel=1e-11)


@given(strongly_convex())
def test_assuming_less_costs_more(drawn):
    """The strongly convex constants are at most the nonconvex ones of the same family and schedule."""
    for kind in KINDS:
        tight, loose = (blocks(drawn[0], drawn[1], geometry, kind) for geometry in (SC, NC))
        assert all(float(getattr(tight, b)) <= float(getattr(loose, b)) * (1 + 1e-12) for b in BLOCKS)


@given(ingredients(), st.sampled_from(KINDS))
def test_smoothness_is_the_spectral_norm(given_, kind):
    found = block_constants(**given_, kind=kind)
    ww, x, phiphi = float(found.ww), float(found.cross), float(found.phiphi)
    expected = np.linalg.norm(np.array([[ww, x], [x, phiphi]]), 2)
    assert float(found.smoothness()) == pytest.approx(float(expected), rel=1e-12)


def test_gradient_sizes():
    constants, schedule = Constants(0.5, 2.0, 1.0, 1.0, 3.0), Schedule(0.25, 3)
    w, phi = gradient_sizes(constants, schedule, SC)
    r, cbar = 1 - 0.125, math.sqrt(4 - 0.25)
    assert w.value == pytest.approx(3 * r**3, rel=1e-14)
    assert phi.value == pytest.approx(3 * math.hypot(1, 0.25 * cbar * (1 + r + r**2)), rel=1e-14)
    w, phi = gradient_sizes(constants, schedule, NC)
    assert w.value == pytest.approx(3 * 1.5**3, rel=1e-14)
    assert phi.value == pytest.approx(3 * math.hypot(1, 0.5 * (1 + 1.5 + 1.5**2)), rel=1e-14)


@pytest.mark.parametrize("rho, tau", [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("N", [100, 511, 512, 513, 1024, 10_000])
def test_overflow_is_explained_and_its_logarithm_is_right(N, kind, rho, tau):
    """alpha = 1/L, nonconvex: r = 2, and the constants reach 2^20000; the explicit ones against exact integers."""
    constants, schedule = Constants(None, 4.0, rho, tau, 1.0), Schedule(0.25, N)
    S, two = 2**N - 1, 2**N
    half = Fraction(1, 2)
    sum_eS = two * half * (S - N)  # with e_j = 2^j: sum_j 2^(N-1-j) e_j S_j = 2^(N-1) sum_j (2^j - 1)
    row_w = Fraction(rho) / 4 * two * half * S + 4 * two**2
    row_phi = Fraction(tau) / 4 * N * two * half + Fraction(rho) / 4 * sum_eS + 4 * two**2
    exact = {"ww": row_w, "wphi": row_w, "phiw": row_phi, "phiphi": row_phi}
    for block in BLOCKS:
        bound = block_bound(constants, schedule, NC, kind, block)
        assert not math.isnan(bound.rounding) and bound.rounding >= 0
        assert math.isfinite(bound.log10) and math.isfinite(bound.rounding)
        if kind is Kind.EXPLICIT:
            truth = exact[block]
            with mpmath.workdps(40):
                log10 = mpmath.log10(mpmath.mpf(truth.numerator)) - mpmath.log10(truth.denominator)
            assert bound.log10 == pytest.approx(float(log10), abs=1e-11)
            if math.isfinite(bound.value):
                assert abs(Fraction(bound.value) - truth) <= Fraction(bound.rounding)
        if bound.log10 >= LARGEST:
            assert bound.value == math.inf and "exceeds float64" in bound.note
        else:
            assert math.isfinite(bound.value) and math.log10(bound.value) == pytest.approx(bound.log10, abs=1e-12)
    smoothness = block_bound(constants, schedule, NC, kind, "smoothness")
    assert smoothness.log10 >= block_bound(constants, schedule, NC, kind, "phiphi").log10


@pytest.mark.parametrize("kind", KINDS)
def test_contraction_may_underflow_but_keeps_its_logarithm(kind):
    constants, schedule = Constants(1.0, 1.25, 1.0, 1.0, 1.0), Schedule(0.75, 10_000)
    bound = block_bound(constants, schedule, SC, kind, "ww")
    # r = 1/4 exactly: L_ww = 0.75 r^(N-1) (1 - r^N)/(3/4) + 1.25 r^(2N) ~ r^(N-1)
    assert bound.value == 0.0 and bound.log10 == pytest.approx(9_999 * math.log10(0.25), rel=1e-14)
    assert bound.rounding > 0
    assert block_bound(constants, schedule, SC, kind, "phiphi").value > 1.25


@pytest.mark.parametrize("N, expected", [(1, 3.0 * 0.5 * 2.0), (2, 0.0), (10_000, 0.0)])
def test_perfect_conditioning_at_the_largest_step(N, expected):
    """mu = L, alpha = 1/L: r = 0, one step reaches the minimiser, and the w row is M alpha rho at N = 1 and 0 after."""
    bound = block_bound(Constants(2.0, 2.0, 2.0, 1.0, 3.0), Schedule(0.5, N), SC, Kind.REFINED, "ww")
    assert bound.value == expected
    assert bound.log10 == (pytest.approx(math.log10(expected)) if expected else -math.inf)


@given(strongly_convex(max_steps=10_000), st.sampled_from(KINDS), st.floats(1e-3, 3))
@settings(max_examples=60, deadline=None)
def test_always_a_number(drawn, kind, alpha_times_L):
    constants, schedule = drawn
    expanding = Schedule(alpha_times_L / constants.L, schedule.inner_steps)
    for geometry, chosen in ((SC, schedule), (NC, schedule), (NC, expanding)):
        for block in (*BLOCKS, "cross", "smoothness"):
            bound = block_bound(constants, chosen, geometry, kind, block)
            assert not math.isnan(bound.log10) and 0 <= bound.rounding < math.inf
            assert math.isfinite(bound.value) or bound.log10 > LARGEST - 1e-9
        assert all(not math.isnan(b.log10) for b in gradient_sizes(constants, chosen, geometry))


def test_step_margin_counts_equality_as_holding():
    for L in (3.0, 0.1, 7.3, 49.0):
        assert step_margin(1 / L, L) == 0.0
        assert step_margin(L / L**2, L) == 0.0
        assert step_margin(1.001 / L, L) < 0 < step_margin(0.999 / L, L)


def test_contraction_factor_and_mixed_norm():
    constants, schedule = Constants(3.0, 5.0, 1.0, 1.0, 1.0), Schedule(0.125, 4)
    assert contraction_factor(constants, schedule, SC) == 1 - 0.375
    assert contraction_factor(constants, schedule, NC) == 1.625
    assert mixed_norm(constants, SC, Kind.REFINED) == pytest.approx(4.0, rel=1e-15)
    assert mixed_norm(constants, SC, Kind.EXPLICIT) == mixed_norm(constants, NC, Kind.REFINED) == 5.0


def test_misuse_names_the_parameter():
    with pytest.raises(InvalidParameter, match="mu must be"):
        contraction_factor(Constants(None, 1.0, 1.0, 1.0, 1.0), Schedule(0.5, 1), SC)
    with pytest.raises(InvalidParameter, match="alpha must be"):
        contraction_factor(Constants(0.5, 1.0, 1.0, 1.0, 1.0), Schedule(1.5, 1), SC)
    for name, bad in (("r", -1.0), ("r", math.inf), ("rho", math.nan), ("inner_steps", 0), ("alpha", 0.0)):
        given_: dict[str, Any] = INGREDIENTS | {name: bad}
        with pytest.raises(InvalidParameter, match=f"{name} must be"):
            block_constants(**given_, kind=Kind.EXPLICIT)
    with pytest.raises(InvalidParameter, match="kind must be"):
        block_constants(**INGREDIENTS, kind=Kind.ORDER)


@given(st.integers(0, 10**400))
def test_an_integer_of_any_size_is_rounded_once(x):
    found = Scaled(x)
    exact = Fraction(found.mantissa) * Fraction(2) ** found.exponent
    if x < 2**1023:
        assert exact == Fraction(float(x))
    assert abs(exact - x) <= Fraction(x) * Fraction(2) ** -53


@pytest.mark.parametrize("odd", [0, 1])
def test_an_integer_half_way_between_two_floats_goes_where_its_last_bit_says(odd):
    half = (2**53 + 1) << 1000
    assert Scaled(half + odd).mantissa == (2**53 + 2 * odd) / 2**54


@given(st.floats(0, 1e300), st.floats(1e-300, 1e300), st.integers(0, 5000))
def test_scaled_arithmetic_is_float_arithmetic_with_room(x, y, k):
    a, b = Scaled(x), Scaled(y)
    assert float(a) == x and float(a + b) == x + y and (a < b) == (x < y)
    product, quotient = Fraction(x) * Fraction(y), Fraction(x) / Fraction(y)
    for found, exact in ((a * b, product), (a / b, quotient), (b.sqrt() * b.sqrt(), Fraction(y))):
        mantissa = Fraction(found.mantissa) * Fraction(2) ** found.exponent
        assert abs(mantissa - exact) <= exact * Fraction(2) ** -51
    assert (b**k).log10 == pytest.approx(k * b.log10, rel=1e-12, abs=1e-11)
