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

Source: the paper, Table 1; theory, sections 3.3 and 5 (the printed
table was not at hand: its entries are those that section 3.3 says agree with it).

Units: those of the rates. Errors: as `contraction_factor`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from anil_theory._admissible import InvalidParameter, nonnegative
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import prop3_nonconvex, thm1_strongly_convex, thm2_nonconvex
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact, Statement
from anil_theory.statements.block_claims import POLY_IS_ONE
from anil_theory.statements.contraction import contraction_factor, roundings
from anil_theory.statements.rate_claims import GAP
from anil_theory.statements.rates import FURTHER_ROUNDINGS, Ingredients, ingredients
from anil_theory.statements.scaled import Enclosure, Scaled

NAME = "table1"


@dataclass(frozen=True)
class Row:
    """One row: a name, its symbol and its printed orders in LaTeX, by geometry."""

    name: str
    symbol: str
    strongly_convex: str
    nonconvex: str
    value: Callable[[Ingredients, float], Scaled]
    order: Callable[[Scaled, Scaled], Scaled]


@dataclass(frozen=True)
class Entry:
    """One row at given constants. `measured` is filled in by whoever measured, NaN until then."""

    name: str
    symbol: str
    printed: str
    order: float
    explicit: float
    refined: float
    measured: float = math.nan


def _decay(which: int) -> Callable[[Ingredients, float], Scaled]:
    return lambda x, D0: x.smoothness(1.0)[which] * D0 * 2


def _noise_w(x: Ingredients, D0: float) -> Scaled:
    w, phi = x.smoothness(1.0)
    return x.sigma_w * x.sigma_w + (w / phi if phi else Scaled(0.0)) * x.sigma_phi * x.sigma_phi


def _noise_phi(x: Ingredients, D0: float) -> Scaled:
    w, phi = x.smoothness(1.0)
    return x.sigma_phi * x.sigma_phi + (phi / w if w else Scaled(0.0)) * x.sigma_w * x.sigma_w


ROWS = (
    Row("w_decay", r"2 \Lambda_w D_0", r"\mu^{-2} q^{N/2}", "N", _decay(0), lambda mu, h: h / (mu * mu)),
    Row(
        "w_noise",
        r"\sigma_w^{2} + (\Lambda_w / \Lambda_\phi) \sigma_\phi^{2}",
        r"q^{2N} + \mu^{-1} q^{N/2}",
        "N",
        _noise_w,
        lambda mu, h: h**4 + h / mu,
    ),
    Row(
        "phi_decay",
        r"2 \Lambda_\phi D_0",
        r"\mu^{-2} q^{N/2} + \mu^{-3}",
        "N",
        _decay(1),
        lambda mu, h: h / (mu * mu) + 1 / mu**3,
    ),
    Row(
        "phi_noise",
        r"\sigma_\phi^{2} + (\Lambda_\phi / \Lambda_w) \sigma_w^{2}",
        r"\mu^{-1} q^{3N/2} + \mu^{-2}",
        "N",
        _noise_phi,
        lambda mu, h: h**3 / mu + 1 / mu**2,
    ),
)


DECAYS = ("w_decay", "phi_decay")
"""The rows that the initial gap enters."""


def order_value(row: Row, constants: Constants, schedule: Schedule) -> Bound:
    """The printed order of a row with poly = 1, in the geometry of the constants."""
    if constants.mu is None:
        return Bound(float(schedule.inner_steps), math.log10(schedule.inner_steps), 0.0, POLY_IS_ONE)
    q, mu, N = contraction_factor(constants, schedule, constants.geometry), Scaled(constants.mu), schedule.inner_steps
    return Enclosure.of(lambda q: row.order(mu, Scaled(q).sqrt() ** N), q).bound(roundings(N), POLY_IS_ONE)


def term_value(row: Row, constants: Constants, schedule: Schedule, kind: Kind, D0: float) -> Bound:
    """The number of a row; it rises and falls with r in the noise rows, so both ends of r are covered.

    The decay rows are proportional to the initial gap D0; the noise rows do not depend on it.
    """

    def at(r: float | None) -> Scaled:
        return row.value(ingredients(constants, schedule, constants.geometry, kind, r=r), D0)

    r = contraction_factor(constants, schedule, constants.geometry)
    three = Enclosure.of(at, r)
    turned = Enclosure(min(three.low, three.high, three.at), three.at, max(three.low, three.high, three.at))
    return turned.bound(2 * (roundings(schedule.inner_steps) + FURTHER_ROUNDINGS), f"D0 = {D0:.6g}, c = 1")


def rows(constants: Constants, schedule: Schedule, D0: float) -> tuple[Entry, ...]:
    """The table at given constants, in their own geometry."""
    convex = constants.geometry is Geometry.STRONGLY_CONVEX
    return tuple(
        Entry(
            row.name,
            row.symbol,
            row.strongly_convex if convex else row.nonconvex,
            order_value(row, constants, schedule).value,
            *(term_value(row, constants, schedule, kind, D0).value for kind in (Kind.EXPLICIT, Kind.REFINED)),
        )
        for row in ROWS
    )


def with_measured(entries: tuple[Entry, ...], measured: dict[str, float]) -> tuple[Entry, ...]:
    """The table with measured numbers, by name. Raises InvalidParameter for a name that no row has."""
    unknown = sorted(measured.keys() - {entry.name for entry in entries})
    if unknown:
        raise InvalidParameter("measured", "keyed by the names of rows", unknown)
    return tuple(replace(entry, measured=measured.get(entry.name, entry.measured)) for entry in entries)


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

    latex = row.symbol
    if kind is Kind.ORDER:
        latex = rf"{row.symbol} = O\left({row.strongly_convex}\right)\ \text{{or}}\ O\left({row.nonconvex}\right)"
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
