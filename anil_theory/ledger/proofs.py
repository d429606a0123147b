"""Methods of proof of the ledger: identities, induction, inequalities by signs, limits, exact points.

Each returns a Proof that is PROVED (CHECKED for points) or FAILED, with what was left over. No method samples or
rounds, and none uses an assumption that its fact does not name.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from anil_theory.ledger.base import Proof, ProofStatus
from anil_theory.ledger.normal_form import leftover, unroll
from anil_theory.statements.forms.symbols import N

Expr = Any


def _verdict(rest: Expr, method: str, where: str = "") -> Proof:
    if rest == 0:
        return Proof(ProofStatus.PROVED, method)
    return Proof(ProofStatus.FAILED, method, f"{where}left over: {rest}"[:400])


def all_of(proofs: Iterable[Proof]) -> Proof:
    """The proof that holds when each of them does; at least one."""
    first, *others = proofs
    for proof in others:
        first = first & proof
    return first


def identity(left: Expr, right: Expr) -> Proof:
    """left = right for all values: the difference is 0 in normal form."""
    return _verdict(leftover(left - right), "difference simplifies to 0")


def recursion(claimed: Expr, start: Expr, step: Callable[[Expr], Expr], *, geometric: bool = True) -> Proof:
    """claimed(N) solves f(0) = start, f(N + 1) = step(f(N)): base and step of an induction in N."""
    base = _verdict(leftover(unroll(claimed.subs(N, 0)) - start), "induction in N", "base: ")
    onward = claimed.subs(N, N + 1) - step(claimed)
    return base & _verdict(leftover(onward, geometric=geometric), "induction in N", "step: ")


def sum_by_induction(plain: Expr, claimed: Expr, *, ratio: Expr = 1, geometric: bool = True) -> Proof:
    """plain = claimed for N >= 1: their difference D has D(1) = 0 and D(N + 1) = ratio D(N).

    In the step the last terms of plain(N + 1) are split off, so nothing but the sum itself says how it grows.
    """
    method = "induction in N"
    base = _verdict(leftover(unroll((plain - claimed).subs(N, 1))), method, "base: ")
    grown = plain.subs(N, N + 1) - claimed.subs(N, N + 1) - ratio * (plain - claimed)
    return base & _verdict(leftover(grown, geometric=geometric), method, "step: ")


def nonnegative(expression: Expr, substitution: Sequence[tuple[Expr, Expr]] = ()) -> Proof:
    """expression >= 0 where every symbol left is >= 0: numerator and denominator have coefficients >= 0 only.

    substitution   writes the ordered quantities through their gaps (h = mu + x with x >= 0), in order.
    """
    method = "signs: coefficients >= 0"
    for old, new in substitution:
        expression = expression.subs(old, new)
    top, bottom = sp.fraction(sp.together(sp.expand(expression)))
    top, bottom = sp.expand(top), sp.expand(bottom)
    symbols = top.free_symbols | bottom.free_symbols
    if not all(symbol.is_nonnegative for symbol in symbols):
        return Proof(ProofStatus.FAILED, method, f"a symbol may be negative: {symbols}")
    signs = {all(_nonnegative_term(t) for t in sp.Add.make_args(part)) for part in (top, bottom)}
    if signs == {True} and bottom != 0:
        return Proof(ProofStatus.PROVED, method)
    return Proof(ProofStatus.FAILED, method, f"a term may be negative: {sp.factor(top)}"[:400])


def _nonnegative_term(term: Expr) -> bool:
    coefficient, rest = term.as_coeff_Mul()
    return bool(coefficient >= 0) and bool(rest.is_nonnegative or rest.is_positive)


def positive_by_derivatives(function: Expr, x: Any, order: int) -> Proof:
    """function > 0 for x > 0: it and its first derivatives are >= 0 at 0, and derivative `order` is > 0 beyond."""
    method = "signs: derivatives at 0"
    for k in range(order):
        value = sp.simplify(sp.diff(function, x, k).subs(x, 0))
        if not value.is_nonnegative:
            return Proof(ProofStatus.FAILED, method, f"derivative {k} at 0 is {value}")
    last = sp.simplify(sp.diff(function, x, order))
    status = ProofStatus.PROVED if last.is_positive else ProofStatus.FAILED
    return Proof(status, method, "" if last.is_positive else f"derivative {order} is {last}")


def limit(expression: Expr, x: Any, to: Expr, claimed: Expr, direction: str = "+") -> Proof:
    """lim expression = claimed as x -> to."""
    value = sp.limit(expression, x, to, direction)
    if value == claimed:
        return Proof(ProofStatus.PROVED, "limit")
    return _verdict(sp.simplify(sp.expand(value - claimed)), "limit", f"limit is {value}; ")


def tends_to(computed: Expr, claimed: Expr) -> Proof:
    """A limit that was computed elsewhere (`forms.limits`) is the claimed one."""
    return _verdict(sp.simplify(sp.expand(computed - claimed)), "limit", f"limit is {computed}; ")


def at_points(difference: Callable[[dict[str, Any]], Any], points: Sequence[dict[str, Any]]) -> Proof:
    """The difference is exactly 0 at each point, in integer or rational arithmetic: evidence, not a proof."""
    method = f"exact evaluation at {len(points)} points"
    for point in points:
        rest = difference(point)
        if not isinstance(rest, (int, Fraction, sp.Rational)):
            return Proof(ProofStatus.FAILED, method, f"not exact: {rest!r}")
        if rest != 0:
            return Proof(ProofStatus.FAILED, method, f"{rest} at {point}")
    return Proof(ProofStatus.CHECKED, method)
