"""The formulas of Propositions 2 and 3 as sympy expressions: the plain sums, their closed forms, limits and LaTeX.

Claim: each `closed` below equals its `plain`, the sum as section 3.1 of the theory writes it (the tests prove it by
induction in N, and exactly for N = 1..8). Kind: identities of polynomials in r; at r = 1, which neither geometry
reaches, the quotients are understood as their `limit`. Source: theory, sections 3.1 to 3.3.

The numbers come from `contraction`; this file is the mathematics that the tests hold them to, and the origin of the
LaTeX. Nothing on the numeric path imports it (sympy is slow to load). Sums of n_m = sqrt(1 + s_m^2) have no closed
form.
"""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.statements.base import Kind

Expr = Any  # a sympy expression; the annotations of sympy itself are unions that no checker can follow

r, alpha, L, M, mu = sp.symbols("r alpha L M mu", positive=True)
rho, tau = sp.symbols("rho tau", nonnegative=True)
cbar = sp.Symbol(r"\bar{c}", nonnegative=True)
q = sp.Symbol("q", nonnegative=True)
N = sp.Symbol("N", integer=True, positive=True)
j, m = sp.symbols("j m", integer=True, nonnegative=True)
e: Expr = sp.IndexedBase("e")
n: Expr = sp.IndexedBase("n")
"""e_m = 1 + s_m (explicit) and n_m = sqrt(1 + s_m^2) (refined): how far (w_m, phi) moves per unit of phi."""


@dataclass(frozen=True)
class ClosedForm:
    """A sum over the inner steps: as the derivation gives it, and without the summation sign (r != 1)."""

    plain: Expr
    closed: Expr

    @property
    def limit(self) -> Expr:
        """The closed form as r -> 1."""
        return sp.factor(sp.limit(self.closed, r, 1))


_S = (r**N - 1) / (r - 1)
_P = (N * r ** (N - 1) - _S) / (r - 1)  # sum_m r^(N-1-m) S_m
_Q = (r ** (N - 1) * _S - 2 * N * r ** (N - 1) + _S) / (r - 1) ** 2  # sum_m r^(N-1-m) S_m^2


def partial_sum(steps: Expr) -> Expr:
    """S_m = sum_{j<m} r^j, as a plain sum."""
    return sp.Sum(r**j, (j, 0, steps - 1))


def _move(step: Expr) -> Expr:
    """e_m, as a plain sum."""
    return 1 + alpha * cbar * partial_sum(step)


CLOSED_FORMS = {
    "S_N": ClosedForm(partial_sum(N), _S),
    "sum of e_m": ClosedForm(sp.Sum(_move(m), (m, 0, N - 1)), N + alpha * cbar * (_S - N) / (r - 1)),
    "e_m carried to the end": ClosedForm(
        sp.Sum(r ** (N - 1 - m) * _move(m), (m, 0, N - 1)),
        _S + alpha * cbar * _P,
    ),
    "product sum of phiw": ClosedForm(
        sp.Sum(r ** (N - 2 - m) * sp.Sum(r**j, (j, m + 1, N - 1)), (m, 0, N - 1)),
        r ** (N - 1) * (_S - N) / (r - 1),
    ),
    "product sum of phiphi": ClosedForm(
        sp.Sum(r ** (N - 2 - m) * sp.Sum(1 + alpha * cbar * (r**j - 1) / (r - 1), (j, m + 1, N - 1)), (m, 0, N - 1)),
        _P + alpha * cbar * _Q,
    ),
}
"""In `product sum of phiphi`, S_j stands in its closed form already, or the sum would be triple."""


def plain_block(block: str, x: Expr = e) -> Expr:
    """The block constant as section 3.1 writes it, with x_m = e_m (or n_m: section 3.2) left as a symbol."""
    hessian, product, outer = M * alpha * rho, M * alpha**2 * rho * cbar, L * r**N * x[N]
    inner = {"phiw": sp.Sum(r**j, (j, m + 1, N - 1)), "phiphi": sp.Sum(x[j], (j, m + 1, N - 1))}
    if block == "ww":
        return hessian * r ** (N - 1) * partial_sum(N) + L * r ** (2 * N)
    if block == "wphi":
        return hessian * r ** (N - 1) * sp.Sum(x[m], (m, 0, N - 1)) + outer
    carried = product * sp.Sum(r ** (N - 2 - m) * inner[block], (m, 0, N - 1))
    if block == "phiw":
        return M * alpha * tau * N * r ** (N - 1) + carried + outer
    return M * alpha * tau * sp.Sum(r ** (N - 1 - m) * x[m], (m, 0, N - 1)) + carried + L * x[N] ** 2


