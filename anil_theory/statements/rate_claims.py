"""The twelve claims that Theorems 1 and 2 have in common: three rows, each explicit, refined, sharp and as an order.

A claim is evaluated at (constants, schedule); the initial gap D0 is neither, for it depends on the task family and on
where the run starts. So a theorem's claims are built for a given D0 (and, if wished, a given weight c). Those in the
registry have none: they can be listed, their hypotheses and orders evaluated, and their bounds raise MissingFact.
"""

import functools
from collections.abc import Callable

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact
from anil_theory.statements.generated.latex import CLAIMS
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.rates import ROWS, Rate

QUANTITY = "average_squared_gradient"
"""Claims bound "average_squared_gradient/weighted", ".../w" and ".../phi": means over k = 0..K-1 of the expectations of
beta_w ||D_w L_meta||^2 + beta_phi ||D_phi L_meta||^2, of ||D_w L_meta||^2 and of ||D_phi L_meta||^2."""

GAP = "the initial gap L_meta(z_0) - inf L_meta, or an upper bound of it"
"""What D0 is, for who did not give it."""

Hypotheses = Callable[[Constants, Schedule], tuple[Hypothesis, ...]]


def rate_claims(
    statement: str,
    geometry: Geometry,
    inner: Hypotheses,
    order_hypotheses: Hypotheses,
    order: Callable[[str, Constants, Schedule], Bound],
    D0: float | None,
    c: float | None,
    note: Callable[[Constants, Schedule], str] = lambda constants, schedule: "",
    *,
    phi: bool = True,
) -> tuple[Claim, ...]:
    """The claims of one theorem.

    inner   the hypotheses on the constants and the inner step size, those of the proposition behind the theorem;
    order   row, constants, schedule -> the printed order;
    D0      the initial gap L_meta(z_0) - inf L_meta, or an upper bound of it, >= 0; None: not known;
    c       the weight of the proof; None takes the one that makes all three rows smallest at the schedule's steps;
    phi     false where phi is empty: the phi row is then left out.
    """

    def claim(row: str, kind: Kind) -> Claim:
        def rate(constants: Constants, schedule: Schedule) -> Rate | JointRate:
            # Step sizes and weights do not depend on D0, so that the hypotheses can do without it.
            gap = 0.0 if D0 is None else D0
            if kind is Kind.SHARP:
                return JointRate(constants, schedule, geometry, gap, phi)
            return Rate(constants, schedule, geometry, kind, gap, c, phi)

        def evaluate(constants: Constants, schedule: Schedule) -> Bound:
            if D0 is None:
                raise MissingFact(f"{statement}/{row}/{kind.value}", "D0", GAP)
            return rate(constants, schedule).bound(row, note(constants, schedule))

        def hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
            conditions = inner(constants, schedule)
            if not all(h.holds for h in conditions):  # without them there is no contraction factor, hence no Lam
                return conditions
            return *conditions, *rate(constants, schedule).hypotheses()

        return Claim(
            statement, row, kind, f"{QUANTITY}/{row}", evaluate, hypotheses, CLAIMS[f"{statement}/{row}/{kind.value}"]
        )

    simplest = Constants(None, 1.0, 0.0, 0.0, 1.0)
    Rate(simplest, Schedule(1.0, 1), geometry, Kind.EXPLICIT, 0.0 if D0 is None else D0, c)  # refuses a bad D0 or c
    rows = ROWS if phi else tuple(row for row in ROWS if row != "phi")
    derived = tuple(claim(row, kind) for kind in (Kind.EXPLICIT, Kind.REFINED, Kind.SHARP) for row in rows)
    printed = tuple(
        Claim(
            statement,
            row,
            Kind.ORDER,
            f"{QUANTITY}/{row}",
            functools.partial(order, row),
            order_hypotheses,
            CLAIMS[f"{statement}/{row}/{Kind.ORDER.value}"],
        )
        for row in rows
    )
    return derived + printed
