"""The orders of Theorem 1 as limits of the closed forms: two-sided in the regime, one-sided at its ends."""

import math

import sympy as sp

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind
from anil_theory.statements import table1_complexity_orders as table1
from anil_theory.statements.forms import limits
from anil_theory.statements.forms.block_constants import closed_block
from anil_theory.statements.forms.symbols import Expr


def ratio_limits() -> dict[str, Expr]:
    """The limits of term/order in the regime: positive and finite for every T > 0."""
    terms = limits.term_limits()
    orders = {name: limits.order_limit(order, limits.SCALE[name]) for name, order in limits.ORDERS.items()}
    return {name: sp.simplify(terms[name] / orders[name]) for name in terms}


def perfect_conditioning(inner_steps: int) -> tuple[Expr, Expr]:
    """(lim L_ww, lim of the w decay's order) as mu -> L: (positive, 0) at N = 1, the corner where the order fails."""
    mu, L = limits.mu, limits.L
    at = {limits.N: inner_steps, limits.r: 1 - limits.alpha * mu, limits.cbar: L}
    explicit = sp.cancel(closed_block("ww").subs(limits.N, inner_steps)).subs(at).subs(limits.alpha, mu / L**2)
    order = limits.ORDERS["w_decay"].subs({limits.N: inner_steps, limits.q: 1 - mu**2 / L**2})
    return sp.limit(explicit, mu, L, "-"), sp.limit(order, mu, L, "-")


def test_the_orders_are_two_sided_in_the_regime_and_one_sided_at_its_ends():
    ratios, T = ratio_limits(), limits.T
    one = {symbol: 1 for ratio in ratios.values() for symbol in ratio.free_symbols - {T}}
    for name, ratio in ratios.items():
        for time in ("1/100", "1/3", "1", "3", "30"):
            assert 0 < float(ratio.subs(one).subs(T, sp.Rational(time)).evalf(50)) < 3
        assert sp.limit(ratio.subs(one), T, 0) == 0
        at_infinity = sp.limit(ratio.subs(one), T, sp.oo)
        assert at_infinity == 0 if name.startswith("w") else at_infinity > 0
    for block in ("ww", "wphi", "phiw", "phiphi"):  # finite: alpha -> 0, and only D_z^2 L_D is left
        assert limits.small_mu(block, 2) == limits.L
    explicit, order = perfect_conditioning(1)
    assert order == 0 and explicit.is_finite is not False and explicit.subs({s: 1 for s in explicit.free_symbols}) == 1
    assert perfect_conditioning(2)[0] == 0


def explicit_terms(mu: float, N: int) -> dict[str, tuple[float, float]]:
    constants = Constants(mu, 1.0, 1.0, 1.0, 1.0)
    schedule = Schedule.strongly_convex(constants, N)
    return {
        row.name: (
            table1.term_value(row, constants, schedule, Kind.EXPLICIT, D0=1.0).log10,
            table1.order_value(row, constants, schedule).log10,
        )
        for row in table1.ROWS
    }


def test_the_numbers_approach_the_limits():
    """The engine, at small mu, against the limits of the closed forms: two independent routes."""
    ratios = ratio_limits()
    one = {s: 1 for ratio in ratios.values() for s in ratio.free_symbols - {limits.T}}
    mu = 1e-3
    for N in (1_000_000, 3_000_000):
        for name, (term, order) in explicit_terms(mu, N).items():
            limit = float(ratios[name].subs(one).subs(limits.T, N * mu**2))
            assert math.isclose(10 ** (term - order), limit, rel_tol=30 * mu), (name, N)  # the next order is O(mu)


def test_the_orders_hold_on_a_wide_grid_and_fail_at_perfect_conditioning():
    """L = M = rho = tau = 1: term <= 64 order for mu in [1e-3, 0.9], N in 1..10^5, and two-sided at T in [1/2, 4]."""
    for mu in (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.6, 0.9):
        for N in (1, 2, 3, 5, 10, 30, 100, 1000, 10_000, 100_000):
            for name, (term, order) in explicit_terms(mu, N).items():
                assert term - order <= math.log10(64), (name, mu, N)
                if 0.5 <= N * mu**2 <= 4:
                    assert term - order >= math.log10(1 / 64), (name, mu, N)
    term, order = explicit_terms(1 - 1e-8, 1)["w_decay"]
    assert term - order > 3  # as sqrt(1/q), q ~ 2e-8
    assert explicit_terms(1 - 1e-12, 1)["w_decay"][0] - explicit_terms(1 - 1e-12, 1)["w_decay"][1] > 5
