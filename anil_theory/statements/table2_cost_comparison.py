"""Table 2: what one outer iteration costs, ANIL beside MAML.

Claim: with B tasks and N inner steps an outer iteration of ANIL computes exactly B (N + 1) gradients in w, B in phi,
B N products with D_w^2 L_S and B N with D_phi D_w L_S; MAML is the case of empty phi. In entries,

    ANIL  B ((N + 1) n_w + n_phi) of gradients,  B N (n_w^2 + n_w n_phi) of second derivatives
    MAML  B (N + 1) (n_w + n_phi),               B N (n_w + n_phi)^2

Where the printed form needs care: Table 2 writes B (N n_w + n_phi) for ANIL's gradients, leaving out the outer gradient
in w that it counts for MAML; the order is unchanged, the number is B n_w short. Second-order entries are those of the
matrices; an implementation by Hessian-vector products never forms them.

Kind: identities. The quantity "oracle_count/<method>_<name>" is |counted - formula|, in one outer iteration of the
schedule, so the bound is 0 and a counter that is off by one in either direction is refuted; the formula's value is in
the note. Regime: both geometries, no hypotheses. Source: the paper, Table 2.

Errors: InvalidParameter for dimensions below 1.
"""

import math
from dataclasses import fields

from anil_theory._admissible import count
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact, Statement
from anil_theory.statements.complexity import OracleCount, anil_count, maml_count
from anil_theory.statements.generated.latex import CLAIMS

NAME = "table2"
QUANTITY = "oracle_count"

NAMES = tuple(f"{method}_{field.name}" for method in ("anil", "maml") for field in fields(OracleCount))
"""The rows."""


def symbol(name: str) -> str:
    """The formula of a row in LaTeX."""
    return CLAIMS[f"{NAME}/{name}/{Kind.IDENTITY.value}"]


def counts(schedule: Schedule, n_w: int, n_phi: int) -> dict[str, OracleCount]:
    """The counts of one outer iteration, by method: "anil" and "maml"."""
    N = schedule.inner_steps
    B = schedule.batch
    n_phi = count("n_phi", n_phi)
    return {"anil": anil_count(N, B, n_w, n_phi), "maml": maml_count(N, B, n_w, n_phi)}


def exact_counts(schedule: Schedule, n_w: int, n_phi: int) -> dict[str, int]:
    """The counts by the names of the rows."""
    both = counts(schedule, n_w, n_phi)
    return {
        f"{method}_{field.name}": getattr(counted, field.name)
        for method, counted in both.items()
        for field in fields(counted)
    }


def _hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    return ()


def comparison_claims(n_w: int | None = None, n_phi: int | None = None) -> tuple[Claim, ...]:
    """The claims for given dimensions, which neither the constants nor the schedule know.

    Without them the claims can be listed, and evaluating one raises MissingFact.
    """
    n_w = None if n_w is None else count("n_w", n_w)
    n_phi = None if n_phi is None else count("n_phi", n_phi)

    def claim(name: str) -> Claim:
        def evaluate(constants: Constants, schedule: Schedule) -> Bound:
            if n_w is None:
                raise MissingFact(f"{NAME}/{name}/{Kind.IDENTITY.value}", "n_w", "the dimension of w")
            if n_phi is None:
                raise MissingFact(f"{NAME}/{name}/{Kind.IDENTITY.value}", "n_phi", "the dimension of phi")
            exact = exact_counts(schedule, n_w, n_phi)[name]
            return Bound(0.0, -math.inf, 0.0, f"an identity: the count is {exact} (n_w = {n_w}, n_phi = {n_phi})")

        return Claim(NAME, name, Kind.IDENTITY, f"{QUANTITY}/{name}", evaluate, _hypotheses, symbol(name))

    return tuple(claim(name) for name in NAMES)


STATEMENT = Statement(
    name=NAME,
    title="Cost of one outer iteration, ANIL and MAML",
    source="Table 2",
    geometry=None,
    claims=comparison_claims(),
    facts=("n_w", "n_phi"),
    build=comparison_claims,
)
