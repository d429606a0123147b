"""Finding 3: the constants bear out one reading of Theorem 1's phi rate; and the phi row of Proposition 2.

The run decides between the reading that agrees with Table 1 ("corrected") and its neighbours, in which a term or a
power of 1/mu is missing. It decides numerically at N = T L^2/mu^2 with mu falling, where the terms are exact closed
forms, and symbolically through the ledger. Source: the paper, Theorem 1, Table 1 and Proposition 2; the orders and
their limits are in `statements/forms/orders.py` and `statements/forms/limits.py`.
"""

import math

import jax.numpy as jnp
import numpy as np

from anil_theory.audit.base import Curve, Finding, Panel, verdict, worded
from anil_theory.constants import Constants
from anil_theory.estimators.local_program import LocalChoice, hessian_of_choice
from anil_theory.ledger import FACTS, ProofStatus, enter
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements import table1_complexity_orders as table1
from anil_theory.statements.generated import formulas
from anil_theory.statements.scaled import Scaled

MU = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002)
RELAXATION_TIMES = 1.0
"""T = N alpha mu: N = T L^2/mu^2."""

CORRECTED = "corrected"
TERMS = ("decay", "noise")


def readings(term: str, mu: float, N: int) -> dict[str, float]:
    """A term of the phi rate at L = 1 and alpha = mu, in the corrected reading and misread in two ways."""
    at = {"mu": Scaled(mu), "q": Scaled(1 - mu * mu), "N": N}
    misread = formulas.misread_decay if term == "decay" else formulas.misread_noise
    orders = {CORRECTED: formulas.table_1_convex(**at)[f"phi_{term}"], **misread(**at)}
    return {name: float(order) for name, order in orders.items()}


FACT_NAMES = ("5/Theorem 1, phi row, decay", "5/Theorem 1, phi row, noise", "5/Theorem 1, term by term")


def setting(mu: float) -> tuple[Constants, Schedule]:
    """L = M = rho = tau = 1 at N = T/mu^2."""
    constants = Constants(mu, 1.0, 1.0, 1.0, 1.0)
    return constants, Schedule.strongly_convex(constants, round(RELAXATION_TIMES / mu**2))


def ratios(term: str) -> dict[str, list[float]]:
    """Explicit term of the phi row over each reading, along MU."""
    (row,) = (row for row in table1.ROWS if row.name == f"phi_{term}")
    quotients: dict[str, list[float]] = {}
    for mu in MU:
        constants, schedule = setting(mu)
        explicit = table1.term_value(row, constants, schedule, Kind.EXPLICIT, D0=1.0).value
        for name, order in readings(term, mu, schedule.inner_steps).items():
            quotients.setdefault(name, []).append(explicit / order)
    return quotients


def exponent(term: str) -> float:
    """The power of mu that the explicit term itself grows with, over the three smallest mu."""
    (row,) = (row for row in table1.ROWS if row.name == f"phi_{term}")
    logs = [table1.term_value(row, *setting(mu), Kind.EXPLICIT, D0=1.0).log10 for mu in MU[-3:]]
    return float(np.polyfit(np.log10(MU[-3:]), logs, 1)[0])


def phi_row(mu_values: tuple[float, ...]) -> list[dict[str, float]]:
    """The cross constant of Proposition 2: admissible derivatives beside the printed (L/mu) q^(N/2).

    The derivatives along one trajectory are chosen within A1, A2 and Definition 2 (docs/sharp_bounds.md, "Locally").
    """
    longest = setting(min(mu_values))[1].inner_steps
    numbers = []
    for mu in mu_values:
        constants, schedule = setting(mu)
        each = jnp.ones(longest)
        # Lowest curvature, all of L^2 - mu^2 in the mixed block, all of rho in L_www, all of M in D_w L_D.
        choice = LocalChoice(
            mu * each,
            math.sqrt(1 - mu**2) * each,
            constants.rho * each,
            0 * each,
            0 * each,
            jnp.asarray(constants.M),
            jnp.zeros((2, 2)),
        )
        value = hessian_of_choice(choice, jnp.asarray(schedule.one_alpha), jnp.asarray(schedule.inner_steps))[0, 1]
        (order,) = STATEMENTS["prop2"].select(Kind.ORDER, "phiw")
        (explicit,) = STATEMENTS["prop2"].select(Kind.EXPLICIT, "phiw")
        printed = order.evaluate(constants, schedule).value
        numbers.append(
            {
                "mu": mu,
                "N": schedule.inner_steps,
                "witness": abs(float(value)),
                "printed": printed,
                "witness_ratio": abs(float(value)) / printed,
                "explicit_ratio": explicit.evaluate(constants, schedule).value / printed,
            }
        )
    return numbers


