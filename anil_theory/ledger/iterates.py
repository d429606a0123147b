"""Ledger section 2: the factor r of one inner step in both geometries, and how far two inner loops drift apart."""

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, all_of, limit, nonnegative, recursion
from anil_theory.statements.forms.block_constants import CLOSED_FORMS, CONTRACTION_FACTOR
from anil_theory.statements.forms.symbols import L, N, alpha, cbar, latex, mu, r

h = sp.Symbol("h", real=True)
"""An eigenvalue of D_w^2 L_S."""
x, y, t = sp.symbols("x y t", nonnegative=True)
d_w, d_phi = sp.symbols("d_w d_phi", nonnegative=True)

delta = sp.Symbol("delta_m", nonnegative=True)

S_N = CLOSED_FORMS["S_N"].closed
s_N = alpha * cbar * S_N


def _contraction() -> Fact:
    # mu <= h <= L and alpha <= 1/L through gaps: h = mu + x, L = mu + x + y, 1/alpha = L + t.
    gaps = ((h, mu + x), (alpha, 1 / (L + t)), (L, mu + x + y))

    def prove(claimed: Expr):
        return all_of(nonnegative(claimed - sign * (1 - alpha * h), gaps) for sign in (1, -1))

    factor = CONTRACTION_FACTOR[Geometry.STRONGLY_CONVEX]
    return Fact(
        name="2/strongly convex factor",
        statement="one inner step contracts by r = 1 - alpha mu at least: |1 - alpha h| <= r for mu <= h <= L",
        section="2",
        assumptions=("Definition 2: D_w^2 L_S >= mu", "A1: D_w^2 L_S <= L", "0 < alpha <= 1/L"),
        claimed=factor,
        prove=prove,
        latex=rf"|1 - \alpha h| \le {sp.latex(factor, order='rev-lex')}",
        controls={"mu counted twice": 1 - 2 * alpha * mu, "L in place of mu": 1 - alpha * L},
    )


def _expansion() -> Fact:
    # -L <= h <= L: h = x - y with L = x + y + t.
    def prove(claimed: Expr):
        return all_of(nonnegative(claimed - sign * (1 - alpha * h), ((h, x - y), (L, x + y + t))) for sign in (1, -1))

    factor = CONTRACTION_FACTOR[Geometry.NONCONVEX]
    return Fact(
        name="2/nonconvex factor",
        statement="one inner step expands by r = 1 + alpha L at most: |1 - alpha h| <= r for |h| <= L",
        section="2",
        assumptions=("A1: ||D_w^2 L_S|| <= L", "alpha > 0"),
        claimed=factor,
        prove=prove,
        latex=rf"|1 - \alpha h| \le {sp.latex(factor, order='rev-lex')}",
        controls={"contraction": 1 - alpha * L, "half the step": 1 + alpha * L / 2},
    )


def _drift() -> Fact:
    claimed = r**N * d_w + s_N * d_phi
    return Fact(
        name="2/difference of iterates",
        statement="two runs that start (d_w, d_phi) apart are at most r^N d_w + s_N d_phi apart after N steps",
        section="2",
        assumptions=("||I - alpha H|| <= r", "||C|| <= cbar", "mean value theorem on one step"),
        claimed=claimed,
        prove=lambda claimed: recursion(claimed, d_w, lambda f: r * f + alpha * cbar * d_phi),
        latex=rf"\delta_{{m+1}} = {latex(r * delta + alpha * cbar * d_phi)} \Rightarrow \delta_N = {latex(claimed)}",
        controls={
            "one power too few": r ** (N - 1) * d_w + s_N * d_phi,
            "alpha dropped": r**N * d_w + cbar * S_N * d_phi,
            "S_(N+1)": claimed.subs(N, N + 1),
        },
    )


def _saturation() -> Fact:
    at = s_N.subs(r, 1 - alpha * mu)
    q_N = sp.Symbol("X", positive=True)
    return Fact(
        name="2/saturation of the iterates",
        statement="strongly convex: s_N stays below cbar/mu and tends to it, however many steps are taken",
        section="2",
        assumptions=("r = 1 - alpha mu in [0, 1)",),
        claimed=cbar / mu,
        prove=lambda claimed: (
            limit(at.subs((1 - alpha * mu) ** N, q_N), q_N, sp.Integer(0), claimed)
            & nonnegative(claimed - at.subs((1 - alpha * mu) ** N, q_N))
        ),
        latex=rf"s_N \le {latex(cbar / mu)},\quad \lim_N s_N = {latex(cbar / mu)}",
        controls={"the step size left in": alpha * cbar / mu, "half": cbar / (2 * mu), "twice": 2 * cbar / mu},
    )


FACTS = (_contraction(), _expansion(), _drift(), _saturation())
