"""Ledger section 3.1: where the terms of the block constants come from, as recursions in N and their solutions."""

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.iterates import s_N
from anil_theory.ledger.proofs import Expr, all_of, identity, recursion, sum_by_induction
from anil_theory.statements.forms.block_constants import closed_block, plain_block
from anil_theory.statements.forms.symbols import L, M, N, alpha, e, m, r, rho, tau

_WORDS = {
    "ww": "the w row when w moves: the rho term r^(N-1) S_N and the L term r^(2N)",
    "wphi": "the w row when phi moves: every factor is off by alpha rho e_m",
    "phiw": "the phi row when w moves: the tau term, the product inside the sum (rho, with one factor C), the L term",
    "phiphi": "the phi row when phi moves: as when w moves, with e_m in place of r^m",
}
ROW = {"ww": "w", "wphi": "w", "phiw": "phi", "phiphi": "phi"}
COLUMN = {"ww": "w", "wphi": "phi", "phiw": "w", "phiphi": "phi"}


def change_of_sensitivity(
    block: str, change: Expr, *, power: Expr = r**N, move: Expr = e[N], mixed: Expr = s_N
) -> Expr:
    """The change of the sensitivity of w_{N+1}, from that of w_N: one inner step.

    In the w row (I - alpha H_N) acts on the old change, and H_N changes by rho times the move, times the r^N that it
    acts on. In the phi row H_N acts on s_N instead, and C_N changes too, by tau times the move. `power`, `move` and
    `mixed` stand for r^N, e_N and s_N.
    """
    moved = {"w": power, "phi": move}[COLUMN[block]]
    if ROW[block] == "w":
        return r * change + alpha * rho * moved * power
    return r * change + alpha * (rho * mixed + tau) * moved


def outer_term(block: str, *, power: Expr = r**N, move: Expr = e[N]) -> Expr:
    """The factor of L: how far (w_N, phi) moves, times the norm of the functional that carries the change back."""
    size = {"w": power, "phi": move}
    return size[ROW[block]] * size[COLUMN[block]]


def _block(block: str) -> Fact:
    outer = L * outer_term(block)

    def prove(claimed: Expr):
        return recursion((claimed - outer) / M, sp.Integer(0), lambda w: change_of_sensitivity(block, w))

    claimed = plain_block(block)
    return Fact(
        name=f"3.1/block {block}",
        statement=_WORDS[block],
        section="3.1",
        assumptions=(
            "A1: ||D_w L_D|| <= M, L_D L-smooth",
            "A2: rho, tau",
            "||I - alpha H|| <= r, ||C|| <= cbar",
            "triangle inequality",
        ),
        claimed=claimed,
        prove=prove,
        latex=sp.latex(claimed),
        controls={
            "rho dropped": claimed.subs(rho, 1),
            "q^N in place of q^(N-1)": claimed.subs(M, r * M),
            "L term without its powers": claimed - outer + L,
            "M dropped": claimed.subs(M, 1),
        },
    )


def _closed(block: str) -> Fact:
    move = 1 + s_N
    plain = plain_block(block).replace(
        lambda x: isinstance(x, sp.Indexed), lambda x: move.subs(N, x.indices[0], simultaneous=True)
    )
    claimed = closed_block(block)
    return Fact(
        name=f"3.1/closed form {block}",
        statement=f"the explicit {block} constant without a summation sign (r != 1)",
        section="3.1",
        assumptions=("e_m = 1 + s_m", "r > 0, r != 1"),
        claimed=claimed,
        prove=lambda claimed: sum_by_induction(plain, claimed, ratio=sp.Integer(1) if ROW[block] == "w" else r),
        latex=sp.latex(claimed),
        controls={
            "one step more": claimed.subs(N, N + 1),
            "rho doubled": claimed.subs(rho, 2 * rho),
            "L halved": claimed.subs(L, L / 2),
        },
    )


