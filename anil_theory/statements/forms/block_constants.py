"""The block constants of Propositions 2 and 3: the plain sums, their closed forms, and what evaluates them in O(N).

Claim: each `closed` below equals its `plain`, the sum as the derivation gives it (the tests prove it by induction in N,
and exactly for N = 1..8), and `single_sums` changes no value. Kind: identities of polynomials in r; at r = 1, which
neither geometry reaches, the quotients are understood as their `limit`. Source: docs/theory.md, section 3;
docs/sharp_bounds.md for the sharp constants. Sums of n_m = sqrt(1 + s_m^2) have no closed form.
"""

from dataclasses import dataclass

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.statements.base import Kind
from anil_theory.statements.forms.symbols import (
    Expr,
    L,
    L_phiphi,
    L_ww,
    L_x,
    M,
    N,
    S,
    X,
    Y,
    alpha,
    cbar,
    e,
    j,
    m,
    mu,
    n,
    r,
    rho,
    s,
    tau,
)

BLOCKS = ("ww", "wphi", "phiw", "phiphi")


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


def double_sum(x_j: Expr) -> Expr:
    """The sum of the product inside the phi row, as the derivation gives it; x_j is any sequence in j."""
    return sp.Sum(r ** (N - 2 - m) * sp.Sum(x_j, (j, m + 1, N - 1)), (m, 0, N - 1))


def single_sum(x_j: Expr) -> Expr:
    """The same sum with its order exchanged: one sum with S_m, so the cost is O(N). The ledger proves it equal."""
    summand = sp.powsimp(r ** (N - 1 - m) * S[m] * x_j.subs(j, m))
    outside, inside = summand.as_independent(m)
    return outside * sp.Sum(inside, (m, 0, N - 1))


CLOSED_FORMS = {
    "S_N": ClosedForm(partial_sum(N), _S),
    "sum of e_m": ClosedForm(sp.Sum(_move(m), (m, 0, N - 1)), N + alpha * cbar * (_S - N) / (r - 1)),
    "e_m carried to the end": ClosedForm(
        sp.Sum(r ** (N - 1 - m) * _move(m), (m, 0, N - 1)),
        _S + alpha * cbar * _P,
    ),
    "product sum of phiw": ClosedForm(double_sum(r**j), r ** (N - 1) * (_S - N) / (r - 1)),
    "product sum of phiphi": ClosedForm(
        double_sum(1 + alpha * cbar * (r**j - 1) / (r - 1)),
        _P + alpha * cbar * _Q,
    ),
}
"""In `product sum of phiphi`, S_j stands in its closed form already, or the sum would be triple."""


def plain_block(block: str, x: Expr = e) -> Expr:
    """The block constant as the derivation gives it, with x_m left as a symbol: e_m (explicit) or n_m (refined)."""
    hessian = M * alpha * rho
    product = M * alpha**2 * rho * cbar
    outer = L * r**N * x[N]
    if block == "ww":
        return hessian * r ** (N - 1) * partial_sum(N) + L * r ** (2 * N)
    if block == "wphi":
        return hessian * r ** (N - 1) * sp.Sum(x[m], (m, 0, N - 1)) + outer
    if block == "phiw":
        return M * alpha * tau * N * r ** (N - 1) + product * double_sum(r**j) + outer
    carried = sp.Sum(r ** (N - 1 - m) * x[m], (m, 0, N - 1))
    return M * alpha * tau * carried + product * double_sum(x[j]) + L * x[N] ** 2


def closed_block(block: str) -> Expr:
    """The explicit block constant without a summation sign (r != 1)."""
    closed = {name: form.closed for name, form in CLOSED_FORMS.items()}
    without_sums = {
        partial_sum(N): closed["S_N"],
        sp.Sum(e[m], (m, 0, N - 1)): closed["sum of e_m"],
        sp.Sum(r ** (N - 1 - m) * e[m], (m, 0, N - 1)): closed["e_m carried to the end"],
        double_sum(r**j): closed["product sum of phiw"],
        double_sum(e[j]): closed["product sum of phiphi"],
        e[N]: 1 + alpha * cbar * _S,
    }
    return plain_block(block).xreplace(without_sums)


def single_sums(block: str, x: Expr = e) -> Expr:
    """The block constant through S_m, with no double sum: what the numbers are computed from."""
    exchanged = {
        partial_sum(N): S[N],
        double_sum(r**j): single_sum(r**j),
        double_sum(x[j]): single_sum(x[j]),
    }
    return plain_block(block, x).xreplace(exchanged)


def sharp_block(block: str) -> Expr:
    """The sharp constant through n_m = sqrt(1 + s_m^2), X_m and Y_m ; both cross blocks are one."""
    if block == "ww":
        return plain_block("ww")
    if block == "phiphi":
        return M * alpha * sp.Sum(r ** (N - 1 - m) * Y[m], (m, 0, N - 1)) + L * n[N] ** 2
    return M * alpha * r ** (N - 1) * sp.Sum(X[m], (m, 0, N - 1)) + L * r**N * n[N]


CONTRACTION_FACTOR = {Geometry.STRONGLY_CONVEX: 1 - alpha * mu, Geometry.NONCONVEX: 1 + alpha * L}
"""r of each geometry, a bound of ||I - alpha D_w^2 L_S||."""


PAPER_STEP = mu / L**2
"""The inner step size at which the orders of the strongly convex geometry are printed."""


def mixed_norm(geometry: Geometry, kind: Kind) -> Expr:
    """cbar, the bound on the mixed block."""
    return sp.sqrt(L**2 - mu**2) if (geometry, kind) == (Geometry.STRONGLY_CONVEX, Kind.REFINED) else L


def per_step(kind: Kind) -> Expr:
    """e_m or n_m in terms of r."""
    return _move(m) if kind is Kind.EXPLICIT else sp.sqrt(1 + (alpha * cbar * partial_sum(m)) ** 2)


def sharp_move(geometry: Geometry) -> Expr:
    """s_{m+1} from s_m, where s_0 = 0: the recursion of the sharp constants, which has no closed form."""
    if geometry is Geometry.STRONGLY_CONVEX:
        return r * s[m] + alpha * sp.sqrt(L**2 - mu**2)
    return s[m] + alpha * L * sp.sqrt(1 + s[m] ** 2)


SIGMA_W = r**N * M
SIGMA_PHI = M * sp.sqrt(1 + (alpha * cbar * S[N]) ** 2)
"""Bounds on ||g_w|| and ||g_phi|| of one task, hence on the noise of a batch of one."""

SMOOTHNESS = (L_ww + L_phiphi) / 2 + sp.sqrt(((L_ww - L_phiphi) / 2) ** 2 + L_x**2)
"""The Lipschitz constant of the whole meta-gradient: the larger eigenvalue of [[L_ww, L_x], [L_x, L_phiphi]]."""


def block_at_one(block: str) -> Expr:
    """The explicit block constant as r -> 1: where the two geometries meet."""
    return sp.expand(sp.limit(sp.together(closed_block(block)), r, 1))


def bounded_limit(c: Expr) -> dict[str, Expr]:
    """The explicit nonconvex constants as N -> infinity with alpha = c/(N L): finite (docs/findings.md, finding 2)."""
    at = {r: 1 + alpha * L, cbar: L}
    return {
        block: sp.limit(sp.expand(closed_block(block).subs(at).subs(alpha, c / (N * L))), N, sp.oo) for block in BLOCKS
    }
