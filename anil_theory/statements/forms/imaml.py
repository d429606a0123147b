"""The implicit meta-gradient of iMAML: its error at a point near w*, and its smoothness in the initialisation.

k = lam/(lam + h) bounds (I + H/lam)^(-1) where the curvature is at least h > -lam; so 1/(lam + h) is k/lam. q is what
one step leaves of the linear solve. Source: docs/next_statements.md, statement F.
"""

import sympy as sp

from anil_theory.statements.forms.formula import Formula
from anil_theory.statements.forms.symbols import Expr, L, M, N, alpha, lam, q, r, rho

k: Expr = sp.Symbol("k", positive=True)
h: Expr = sp.Symbol("h", real=True)
"""The lowest curvature of L_S in w: mu, or -L."""
d: Expr = sp.Symbol("d", nonnegative=True)
"""The distance of a point from w*."""
slope: Expr = sp.Symbol("slope", nonnegative=True)
"""|D_w L_S(w_0)|."""
moved: Expr = sp.Symbol("moved", nonnegative=True)
"""By how much the curvature changes within the distance d, at most."""
x, y = sp.symbols("x y", nonnegative=True)
"""Sine and cosine of the angle by which D_w L_D turns at most to either side of its mean."""
c: Expr = sp.Symbol("c", nonnegative=True)
"""The largest tangent of the angle by which (I + H/lam)^(-1) turns a vector to either side."""
R: Expr = sp.Symbol("R", positive=True)

PER_DISTANCE = k * L + k**2 * rho * M / lam
"""The Lipschitz constant of (I + H/lam)^(-1) D_w L_D in the point at which both are taken."""

SOLVE = k * moved / (2 * lam)
QUERY = sp.Min(L * d / (2 * M), 1, evaluate=False)
ROOT = sp.sqrt(c * (c + x * y))
TURN = c * y / (y + c * x + R)
"""The tangent t at which the change is largest."""
AT_DISTANCE = {
    "explicit": PER_DISTANCE * d,
    "refined": 2 * k * M * (x + TURN * y) / (1 + c**2 * y**2 / ((y + c * x + R) * (c * x + R))),
}
"""Refined is the largest 2 k M (x + t y)/(1 + t^2 c/(c - t)) over 0 <= t < c; the ledger finds t."""

STEPS = PER_DISTANCE * r**N * slope * k / lam
NEUMANN = k * M * q**N
CG = 2 * sp.sqrt((L + lam) * k / lam) * k * M * q**N
SMOOTHNESS = k**2 * L + k**3 * rho * M / lam

SHRINKS = lam / (lam + h)
CONTRACTS = sp.Max(1 - alpha * (lam + h), alpha * (lam + L) - 1, evaluate=False)
"""What a gradient step leaves of the distance from w*, at any alpha."""
_HIGHEST, _LOWEST_OF_ALL = sp.sqrt(L + lam), sp.sqrt(lam + h)
LEFT = {
    "neumann": (L - h) / (L + lam),
    "cg": (L - h) / (_HIGHEST + _LOWEST_OF_ALL) ** 2,
}
"""q of either solver."""

_ERROR = r"\|g(w) - g(w^{*})\|"
_LOWEST = r"h = \mu \text{ or } -L"
_MOVED = r"\delta = \min(\rho d, L - h)"
_SLOPE = r"G = \|\nabla L_S(w_0)\|"


def formulas() -> dict[str, Formula]:
    """The formulas of the claims, by their names."""
    shrinks = (k, SHRINKS)
    printed = {slope: sp.Symbol("G"), moved: sp.Symbol("delta")}
    turns = ((R, ROOT), (y, sp.sqrt(1 - x**2)), (x, QUERY), (c, SOLVE.subs(printed)))
    by_name = {
        "imaml/slope/sharp": Formula(
            r"\mathrm{Lip}\left((I + H/\lambda)^{-1} \nabla L_D\right)", r"\le", PER_DISTANCE, (shrinks,), (_LOWEST,)
        ),
        "imaml/distance/explicit": Formula(_ERROR, r"\le", AT_DISTANCE["explicit"], (shrinks,), (_LOWEST,)),
        "imaml/distance/refined": Formula(_ERROR, r"\le", AT_DISTANCE["refined"], (shrinks, *turns), (_MOVED, _LOWEST)),
        "imaml/steps/explicit": Formula(
            _ERROR, r"\le", STEPS.subs(printed), (shrinks, (r, CONTRACTS)), (_SLOPE, _LOWEST)
        ),
        "imaml/smoothness/sharp": Formula(
            r"\|\nabla^{2} L_D(w^{*}(w_0))\|", r"\le", SMOOTHNESS, (shrinks,), (_LOWEST,)
        ),
    }
    for solver, kind, error in (("neumann", "sharp", NEUMANN), ("cg", "explicit", CG)):
        definitions = (shrinks, (q, LEFT[solver]))
        by_name[f"imaml/{solver}/{kind}"] = Formula(_ERROR, r"\le", error, definitions, (_LOWEST,))
    return by_name
