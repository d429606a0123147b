"""The nine claims that Theorems 1 and 2 have in common: three rows, each explicit, refined and as an order.

A claim is evaluated at (constants, schedule); the initial gap D0 is neither, for it depends on the task family and on
where the run starts. So a theorem's claims are built for a given D0 (and, if wished, a given weight c). Those in the
registry have none: they can be listed, their hypotheses and orders evaluated, and their bounds raise MissingFact.
"""

from collections.abc import Callable
from dataclasses import dataclass

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact
from anil_theory.statements.rates import ROWS, Rate

QUANTITY = "average_squared_gradient"
"""Claims bound "average_squared_gradient/weighted", ".../w" and ".../phi": means over k = 0..K-1 of the expectations of
beta_w ||D_w L_meta||^2 + beta_phi ||D_phi L_meta||^2, of ||D_w L_meta||^2 and of ||D_phi L_meta||^2."""

GAP = "the initial gap L_meta(z_0) - inf L_meta, or an upper bound of it"
"""What D0 is, for who did not give it."""

Hypotheses = Callable[[Constants, Schedule], tuple[Hypothesis, ...]]


@dataclass(frozen=True)
class RateOrder:
    """One row's order: its value as a Bound, and its LaTeX."""

    evaluate: Callable[[Constants, Schedule], Bound]
    latex: str


_LEFT = {
    "weighted": r"\frac{1}{K} \sum_{k<K} \mathbb{E} [\beta_w \|\nabla_w\|^{2} + \beta_\phi \|\nabla_\phi\|^{2}]",
    "w": r"\frac{1}{K} \sum_{k<K} \mathbb{E} \|\nabla_w\|^{2}",
    "phi": r"\frac{1}{K} \sum_{k<K} \mathbb{E} \|\nabla_\phi\|^{2}",
}
_OVER = {"weighted": "", "w": r"\frac{1}{\beta_w} ", "phi": r"\frac{1}{\beta_\phi} "}
_RIGHT = (
    r"\left(\frac{2 D_0}{K} + \frac{\Lambda_w \beta_w^{2} \sigma_w^{2}"
    r" + \Lambda_\phi \beta_\phi^{2} \sigma_\phi^{2}}{B}\right),\quad "
    r"\Lambda_w = L_{ww} + c L_\times,\quad \Lambda_\phi = L_{\phi\phi} + L_\times / c,\quad "
    r"L_\times = \min\{L_{w\phi}, L_{\phi w}\},\quad \sigma_w = r^{N} M,\quad \sigma_\phi = M \sqrt{1 + s_N^{2}}"
)


def rate_latex(row: str) -> str:
    """The LaTeX of an explicit or refined row; the two differ in the block constants and in cbar only."""
    return rf"{_LEFT[row]} \le {_OVER[row]}{_RIGHT}"


def order_latex(row: str, growth: str) -> str:
    """`row <= poly * growth`."""
    return rf"{_LEFT[row]} \le \mathrm{{poly}} \cdot \left({growth}\right)"


def rate_claims(
    statement: str,
    geometry: Geometry,
    inner: Hypotheses,
    order_hypotheses: Hypotheses,
    orders: dict[str, RateOrder],
    D0: float | None,
    c: float | None,
    note: Callable[[Constants, Schedule], str] = lambda constants, schedule: "",
) -> tuple[Claim, ...]:
    """The claims of one theorem.

    inner   the hypotheses on the constants and the inner step size, those of the proposition behind the theorem;
    D0      the initial gap L_meta(z_0) - inf L_meta, or an upper bound of it, >= 0; None: not known;
    c       the weight of the proof; None takes the one that makes all three rows smallest at the schedule's steps.
    """

    def claim(row: str, kind: Kind) -> Claim:
        def rate(constants: Constants, schedule: Schedule) -> Rate:
            # Step sizes and weights do not depend on D0, so that the hypotheses can do without it.
            return Rate(constants, schedule, geometry, kind, 0.0 if D0 is None else D0, c)

        def evaluate(constants: Constants, schedule: Schedule) -> Bound:
            if D0 is None:
                raise MissingFact(f"{statement}/{row}/{kind.value}", "D0", GAP)
            return rate(constants, schedule).bound(row, note(constants, schedule))

        def hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
            found = inner(constants, schedule)
            if not all(h.holds for h in found):  # without them there is no contraction factor, hence no Lam
                return found
            return *found, *rate(constants, schedule).hypotheses()

        return Claim(statement, row, kind, f"{QUANTITY}/{row}", evaluate, hypotheses, rate_latex(row))

    simplest = Constants(None, 1.0, 0.0, 0.0, 1.0)
    Rate(simplest, Schedule(1.0, 1), geometry, Kind.EXPLICIT, 0.0 if D0 is None else D0, c)  # refuses a bad D0 or c
    derived = tuple(claim(row, kind) for kind in (Kind.EXPLICIT, Kind.REFINED) for row in ROWS)
    printed = tuple(
        Claim(
            statement,
            row,
            Kind.ORDER,
            f"{QUANTITY}/{row}",
            orders[row].evaluate,
            order_hypotheses,
            orders[row].latex,
        )
        for row in ROWS
    )
    return derived + printed
