"""The claims that Propositions 2 and 3 have in common: four blocks, each explicit, refined, sharp and as an order.

A proposition supplies its geometry, its hypotheses and its printed orders; the constants come from `contraction`, and
the LaTeX below is held equal to the expressions of `closed_forms` by a test (loading sympy would slow every start).
"""

from collections.abc import Callable
from dataclasses import dataclass

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind
from anil_theory.statements.contraction import BLOCKS, block_bound

QUANTITY = "meta_gradient_lipschitz"
"""Claims bound the quantities "meta_gradient_lipschitz/ww", ".../wphi", ".../phiw" and ".../phiphi"."""

Hypotheses = Callable[[Constants, Schedule], tuple[Hypothesis, ...]]

POLY_IS_ONE = "the printed order with its factor poly(L, M, rho, tau) set to 1"

_LEFT = {"ww": "L_{ww}", "wphi": r"L_{w\phi}", "phiw": r"L_{\phi w}", "phiphi": r"L_{\phi\phi}"}
_FACTOR = {Geometry.STRONGLY_CONVEX: r"1 - \alpha \mu", Geometry.NONCONVEX: r"1 + L \alpha"}
_SUM = r"\sum_{j=0}^{m - 1} r^{j}"
_SUM_E = r"\sum_{m=0}^{N - 1}"


@dataclass(frozen=True)
class Order:
    """One printed order: its value as a Bound, and its LaTeX."""

    evaluate: Callable[[Constants, Schedule], Bound]
    latex: str


def block_claims(
    statement: str,
    geometry: Geometry,
    hypotheses: Hypotheses,
    order_hypotheses: Hypotheses,
    orders: dict[str, Order],
    note: Callable[[Constants, Schedule], str] = lambda constants, schedule: "",
) -> tuple[Claim, ...]:
    """The claims of one proposition, `orders` by block; `note` goes with every explicit and refined bound."""
    derived = tuple(
        Claim(
            statement,
            block,
            kind,
            f"{QUANTITY}/{block}",
            _evaluator(geometry, kind, block, note),
            hypotheses,
            block_latex(geometry, kind, block),
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
            orders[block].evaluate,
            order_hypotheses,
            orders[block].latex,
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


def order_latex(block: str, growth: str) -> str:
    """`L_block <= poly * growth`."""
    return rf"{_LEFT[block]} \le \mathrm{{poly}} \cdot {growth}"


def block_latex(geometry: Geometry, kind: Kind, block: str) -> str:
    """The LaTeX of an explicit, refined or sharp block constant with the definitions that it uses."""
    if kind is Kind.SHARP:
        return _sharp_latex(geometry, block)
    x = "{e}" if kind is Kind.EXPLICIT else "{n}"
    right = _right(x)
    formula = right[block]
    if kind is Kind.REFINED and block in ("wphi", "phiw"):
        formula = rf"\min\left\{{{right['wphi']}, {right['phiw']}\right\}}"
    parts = [f"{_LEFT[block]} = {formula}", f"r = {_FACTOR[geometry]}"]
    if block != "ww":
        move = rf"\bar{{c}} \alpha {_SUM} + 1"
        if kind is Kind.REFINED:
            move = rf"\sqrt{{\bar{{c}}^{{2}} \alpha^{{2}} \left({_SUM}\right)^{{2}} + 1}}"
        tightened = (geometry, kind) == (Geometry.STRONGLY_CONVEX, Kind.REFINED)
        cbar = r"\sqrt{L^{2} - \mu^{2}}" if tightened else "L"
        parts += [f"{x}_{{m}} = {move}", rf"\bar{{c}} = {cbar}"]
    return r",\quad ".join(parts)


def _sharp_latex(geometry: Geometry, block: str) -> str:
    sensitivity = {
        "wphi": r"X(s) = \max_{a^{2} + b^{2} \le \rho^{2},\ b^{2} \le \tau^{2}} (a s + b)",
        "phiphi": r"Y(s) = \max_{a^{2} + b^{2} \le \rho^{2},\ b^{2} + d^{2} \le \tau^{2}} (a s^{2} + 2 b s + d)",
    }
    formula = {
        "ww": _right("e")["ww"],
        "wphi": rf"L r^{{N}} \sqrt{{1 + s_{{N}}^{{2}}}} + M \alpha r^{{N - 1}} {_SUM_E} X(s_{{m}})",
        "phiphi": rf"L (1 + s_{{N}}^{{2}}) + M \alpha {_SUM_E} r^{{N - m - 1}} Y(s_{{m}})",
    }
    of = "wphi" if block == "phiw" else block
    parts = [f"{_LEFT[block]} = {formula[of]}", f"r = {_FACTOR[geometry]}"]
    if block != "ww":
        convex = geometry is Geometry.STRONGLY_CONVEX
        growth = r"r s_{m} + \alpha \sqrt{L^{2} - \mu^{2}}" if convex else r"s_{m} + \alpha L \sqrt{1 + s_{m}^{2}}"
        parts += [sensitivity[of], f"s_{{m + 1}} = {growth}", "s_{0} = 0"]
    return r",\quad ".join(parts)


def _right(x: str) -> dict[str, str]:
    outer = rf"L r^{{N}} {x}_{{N}}"
    carried = r"M \bar{c} \alpha^{2} \rho \sum_{m=0}^{N - 1} r^{N - m - 2} \sum_{j=m + 1}^{N - 1}"
    return {
        "ww": r"L r^{2 N} + M \alpha r^{N - 1} \rho \sum_{j=0}^{N - 1} r^{j}",
        "wphi": rf"{outer} + M \alpha r^{{N - 1}} \rho {_SUM_E} {x}_{{m}}",
        "phiw": rf"{outer} + M N \alpha r^{{N - 1}} \tau + {carried} r^{{j}}",
        "phiphi": rf"L {x}_{{N}}^{{2}} + {carried} {x}_{{j}} + M \alpha \tau {_SUM_E} r^{{N - m - 1}} {x}_{{m}}",
    }
