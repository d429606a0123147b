"""Errors of hypergradients, and the smoothness of the exact bilevel objective.

sqrt(1 + (cbar/mu)^2) = L/mu, and sum_{m<N} r^(N-2-m) sum_{j>m} r^j = r^(N-1) sum_{m<N} S_m (the ledger proves it). q is
what one step leaves of the linear solve. Source: docs/next_statements.md, statements C, D and E.
"""

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.statements.base import Kind
from anil_theory.statements.forms.block_constants import CONTRACTION_FACTOR, mixed_norm, partial_sum
from anil_theory.statements.forms.formula import Formula
from anil_theory.statements.forms.symbols import Expr, L, L_phiw, M, N, S, alpha, cbar, m, mu, q, r, rho, tau

d0: Expr = sp.Symbol("d_0", nonnegative=True)
"""|w_0 - w*(phi)|."""
Y_inf: Expr = sp.Symbol("Y", nonnegative=True)
"""Y(cbar/mu) of the sharp constants."""
X_inf: Expr = sp.Symbol("X", nonnegative=True)
"""X(cbar/mu) of the sharp constants."""

OUTER = L**2 / mu
"""What L_D's gradient contributes per unit of |w_N - w*|."""

UNROLLED = {
    "solved": M * cbar / mu * r**N,
    "started": (
        OUTER * r**N * d0
        + M * alpha * tau * N * r ** (N - 1) * d0
        + M * alpha**2 * rho * cbar * r ** (N - 1) * sp.Sum(S[m], (m, 0, N - 1)) * d0
        + M * cbar / mu * r**N
    ),
}

STARTED = (OUTER + M * tau / mu + M * rho * cbar / mu**2) * r**N * d0
NEUMANN = M * cbar / mu * q**N
CG = 2 * M * cbar / mu * sp.sqrt(L / mu) * q**N
SOLVED = {"neumann": NEUMANN, "cg": CG}
LEFT = {"neumann": 1 - mu / L, "cg": (sp.sqrt(L / mu) - 1) / (sp.sqrt(L / mu) + 1)}
"""q of either solver."""

MOVED = {
    "unrolled": L_phiw * d0,
    "implicit": (OUTER + M * X_inf / mu) * r**N * d0,
}
"""What a hypergradient changes by with d_0, beside the error from w*."""
MOST = 2 * M * L / mu
"""No two hypergradients are further apart."""

EXACT = L**3 / mu**2 + M / mu * Y_inf
GHADIMI_WANG = L + (2 * L**2 + tau * M) / mu + (rho * L * M + L**3 + tau * M * L) / mu**2 + rho * L**2 * M / mu**3

_ERROR = r"\|g_\phi - \nabla \Phi\|"
_CURVED = r"\|\nabla^{2} \Phi\|"
_X = r"X = \max_{a^{2} + b^{2} \le \rho^{2},\ b^{2} \le \tau^{2}} (a {k} + b)"
_CROSS = r"L_{\phi w}\ \text{of the sharp constants}"
_Y = (
    r"Y = \max_{a^{2} + b^{2} \le \rho^{2},\ b^{2} + d^{2} \le \tau^{2}}"
    r" (a {k}^{2} + 2 b {k} + d)"
)


def formulas() -> dict[str, Formula]:
    """The formulas of the claims, by their names."""
    factor = (r, CONTRACTION_FACTOR[Geometry.STRONGLY_CONVEX])
    mixed = (cbar, mixed_norm(Geometry.STRONGLY_CONVEX, Kind.REFINED))
    sums = (S[m], partial_sum(m))
    k = (sp.Symbol("k", nonnegative=True), cbar / mu)
    by_name = {
        "unrolled/solved/sharp": Formula(_ERROR, r"\le", UNROLLED["solved"], (factor, mixed)),
        "unrolled/started/explicit": Formula(_ERROR, r"\le", UNROLLED["started"], (factor, mixed, sums)),
    }
    moved = sp.Min(MOVED["unrolled"] + UNROLLED["solved"], MOST, evaluate=False)
    by_name["unrolled/started/refined"] = Formula(_ERROR, r"\le", moved, (factor, mixed), (_CROSS,))
    for solver, kind in (("neumann", "sharp"), ("cg", "explicit")):
        left = (q, LEFT[solver])
        by_name[f"implicit/{solver} solved/{kind}"] = Formula(_ERROR, r"\le", SOLVED[solver], (left, mixed))
        started = STARTED + SOLVED[solver]
        by_name[f"implicit/{solver} started/explicit"] = Formula(_ERROR, r"\le", started, (factor, left, mixed))
        refined = sp.Min(MOVED["implicit"] + SOLVED[solver], MOST, evaluate=False)
        definitions = (factor, left, k, mixed)
        by_name[f"implicit/{solver} started/refined"] = Formula(_ERROR, r"\le", refined, definitions, (_X,))
    by_name["bilevel_smoothness/phiphi/explicit"] = Formula(_CURVED, r"\le", GHADIMI_WANG)
    by_name["bilevel_smoothness/phiphi/sharp"] = Formula(_CURVED, r"\le", EXACT, (k, mixed), (_Y,))
    return by_name
