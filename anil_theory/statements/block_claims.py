"""The claims that Propositions 2 and 3 have in common: four blocks, each explicit, refined, sharp and as an order.

A proposition supplies its geometry, its hypotheses and its printed orders; the constants come from `contraction`,
and the LaTeX from the table (`forms.claims`).
"""

import functools
from collections.abc import Callable

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind
from anil_theory.statements.contraction import BLOCKS, block_bound
from anil_theory.statements.generated.latex import CLAIMS

QUANTITY = "meta_gradient_lipschitz"
"""Claims bound the quantities "meta_gradient_lipschitz/ww", ".../wphi", ".../phiw" and ".../phiphi"."""

Hypotheses = Callable[[Constants, Schedule], tuple[Hypothesis, ...]]

POLY_IS_ONE = "the printed order with its factor poly(L, M, rho, tau) set to 1"


def block_claims(
    statement: str,
    geometry: Geometry,
    hypotheses: Hypotheses,
    order_hypotheses: Hypotheses,
    order: Callable[[str, Constants, Schedule], Bound],
    note: Callable[[Constants, Schedule], str] = lambda constants, schedule: "",
) -> tuple[Claim, ...]:
    """The claims of one proposition.

    order   block, constants, schedule -> the printed order;
    note    goes with every explicit and refined bound.
    """
    derived = tuple(
        Claim(
            statement,
            block,
            kind,
            f"{QUANTITY}/{block}",
            _evaluator(geometry, kind, block, note),
            hypotheses,
            CLAIMS[f"{statement}/{block}/{kind.value}"],
        )
        for kind in (Kind.EXPLICIT, Kind.REFINED, Kind.SHARP)
        for block in BLOCKS
    )
    printed = tuple(
        Claim(
            statement,
            block,
            Kind.ORDER,
            f"{QUANTITY}/{block}",
            functools.partial(order, block),
            order_hypotheses,
            CLAIMS[f"{statement}/{block}/{Kind.ORDER.value}"],
        )
        for block in BLOCKS
    )
    return derived + printed


def _evaluator(
    geometry: Geometry, kind: Kind, block: str, note: Callable[[Constants, Schedule], str]
) -> Callable[[Constants, Schedule], Bound]:
    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        return block_bound(constants, schedule, geometry, kind, block, note(constants, schedule))

    return evaluate
