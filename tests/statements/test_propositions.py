"""Propositions 1, 2 and 3 as claims: hypotheses with margins, bounds, and the claimed side of the findings."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import BLOCKS, STATEMENTS, Kind

pytestmark = pytest.mark.filterwarnings("error")

CONVEX = Constants(0.5, 2.0, 1.0, 0.7, 3.0)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)


def claim(statement, kind, block):
    (found,) = STATEMENTS[statement].select(kind, block)
    return found


def failed(claim_, constants, schedule):
    return [h for h in claim_.hypotheses(constants, schedule) if not h.holds]


def test_registry_names_and_claims():
    for name, statement in STATEMENTS.items():
        assert statement.name == name
        names = [c.name for c in statement.claims]
        assert len(set(names)) == len(names)
        assert all(c.statement == name and c.latex for c in statement.claims)
    for name in ("prop2", "prop3"):
        for kind in (Kind.EXPLICIT, Kind.REFINED, Kind.ORDER):
            found = STATEMENTS[name].select(kind)
            assert tuple(c.block for c in found) == BLOCKS
            assert [c.quantity for c in found] == [f"meta_gradient_lipschitz/{b}" for b in BLOCKS]


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
def test_proposition_1_is_an_identity_in_both_geometries(constants):
    statement = STATEMENTS["prop1"]
    assert statement.geometry is None and [c.block for c in statement.claims] == ["w", "phi"]
    for claim_ in statement.claims:
        assert claim_.kind is Kind.IDENTITY
        assert claim_.quantity == f"meta_gradient_discrepancy/{claim_.block}"
        assert not failed(claim_, constants, Schedule(100.0, 3))
        bound = claim_.evaluate(constants, Schedule(100.0, 3))
        assert (bound.value, bound.rounding) == (0.0, 0.0)


def test_proposition_2_needs_strong_convexity():
    for claim_ in STATEMENTS["prop2"].claims:
        (hypothesis,) = failed(claim_, NONCONVEX, Schedule(0.1, 3))
        assert hypothesis.condition == "mu > 0" and hypothesis.margin == -NONCONVEX.L
        with pytest.raises(InvalidParameter, match="mu must be"):
            claim_.evaluate(NONCONVEX, Schedule(0.1, 3))


@given(st.floats(0.01, 100), st.floats(1.001, 10))
def test_proposition_2_step_size(L, excess):
    constants = Constants(L, L, 1.0, 1.0, 1.0)
    claim_ = claim("prop2", Kind.EXPLICIT, "ww")
    by_name = {h.condition: h.margin for h in claim_.hypotheses(constants, Schedule(1 / L, 2))}
    assert by_name == {"mu > 0": L, "alpha <= 1/L": 0.0}
    (hypothesis,) = failed(claim_, constants, Schedule(excess / L, 2))
    assert hypothesis.margin == pytest.approx((1 - excess) / L, rel=1e-9)
    with pytest.raises(InvalidParameter, match="alpha must be"):
        claim_.evaluate(constants, Schedule(excess / L, 2))


@given(st.floats(0.01, 100), st.floats(0.01, 1))
def test_the_paper_s_step_size_satisfies_every_hypothesis_of_proposition_2(L, ratio):
    constants = Constants(L * ratio, L, 1.0, 1.0, 1.0)
    schedule = Schedule(L * ratio / L**2, 4)
    assert not any(failed(c, constants, schedule) for c in STATEMENTS["prop2"].claims)


def test_the_printed_order_is_printed_for_one_step_size():
    schedule = Schedule(1.1 * CONVEX.lowest_curvature / CONVEX.L**2, 4)
    (hypothesis,) = failed(claim("prop2", Kind.ORDER, "ww"), CONVEX, schedule)
    assert hypothesis.margin == pytest.approx(-0.1)
    assert not failed(claim("prop2", Kind.EXPLICIT, "ww"), CONVEX, schedule)


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
@pytest.mark.parametrize("alpha", [1e-6, 0.5, 7.0])
def test_proposition_3_assumes_nothing_of_the_curvature(constants, alpha):
    schedule = Schedule(alpha, 5)
    for claim_ in STATEMENTS["prop3"].claims:
        assert not failed(claim_, constants, schedule)
        bound = claim_.evaluate(constants, schedule)
        assert f"c = alpha N L = {5 * alpha * 2.0:.6g}" in bound.note
        assert claim_.evaluate(NONCONVEX, schedule) == bound  # mu is not used
    hypothesis = claim("prop3", Kind.EXPLICIT, "ww").hypotheses(constants, schedule)[0]
    assert (hypothesis.condition, hypothesis.margin) == ("alpha > 0", alpha)


@pytest.mark.parametrize("name", ["prop2", "prop3"])
def test_orders_say_that_poly_is_one(name):
    schedule = Schedule.strongly_convex(CONVEX, 3)
    for claim_ in STATEMENTS[name].select(Kind.ORDER):
        assert "poly(L, M, rho, tau) set to 1" in claim_.evaluate(CONVEX, schedule).note


@pytest.mark.parametrize("name", ["prop2", "prop3"])
def test_cross_constants(name):
    schedule = Schedule.strongly_convex(CONVEX, 6)
    kinds = (Kind.EXPLICIT, Kind.REFINED)
    value = {(k, b): claim(name, k, b).evaluate(CONVEX, schedule).value for k in kinds for b in BLOCKS}
    assert value[Kind.REFINED, "wphi"] == value[Kind.REFINED, "phiw"]
    assert value[Kind.REFINED, "wphi"] <= min(value[Kind.EXPLICIT, "wphi"], value[Kind.EXPLICIT, "phiw"])
    assert value[Kind.REFINED, "phiphi"] < value[Kind.EXPLICIT, "phiphi"]
    assert value[Kind.REFINED, "ww"] == value[Kind.EXPLICIT, "ww"]


@pytest.mark.parametrize("eps, printed", [(0.5, 0.33), (0.1, 4.3), (0.01, 49), (1e-3, 499), (1e-4, 4999)])
def test_finding_1_the_printed_w_constant_vanishes_near_perfect_conditioning(eps, printed):
    """L = M = rho = 1, N = 1, mu = 1 - eps. The example's true w-constant is alpha rho M (its query loss is linear);
    the explicit bound stays above it, the printed order does not."""
    constants = Constants(1 - eps, 1.0, 1.0, 0.0, 1.0)
    schedule = Schedule.strongly_convex(constants, 1)
    true = schedule.alpha * constants.rho * constants.M
    order = claim("prop2", Kind.ORDER, "ww").evaluate(constants, schedule).value
    assert true / order == pytest.approx(printed, rel=0.02)
    for kind in (Kind.EXPLICIT, Kind.REFINED):
        value = claim("prop2", kind, "ww").evaluate(constants, schedule).value
        r = 1 - schedule.alpha * (1 - eps)
        assert value >= true
        assert value == pytest.approx(true + r**2, rel=1e-12)  # the rho term is the true constant, exactly


@pytest.mark.parametrize("N", [1, 2, 3])
def test_finding_1_one_power_of_q_is_missing(N):
    """The rho term of the explicit L_ww over the printed order grows like 1/q as mu -> L: the exponent is N - 1."""
    ratios = []
    for eps in (1e-2, 1e-3, 1e-4):
        constants = Constants(1 - eps, 1.0, 1.0, 0.0, 1e6)  # a large M lets the rho term dominate
        schedule = Schedule.strongly_convex(constants, N)
        explicit = claim("prop2", Kind.EXPLICIT, "ww").evaluate(constants, schedule).value
        order = claim("prop2", Kind.ORDER, "ww").evaluate(constants, schedule).value
        ratios.append(explicit / order / 1e6 * (1 - schedule.alpha * constants.lowest_curvature))
    assert ratios == pytest.approx([1.0, 1.0, 1.0], rel=0.07)


@pytest.mark.parametrize("kind", [Kind.EXPLICIT, Kind.REFINED])
@pytest.mark.parametrize("block", BLOCKS)
def test_finding_2_bounded_under_the_step_size_condition(kind, block):
    """alpha = c/(N L): bounded in N, below the constants with r^N replaced by e^c; the printed order grows on."""
    claim_, c = claim("prop3", kind, block), 0.7
    schedules = [Schedule.nonconvex(NONCONVEX, N, c) for N in (1, 10, 100, 1000, 10_000)]
    values = [claim_.evaluate(NONCONVEX, schedule).value for schedule in schedules]
    L, rho, tau, M = NONCONVEX.L, NONCONVEX.rho, NONCONVEX.tau, NONCONVEX.M
    grown = math.exp(c)
    assert max(values) <= grown**2 * (L + M * (rho * (1 + c) + tau) * c / L)
    assert abs(values[-1] / values[-2] - 1) < 2e-3  # settled, while N grew tenfold
    order = claim("prop3", Kind.ORDER, block)
    assert order.evaluate(NONCONVEX, Schedule.nonconvex(NONCONVEX, 10_000, c)).value == 10_000


@pytest.mark.parametrize("kind", [Kind.EXPLICIT, Kind.REFINED])
@pytest.mark.parametrize("block", BLOCKS)
def test_finding_2_exponential_with_the_step_size_held_fixed(kind, block):
    claim_, alpha = claim("prop3", kind, block), 0.05
    log10 = {N: claim_.evaluate(NONCONVEX, Schedule(alpha, N)).log10 for N in (200, 400, 10_000)}
    rate = math.log10(1 + alpha * NONCONVEX.L)
    assert (log10[400] - log10[200]) / 200 == pytest.approx(2 * rate, rel=1e-3)  # r^(2N)
    assert log10[10_000] == pytest.approx(log10[400] + 9_600 * 2 * rate, rel=1e-6)
    assert claim_.evaluate(NONCONVEX, Schedule(alpha, 10_000)).value == math.inf


def test_finding_2_linear_only_while_the_total_step_is_small():
    """With alpha fixed and alpha N L << 1, what the inner loop adds to L grows linearly with N: the paper's reading."""
    claim_ = claim("prop3", Kind.EXPLICIT, "ww")
    added = {N: claim_.evaluate(NONCONVEX, Schedule(1e-7, N)).value - NONCONVEX.L for N in (10, 100, 1000)}
    assert added[100] / added[10] == pytest.approx(10, rel=1e-3)
    assert added[1000] / added[100] == pytest.approx(10, rel=1e-3)


@pytest.mark.parametrize("name", ["prop2", "prop3"])
@pytest.mark.parametrize("N", [1, 2, 100, 10_000])
@pytest.mark.parametrize("rho, tau", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_no_claim_ever_yields_nan(name, N, rho, tau):
    constants = Constants(1.0, 1.0, rho, tau, 1.0)
    for claim_ in STATEMENTS[name].claims:
        bound = claim_.evaluate(constants, Schedule(1.0, N))
        assert not math.isnan(bound.log10) and math.isfinite(bound.rounding)
        assert math.isfinite(bound.value) or "exceeds float64" in bound.note
    assert STATEMENTS["prop2"].geometry is Geometry.STRONGLY_CONVEX
