"""Closed forms: equal to their sums by induction and exactly, and equal to the engine."""

import pytest
import sympy as sp

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Kind
from anil_theory.statements.contraction import BLOCKS, blocks, contraction_factor, mixed_norm
from anil_theory.statements.contraction import block_constants as evaluated
from anil_theory.statements.forms import block_constants, symbols
from anil_theory.statements.forms.block_constants import CLOSED_FORMS
from anil_theory.statements.forms.symbols import N, alpha, cbar, e, m, r

S = CLOSED_FORMS["S_N"].closed
MOVE = 1 + alpha * cbar * S  # e_N in closed form

STEPS = {
    # f(N + 1) in terms of f = f(N), read off the plain sum: a new last term, and what one more step does to the others
    "S_N": lambda f: f + r**N,
    "sum of e_m": lambda f: f + MOVE,
    "e_m carried to the end": lambda f: r * f + MOVE,
    "product sum of phiw": lambda f: r * f + r**N * S,
    "product sum of phiphi": lambda f: r * f + MOVE * S,
}
RATIONALS = {
    "r": (sp.Rational(3, 4), sp.Rational(9, 5)),
    "rest": {
        alpha: sp.Rational(2, 7),
        cbar: sp.Rational(3, 5),
        symbols.L: sp.Rational(11, 10),
        symbols.M: sp.Rational(13, 4),
        symbols.rho: sp.Rational(5, 3),
        symbols.tau: sp.Rational(7, 9),
    },
}


def unroll(expression):
    """Every sum written out term by term (`doit` would bring in closed forms of its own)."""
    if isinstance(expression, sp.Sum):
        index, low, high = expression.limits[0]
        return sp.Add(*(unroll(expression.function.subs(index, k)) for k in range(int(low), int(high) + 1)))
    return expression.func(*map(unroll, expression.args)) if expression.args else expression


def vanishes(expression) -> bool:
    return sp.simplify(sp.expand(sp.powsimp(sp.expand(expression)))) == 0


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_form_by_induction(name):
    closed = CLOSED_FORMS[name].closed
    first = unroll(CLOSED_FORMS[name].plain.subs(N, 1))
    assert vanishes(closed.subs(N, 1) - first)
    assert vanishes(sp.together(closed.subs(N, N + 1) - STEPS[name](closed)))


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_the_induction_step_is_that_of_the_plain_sum(name):
    """Otherwise the proof above would be about another sequence."""
    plain = CLOSED_FORMS[name].plain
    for k in range(1, 6):
        step = STEPS[name](sp.Symbol("f")).subs(N, k).subs("f", unroll(plain.subs(N, k)))
        assert vanishes(sp.together(unroll(plain.subs(N, k + 1)) - step)), k


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("value", RATIONALS["r"])
def test_closed_form_exactly(name, value):
    at = {r: value, **RATIONALS["rest"]}
    for k in range(1, 9):
        plain = unroll(CLOSED_FORMS[name].plain.subs(N, k)).subs(at)
        assert sp.simplify(plain - CLOSED_FORMS[name].closed.subs(N, k).subs(at)) == 0, k


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_limit_at_r_equal_one(name):
    form = CLOSED_FORMS[name]
    for k in range(1, 6):
        assert vanishes(sp.limit(unroll(form.plain.subs(N, k)), r, 1) - form.limit.subs(N, k)), k


def evaluate_plain(block, kind, steps, at):
    """The expression that the LaTeX is printed from, with e_m (or n_m) put in from its own expression."""
    x = e if kind is Kind.EXPLICIT else symbols.n
    expression = unroll(block_constants.plain_block(block, x).subs(N, steps))
    move = block_constants.per_step(kind)
    moves = {x[k]: unroll(move.subs(m, k)) for k in range(steps + 1)}
    return expression.subs(moves).subs(at)


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("value", RATIONALS["r"])
@pytest.mark.parametrize("kind", [Kind.EXPLICIT, Kind.REFINED])
def test_expressions_equal_the_numeric_engine(kind, value, steps):
    at = {r: value, **RATIONALS["rest"]}
    a, c, L, M, rho, tau = (float(v) for v in RATIONALS["rest"].values())
    found = evaluated(r=float(value), alpha=a, inner_steps=steps, L=L, rho=rho, tau=tau, M=M, cbar=c, kind=kind)
    for block in BLOCKS:
        exact = evaluate_plain(block, kind, steps, at)
        assert float(getattr(found, block)) == pytest.approx(float(sp.N(exact, 30)), rel=1e-13), block
        if kind is Kind.EXPLICIT:
            assert sp.nsimplify(exact - block_constants.closed_block(block).subs(N, steps).subs(at)) == 0, block


@pytest.mark.parametrize("block", BLOCKS)
def test_the_geometries_meet(block):
    """The limit r -> 1 of the closed form is what the engine gives at r = 1."""
    limit = block_constants.block_at_one(block)
    a, c, L, M, rho, tau = (float(v) for v in RATIONALS["rest"].values())
    for steps in (1, 2, 6):
        found = evaluated(r=1.0, alpha=a, inner_steps=steps, L=L, rho=rho, tau=tau, M=M, cbar=c, kind=Kind.EXPLICIT)
        exact = float(limit.subs(N, steps).subs(RATIONALS["rest"]))
        assert float(getattr(found, block)) == pytest.approx(exact, rel=1e-13)


def test_nonconvex_constants_have_a_limit_under_the_step_size_condition():
    """Finding 2, in closed form: alpha = c/(N L) gives constants that converge as N grows."""
    c = sp.Rational(7, 10)
    limits = block_constants.bounded_limit(c)
    constants = Constants(None, 1.5, 0.8, 0.6, 2.0)
    at = {symbols.L: 1.5, symbols.rho: 0.8, symbols.tau: 0.6, symbols.M: 2.0}
    found = blocks(constants, Schedule.nonconvex(constants, 1_000_000, 0.7), Geometry.NONCONVEX, Kind.EXPLICIT)
    for block in BLOCKS:
        assert float(getattr(found, block)) == pytest.approx(float(limits[block].subs(at)), rel=1e-5)


@pytest.mark.parametrize("geometry", Geometry)
@pytest.mark.parametrize("kind", [Kind.EXPLICIT, Kind.REFINED])
def test_definitions_of_r_and_cbar(geometry, kind):
    constants, schedule = Constants(0.3, 1.25, 1.0, 1.0, 1.0), Schedule(0.4, 3)
    at = {alpha: 0.4, symbols.mu: 0.3, symbols.L: 1.25}
    factor = float(block_constants.CONTRACTION_FACTOR[geometry].subs(at))
    assert contraction_factor(constants, schedule, geometry) == pytest.approx(factor, rel=1e-15)
    expected = float(block_constants.mixed_norm(geometry, kind).subs(at))
    assert mixed_norm(constants, geometry, kind) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("value", RATIONALS["r"])
def test_single_sums_equal_the_sums_of_the_derivation(value, block):
    """What the numbers are generated from, with S_m put in, against the double sums, for any sequence e_m."""
    at = {r: value, **RATIONALS["rest"]}
    for steps in (1, 2, 3, 6):
        moves = {e[k]: sp.Rational(3 + k * k, 2 + k) for k in range(steps + 1)}
        sums = {symbols.S[k]: unroll(block_constants.partial_sum(sp.Integer(k))) for k in range(steps + 1)}
        single = unroll(block_constants.single_sums(block).subs(N, steps)).subs(sums).subs(moves).subs(at)
        plain = unroll(block_constants.plain_block(block).subs(N, steps)).subs(moves).subs(at)
        assert sp.nsimplify(single - plain) == 0, steps
