"""Proposition 1: the meta-gradient as a product of Hessians along the inner loop.

Claim: with increasing m from left to right in every product,

    g_w   = prod_{m<N} (I - alpha H_m) D_w L_D(w_N, phi)
    g_phi = -alpha sum_{m<N} C_m prod_{m<j<N} (I - alpha H_j) D_w L_D(w_N, phi) + D_phi L_D(w_N, phi)

are D_w and D_phi of L_D(w_N(w, phi), phi), where H_m = D_w^2 L_S(w_m, phi) and C_m = D_phi D_w L_S(w_m, phi).
Regime: both geometries, any alpha > 0 and N >= 1; twice differentiable L_S is enough, neither A1 nor A2 is used.
Kind: identity. What is bounded is the norm of the difference of the two sides, so the bound is 0, and the measured
side's rounding is all the slack there is. Source: the paper, Proposition 1; docs/theory.md, section 1.

Units: those of the gradient. Errors: none.
"""

import math

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, Statement
from anil_theory.statements.generated.latex import CLAIMS

NAME = "prop1"
QUANTITY = "meta_gradient_discrepancy"


def _no_difference(constants: Constants, schedule: Schedule) -> Bound:
    return Bound(0.0, -math.inf, 0.0, "an identity: the two sides differ by rounding only")


def _hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    return ()


STATEMENT = Statement(
    name=NAME,
    title="The meta-gradient as a product of Hessians",
    source="Proposition 1",
    geometry=None,
    claims=tuple(
        Claim(
            NAME,
            block,
            Kind.IDENTITY,
            f"{QUANTITY}/{block}",
            _no_difference,
            _hypotheses,
            CLAIMS[f"{NAME}/{block}/identity"],
        )
        for block in ("w", "phi")
    ),
)
