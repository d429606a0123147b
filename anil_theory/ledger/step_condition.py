"""Ledger section 3.3, finding 2: bounded in N under alpha = c/(N L); linear, then exponential, at a fixed alpha."""

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, identity, limit, nonnegative, positive_by_derivatives, tends_to
from anil_theory.statements.forms.block_constants import bounded_limit, closed_block
from anil_theory.statements.forms.symbols import L, M, N, alpha, cbar, r, rho, tau

c, y, x = sp.symbols("c y x", positive=True)
u, v, t = sp.symbols("u v t", nonnegative=True)
ROWS = {"w": ("ww", "wphi"), "phi": ("phiw", "phiphi")}
"""With cbar = L the two explicit constants of a row are equal."""

# Through y = r^N and alpha N = c/L; r = 1 + t >= 1.
_IN_Y = {
    "w": M * rho / L * y * (y - 1) / r + L * y**2,
    "phi": (M * tau * c / L + M * rho / L * (y - 1 - c)) * y / r + L * y**2,
}
_SUPREMUM = {
    "w": M * rho / L * sp.exp(c) * (sp.exp(c) - 1) + L * sp.exp(2 * c),
    "phi": (M * tau * c + M * rho * (sp.exp(c) - 1 - c)) * sp.exp(c) / L + L * sp.exp(2 * c),
}


def _at(block: str) -> Expr:
    """The explicit constant at r = 1 + alpha L, cbar = L, alpha = c/(N L)."""
    return closed_block(block).subs({cbar: L, N: c / (alpha * L)}, simultaneous=True)


def _through_y(expression: Expr) -> Expr:
    """r^(k N) as y^k, where N = c/(alpha L) has been put in; then alpha = (r - 1)/L."""
    count = c / (alpha * L)

    def split(power: Expr) -> Expr:
        times = sp.simplify(sp.expand(power.exp).coeff(c) / (count / c))
        return y**times * r ** (sp.expand(power.exp).subs(c, 0))

    return expression.replace(lambda e: e.is_Pow and e.base == r and e.exp.has(c), split).subs(alpha, (r - 1) / L)


def _growth() -> Fact:
    def prove(claimed: Expr):
        # (1 + c/N)^N <= e^c is log(1 + x) <= x, that is e^x - 1 - x >= 0.
        return positive_by_derivatives(sp.exp(x) - claimed, x, 2)

    return Fact(
        name="3.3/r^N <= e^c",
        statement="under alpha = c/(N L) the powers of r stay below e^c for every N: e^x > 1 + x for x > 0",
        section="3.3",
        assumptions=("r = 1 + alpha L", "alpha = c/(N L)"),
        claimed=1 + x,
        prove=prove,
        latex=r"(1 + c/N)^N \le e^c",
        controls={"a larger base": 1 + 2 * x, "cubic": 1 + x + x**2},
    )


def _bernoulli() -> Fact:
    claimed = 1 + N * x

    def prove(claimed: Expr):
        # Base N = 1; step: (1 + x)^(N+1) >= claimed(N) (1 + x), which must not fall below claimed(N + 1).
        base = nonnegative(1 + x - claimed.subs(N, 1))
        return base & nonnegative(sp.expand(claimed * (1 + x) - claimed.subs(N, N + 1)))

    return Fact(
        name="3.3/r^N >= 1 + c",
        statement="under alpha = c/(N L) the power r^N is at least 1 + c (Bernoulli): (1 + x)^N >= 1 + N x",
        section="3.3",
        assumptions=("x = alpha L > 0",),
        claimed=claimed,
        prove=prove,
        latex=r"(1 + x)^N \ge 1 + N x",
        controls={"twice": 1 + 2 * N * x, "quadratic": 1 + N**2 * x},
    )


def _row(row: str, block: str) -> Fact:
    def prove(claimed: Expr):
        return identity(_through_y(_at(block)), claimed)

    claimed = _IN_Y[row]
    return Fact(
        name=f"3.3/{block} under the step-size condition",
        statement=f"with alpha = c/(N L) the explicit {block} constant depends on N through y = r^N and r alone",
        section="3.3",
        assumptions=("r = 1 + alpha L", "cbar = L", "alpha N = c/L"),
        claimed=claimed,
        prove=prove,
        latex=sp.latex(claimed),
        controls={"y for y^2": claimed.subs(y, sp.sqrt(y)), "rho doubled": claimed.subs(rho, 2 * rho)},
    )


