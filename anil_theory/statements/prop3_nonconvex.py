"""Proposition 3: block Lipschitz constants of the meta-gradient when nothing is assumed of the curvature of L_S.

Claim: ||D_x L_meta(z1) - D_x L_meta(z2)|| <= L_xw ||w1 - w2|| + L_xphi ||phi1 - phi2|| for x = w, phi.
Regime: A1, A2 and any alpha > 0; growth factor r = 1 + alpha L. The statement assumes less than Proposition 2, so it
also applies to strongly convex constants, with a larger r. Kind: EXPLICIT and REFINED are upper bounds derived from the
assumptions (`contraction`); ORDER is what the paper prints under alpha < O(1/N), poly(M, rho, tau, alpha, L) N for all
four blocks, with poly set to 1. Source: the paper, Proposition 3; docs/theory.md, section 3.

Where the printed form needs care: "the smoothness grows linearly with N" holds in neither regime as read. Under the
step-size condition made explicit, alpha = c/(N L), every constant is bounded in N (poly contains alpha, and N alpha is
constant), since r^N <= e^c; with alpha held fixed, growth is linear only while alpha N L is small, and exponential
beyond: docs/findings.md, finding 2. So c = alpha N L is reported with every bound. With cbar = L, e_m = r^m exactly,
hence the explicit constants of a row are equal: L_ww = L_wphi and L_phiw = L_phiphi.

Units: those of the second derivative of L_D. Errors: InvalidParameter when 1 + alpha L overflows.
"""

import math

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Hypothesis, Statement
from anil_theory.statements.block_claims import POLY_IS_ONE, block_claims
from anil_theory.statements.generated import formulas

NAME = "prop3"


def _note(constants: Constants, schedule: Schedule) -> str:
    return f"c = alpha N L = {schedule.total_step(constants.L):.6g}"


def _hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    return (Hypothesis("alpha > 0", schedule.one_alpha),)


def _order_hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    # An order condition cannot fail at one N: it holds with the constant c/L. Naming c is all that can be done.
    condition = f"alpha = O(1/N), which holds as alpha = c/(N L) with {_note(constants, schedule)}"
    return *_hypotheses(constants, schedule), Hypothesis(condition, 0.0)


def _order(block: str, constants: Constants, schedule: Schedule) -> Bound:
    growth = formulas.proposition_3(N=schedule.inner_steps)[block]
    return Bound(float(growth), math.log10(growth), 0.0, f"{POLY_IS_ONE}; {_note(constants, schedule)}")


STATEMENT = Statement(
    name=NAME,
    title="Smoothness of the meta-objective, nonconvex inner loss",
    source="Proposition 3",
    geometry=Geometry.NONCONVEX,
    claims=block_claims(
        NAME,
        Geometry.NONCONVEX,
        _hypotheses,
        _order_hypotheses,
        _order,
        _note,
    ),
)
