"""Theorem 2: convergence of ANIL when nothing is assumed of the curvature of L_S.

Claim: the three inequalities of `rates`, with r = 1 + alpha L. Regime: A1, A2, any alpha > 0, beta_w <= 1/Lam_w,
beta_phi <= 1/Lam_phi, i.i.d. batches. Kind: EXPLICIT and REFINED are upper bounds derived here; ORDER is the growth

    w and phi rows   N/K + N/B   (printed)
    weighted row     1/K + (1/N)/B   (derived: beta ~ 1/Lam ~ 1/N times the noise)

with poly = 1. The printed growth is that of alpha held fixed while alpha N L is small. Under the condition that goes
with it, alpha = c/(N L), every constant is bounded in N and both rows are O(1/K + 1/B) uniformly in N
(docs/findings.md, finding 2); with alpha fixed and N large they grow exponentially. alpha N L is reported with every
bound.

Units: `rates`. Errors: `evaluate` raises InvalidParameter where a step size is missing or 1 + alpha L overflows.
Source: the paper, Theorem 2; docs/theory.md, section 5.
"""

import math

from anil_theory._admissible import count
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import prop3_nonconvex
from anil_theory.statements.base import Bound, Claim, Kind, Statement
from anil_theory.statements.block_claims import POLY_IS_ONE
from anil_theory.statements.generated import formulas
from anil_theory.statements.rate_claims import rate_claims

NAME = "thm2"
GEOMETRY = Geometry.NONCONVEX


def _note(constants: Constants, schedule: Schedule) -> str:
    return f"alpha N L = {schedule.total_step(constants.L):.6g}"


def _order(row: str, constants: Constants, schedule: Schedule) -> Bound:
    rows = formulas.theorem_2(B=schedule.batch, K=schedule.outer_steps, N=schedule.inner_steps)
    value = rows[row]
    return Bound(value, math.log10(value), 4 * math.ulp(value), f"{POLY_IS_ONE}; {_note(constants, schedule)}")


def theorem_claims(D0: float | None = None, c: float | None = None, n_phi: int = 1) -> tuple[Claim, ...]:
    """The claims for a given initial gap D0 >= 0 and weight c (None: the best at the schedule's own step sizes).

    n_phi   the dimension of phi: where it is empty (MAML), L_x, L_phiphi and sigma_phi are 0, and there is no phi row.

    Without D0 their bounds raise MissingFact. Raises InvalidParameter for another D0, c or n_phi.
    """
    hypotheses, order_hypotheses = (
        prop3_nonconvex.STATEMENT.select(kind, "ww")[0].hypotheses for kind in (Kind.EXPLICIT, Kind.ORDER)
    )
    phi = count("n_phi", n_phi, minimum=0) > 0
    return rate_claims(NAME, GEOMETRY, hypotheses, order_hypotheses, _order, D0, c, _note, phi=phi)


STATEMENT = Statement(
    name=NAME,
    title="Convergence of ANIL, nonconvex inner loss",
    source="Theorem 2",
    geometry=GEOMETRY,
    claims=theorem_claims(),
    facts=("D0",),
    optional=("n_phi",),
    build=theorem_claims,
)
