"""Ledger section 5, complexity: oracle calls of one outer step, entries of Table 2, and the K and B that suffice."""

from itertools import product

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, all_of, at_points, identity, nonnegative, recursion
from anil_theory.statements.complexity import anil_count, maml_count, printed_anil_gradient_entries
from anil_theory.statements.forms import counts as forms
from anil_theory.statements.forms.symbols import B, K, N, latex, n_phi, n_w

P, Q = sp.symbols("P Q", positive=True)
eps = sp.Symbol("varepsilon", positive=True)
_ANIL = {name: forms.with_phi(count) for name, count in forms.ANIL.items()}
_POINTS = [
    {"inner_steps": N_, "batch": B_, "n_w": w, "n_phi": p}
    for N_, B_, w, p in product((1, 2, 5, 30), (1, 3, 32), (1, 4), (1, 7))
]


def _counted(name: str, statement: str, claimed: dict[str, Expr], count, fault: dict[str, Expr]) -> Fact:
    def prove(claimed: dict[str, Expr]):
        def difference(point):
            counted = count(**point)
            at = {N: point["inner_steps"], B: point["batch"], n_w: point["n_w"], n_phi: point["n_phi"]}
            gaps = [abs(sp.Integer(getattr(counted, key)) - each.subs(at)) for key, each in claimed.items()]
            return sp.Add(*gaps)

        return at_points(difference, _POINTS)

    return Fact(
        name=f"5/{name}",
        statement=statement,
        section="5",
        assumptions=("Proposition 1 evaluated backwards: two products per inner step",),
        claimed=claimed,
        prove=prove,
        latex=", ".join(rf"\text{{{key.replace('_', ' ')}}} = {latex(each)}" for key, each in claimed.items()),
        controls={"one gradient too few": claimed | fault},
    )


def _loop() -> Fact:
    # One inner step adds one gradient in w, one product with H and one with C; the outer loss adds one gradient each.
    claimed = tuple(sp.cancel(_ANIL[name] / B) for name in ("gradient_w", "gradient_phi", "mixed"))

    def prove(claimed: tuple[Expr, Expr, Expr]):
        starts, steps = (1, 1, 0), (1, 0, 1)
        return all_of(
            recursion(each, sp.Integer(start), lambda f, step=step: f + step)
            for each, start, step in zip(claimed, starts, steps, strict=True)
        )

    return Fact(
        name="5/calls of the loop",
        statement="per task: N + 1 gradients in w, one in phi, N products with D_w^2 and N with the mixed block",
        section="5",
        assumptions=("one gradient and one product of either kind per inner step, one outer gradient per block",),
        claimed=claimed,
        prove=prove,
        latex=r",\ ".join(latex(each) for each in claimed),
        controls={
            "outer gradient forgotten": (N + 0, sp.Integer(1), N + 0),
            "one product more": (N + 1, sp.Integer(1), N + 1),
        },
    )


def _saving() -> Fact:
    anil = _ANIL["second_order_entries"]
    maml = forms.MAML["second_order_entries"]
    fraction = n_w / (n_w + n_phi)

    def prove(claimed: Expr):
        return identity(anil / maml, claimed) & nonnegative(1 - claimed)

    return Fact(
        name="5/second-order entries, ANIL over MAML",
        statement="ANIL needs the fraction n_w/(n_w + n_phi) of MAML's second-order entries",
        section="5",
        assumptions=("same N and B", "Table 2 counts matrices"),
        claimed=fraction,
        prove=prove,
        latex=f"{latex(anil / maml)} = {latex(fraction)}",
        controls={"squared": fraction**2},
    )


def _printed_entries() -> Fact:
    def prove(claimed: Expr):
        def difference(point):
            at = {N: point["inner_steps"], B: point["batch"], n_w: point["n_w"], n_phi: point["n_phi"]}
            return sp.Integer(anil_count(**point).gradient_entries - printed_anil_gradient_entries(**point)) - (
                claimed.subs(at)
            )

        return at_points(difference, _POINTS)

    return Fact(
        name="5/Table 2, gradient entries",
        statement="Table 2 writes N n_w + n_phi; the outer gradient in w adds n_w per task",
        section="5",
        assumptions=("calls of the loop",),
        claimed=B * n_w,
        prove=prove,
        latex=latex(B * n_w),
        controls={"none": sp.Integer(0) * B, "once per batch": n_w},
    )


def _enough() -> Fact:
    a, b = sp.symbols("a b", nonnegative=True)
    claimed = (2 * P / eps, 2 * Q / eps)
    enough = rf"{latex(P / K + Q / B)} \le {latex(eps)}"

    def prove(claimed: tuple[Expr, Expr]):
        K, batch = claimed[0] + a, claimed[1] + b  # rounded up
        return nonnegative(eps - P / K - Q / batch)

    return Fact(
        name="5/K and B for eps",
        statement="K >= 2 P/eps and B >= 2 Q/eps bring P/K + Q/B to at most eps",
        section="5",
        assumptions=("P, Q, eps > 0",),
        claimed=claimed,
        prove=prove,
        latex=rf"K \ge {latex(claimed[0])},\ B \ge {latex(claimed[1])} \Rightarrow {enough}",
        controls={"1 in place of 2": (P / eps, Q / eps), "half the batch": (2 * P / eps, Q / eps)},
    )


FACTS = (
    _loop(),
    _counted("oracle counts, ANIL", "what the claimed side counts for ANIL", _ANIL, anil_count, {"gradient_w": B * N}),
    _counted(
        "oracle counts, MAML",
        "what the claimed side counts for MAML",
        forms.MAML,
        maml_count,
        {"gradient_entries": B * N * (n_w + n_phi)},
    ),
    _saving(),
    _printed_entries(),
    _enough(),
)
