"""Ledger section 3.2: derivatives that attain the joint form along any direction (`estimators.local_witness`)."""

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
        latex=r"\operatorname{tr} D^2 \sqrt{XY} = -\frac{X^2 + Y^2}{4 (XY)^{3/2}}",
        controls={"convex": -claimed, "half": claimed / 2},
    )


FACTS = (_attained(), _concave())
