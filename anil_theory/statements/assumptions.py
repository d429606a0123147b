"""Assumptions A1, A2 and Definition 2 as claims: the constants that a family declares bound what is measured.

Claim: L_S and L_D are L-smooth in z, L_D is M-Lipschitz, D_w^2 L_S is rho-Lipschitz, D_phi D_w L_S is tau-Lipschitz,
and the curvature of L_S in w stays within [mu, L] (in [-L, L] in the nonconvex geometry).
The row of the curvature is called "L - mu", which is what it bounds: L minus the smallest curvature. In the nonconvex
geometry, which has no mu, -L stands in its place and the bound is 2L.
Kind: upper bounds, declared by the family. Source: Assumptions 1, 2 and Definition 2 of the paper.
"""

import math

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Kind, Statement
from anil_theory.statements.generated import formulas
from anil_theory.statements.generated.latex import CLAIMS

NAME = "assumptions"


def _claim(block: str) -> Claim:
    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        declared = formulas.declared(
            L=constants.L,
            M=constants.M,
            mu=constants.lowest_curvature,
            rho=constants.rho,
            tau=constants.tau,
        )
        value = declared[block]
        return Bound(value, math.log10(value) if value > 0 else -math.inf)

    return Claim(
        statement=NAME,
        block=block,
        kind=Kind.DECLARED,
        quantity=f"constants/{block}",
        evaluate=evaluate,
        hypotheses=lambda constants, schedule: (),
        latex=CLAIMS[f"{NAME}/{block}/{Kind.DECLARED.value}"],
    )


STATEMENT = Statement(
    name=NAME,
    title="Assumptions 1 and 2, Definition 2: the declared constants",
    source="the paper, Assumptions 1 and 2, Definition 2",
    geometry=None,
    claims=tuple(map(_claim, ("L - mu", "L", "rho", "tau", "M"))),
)
