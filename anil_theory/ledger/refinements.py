"""Ledger section 3.2: refined <= explicit, item by item and block by block, for all r > 0."""

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.ledger.base import Fact, Proof, ProofStatus
from anil_theory.ledger.block_recursions import change_of_sensitivity, outer_term
from anil_theory.ledger.normal_form import unroll
from anil_theory.ledger.proofs import Expr, all_of, at_points, identity, nonnegative
from anil_theory.statements.base import Kind
from anil_theory.statements.forms.block_constants import (
    BLOCKS,
    CLOSED_FORMS,
    SMOOTHNESS,
    block_at_one,
    mixed_norm,
    per_step,
    plain_block,
)
from anil_theory.statements.forms.symbols import L, L_phiphi, L_ww, L_x, M, N, alpha, cbar, e, latex, mu, r, rho, tau

s, b, x, gap, W, d, X = sp.symbols("s b x a W d X", nonnegative=True)
"""Refined quantities s, x, W (the moves s_m, n_m and the change so far) and by how much the explicit ones exceed them:
s + b, x + a, W + d. X is r^N."""

_STEPS = {block: change_of_sensitivity(block, W, power=X, move=x, mixed=s) for block in BLOCKS}
_OUTER = {block: outer_term(block, power=X, move=x) for block in BLOCKS}
_NEVER_LARGER = {s: s + b, x: x + gap, W: W + d}


def _moves() -> Fact:
    n = per_step(Kind.REFINED).replace(lambda e: isinstance(e, sp.Sum), lambda e: s / (alpha * cbar))

    def prove(claimed: Expr):
        explicit = 1 + s + b
        return nonnegative(sp.expand(explicit**2) - sp.expand(claimed**2))

    return Fact(
        name="3.2/n_m <= e_m",
        statement="the joint norm sqrt(1 + s_m^2) of a move is at most the sum 1 + s, for every s >= s_m",
        section="3.2",
        assumptions=("s_m >= 0", "refined s_m <= explicit s_m"),
        claimed=n,
        prove=prove,
        latex=rf"{sp.latex(n)} \le {sp.latex(1 + s)}",
        controls={"root forgotten": 1 + s**2, "both twice": 2 * n},
    )


def _mixed() -> Fact:
    refined = mixed_norm(Geometry.STRONGLY_CONVEX, Kind.REFINED)
    size, z = sp.symbols("h z", nonnegative=True)  # ||H x|| = mu + z

    def prove(claimed: Expr):
        at_most = nonnegative(sp.expand(claimed**2) - (L**2 - size**2), ((size, mu + z),))
        return at_most & nonnegative(mixed_norm(Geometry.STRONGLY_CONVEX, Kind.EXPLICIT) ** 2 - sp.expand(claimed**2))

    return Fact(
        name="3.2/mixed block",
        statement="strongly convex: ||C||^2 <= L^2 - ||H x||^2 <= L^2 - mu^2, which is at most L^2",
        section="3.2",
        assumptions=("A1: ||H x||^2 + ||C x||^2 <= L^2 for unit x", "Definition 2: ||H x|| >= mu"),
        claimed=refined,
        prove=prove,
        latex=rf"\bar c = {sp.latex(refined)} \le L",
        controls={"L - mu": sp.sqrt(L**2 - 2 * mu**2), "sum in place of difference": sp.sqrt(L**2 + mu**2)},
    )


def _never_larger(block: str) -> Fact:
    def prove(claimed: Expr):
        explicit_step, explicit_outer = (
            table[block].subs(_NEVER_LARGER, simultaneous=True) for table in (_STEPS, _OUTER)
        )
        step, outer = claimed
        return all_of((nonnegative(explicit_step - step), nonnegative(L * (explicit_outer - outer))))

    return Fact(
        name=f"3.2/refined <= explicit, {block}",
        statement=f"the {block} constant falls when moves and cbar fall: induction on its recursion, and the L term",
        section="3.2",
        assumptions=("n_m <= e_m", "cbar refined <= cbar explicit", "r > 0 the same in both", "both start at 0"),
        claimed=(_STEPS[block], _OUTER[block]),
        prove=prove,
        latex=rf"\text{{{block}: }} W' \le W \Rightarrow {sp.latex(_STEPS[block])} \le \text{{explicit}}",
        controls={
            "refined step larger": (_STEPS[block] + alpha * rho * X, _OUTER[block]),
            "refined outer term larger": (_STEPS[block], 2 * _OUTER[block]),
        },
    )


def _smoothness() -> Fact:
    a = L_ww
    c = L_x
    k = L_phiphi
    claimed = SMOOTHNESS

    def prove(claimed: Expr):
        matrix = sp.Matrix([[a, c], [c, k]])
        root = identity(sp.expand((matrix - claimed * sp.eye(2)).det()), sp.Integer(0))
        # The other eigenvalue is trace - claimed, so claimed is the larger one when this is not negative.
        largest = bool(sp.expand(2 * claimed - matrix.trace(), deep=False).is_nonnegative)
        if largest:
            is_largest = Proof(ProofStatus.PROVED, root.method)
        else:
            is_largest = Proof(ProofStatus.FAILED, root.method, "smaller root")
        return root & is_largest

    return Fact(
        name="3.2/total smoothness",
        statement="the smoothness of L_meta in z is the larger eigenvalue of the 2 x 2 matrix of block constants",
        section="3.2",
        assumptions=("block constants", "Hessian symmetric almost everywhere"),
        claimed=claimed,
        prove=prove,
        latex=latex(claimed),
        controls={
            "the smaller root": (a + k) / 2 - sp.sqrt(((a - k) / 2) ** 2 + c**2),
            "sum of the blocks": a + k + 2 * c,
            "cross term halved": claimed.subs(c, c / 2),
        },
    )


def _where_geometries_meet(block: str) -> Fact:
    move = 1 + alpha * cbar * CLOSED_FORMS["S_N"].limit
    values = {alpha: (2, 7), cbar: (3, 5), L: (11, 10), M: (13, 4), rho: (5, 3), tau: (7, 9)}
    at = {symbol: sp.Rational(*value) for symbol, value in values.items()}

    def prove(claimed: Expr):
        def difference(point):
            plain = unroll(plain_block(block).subs(N, point["N"])).subs(r, 1)
            moves = {e[k]: move.subs(N, k) for k in range(point["N"] + 1)}
            return sp.nsimplify((plain.subs(moves) - claimed.subs(N, point["N"])).subs(at))

        return at_points(difference, [{"N": steps} for steps in range(1, 9)])

    claimed = block_at_one(block)
    return Fact(
        name=f"3.1/r = 1, {block}",
        statement=f"as r -> 1, where the two geometries meet, the closed {block} constant is the sum at r = 1",
        section="3.1",
        assumptions=("L, M, rho, tau, alpha, cbar at fixed fractions",),
        claimed=claimed,
        prove=prove,
        latex=sp.latex(claimed),
        controls={"one step more": claimed.subs(N, N + 1), "half": claimed / 2},
    )


FACTS = (
    _moves(),
    _mixed(),
    *(_never_larger(block) for block in BLOCKS),
    _smoothness(),
    *(_where_geometries_meet(block) for block in BLOCKS),
)
