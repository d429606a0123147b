"""Ledger section 3.3, finding 1: near perfect conditioning the exponent is N - 1, and an example attains it."""

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, all_of, identity, limit, nonnegative
from anil_theory.statements.forms import orders
from anil_theory.statements.forms.block_constants import closed_block
from anil_theory.statements.forms.symbols import L, M, N, alpha, mu, q, r, rho

eps = sp.Symbol("eps", positive=True)
w = sp.Symbol("w", real=True)
CURVATURE = L - eps / 2 * (1 + sp.cos(2 * rho / eps * w))
"""L_S'' of the example, k = 2 rho/eps."""


def _example() -> Fact:
    C = sp.Symbol("C", real=True)  # cos(k w), in [-1, 1]
    u, v = sp.symbols("u v", nonnegative=True)

    def prove(claimed: Expr):
        through = claimed.replace(lambda e: isinstance(e, sp.cos), lambda e: C)
        low = nonnegative(through - (L - eps), ((C, 1 - u),))  # C <= 1
        high = nonnegative(L - through, ((C, -1 + v),))  # C >= -1
        steepest = identity(sp.diff(claimed, w).subs(w, sp.pi * eps / (4 * rho)), rho)
        return low & high & steepest & identity(sp.diff(claimed, w) / sp.sin(2 * rho / eps * w), rho)

    return Fact(
        name="3.3/example near perfect conditioning",
        statement="L_S'' = L - (eps/2)(1 + cos(k w)), k = 2 rho/eps: mu = L - eps, smooth with L, third derivative rho "
        "attained",
        section="3.3",
        assumptions=("one dimension", "0 < eps < L"),
        claimed=CURVATURE,
        prove=prove,
        latex=sp.latex(CURVATURE),
        controls={
            "k = rho/eps": L - eps / 2 * (1 + sp.cos(rho / eps * w)),
            "amplitude eps": L - eps * (1 + sp.cos(2 * rho / eps * w)),
        },
    )


def _true_constant() -> Fact:
    def prove(claimed: Expr):
        # N = 1, L_D = M w: D_w L_meta = (1 - alpha L_S''(w)) M, so its derivative is -alpha M L_S'''(w).
        slope: Expr = sp.diff((1 - alpha * CURVATURE) * M, w)
        attained = identity(-slope.subs(w, sp.pi * eps / (4 * rho)), claimed)
        return attained & identity(closed_block("ww").subs(N, 1).subs(L, 0), claimed)

    return Fact(
        name="3.3/the rho term is attained at N = 1",
        statement="the example's true w constant at N = 1 is alpha rho M: all of the derived rho term, exponent N - 1",
        section="3.3",
        assumptions=("the example", "L_D = M w (so its L term is 0)"),
        claimed=alpha * rho * M,
        prove=prove,
        latex=sp.latex(alpha * rho * M),
        controls={
            "q^N in place of q^(N-1)": alpha * rho * M * (1 - alpha * mu),
            "alpha dropped": rho * M,
        },
    )


def _no_uniform_factor() -> Fact:
    """The derived rho term at N = 1 over the printed order, at alpha = mu/L^2, mu = L - eps."""
    printed = orders.PROPOSITION_2["ww"].subs(q, 1 - mu**2 / L**2).subs(N, 1)
    ratio = (rho * M * mu / L**2 / printed).subs(mu, L - eps)

    def prove(claimed: Expr):
        return limit(ratio * eps, eps, sp.Integer(0), claimed)

    return Fact(
        name="3.3/no polynomial without mu repairs q^N",
        statement="at N = 1 true/printed grows like M rho/(2 eps) as mu = L - eps -> L: only q^N tends to 0",
        section="3.3",
        assumptions=("alpha = mu/L^2", "poly(L, M, rho, tau) does not see mu"),
        claimed=M * rho / 2,
        prove=prove,
        latex=rf"\lim_{{\varepsilon \to 0}} \varepsilon \cdot \text{{true}}/\text{{printed}} = {sp.latex(M * rho / 2)}",
        controls={"bounded ratio": sp.Integer(0), "twice": M * rho},
    )


def _any_n() -> Fact:
    """The rho term of L_ww over (L/mu) q^N tends to infinity like 1/q, for every N."""

    def prove(claimed: Expr):
        rho_term = closed_block("ww").subs(L, 0).subs(r, q)
        return all_of(
            (identity(rho_term / q**N, claimed), limit(claimed.subs(N, 3) * q, q, sp.Integer(0), M * alpha * rho))
        )

    claimed = M * alpha * rho * (1 - q**N) / ((1 - q) * q)
    return Fact(
        name="3.3/exponent N - 1 for every N",
        statement="the rho term of L_ww divided by q^N is M alpha rho S_N/q, which has no bound as q -> 0",
        section="3.3",
        assumptions=("r = q = 1 - alpha mu",),
        claimed=claimed,
        prove=prove,
        latex=sp.latex(claimed),
        controls={"as printed, no 1/q": claimed * q, "S_N forgotten": M * alpha * rho / q},
    )


FACTS = (_example(), _true_constant(), _no_uniform_factor(), _any_n())
