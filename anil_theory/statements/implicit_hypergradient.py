"""Statement D: how far the implicit hypergradient (AID) is from the gradient of the exact bilevel objective.

Claim: with N inner steps, and x from Q = N terms of the Neumann series of step 1/L, or N conjugate gradient steps,

    |D_phi L_D - C x - D Phi| <= [L^2/mu + M (tau/mu + rho cbar/mu^2)] r^N d_0 + cbar M/mu q^N,   q = 1 - mu/L,

at w_N; conjugate gradients have q = (sqrt(kappa) - 1)/(sqrt(kappa) + 1), kappa = L/mu, and 2 sqrt(kappa) before it.
Q = N, so that C and D cost equal numbers of Hessian-vector products. REFINED: X(cbar/mu) of the sharp constants in
place of tau + rho cbar/mu, and 2 M L/mu at most.

Kind: SHARP for the Neumann series at d_0 = 0, attained by a quadratic; upper bounds otherwise. Regime, units: those of
statement C. Source: the shape of K. Ji, J. Yang, Y. Liang 2020 (AID-BiO), constants derived here;
docs/next_statements.md.
"""

import math

import numpy as np

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Claim, Kind, Statement
from anil_theory.statements.generated import formulas
from anil_theory.statements.hypergradient_errors import OfFactor, apart, error_claim, numbers
from anil_theory.statements.scaled import Scaled, scaled
from anil_theory.statements.sharp import cross_sensitivity

NAME = "implicit"
SOLVERS = ("neumann", "cg")


def _left(solver: str, constants: Constants) -> Scaled:
    """q."""
    assert constants.mu is not None
    if solver == "neumann":
        return scaled((constants.L - constants.mu) / constants.L)
    root_L, root_mu = math.sqrt(constants.L), math.sqrt(constants.mu)
    return scaled((root_L - root_mu) / (root_L + root_mu))


def _solved(solver: str) -> OfFactor:
    def value(constants: Constants, schedule: Schedule, r: float, d0: float) -> Scaled:
        known, q = numbers(constants), _left(solver, constants)
        if solver == "cg":
            return formulas.conjugate_gradients(**known, N=schedule.inner_steps, q=q)
        del known["L"]
        return formulas.neumann_series(**known, N=schedule.inner_steps, q=q)

    return value


def _started(solver: str) -> OfFactor:
    def value(constants: Constants, schedule: Schedule, r: float, d0: float) -> Scaled:
        of_start = formulas.implicit_started(
            **numbers(constants),
            N=schedule.inner_steps,
            d_0=scaled(d0),
            r=scaled(r),
            rho=scaled(constants.rho),
            tau=scaled(constants.tau),
        )
        return of_start + _solved(solver)(constants, schedule, r, d0)

    return value


def _refined(solver: str) -> OfFactor:
    def value(constants: Constants, schedule: Schedule, r: float, d0: float) -> Scaled:
        known = numbers(constants)
        k = np.array([float(known["cbar"] / known["mu"])])
        X = float(cross_sensitivity(k, np.ones(1), constants.rho, constants.tau)[0])
        of_start = formulas.implicit_moved(
            L=known["L"],
            M=known["M"],
            N=schedule.inner_steps,
            X=scaled(X),
            d_0=scaled(d0),
            mu=known["mu"],
            r=scaled(r),
        )
        return min(of_start + _solved(solver)(constants, schedule, r, d0), apart(constants))

    return value


def claims(d0: float | None = None) -> tuple[Claim, ...]:
    """The claims for a start at the distance d0 >= 0 from w*(phi)."""
    claims_made = []
    for solver in SOLVERS:
        kind = Kind.SHARP if solver == "neumann" else Kind.EXPLICIT
        solved, started = f"{solver}_error/solved", f"{solver}_error/started"
        claims_made += [
            error_claim(NAME, f"{solver} solved", solved, kind, _solved(solver), d0, needs=False),
            error_claim(NAME, f"{solver} started", started, Kind.EXPLICIT, _started(solver), d0, needs=True),
            error_claim(NAME, f"{solver} started", started, Kind.REFINED, _refined(solver), d0, needs=True),
        ]
    return tuple(claims_made)


STATEMENT = Statement(
    name=NAME,
    title="Error of the implicit hypergradient",
    source="Ji, Yang, Liang 2020 (AID-BiO), constants derived here (statement D)",
    geometry=Geometry.STRONGLY_CONVEX,
    claims=claims(),
    facts=("d0",),
    build=claims,
    paper="bilevel",
)
