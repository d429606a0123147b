"""The letters of the table, and how the paper prints them.

Symbols carry their signs: sympy simplifies by them, and the ledger's proofs rest on them. Those that count something
are integers; the generated functions take them as `int`.
"""

from typing import Any

import sympy as sp

Expr = Any  # a sympy expression; the annotations of sympy itself are unions that no checker can follow

r, alpha, L, M, mu = sp.symbols("r alpha L M mu", positive=True)
"""The contraction factor, the inner step size, and the constants of the assumptions."""
rho, tau = sp.symbols("rho tau", nonnegative=True)
cbar = sp.Symbol(r"\bar{c}", nonnegative=True)
"""The bound on the mixed block D_phi D_w L_S."""
q = sp.Symbol("q", nonnegative=True)
"""1 - alpha mu, in the printed orders."""
N, K, B = sp.symbols("N K B", integer=True, positive=True)
"""Inner steps, outer steps, batch."""
j, m = sp.symbols("j m", integer=True, nonnegative=True)
n_w = sp.Symbol("n_w", integer=True, positive=True)
n_phi = sp.Symbol("n_phi", integer=True, nonnegative=True)
"""Dimensions; n_phi = 0 is MAML."""

e: Expr = sp.IndexedBase("e")
n: Expr = sp.IndexedBase("n")
"""e_m = 1 + s_m (explicit) and n_m = sqrt(1 + s_m^2) (refined): how far (w_m, phi) moves per unit of phi."""
s: Expr = sp.IndexedBase("s")
"""s_m: how far w_m moves per unit of phi."""
S: Expr = sp.IndexedBase("S")
"""S_m = sum_{j<m} r^j."""
X: Expr = sp.IndexedBase("X")
Y: Expr = sp.IndexedBase("Y")
"""X(s_m) and Y(s_m) of the sharp constants."""

L_ww, L_wphi, L_phiw, L_phiphi, L_x = sp.symbols("L_ww L_wphi L_phiw L_phiphi L_x", positive=True)
"""The block constants, and the smaller one of the two that cross."""
c, beta_w, beta_phi, D0 = sp.symbols("c beta_w beta_phi D_0", positive=True)
Lambda_w, Lambda_phi = sp.symbols("Lambda_w Lambda_phi", positive=True)
sigma_w, sigma_phi = sp.symbols("sigma_w sigma_phi", nonnegative=True)
c_w, c_phi = sp.symbols("c_w c_phi", positive=True)
V = sp.Symbol("V", nonnegative=True)
"""Of Theorem J: what each block keeps of its descent, and the bound on the second moment of a step."""
lam = sp.Symbol("lam", positive=True)
"""The weight of iMAML's proximal term."""
lambda_I = sp.Symbol("lambda_I", nonnegative=True)
c_I = sp.Symbol("c_I", positive=True)
"""Of Theorem I: the largest eigenvalue of D^2 L_meta in the norm of the steps, and what is kept of the descent."""

BLOCK_SYMBOLS = {"ww": L_ww, "wphi": L_wphi, "phiw": L_phiw, "phiphi": L_phiphi}

_PRINTED = {
    L_wphi: r"L_{w\phi}",
    L_phiw: r"L_{\phi w}",
    L_phiphi: r"L_{\phi\phi}",
    L_x: r"L_{\times}",
    lam: r"\lambda",
}


def latex(expression: Expr, **options: Any) -> str:
    """LaTeX with the paper's letters; `options` are those of `sympy.latex`."""
    return sp.latex(expression, symbol_names=_PRINTED, **options)