def closed_block(block: str) -> Expr:
    """The explicit block constant without a summation sign (r != 1)."""
    s = {name: form.closed for name, form in CLOSED_FORMS.items()}
    hessian, product, e_N = M * alpha * rho, M * alpha**2 * rho * cbar, 1 + alpha * cbar * _S
    return {
        "ww": hessian * r ** (N - 1) * s["S_N"] + L * r ** (2 * N),
        "wphi": hessian * r ** (N - 1) * s["sum of e_m"] + L * r**N * e_N,
        "phiw": M * alpha * tau * N * r ** (N - 1) + product * s["product sum of phiw"] + L * r**N * e_N,
        "phiphi": M * alpha * tau * s["e_m carried to the end"] + product * s["product sum of phiphi"] + L * e_N**2,
    }[block]


CONTRACTION_FACTOR = {Geometry.STRONGLY_CONVEX: 1 - alpha * mu, Geometry.NONCONVEX: 1 + alpha * L}
"""r of each geometry (theory, section 2)."""

ORDERS = {
    ("prop2", "ww"): L / mu * q**N,
    ("prop2", "wphi"): (L / mu + 1) * N * q**N,
    ("prop2", "phiw"): L / mu * q ** (N / 2),
    ("prop2", "phiphi"): L**3 / mu**3,
    **{("prop3", block): N for block in ("ww", "wphi", "phiw", "phiphi")},
}
"""The printed orders with poly(L, M, rho, tau) = 1 (theory, section 3.3); q = 1 - alpha mu."""


def mixed_norm(geometry: Geometry, kind: Kind) -> Expr:
    """cbar, the bound on the mixed block."""
    return sp.sqrt(L**2 - mu**2) if (geometry, kind) == (Geometry.STRONGLY_CONVEX, Kind.REFINED) else L


def per_step(kind: Kind) -> Expr:
    """e_m or n_m in terms of r."""
    return _move(m) if kind is Kind.EXPLICIT else sp.sqrt(1 + (alpha * cbar * partial_sum(m)) ** 2)


def block_at_one(block: str) -> Expr:
    """The explicit block constant as r -> 1: where the two geometries meet."""
    return sp.expand(sp.limit(sp.together(closed_block(block)), r, 1))


def bounded_limit(c: Expr) -> dict[str, Expr]:
    """The explicit nonconvex constants as N -> infinity with alpha = c/(N L): finite (finding 2)."""
    at = {r: 1 + alpha * L, cbar: L}
    return {
        block: sp.limit(sp.expand(closed_block(block).subs(at).subs(alpha, c / (N * L))), N, sp.oo)
        for block in ("ww", "wphi", "phiw", "phiphi")
    }


_LEFT = {"ww": "L_{ww}", "wphi": r"L_{w\phi}", "phiw": r"L_{\phi w}", "phiphi": r"L_{\phi\phi}"}


def claim_latex(geometry: Geometry, kind: Kind, block: str) -> str:
    """The LaTeX of an explicit or refined claim: the constant, then the definitions that it needs."""
    x = e if kind is Kind.EXPLICIT else n
    if kind is Kind.REFINED and block in ("wphi", "phiw"):
        both = ", ".join(sp.latex(plain_block(b, x)) for b in ("wphi", "phiw"))
        right = rf"\min\left\{{{both}\right\}}"
    else:
        right = sp.latex(plain_block(block, x))
    parts = [f"{_LEFT[block]} = {right}", f"r = {sp.latex(CONTRACTION_FACTOR[geometry], order='rev-lex')}"]
    if block != "ww":
        parts.append(f"{sp.latex(x[m])} = {sp.latex(per_step(kind))}")
        parts.append(rf"\bar{{c}} = {sp.latex(mixed_norm(geometry, kind))}")
    return r",\quad ".join(parts)


def order_latex(statement: str, block: str) -> str:
    """The LaTeX of a printed order."""
    order = rf"{_LEFT[block]} \le \mathrm{{poly}} \cdot {sp.latex(ORDERS[statement, block])}"
    return order + (r",\quad q = 1 - \alpha \mu,\quad \alpha = \mu / L^{2}" if statement == "prop2" else "")
