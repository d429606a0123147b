"""Theorem 1: convergence of ANIL when L_S is mu-strongly convex in w.

Claim: the three inequalities of `rates`, with r = 1 - alpha mu. Regime: A1, A2, Definition 2, 0 < alpha <= 1/L,
beta_w <= 1/Lam_w, beta_phi <= 1/Lam_phi, i.i.d. batches. Kind: EXPLICIT and REFINED are upper bounds derived here;
ORDER is the printed growth at alpha = mu/L^2, beta = 1/Lam, with q = 1 - alpha mu and poly(L, M, rho, tau) = 1:

    w row         (1/mu^2) q^(N/2)/K             + [q^(2N) + (1/mu) q^(N/2)]/B
    phi row       [(1/mu^2) q^(N/2) + 1/mu^3]/K  + [(1/mu) q^(3N/2) + 1/mu^2]/B
    weighted row  1/K                            + [mu^2 q^(3N/2) + mu]/B

Printed: the phi row, in the reading that agrees with Table 1 and the complexity (docs/findings.md, finding 3), and the
K term of the w row. Derived: the rest, from 1/Lam_w ~ mu^2 q^(-N/2), 1/Lam_phi ~ mu^3, sigma_w ~ q^N, sigma_phi ~ 1/mu
(docs/theory.md, section 5). In the w row: Lam_w = L_ww + L_x has L_ww = O(q^N/mu) and L_x = O(N q^N + q^N/mu), both
O(q^(N/2)/mu^2), since N q^(N/2) <= 2 L^2/(e mu^2); the noise is sigma_w^2 = O(q^(2N)) and (Lam_w/Lam_phi) sigma_phi^2 =
O(mu q^(N/2)/mu^2). Other terms are smaller. `forms.limits` proves where these orders are attained and where they are
not.

Units: `rates`. Errors: `evaluate` raises InvalidParameter where mu is None, alpha > 1/L or a step size is missing.
Source: the paper, Theorem 1.
"""

from anil_theory._admissible import InvalidParameter, count
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import prop2_strongly_convex
from anil_theory.statements.base import Bound, Claim, Kind, Statement
from anil_theory.statements.block_claims import POLY_IS_ONE
from anil_theory.statements.contraction import contraction_factor, roundings
from anil_theory.statements.generated import formulas
from anil_theory.statements.rate_claims import rate_claims
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled

NAME = "thm1"
GEOMETRY = Geometry.STRONGLY_CONVEX


def _order(row: str, constants: Constants, schedule: Schedule) -> Bound:
    q = contraction_factor(constants, schedule, GEOMETRY)
    N = schedule.inner_steps
    if constants.mu is None:
        raise InvalidParameter("mu", "known (> 0) in the strongly convex geometry", None)
    mu = scaled(constants.mu)

    def at(q: float) -> Scaled:
        return formulas.theorem_1(B=schedule.batch, K=schedule.outer_steps, N=N, mu=mu, q=scaled(q))[row]

    return RoundingRange.of(at, q).bound(roundings(N), POLY_IS_ONE)


def theorem_claims(D0: float | None = None, c: float | None = None, n_phi: int = 1) -> tuple[Claim, ...]:
    """The claims for a given initial gap D0 >= 0 and weight c (None: the best at the schedule's own step sizes).

    n_phi   the dimension of phi: where it is empty (MAML), L_x, L_phiphi and sigma_phi are 0, and there is no phi row.

    Without D0 their bounds raise MissingFact. Raises InvalidParameter for another D0, c or n_phi.
    """
    hypotheses, order_hypotheses = (
        prop2_strongly_convex.STATEMENT.select(kind, "ww")[0].hypotheses for kind in (Kind.EXPLICIT, Kind.ORDER)
    )
    phi = count("n_phi", n_phi, minimum=0) > 0
    return rate_claims(NAME, GEOMETRY, hypotheses, order_hypotheses, _order, D0, c, phi=phi)


STATEMENT = Statement(
    name=NAME,
    title="Convergence of ANIL, strongly convex inner loss",
    source="Theorem 1",
    geometry=GEOMETRY,
    claims=theorem_claims(),
    facts=("D0",),
    optional=("n_phi",),
    build=theorem_claims,
)