def run(*, seed: int = 0, quick: bool = False) -> Finding:
    """Compare readings numerically and symbolically. Nothing is random; `quick` leaves out the longest witness."""
    by_term = {term: ratios(term) for term in TERMS}
    powers = {term: exponent(term) for term in TERMS}
    proofs = {name: enter(FACTS[name]) for name in FACT_NAMES}
    refused = {
        f"{name}: {fault}": enter(FACTS[name].claiming(wrong)).status is ProofStatus.FAILED
        for name in FACT_NAMES
        for fault, wrong in FACTS[name].controls.items()
    }
    witnesses = phi_row((0.1, 0.03) if quick else (0.1, 0.03, 0.01))
    corrected = [value for term in by_term.values() for value in term[CORRECTED]]
    misread = [values for term in by_term.values() for name, values in term.items() if name != CORRECTED]
    growth = min(values[-1] / values[0] for values in misread)
    return worded(
        "3",
        name="theorem1_phi_rate",
        verdict=verdict(
            max(corrected) < 10,
            min(corrected) > 0.01,
            growth > 5,
            all(proof.status is ProofStatus.PROVED for proof in proofs.values()),
            all(refused.values()),
            all(w["witness_ratio"] > 1 for w in witnesses),
        ),
        numbers={
            "mu": list(MU),
            "kappa": {"first": 1 / MU[0], "last": 1 / MU[-1], "growth": MU[0] / MU[-1]},
            "ratios": by_term,
            "corrected": {"smallest": min(corrected), "largest": max(corrected)},
            "misread_growth": growth,
            "exponents": powers,
            "proofs": {name: proof.status for name, proof in proofs.items()},
            "proved": sum(proof.status is ProofStatus.PROVED for proof in proofs.values()),
            "facts": len(proofs),
            "refused": refused,
            "misread_refused": sum(refused.values()),
            "misread": len(refused),
            "phi_row": witnesses,
            "witness": {name: [w[key] for w in witnesses] for name, key in (("mu", "mu"), ("ratio", "witness_ratio"))},
        },
        panels=(*(_readings_panel(term, each) for term, each in by_term.items()), _phi_row_panel(witnesses)),
        settings={"seed": seed, "quick": quick},
    )


def _readings_panel(term: str, by_reading: dict[str, list[float]]) -> Panel:
    curves = [
        Curve(name, list(MU), values, "points" if name == CORRECTED else "dashed")
        for name, values in by_reading.items()
    ]
    return Panel(
        title=f"Theorem 1, phi row, {term} term",
        x_label="mu/L at N = L^2/mu^2",
        y_label="explicit / order",
        curves=tuple(curves),
    )


def _phi_row_panel(witnesses: list[dict[str, float]]) -> Panel:
    mu = [witness["mu"] for witness in witnesses]
    admissible = [witness["witness_ratio"] for witness in witnesses]
    explicit = [witness["explicit_ratio"] for witness in witnesses]
    return Panel(
        title="Proposition 2, phi row, w moves",
        x_label="mu/L at N = L^2/mu^2",
        y_label="constant / printed order",
        curves=(
            Curve("admissible derivatives", mu, admissible, "points"),
            Curve("explicit bound", mu, explicit, "dashed"),
        ),
    )
