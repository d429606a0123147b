"""Proposition 2: block Lipschitz constants of the meta-gradient when L_S is mu-strongly convex in w.

Claim: ||D_x L_meta(z1) - D_x L_meta(z2)|| <= L_xw ||w1 - w2|| + L_xphi ||phi1 - phi2|| for x = w, phi.
Regime: A1, A2, Definition 2, 0 < alpha <= 1/L (the paper's alpha = mu/L^2 qualifies); contraction factor
r = 1 - alpha mu. Kind: EXPLICIT and REFINED are upper bounds derived from the assumptions (`contraction`); ORDER is
what the paper prints, with q = 1 - alpha mu and alpha = mu/L^2,

    w row    poly (L/mu) q^N,      poly (L/mu + 1) N q^N
    phi row  poly (L/mu) q^(N/2),  poly L^3/mu^3

with poly(L, M, rho, tau) set to 1. Source: the paper, Proposition 2; docs/theory.md, section 3.

Where the printed form needs care: the derivation gives q^(N-1) where the w row prints q^N. Away from perfect
conditioning a constant absorbs the missing 1/q; as mu -> L, q -> 0, and no mu-free polynomial does. At N = 1 the
explicit L_ww stays above alpha rho M -> rho M/L^2, which is attained, while the printed (L/mu) q -> 0:
docs/findings.md, finding 1.

Units: those of the second derivative of L_D. Errors: `evaluate` raises InvalidParameter where mu is None or alpha > 1/L
(the hypotheses say so, with the amount, without raising).
"""

from anil_theory._admissible import InvalidParameter
from anil_theory._precision import UNIT_ROUNDOFF
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Hypothesis, Statement
from anil_theory.statements.block_claims import POLY_IS_ONE, block_claims
from anil_theory.statements.contraction import contraction_factor, roundings, step_margin
from anil_theory.statements.generated import formulas
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled

NAME = "prop2"


def _hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    # Without Definition 2 the curvature is only known to exceed -L: strong convexity may fail by that much.
    step = Hypothesis("alpha <= 1/L", step_margin(schedule.one_alpha, constants.L))
    return Hypothesis("mu > 0", constants.lowest_curvature), step


def _order_hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    hypotheses = _hypotheses(constants, schedule)
    if constants.mu is None:
        return hypotheses
    deviation = abs(schedule.one_alpha * constants.L / constants.mu * constants.L - 1)
    deviation = 0.0 if deviation <= 8 * UNIT_ROUNDOFF else deviation
    return *hypotheses, Hypothesis("alpha = mu/L^2 (relative deviation)", -deviation)


def _order(block: str, constants: Constants, schedule: Schedule) -> Bound:
    q = contraction_factor(constants, schedule, Geometry.STRONGLY_CONVEX)
    N = schedule.inner_steps
    if constants.mu is None:
        raise InvalidParameter("mu", "known (> 0) in the strongly convex geometry", None)
    L = scaled(constants.L)
    mu = scaled(constants.mu)

    def at(q: float) -> Scaled:
        return formulas.proposition_2(L=L, N=N, mu=mu, q=scaled(q))[block]

    return RoundingRange.of(at, q).bound(roundings(N), POLY_IS_ONE)


STATEMENT = Statement(
    name=NAME,
    title="Smoothness of the meta-objective, strongly convex inner loss",
    source="Proposition 2",
    geometry=Geometry.STRONGLY_CONVEX,
    claims=block_claims(
        NAME,
        Geometry.STRONGLY_CONVEX,
        _hypotheses,
        _order_hypotheses,
        _order,
    ),
)
