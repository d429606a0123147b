"""The printed orders, with the hidden factor poly(L, M, rho, tau) set to 1; q = 1 - alpha mu at alpha = mu/L^2.

Theorem 1's phi row stands in the reading that agrees with Table 1 and the complexity (docs/findings.md, finding 3). A
row of a theorem is decay/K + noise/B, and Table 1 has the four terms of the rows w and phi. Source: the paper,
Propositions 2 and 3, Theorems 1 and 2, Table 1; the weighted row and the noise of the w row are derived.
"""

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.statements.forms.block_constants import BLOCKS
from anil_theory.statements.forms.symbols import B, Expr, K, L, N, mu, q

PROPOSITION_2 = {
    "ww": L / mu * q**N,
    "wphi": (L / mu + 1) * N * q**N,
    "phiw": L / mu * q ** (N / 2),
    "phiphi": L**3 / mu**3,
}
PROPOSITION_3: dict[str, Expr] = {block: N for block in BLOCKS}

ROWS = ("weighted", "w", "phi")
TERMS = ("w_decay", "w_noise", "phi_decay", "phi_noise")
"""The rows of Table 1."""

THEOREM_1 = {
    "weighted_decay": sp.Integer(1),
    "weighted_noise": mu**2 * q ** (3 * N / 2) + mu,
    "w_decay": q ** (N / 2) / mu**2,
    "w_noise": q ** (2 * N) + q ** (N / 2) / mu,
    "phi_decay": q ** (N / 2) / mu**2 + 1 / mu**3,
    "phi_noise": q ** (3 * N / 2) / mu + 1 / mu**2,
}
THEOREM_2 = {
    "weighted_decay": sp.Integer(1),
    "weighted_noise": 1 / N,
    "w_decay": N,
    "w_noise": N,
    "phi_decay": N,
    "phi_noise": N,
}
THEOREMS: dict[Geometry, dict[str, Expr]] = {Geometry.STRONGLY_CONVEX: THEOREM_1, Geometry.NONCONVEX: THEOREM_2}
"""Decay is what is divided by K, noise by B."""

MISREADINGS = {
    "phi_decay": {
        "without the term 1/mu^3": q ** (N / 2) / mu**2,
        "1/mu^2 in place of 1/mu^3": q ** (N / 2) / mu**2 + 1 / mu**2,
    },
    "phi_noise": {
        "without the term 1/mu^2": q ** (3 * N / 2) / mu,
        "1/mu in place of 1/mu^2": q ** (3 * N / 2) / mu + 1 / mu,
    },
}
"""Neighbouring forms of the phi row that finding 3 of docs/findings.md and the ledger refuse."""


def row(geometry: Geometry, name: str) -> Expr:
    """The order of one row of Theorem 1 or 2."""
    terms = THEOREMS[geometry]
    return terms[f"{name}_decay"] / K + terms[f"{name}_noise"] / B
