"""The orders of Theorem 1 against the explicit closed forms, as limits: where they are attained and where they are not.

Everything is at alpha = mu/L^2, c = 1, explicit constants (cbar = L), with L, M, rho, tau fixed and rho > 0;
T = N alpha mu is the number of relaxation times of the inner loop, so q^N -> e^-T as mu -> 0 with T fixed, that is
with N = T L^2/mu^2.

Claim, in the regime mu -> 0 with T fixed (proved as limits below; the tests evaluate them and the forms themselves):

    mu L_ww       -> M rho (e^-T - e^-2T)
    mu^2 L_wphi   -> M rho L (T e^-T - e^-T (1 - e^-T))      L_phiw has the same limit
    mu^3 L_phiphi -> M rho L^2 (1 - 2 T e^-T - e^-2T)
    mu sigma_phi  -> M L (1 - e^-T)

so each of the four terms of Theorem 1, divided by its order, tends to a positive finite number: there the orders are
two-sided, uniformly for T in a compact subset of (0, inf). Corners:

  * T -> 0 (fixed N, mu -> 0): the terms stay finite while the orders grow, so the orders are upper bounds only;
  * T -> inf (fixed mu, N -> inf): the w decay and the w noise are smaller than their order by T e^(-T/2); the phi row
    stays two-sided;
  * kappa -> 1 (mu -> L, q -> 0) at N = 1: L_ww -> M rho/L while the w order (1/mu^2) q^(1/2) -> 0: the order fails.

What the limits also show of Proposition 2's phi row, printed poly (L/mu) q^(N/2) for L_phiw: mu^2 L_phiw has a positive
limit, so at N = T L^2/mu^2 the derived constant exceeds the printed order by a factor of order L/mu. Theorem 1 is not
affected: its (1/mu^2) q^(N/2) has room for it.

Kind: limits of the explicit closed forms (`block_constants`). Source: derived for this project; see
`ledger.rate_limits`.
"""

import sympy as sp

from anil_theory.statements.forms.block_constants import closed_block
from anil_theory.statements.forms.orders import TERMS, THEOREM_1
from anil_theory.statements.forms.symbols import D0, Expr, L, M, N, alpha, cbar, mu, q, r

T = sp.Symbol("T", positive=True)
X = sp.Symbol("X", positive=True)
"""q^N: in the regime a number in (0, 1), e^-T in the limit."""

ORDERS = {name: THEOREM_1[name] for name in TERMS}
"""The four terms of the rows w and phi: decay is what is divided by K, noise by B."""

SCALE = {"w_decay": 2, "w_noise": 1, "phi_decay": 3, "phi_noise": 2}
"""mu^scale times the term, and times its order, has a finite positive limit in the regime."""


def in_regime(expression: Expr) -> Expr:
    """A closed form in r, alpha, N with alpha = mu/L^2 and N = T L^2/mu^2, powers of r written through X = r^N."""
    powers = sp.expand(sp.powsimp(sp.expand(expression)), power_exp=True)
    powers = powers.replace(
        lambda e: e.is_Pow and e.base == r and e.exp.has(N),
        lambda e: X ** sp.expand(e.exp).coeff(N) * r ** sp.expand(e.exp).subs(N, 0),
    )
    return powers.subs({cbar: L, N: T / (alpha * mu), r: 1 - alpha * mu}).subs(alpha, mu / L**2)


def limit_in_regime(expression: Expr, scale: int) -> Expr:
    """lim mu^scale * expression as mu -> 0 at fixed T.

    X is held while mu -> 0 and set to e^-T afterwards: the expression is a polynomial in X whose coefficients converge.
    """
    scaled: Expr = sp.together(in_regime(expression) * mu**scale)
    polynomial = sp.Poly(scaled.expand(), X)
    limit: Expr = sum(sp.limit(sp.cancel(c), mu, 0) * X**k for (k,), c in polynomial.terms())
    return sp.factor(limit.subs(X, sp.exp(-T)))


def block_limit(block: str, scale: int) -> Expr:
    """lim mu^scale L_block in the regime."""
    return limit_in_regime(closed_block(block), scale)


def moved() -> Expr:
    """s_N = alpha cbar S_N in closed form."""
    return alpha * cbar * (r**N - 1) / (r - 1)


def term_limits() -> dict[str, Expr]:
    """The limits of mu^SCALE times the four terms of Theorem 1 at c = 1 and beta = 1/Lam, as functions of T."""
    cross = block_limit("phiw", 2)  # equal to that of wphi, which the tests prove, so L_x has it too
    phiphi = block_limit("phiphi", 3)
    size = limit_in_regime(moved(), 1) * M  # mu sigma_phi: the 1 in n_N = sqrt(1 + s_N^2) is of lower order
    return {
        "w_decay": 2 * D0 * cross,
        "w_noise": cross / phiphi * size**2,
        "phi_decay": 2 * D0 * phiphi,
        "phi_noise": size**2,
    }


def order_limit(order: Expr, scale: int) -> Expr:
    """lim mu^scale * order as mu -> 0 at fixed T; an order is written through q, N and mu."""
    half = order.replace(lambda e: e.is_Pow and e.base == q, lambda e: X ** (e.exp * 2 / N))  # X = q^(N/2) here
    return sp.limit(sp.expand(half * mu**scale), mu, 0).subs(X, sp.exp(-T / 2))


def small_mu(block: str, inner_steps: int) -> Expr:
    """lim L_block as mu -> 0 at fixed N: finite, so the orders, which grow there, are upper bounds only."""
    closed = sp.cancel(closed_block(block).subs(N, inner_steps))
    return sp.limit(closed.subs({r: 1 - alpha * mu, cbar: L}).subs(alpha, mu / L**2), mu, 0)
