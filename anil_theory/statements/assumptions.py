"""Assumptions A1, A2 and Definition 2 as claims: the constants that a family declares bound what is measured.

Claim: L_S and L_D are L-smooth in z, L_D is M-Lipschitz, D_w^2 L_S is rho-Lipschitz, D_phi D_w L_S is tau-Lipschitz,
and the curvature of L_S in w stays within [mu, L] (in [-L, L] in the nonconvex geometry).
The row of the curvature is called "L - mu", which is what it bounds: L minus the smallest curvature. In the nonconvex
geometry, which has no mu, -L stands in its place and the bound is 2L.
Kind: upper bounds, declared by the family. Source: Assumptions 1, 2 and Definition 2 of the paper.
"""

import math
from collections.abc import Callable

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Kind, Statement


def _claim(block: str, latex: str, declared: Callable[[Constants], float]) -> Claim:
    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        value = declared(constants)
        return Bound(value, math.log10(value) if value > 0 else -math.inf)

    return Claim(
        "assumptions", block, Kind.DECLARED, f"constants/{block}", evaluate, lambda constants, schedule: (), latex
    )


STATEMENT = Statement(
    "assumptions",
    "Assumptions 1 and 2, Definition 2: the declared constants",
    "the paper, Assumptions 1 and 2, Definition 2",
    None,
    (
        _claim("L - mu", r"L - \lambda_{\min}(D_w^2 L_S) \le L - \mu", lambda c: c.L - c.lowest_curvature),
        _claim("L", r"\|D^2 L_S\|, \|D^2 L_D\| \le L", lambda c: c.L),
        _claim("rho", r"\mathrm{Lip}(D_w^2 L_S) \le \rho", lambda c: c.rho),
        _claim("tau", r"\mathrm{Lip}(D_\phi D_w L_S) \le \tau", lambda c: c.tau),
        _claim("M", r"\|D L_D\| \le M", lambda c: c.M),
    ),
)
