"""Ledger section 3.1, the sums: S_m, the sums over the inner steps without their summation signs, and two exchanges."""

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, identity, sum_by_induction
from anil_theory.statements.forms.block_constants import CLOSED_FORMS, partial_sum
from anil_theory.statements.forms.symbols import L, N, alpha, cbar, e, j, m, r

_RATIO = {"e_m carried to the end": r, "product sum of phiw": r, "product sum of phiphi": r}
"""The factor by which one more step multiplies the earlier terms of a sum; 1 for sums that are not listed."""

_WORDS = {
    "S_N": "the partial sums of a geometric series have a closed form",
    "sum of e_m": "the sum of the moves of all iterates has a closed form",
    "e_m carried to the end": "the sum of the moves, each carried to the last step, has a closed form",
    "product sum of phiw": "the double sum of the product inside the phi row, when w moves, has a closed form",
    "product sum of phiphi": "the double sum of the product inside the phi row, when phi moves, has a closed form",
}


def _closed(name: str) -> Fact:
    form = CLOSED_FORMS[name]
    ratio, geometric = _RATIO.get(name, sp.Integer(1)), name != "S_N"

    def prove(claimed: Expr):
        return sum_by_induction(form.plain, claimed, ratio=ratio, geometric=geometric)

    return Fact(
        name=f"3.1/{name}",
        statement=f"{_WORDS[name]} (r != 1)",
        section="3.1",
        assumptions=("r > 0, r != 1",),
        claimed=form.closed,
        prove=prove,
        latex=f"{sp.latex(form.plain)} = {sp.latex(form.closed)}",
        controls={
            "one step more": form.closed.subs(N, N + 1),
            "half": form.closed / 2,
            "a power of r dropped": form.closed / r,
        },
    )


def _exchange() -> Fact:
    plain = sp.Sum(r ** (N - 2 - m) * sp.Sum(e[j], (j, m + 1, N - 1)), (m, 0, N - 1))
    claimed = sp.Sum(r ** (N - 1 - m) * partial_sum(m) * e[m], (m, 0, N - 1))
    return Fact(
        name="3.1/exchange of the double sum",
        statement="for any sequence e_m the double sum of the phi row is a single sum with S_m: cost O(N), not O(N^2)",
        section="3.1",
        assumptions=("any sequence e_m", "r > 0, r != 1"),
        claimed=claimed,
        prove=lambda claimed: sum_by_induction(plain, claimed, ratio=r),
        latex=f"{sp.latex(plain)} = {sp.latex(claimed)}",
        controls={
            "S_m forgotten": sp.Sum(r ** (N - 1 - m) * e[m], (m, 0, N - 1)),
            "one power of r too few": claimed / r,
        },
    )


def _nonconvex_moves() -> Fact:
    move = 1 + alpha * cbar * CLOSED_FORMS["S_N"].closed
    return Fact(
        name="3.1/nonconvex moves",
        statement="in the nonconvex geometry e_N = r^N exactly, so the two constants of a row are equal",
        section="3.1",
        assumptions=("r = 1 + alpha L", "||C|| <= L"),
        claimed=r**N,
        prove=lambda claimed: identity(
            move.subs(cbar, L).subs(r, 1 + alpha * L), sp.sympify(claimed).subs(r, 1 + alpha * L)
        ),
        latex="e_N = r^{N}",
        controls={"one power too few": r ** (N - 1), "twice": 2 * r**N},
    )


FACTS = (*(_closed(name) for name in CLOSED_FORMS), _exchange(), _nonconvex_moves())
