"""Statement C: how far the unrolled hypergradient (ITD) is from the gradient of the exact bilevel objective.

Claim: let Phi(phi) = L_D(w*(phi), phi) and d_0 = |w_0 - w*(phi)|. With r = 1 - alpha mu, cbar = sqrt(L^2 - mu^2),

    |g_phi - D Phi| <= [L^2/mu r^N + M alpha tau N r^(N-1) + M alpha^2 rho cbar r^(N-1) sum_{m<N} S_m] d_0
                       + M cbar/mu r^N.

Terms: the outer gradient (sqrt(1 + (cbar/mu)^2) = L/mu), the mixed block, the product, the tail of the Neumann series.
REFINED: min(L_phiw d_0 + M cbar/mu r^N, 2 M L/mu), L_phiw the sharp cross constant, for g_phi is D_phi L_meta at
(w_0, phi). Loops that start between w_0 and w* may leave a ball: where constants hold on a ball only, the explicit
bound takes the place of the first.

Kind: SHARP for d_0 = 0, attained by a quadratic; upper bounds otherwise. Regime: Definition 2, 0 < alpha <= 1/L. Units:
those of D L_D; the fact d0 in those of w. Source: the shape of K. Ji, J. Yang, Y. Liang 2020 (ITD-BiO), constants
derived here; docs/next_statements.md.
"""

import math

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Claim, Kind, Statement
from anil_theory.statements.contraction import blocks_at
from anil_theory.statements.generated import formulas
from anil_theory.statements.hypergradient_errors import apart, error_claim, numbers
from anil_theory.statements.scaled import Scaled, scaled
from anil_theory.statements.sequences import InnerLoop

NAME = "unrolled"


def _solved(constants: Constants, schedule: Schedule, r: float, d0: float) -> Scaled:
    known = numbers(constants)
    del known["L"]
    return formulas.unrolled_solved(**known, N=schedule.inner_steps, r=scaled(r))


def _started(constants: Constants, schedule: Schedule, r: float, d0: float) -> Scaled:
    N = schedule.inner_steps
    return formulas.unrolled_started(
        **numbers(constants),
        N=N,
        S=InnerLoop.of(r, N).S,
        alpha=scaled(schedule.one_alpha),
        d_0=scaled(d0),
        r=scaled(r),
        rho=scaled(constants.rho),
        tau=scaled(constants.tau),
    )


def _refined(constants: Constants, schedule: Schedule, r: float, d0: float) -> Scaled:
    if math.isfinite(constants.region.radius):
        return min(_started(constants, schedule, r, d0), apart(constants))
    sharp = blocks_at(r, constants, schedule, Geometry.STRONGLY_CONVEX, Kind.SHARP)
    moved = formulas.unrolled_moved(L_phiw=sharp.cross, d_0=scaled(d0))
    return min(moved + _solved(constants, schedule, r, d0), apart(constants))


def claims(d0: float | None = None) -> tuple[Claim, ...]:
    """The claims for a start at the distance d0 >= 0 from w*(phi)."""
    return (
        error_claim(NAME, "solved", "unrolled_error/solved", Kind.SHARP, _solved, d0, needs=False),
        error_claim(NAME, "started", "unrolled_error/started", Kind.EXPLICIT, _started, d0, needs=True),
        error_claim(NAME, "started", "unrolled_error/started", Kind.REFINED, _refined, d0, needs=True),
    )


STATEMENT = Statement(
    name=NAME,
    title="Error of the unrolled hypergradient",
    source="Ji, Yang, Liang 2020 (ITD-BiO), constants derived here (statement C)",
    geometry=Geometry.STRONGLY_CONVEX,
    claims=claims(),
    facts=("d0",),
    build=claims,
    paper="bilevel",
)
