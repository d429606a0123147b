"""Table 1: how the quantities of Theorems 1 and 2 grow with mu and N, with the numbers behind the orders.

Claim: per geometry, the rows 1/Lam_w, 1/Lam_phi (step sizes), L_ww, .., L_phiphi, the four terms of the two rates, and
the per-iteration costs; `rows` puts the explicit and refined numbers of given constants beside the printed order with
poly = 1. Kind: ORDER for the printed column, upper bounds for the numbers. The claims judge the four rate terms: the
quantity "rate_term/<row>_<term>" is what the bound of that term replaces, decay (times 1/K) or noise (times 1/B), at
beta = 1/Lam(c = 1). Regime: that of the theorem.

Where the refined number is not the smaller one: the noise of the w row is sigma_w^2 + (Lam_w/Lam_phi) sigma_phi^2 at
the row's own steps beta = 1/Lam. Refining lowers both Lam, but Lam_phi by more: the steps in phi become longer, and the
ratio rises. In the default grid the refined `w_noise` is 3 to 28 % above the explicit one in every setting. Neither is
wrong: each is the noise at its own steps. The decay rows hold Lam itself, and at equal steps the refined rate is never
the larger one (tests hold both).

Source: the paper, Table 1, in the entries that agree with Theorems 1 and 2 and with their complexity; docs/formulas.md,
table1.

Units: those of the rates. Errors: as `contraction_factor`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from anil_theory._admissible import nonnegative
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import prop3_nonconvex, thm1_strongly_convex, thm2_nonconvex
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact, Statement
from anil_theory.statements.block_claims import POLY_IS_ONE
from anil_theory.statements.contraction import contraction_factor, roundings
from anil_theory.statements.generated import formulas
from anil_theory.statements.generated.latex import CLAIMS, TABLE_1_ORDERS, TABLE_1_TERMS
from anil_theory.statements.rate_claims import GAP
from anil_theory.statements.rates import FURTHER_ROUNDINGS, Ingredients, ingredients
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled

NAME = "table1"


@dataclass(frozen=True)
class Row:
    """One row: a name, its symbol and its printed orders in LaTeX, by geometry."""

    name: str

    @property
    def symbol(self) -> str:
        return TABLE_1_TERMS[self.name]

    def printed(self, geometry: Geometry) -> str:
        """The printed order."""
        return TABLE_1_ORDERS[f"{self.name}/{geometry.value}"]


ROWS = (Row("w_decay"), Row("w_noise"), Row("phi_decay"), Row("phi_noise"))
DECAYS = ("w_decay", "phi_decay")
"""The rows that the initial gap enters."""


def order_value(row: Row, constants: Constants, schedule: Schedule) -> Bound:
    """The printed order of a row with poly = 1, in the geometry of the constants."""
    N = schedule.inner_steps
    if constants.mu is None:
        growth = formulas.table_1_nonconvex(N=N)[row.name]
        return Bound(float(growth), math.log10(growth), 0.0, POLY_IS_ONE)
    mu = scaled(constants.mu)

    def at(q: float) -> Scaled:
        return formulas.table_1_convex(N=N, mu=mu, q=scaled(q))[row.name]

    q = contraction_factor(constants, schedule, constants.geometry)
    return RoundingRange.of(at, q).bound(roundings(N), POLY_IS_ONE)


def _terms(parts: Ingredients, D0: float) -> dict[str, Scaled]:
    lam_w, lam_phi = parts.smoothness(1.0)
    sizes = {"sigma_w": parts.sigma_w, "sigma_phi": parts.sigma_phi}
    terms = formulas.table_1_decay(D_0=scaled(D0), Lambda_w=lam_w, Lambda_phi=lam_phi)
    terms["w_noise"] = formulas.table_1_w_noise(Lambda_w=lam_w, Lambda_phi=lam_phi, **sizes)
    # Lam_w = 0 says that r = 0, hence sigma_w = 0: the quotient that then has no value is multiplied by 0.
    divisor = lam_w or scaled(1.0)
    terms["phi_noise"] = formulas.table_1_phi_noise(Lambda_w=divisor, Lambda_phi=lam_phi, **sizes)
    return terms


def term_value(row: Row, constants: Constants, schedule: Schedule, kind: Kind, D0: float) -> Bound:
    """The number of a row; it rises and falls with r in the noise rows, so both ends of r are covered.

    The decay rows are proportional to the initial gap D0; the noise rows do not depend on it.
    """

    def at(r: float | None) -> Scaled:
        return _terms(ingredients(constants, schedule, constants.geometry, kind, r=r), D0)[row.name]

    r = contraction_factor(constants, schedule, constants.geometry)
    three = RoundingRange.of(at, r)
    turned = RoundingRange(min(three.low, three.high, three.at), three.at, max(three.low, three.high, three.at))
    return turned.bound(2 * (roundings(schedule.inner_steps) + FURTHER_ROUNDINGS), f"D0 = {D0:.6g}, c = 1")


def _hypotheses(kind: Kind) -> Callable[[Constants, Schedule], tuple[Hypothesis, ...]]:
    theorems = (thm1_strongly_convex, thm2_nonconvex)
    order_hypotheses = {t.GEOMETRY: t.STATEMENT.select(Kind.ORDER)[0].hypotheses for t in theorems}

    def evaluate(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
        if kind is Kind.ORDER:
            return order_hypotheses[constants.geometry](constants, schedule)
        if constants.mu is None:
            return prop3_nonconvex.STATEMENT.select(Kind.EXPLICIT)[0].hypotheses(constants, schedule)
        # of the order's three hypotheses the last, alpha = mu/L^2, is not needed by the numbers
        return order_hypotheses[constants.geometry](constants, schedule)[:2]

    return evaluate


def _claim(row: Row, kind: Kind, D0: float | None) -> Claim:
    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        if kind is Kind.ORDER:
            return order_value(row, constants, schedule)
        if D0 is None and row.name in DECAYS:
            raise MissingFact(f"{NAME}/{row.name}/{kind.value}", "D0", GAP)
        return term_value(row, constants, schedule, kind, 0.0 if D0 is None else D0)

    latex = CLAIMS[f"{NAME}/{row.name}/{kind.value}"]
    return Claim(NAME, row.name, kind, f"rate_term/{row.name}", evaluate, _hypotheses(kind), latex)


def table_claims(D0: float | None = None) -> tuple[Claim, ...]:
    """The claims for a given initial gap D0 >= 0; without it the bounds of the decay rows raise MissingFact.

    Raises InvalidParameter for another D0.
    """
    D0 = None if D0 is None else nonnegative("D0", D0)
    return tuple(_claim(row, kind, D0) for kind in (Kind.EXPLICIT, Kind.REFINED, Kind.ORDER) for row in ROWS)


STATEMENT = Statement(
    name=NAME,
    title="Orders of growth of the rates in mu and N",
    source="Table 1",
    geometry=None,
    claims=table_claims(),
    facts=("D0",),
    build=table_claims,
)