def _product() -> Fact:
    claimed = alpha * rho * r ** (N - 1) * sp.Sum(e[m], (m, 0, N - 1))
    return Fact(
        name="3.1/change of the product",
        statement="a product of N factors, each of norm <= r and off by alpha rho e_m, is off by their sum at r^(N-1)",
        section="3.1",
        assumptions=("||I - alpha H|| <= r", "A2: rho", "any moves e_m"),
        claimed=claimed,
        prove=lambda claimed: recursion(claimed, sp.Integer(0), lambda f: r * f + r**N * alpha * rho * e[N]),
        latex=rf"\delta_{{m+1}} = r \delta_m + r^m \alpha \rho e_m \Rightarrow \delta_N = {sp.latex(claimed)}",
        controls={
            "r^N": claimed * r,
            "alpha dropped": claimed / alpha,
            "the largest move only": alpha * rho * r ** (N - 1) * e[N - 1] * N,
        },
    )


def _sensitivities() -> Fact:
    """Second-order jets: derivatives up to the second of the next iterate depend on these coefficients only."""
    x, y, g, H, C, a, b, d = sp.symbols("x y g H C a b d")
    Jw, Jp, Www, Wwp, Wpp = sp.symbols("J_w J_phi W_ww W_wphi W_phiphi")
    u = Jw * x + Jp * y + Www * x**2 / 2 + Wwp * x * y + Wpp * y**2 / 2
    after = u - alpha * (g + H * u + C * y + a * u**2 / 2 + b * u * y + d * y**2 / 2)
    derivatives = {"J_w": (x,), "J_phi": (y,), "W_ww": (x, x), "W_wphi": (x, y), "W_phiphi": (y, y)}
    f = 1 - alpha * H
    claimed = {
        "J_w": f * Jw,
        "J_phi": f * Jp - alpha * C,
        "W_ww": f * Www - alpha * a * Jw**2,
        "W_wphi": f * Wwp - alpha * (a * Jw * Jp + b * Jw),
        "W_phiphi": f * Wpp - alpha * (a * Jp**2 + 2 * b * Jp + d),
    }

    def prove(claimed: dict[str, Expr]):
        return all_of(
            identity(sp.diff(after, *at).subs({x: 0, y: 0}), claimed[name]) for name, at in derivatives.items()
        )

    return Fact(
        name="4/recursion of the sensitivities",
        statement="first and second derivatives of the iterates in (w, phi): the chain rule on one inner step (scalar)",
        section="3.1",
        assumptions=("L_S three times differentiable at w_m",),
        claimed=claimed,
        prove=prove,
        latex=", ".join(rf"{name.replace('phi', 'f')} \leftarrow {sp.latex(v)}" for name, v in claimed.items()),
        controls={
            "mixed term counted once": {**claimed, "W_phiphi": f * Wpp - alpha * (a * Jp**2 + b * Jp + d)},
            "sign of C": {**claimed, "J_phi": f * Jp + alpha * C},
            "J_w not squared": {**claimed, "W_ww": f * Www - alpha * a * Jw},
        },
    )


def _meta_hessian() -> Fact:
    x, y, p, q, A, B, D = sp.symbols("x y p q D_11 D_12 D_22")
    Jw, Jp, Www, Wwp, Wpp = sp.symbols("J_w J_phi W_ww W_wphi W_phiphi")
    u = Jw * x + Jp * y + Www * x**2 / 2 + Wwp * x * y + Wpp * y**2 / 2
    loss = p * u + q * y + A * u**2 / 2 + B * u * y + D * y**2 / 2
    J = sp.Matrix([[Jw, Jp], [0, 1]])
    claimed = J.T * sp.Matrix([[A, B], [B, D]]) * J + p * sp.Matrix([[Www, Wwp], [Wwp, Wpp]])

    def prove(claimed):
        hessian = sp.hessian(loss, (x, y)).subs({x: 0, y: 0})
        return all_of(identity(hessian[k], claimed[k]) for k in range(4))

    return Fact(
        name="4/Hessian of the meta-objective",
        statement="the Hessian of L_meta is J^T D J + p W: the L term and the rho, tau terms of the blocks (scalar)",
        section="3.1",
        assumptions=("L_D twice differentiable at w_N",),
        claimed=claimed,
        prove=prove,
        latex=r"\nabla^2 L_{\mathrm{meta}} = J^\top D J + p W",
        controls={"p dropped": claimed.subs(p, 1), "D not carried": sp.Matrix([[A, B], [B, D]]) + claimed.subs(A, 0)},
    )


FACTS = (
    _sensitivities(),
    _meta_hessian(),
    _product(),
    *(_block(block) for block in _WORDS),
    *(_closed(block) for block in _WORDS),
)
