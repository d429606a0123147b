"""Ledger sections 3.2 and 5: derivatives that attain the joint form (`estimators.local_witness`), and what curvature
and noise can be at once (`statements.joint_trade`)."""

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, all_of, identity
from anil_theory.statements.forms.symbols import L, M, alpha, cbar, mu

a, b, d = sp.symbols("a b d", real=True)
"""Third derivatives T(v, u, u), T(v, u, y), T(v, y, y), the same at all steps here."""
x, y = sp.symbols("x y", positive=True)

LOOPS = (1, 2, 3)
"""The N of the facts: for each the sums have so many terms."""


def reached(steps: int) -> Expr:
    """D^2 L_meta on (x e_2, y), with H = mu, C = (0, -cbar), outer gradient -M e_1, and D^2 L_D = L along the moved."""
    factor = 1 - alpha * mu
    moved, second = x, sp.Integer(0)
    for _ in range(steps):
        turned = a * moved**2 + 2 * b * moved * y + d * y**2
        second = factor * second - alpha * turned
        moved = factor * moved + alpha * cbar * y
    return L * (moved**2 + y**2) - M * second


def joint_form(steps: int, gain: Expr) -> Expr:
    """Q with the maximum Y as its value at (a, b, d), that term times `gain`."""
    factor = 1 - alpha * mu
    moved = [x]
    for _ in range(steps):
        moved.append(factor * moved[-1] + alpha * cbar * y)
    own = [a * t**2 + 2 * b * t * y + d * y**2 for t in moved[:steps]]
    carried = sum(factor ** (steps - 1 - m) * own[m] for m in range(steps))
    return L * (moved[steps] ** 2 + y**2) + gain * M * alpha * carried


def _attained() -> Fact:
    def prove(claimed: Expr):
        return all_of(identity(reached(steps), joint_form(steps, claimed)) for steps in LOOPS)

    return Fact(
        name="3.2/joint form is attained",
        statement="with H = mu, C = -cbar and the outer gradient across, L_meta is curved by Q(x, y) (N = 1 to 3)",
        section="3.2",
        assumptions=("strongly convex", "(a, b, d) at the maximum of Y", "one direction of w carries M, another x"),
        claimed=sp.Integer(1),
        prove=prove,
        latex=r"D^2 L_{\mathrm{meta}}[(x e_2, y), (x e_2, y)] = Q(x, y)",
        controls={"half of the turn": sp.Rational(1, 2), "no turn": sp.Integer(0)},
    )


def _concave() -> Fact:
    """A geometric mean of concave functions is concave: what keeps t_m^2 and the dual of Y so."""
    X, Y = sp.symbols("X Y", positive=True)

    def prove(claimed: Expr):
        mean = sp.sqrt(X * Y)
        hessian = sp.hessian(mean, (X, Y))
        along = (X * sp.diff(mean, X) + Y * sp.diff(mean, Y)) - mean
        flat = identity(hessian.det(), sp.Integer(0))
        return flat & identity(hessian.trace(), claimed) & identity(along, sp.Integer(0))

    claimed = -(X**2 + Y**2) / (4 * (X * Y) ** sp.Rational(3, 2))
    return Fact(
        name="3.2/geometric means are concave",
        statement="sqrt(X Y) has a Hessian of determinant 0 and negative trace: Q and G are concave in (x^2, y^2)",
        section="3.2",
        assumptions=("X, Y > 0",),
        claimed=claimed,
        prove=prove,
        latex=rf"\operatorname{{tr}} D^2 {sp.latex(sp.sqrt(X * Y))} = {sp.latex(claimed)}",
        controls={"convex": -claimed, "half": claimed / 2},
    )


q, move = sp.symbols("q s_N", nonnegative=True)


def _one_draw() -> Fact:
    """The root Y = q^2 of the bound at one draw and lam = 1."""

    def prove(claimed: Expr):
        # q is declared nonnegative: the other root is not.
        (root,) = sp.solve(claimed, q)
        exact = identity(sp.expand(root**2), (29 + 4 * sp.sqrt(7)) / 81)
        return identity(8 * (q**2 - (sp.Rational(1, 2) - (1 - q) ** 2 / 8)), claimed) & exact

    claimed = 9 * q**2 - 2 * q - 3
    return Fact(
        name="5/one draw at lam = 1",
        statement="y = 1/2 - (1 - sqrt(y))^2/8 has the root y = (29 + 4 sqrt(7))/81 = 0.4888, below 1/2",
        section="5",
        assumptions=("MAML, N = 1, B = 1, beta = 1/L_ww", "L r^2/L_ww -> 0"),
        claimed=claimed,
        prove=prove,
        latex=f"{sp.latex(claimed.subs(q, sp.sqrt(sp.Symbol('y'))))} = 0",
        controls={"theorem J": 8 * q**2 - 4, "not squared": 7 * q**2 + 2 * q - 4},
    )


def _one_share() -> Fact:
    """E (s c + sqrt(1 - c^2))^2 is at most its value at c = sqrt(E c^2), by Cauchy's inequality for the mixed term."""
    u = sp.Symbol("u", positive=True)
    rest = sp.Symbol("1 - u", positive=True)

    def prove(claimed: Expr):
        return identity(sp.expand((move * sp.sqrt(u) + sp.sqrt(rest)) ** 2), claimed)

    claimed = move**2 * u + rest + 2 * move * sp.sqrt(u * rest)
    return Fact(
        name="5/one share of the outer gradient",
        statement="E y(c)^2 <= y(sqrt(E c^2))^2: different tasks gain nothing over one share c",
        section="5",
        assumptions=("E c sqrt(1 - c^2) <= sqrt(u (1 - u)), u = E c^2",),
        claimed=claimed,
        prove=prove,
        latex=f"{sp.latex((move * sp.sqrt(u) + sp.sqrt(rest)) ** 2)} = {sp.latex(claimed)}",
        controls={"mixed term once": move**2 * u + rest + move * sp.sqrt(u * rest), "none": move**2 * u + rest},
    )


FACTS = (_attained(), _concave(), _one_draw(), _one_share())