def _bounded(row: str) -> Fact:
    top = sp.Symbol("E", positive=True)  # e^c
    gaps = ((top, y + v), (y, 1 + c + u), (r, 1 + t))  # 1 + c <= r^N <= e^c and r >= 1

    def prove(claimed: Expr):
        return nonnegative(claimed.subs(sp.exp(2 * c), top**2).subs(sp.exp(c), top) - _IN_Y[row], gaps)

    claimed = _SUPREMUM[row]
    return Fact(
        name=f"3.3/bounded in N, {row} row",
        statement=f"finding 2: under alpha = c/(N L) both explicit constants of the {row} row stay below one number, "
        "for every N",
        section="3.3",
        assumptions=("r^N <= e^c", "(1 + c/N)^N >= 1 + c", "alpha = c/(N L)", "cbar = L"),
        claimed=claimed,
        prove=prove,
        latex=sp.latex(claimed),
        controls={"half": claimed / 2, "e^c for e^2c": claimed.subs(sp.exp(2 * c), sp.exp(c))},
    )


def _sharp(row: str, block: str) -> Fact:
    claimed = _SUPREMUM[row]
    return Fact(
        name=f"3.3/limit of {block}",
        statement=f"the bound of finding 2 is the limit of L_{block} as N -> infinity: no smaller number is a bound",
        section="3.3",
        assumptions=("alpha = c/(N L)", "cbar = L"),
        claimed=claimed,
        prove=lambda claimed: tends_to(bounded_limit(c)[block], claimed),
        latex=rf"\lim_{{N \to \infty}} L_{{{block}}} = {sp.latex(claimed)}",
        controls={"c for e^c": claimed.subs(sp.exp(c), 1 + c), "twice": 2 * claimed},
    )


def _fixed_alpha(row: str, block: str) -> Fact:
    """At fixed alpha, y = r^N: L_block/r^(2N) has a positive limit, so the growth is exponential."""
    in_y = _through_y(_at(block))
    claimed = {"w": L + M * rho / (L * r), "phi": L + M * rho / (L * r)}[row]

    def prove(claimed: Expr):
        # c = alpha N L = N (r - 1) is logarithmic in y: it is held here, and c/y -> 0.
        return limit(in_y / y**2, y, sp.oo, claimed) & nonnegative(sp.expand(claimed))

    return Fact(
        name=f"3.3/{block} at fixed alpha, large N",
        statement=f"with alpha held fixed L_{block} grows like r^(2N): exponentially, once alpha N L is large",
        section="3.3",
        assumptions=("r = 1 + alpha L fixed", "N/r^N -> 0"),
        claimed=claimed,
        prove=prove,
        latex=rf"\lim_N L_{{{block}}} r^{{-2N}} = {sp.latex(claimed)}",
        controls={"the L term only": L, "linear growth": sp.Integer(0)},
    )


def _small(row: str, block: str) -> Fact:
    """alpha N L = c -> 0 at fixed N: the first order in alpha."""
    slope = {"w": M * rho + 2 * L**2, "phi": M * tau + 2 * L**2}[row]

    def prove(claimed: Expr):
        closed = closed_block(block).subs(cbar, L).subs(r, 1 + alpha * L)
        return limit((closed - L) / (alpha * N), alpha, sp.Integer(0), claimed)

    return Fact(
        name=f"3.3/{block} at fixed alpha, small alpha N L",
        statement=f"while alpha N L is small, L_{block} = L + (slope) alpha N + ..: linear in N, as the paper reads it",
        section="3.3",
        assumptions=("r = 1 + alpha L", "cbar = L", "any fixed N"),
        claimed=slope,
        prove=prove,
        latex=rf"\lim_{{\alpha \to 0}} (L_{{{block}}} - L)/(\alpha N) = {sp.latex(slope)}",
        controls={"L^2 counted once": slope - L**2, "without M": slope.subs(M, 1)},
    )


_PAIRS = tuple((row, block) for row, blocks in ROWS.items() for block in blocks)
FACTS = (
    _growth(),
    _bernoulli(),
    *(_row(row, block) for row, block in _PAIRS),
    *(_bounded(row) for row in ROWS),
    *(_sharp(row, block) for row, block in _PAIRS),
    *(_small(row, block) for row, block in _PAIRS),
    *(_fixed_alpha(row, block) for row, block in _PAIRS),
)
