"""The bias of first-order ANIL: how far D L_D(w_N) is from the meta-gradient, through partial sums.

S_N is sum_{j<N} x^j, at x = r of the geometry, or at x = 1 - alpha L where all Hessians commute. Source:
docs/next_statements.md, statement A.
"""

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.statements.base import Kind
from anil_theory.statements.forms.block_constants import CONTRACTION_FACTOR, mixed_norm, partial_sum, sharp_move
from anil_theory.statements.forms.formula import Formula
from anil_theory.statements.forms.names import FIRST_ORDER
from anil_theory.statements.forms.symbols import Expr, L, M, N, S, alpha, cbar, m, r, s

S_N = S[N]

DROPPED_W = M * alpha * L * S_N
"""The part of g_w that first-order ANIL drops, by the triangle inequality over the inner steps."""

DROPPED_PHI = M * alpha * cbar * S_N
"""The part of g_phi that it drops, strongly convex."""

Z: Expr = sp.Symbol("Z", nonnegative=True)

_LEFT = {"w": r"\|g_w - g_w^{\mathrm{FO}}\|", "phi": r"\|g_\phi - g_\phi^{\mathrm{FO}}\|"}
_DISK = (
    r"Z = \max_{|q - 1 + \alpha (L + \mu)/2| \le \alpha (L - \mu)/2} |1 - q^{N}|",
    r"Z = 1 - (1 - \alpha L)^{N} \text{ where } \rho = 0",
)


def formulas() -> dict[str, Formula]:
    """The formulas of the claims, by their names."""
    convex, nonconvex = FIRST_ORDER[Geometry.STRONGLY_CONVEX], FIRST_ORDER[Geometry.NONCONVEX]
    factor = {geometry: (r, CONTRACTION_FACTOR[geometry]) for geometry in Geometry}
    summed = (S_N, partial_sum(N))
    mixed = (cbar, mixed_norm(Geometry.STRONGLY_CONVEX, Kind.REFINED))
    on_convex = (factor[Geometry.STRONGLY_CONVEX], summed)
    moved = ((s[m + 1], sharp_move(Geometry.NONCONVEX)), (s[0], sp.Integer(0)))
    return {
        f"{convex}/w/explicit": Formula(_LEFT["w"], r"\le", DROPPED_W, on_convex),
        f"{convex}/w/sharp": Formula(_LEFT["w"], r"\le", M * Z, (), _DISK),
        f"{convex}/phi/sharp": Formula(_LEFT["phi"], r"\le", DROPPED_PHI, (*on_convex, mixed)),
        f"{nonconvex}/w/sharp": Formula(_LEFT["w"], r"\le", DROPPED_W, (factor[Geometry.NONCONVEX], summed)),
        f"{nonconvex}/phi/sharp": Formula(_LEFT["phi"], r"\le", M * s[N], moved),
    }
