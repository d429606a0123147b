"""Theorem I: convergence of ANIL by the numbers of the population itself, in either geometry.

Claim: the three inequalities of `population_rates`, with lam, V and D0 of the population over a box R and the box R+ in
which every step from R ends:

    lam   the largest eigenvalue of D^(1/2) D^2 L_meta D^(1/2) on R+, at least 0,  D = diag(beta_w I, beta_phi I)
    V     the largest mean over tasks of beta_w |g_w|^2 + beta_phi |g_phi|^2 on R
    D0    L_meta(z_0) - the smallest L_meta on R+

They hold for the averages of a run that stops at its first iterate outside R, divided by K all the same. A run of K
steps that stays in R is not stopped; one that leaves it is NOT_APPLICABLE. Proof: docs/theorem_bounds.md.

Kind: CERTIFIED, an upper bound, where all three numbers are enclosures; ESTIMATED, INCONCLUSIVE whatever is measured,
where one is not. Neither mu, L, rho, tau nor M is used. Attained by one quadratic task and by orthogonal noise, in the
limits of docs/theorem_bounds.md. Regime: one inner step size, lam (1 - 1/B) < 2. Units: those of `rates`.
Source: derived for this project; docs/theorem_bounds.md.
"""

import functools

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Knowledge
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact, Statement
from anil_theory.statements.generated.latex import CLAIMS
from anil_theory.statements.population_rates import PopulationNumbers, PopulationRate
from anil_theory.statements.rates import ROWS

NAME = "population"

QUANTITY = "average_in_region"
"""Claims bound "average_in_region/weighted", ".../w" and ".../phi": the means of `rate_claims` over a run that is
watched for leaving a region."""

MEANINGS = {
    "curvature": "the largest eigenvalue of D^2 L_meta on the region, in the norm of the steps",
    "second_moment": "the largest mean squared gradient of a task there, weighted by the steps",
    "local_gap": "L_meta(z_0) less the smallest L_meta there",
    "enclosed": "1 where all three are enclosures, 0 where one is an estimate",
}
"""What the facts are, for who did not give one."""


def population_claims(
    curvature: float | None = None,
    second_moment: float | None = None,
    local_gap: float | None = None,
    enclosed: float | None = None,
) -> tuple[Claim, ...]:
    """The claims at the numbers of a population, MEANINGS says which; without them their bounds raise MissingFact.

    Raises InvalidParameter for numbers below 0, and for `enclosed` other than 0 and 1.
    """
    facts = {
        "curvature": curvature,
        "second_moment": second_moment,
        "local_gap": local_gap,
        "enclosed": enclosed,
    }
    if enclosed not in (None, 0, 1):
        raise InvalidParameter("enclosed", "1 (all numbers are enclosures) or 0", enclosed)
    known = Knowledge.ESTIMATED if enclosed == 0 else Knowledge.CERTIFIED
    kind = Kind(known.value)
    missing = next((name for name, value in facts.items() if value is None), "")
    numbers = PopulationNumbers(curvature or 0.0, second_moment or 0.0, local_gap or 0.0, known)

    def rate(schedule: Schedule) -> PopulationRate:
        return PopulationRate(numbers, schedule, phi=schedule.beta_phi is not None)

    def evaluate(row: str, constants: Constants, schedule: Schedule) -> Bound:
        if missing:
            raise MissingFact(f"{NAME}/{row}/{kind.value}", missing, MEANINGS[missing])
        return rate(schedule).bound(row)

    def hypotheses(row: str, constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
        needed = ("beta_w", "beta_phi") if row == "phi" else ("beta_w",)
        absent = [name for name in needed if getattr(schedule, name) is None]
        if absent:
            return tuple(Hypothesis(f"{name} is given", float("-inf")) for name in absent)
        return rate(schedule).hypotheses()

    return tuple(
        Claim(
            statement=NAME,
            block=row,
            kind=kind,
            quantity=f"{QUANTITY}/{row}",
            evaluate=functools.partial(evaluate, row),
            hypotheses=functools.partial(hypotheses, row),
            latex=CLAIMS[f"{NAME}/{row}/certified"],
        )
        for row in ROWS
    )


STATEMENT = Statement(
    name=NAME,
    title="Convergence of ANIL by the population's own numbers",
    source="derived here (Theorem I)",
    geometry=None,
    claims=population_claims(),
    facts=tuple(MEANINGS),
    build=population_claims,
)
