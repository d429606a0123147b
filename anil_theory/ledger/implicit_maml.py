"""Ledger section 6, iMAML: the rates that one dimension attains, and the largest change at a distance."""

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, identity
from anil_theory.statements.forms.imaml import (
    AT_DISTANCE,
    PER_DISTANCE,
    ROOT,
    SHRINKS,
    SMOOTHNESS,
    SOLVE,
    TURN,
    R,
    c,
    d,
    h,
    k,
    moved,
    x,
    y,
)
from anil_theory.statements.forms.symbols import L, M, lam, rho

t = sp.Symbol("t", nonnegative=True)
sigma, beta, E = sp.symbols("sigma beta E", positive=True)
"""|S|, the curvature along the difference, and the distance of the two matrices."""


def _rate() -> Fact:
    """(I + H/lam)^(-1) D L_D in one dimension, t to the right of where L_S'' = h and L_D' = M."""
    ahead = lam * (M - L * t) / (lam + h + rho * t)
    falls = -sp.diff(ahead, t).subs(t, 0)
    claimed = PER_DISTANCE.subs(k, SHRINKS)
    return Fact(
        name="6/iMAML falls at the full rate",
        statement="L_S'' rises from h at rate rho, L_D' falls from M at rate L: iMAML's gradient falls at the bound",
        section="6",
        assumptions=("one dimension", "lam + h > 0"),
        claimed=claimed,
        prove=lambda claimed: identity(falls, claimed),
        latex=f"{sp.latex(falls)} = {sp.latex(claimed)}",
        controls={"k once": claimed * (lam + h) / lam, "without the query": claimed - L * SHRINKS},
    )


def _chain() -> Fact:
    """D w* = (I + H/lam)^(-1), in one dimension k: lam (w - w_0) = -L_S'(w) differentiated."""
    moves = sp.Symbol("moves")
    solution = sp.solve(sp.Eq(lam * (moves - 1), -h * moves), moves)[0]
    return Fact(
        name="6/iMAML's smoothness",
        statement="w* moves by k per unit of w_0: iMAML's Hessian is at most k times the error per distance",
        section="6",
        assumptions=("lam + h > 0", "the operator norms are those of one dimension"),
        claimed=SMOOTHNESS,
        prove=lambda claimed: identity(solution, SHRINKS) & identity(k * PER_DISTANCE, claimed),
        latex=f"k \\left({sp.latex(PER_DISTANCE)}\\right) = {sp.latex(SMOOTHNESS)}",
        controls={"k squared": k * SMOOTHNESS, "w* moves as w_0": PER_DISTANCE},
    )


def _pair() -> Fact:
    """The last step of the bound on two matrices: beta = E/(2 t) is the largest, and beta/(beta - b) falls in beta."""
    b = sp.Symbol("b", positive=True)
    kept = 1 + t**2 * beta / (beta - b)
    claimed = 1 + t**2 / (1 - 2 * b * t / E)
    return Fact(
        name="6/two matrices",
        statement="two matrices of statement F: 1 >= b sigma (1 + t^2/(1 - 2 b t/E)), with eta = t sigma",
        section="6",
        assumptions=(
            "b < beta <= E/(2 t)",
            "sigma >= <S, B S> - beta eta^2",
            "<S, B S> >= b sigma^2 + beta^2 eta^2/(beta - b)",
        ),
        claimed=claimed,
        prove=lambda claimed: (
            identity(
                b * sigma**2 + beta**2 * (t * sigma) ** 2 / (beta - b) - beta * (t * sigma) ** 2, b * sigma**2 * kept
            )
            & identity(kept.subs(beta, E / (2 * t)), claimed)
        ),
        latex=f"{sp.latex(kept)} = {sp.latex(claimed)}",
        controls={"without the angle": sp.Integer(1), "the whole of E": 1 + t**2 / (1 - b * t / E)},
    )


def _largest() -> Fact:
    """The derivative in t vanishes at TURN, where the value is the closed form."""
    change = (x + t * y) / (1 + t**2 * c / (c - t))
    slope = sp.numer(sp.together(sp.diff(change, t)))
    claimed = AT_DISTANCE["refined"]

    def reduced(expression: Expr) -> Expr:
        """The numerator at TURN by R^2 = c (c + x y) and x^2 + y^2 = 1."""
        numerator = sp.numer(sp.together(expression.subs(t, TURN)))
        return sp.rem(sp.rem(numerator, R**2 - ROOT**2, R), x**2 + y**2 - 1, x)

    return Fact(
        name="6/the largest change at a distance",
        statement="(x + t y)/(1 + t^2 c/(c - t)) is largest at t = c y/(y + c x + R), among 0 <= t < c",
        section="6",
        assumptions=("x^2 + y^2 = 1", "a line over a convex function has one maximum"),
        claimed=claimed,
        prove=lambda claimed: (
            identity(reduced(slope), sp.Integer(0)) & identity(reduced(2 * k * M * change - claimed), sp.Integer(0))
        ),
        latex=f"2 k M \\frac{{x + t y}}{{1 + t^2 c/(c - t)}} = {sp.latex(claimed)}",
        controls={"without the quotient": 2 * k * M * (x + TURN * y), "at t = c": 2 * k * M * (x + c * y)},
    )


def _linear() -> Fact:
    """As t <= c and y <= 1, the refined form is at most 2 k M (x + c)."""
    summed = 2 * k * M * (L * d / (2 * M) + SOLVE.subs(moved, rho * d))
    claimed = AT_DISTANCE["explicit"]
    return Fact(
        name="6/the linear error at a distance",
        statement="2 k M (x + c), which the refined form does not exceed, is the linear form",
        section="6",
        assumptions=("x <= L d/(2 M), c <= k rho d/(2 lam)", "t <= c, y <= 1"),
        claimed=claimed,
        prove=lambda claimed: identity(summed, claimed),
        latex=f"{sp.latex(summed)} = {sp.latex(claimed)}",
        controls={"k once": claimed / k, "half of it": claimed / 2},
    )


FACTS = (_rate(), _chain(), _pair(), _largest(), _linear())
