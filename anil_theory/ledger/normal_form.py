"""A normal form in which equal expressions of this derivation look equal: sums peeled, powers of r^N made symbols.

Claim: `normal` and `algebraic` change the look of an expression and never its value (for integers N >= 1 and r != 0, 1;
the two sum rules used are S_m = (r^m - 1)/(r - 1), which the ledger proves first, and splitting off a last term).
"""

from typing import Any

import sympy as sp

from anil_theory.statements.forms.symbols import N

Expr = Any  # a sympy expression; the annotations of sympy itself are unions that no checker can follow


def normal(expression: Expr, *, geometric: bool = True) -> Expr:
    """Sums over 0..N+k peeled to 0..N-1, split into terms, factors without the index pulled out.

    geometric   also close sums of r^(a i) that start at 0 (the lemma); False while that lemma itself is being proved.
    """
    if isinstance(expression, sp.Sum):
        return _normal_sum(expression, geometric)
    if not expression.args or isinstance(expression, sp.Indexed) or not expression.has(sp.Sum):
        return expression
    return expression.func(*(normal(argument, geometric=geometric) for argument in expression.args))


def _outermost(total: Any) -> tuple[Any, Expr]:
    """The outermost index with its bounds, and its summand (sympy writes a sum of sums as one with two indices)."""
    *inner, outermost = total.limits
    return outermost, sp.Sum(total.function, *inner) if inner else total.function


def _normal_sum(total: Any, geometric: bool) -> Expr:
    (index, low, high), summand = _outermost(total)
    peeled: Expr = sp.Integer(0)
    while sp.expand(high - low + 1) != 0 and high.has(N) and sp.expand(high - N + 1).is_positive:
        peeled += normal(summand.subs(index, high), geometric=geometric)
        high = sp.expand(high - 1)
    if sp.expand(high - low + 1) == 0:  # empty
        return peeled
    # Quotients are held as symbols meanwhile: expanding 1/(r - 1)/r^m would hide the power of r in a denominator.
    held: dict[Expr, Expr] = {}
    summand = normal(summand, geometric=geometric).replace(
        lambda e: e.is_Pow and e.base.is_Add and e.exp.is_negative and not e.has(index),
        lambda e: held.setdefault(e, sp.Dummy("held")),
    )
    summand = sp.expand(sp.powsimp(sp.expand(summand)), power_exp=True)
    closed = sp.Add(*(_term(term, index, low, high, geometric) for term in sp.Add.make_args(summand)))
    return peeled + closed.subs({symbol: quotient for quotient, symbol in held.items()})


def _term(term: Expr, index: Any, low: Expr, high: Expr, geometric: bool) -> Expr:
    outside, inside = term.as_independent(index, as_Add=False)
    inside = sp.powsimp(inside)
    if not inside.has(index):
        return outside * inside * (high - low + 1)
    if geometric and low == 0 and inside.is_Pow and not inside.base.has(index):
        ratio = sp.powsimp(sp.simplify(inside.subs(index, index + 1) / inside))
        if not ratio.has(index):
            first = inside.subs(index, 0)
            power = inside.base ** sp.expand(inside.exp.coeff(index) * (high + 1))
            return outside * first * (power - 1) / (ratio - 1)
    return outside * sp.Sum(sp.expand(inside, power_exp=True), (index, low, high))


def algebraic(expression: Expr) -> Expr:
    """Every power with N in its exponent written through X = base^N, every sum and indexed symbol as one symbol."""
    atoms: dict[Expr, Expr] = {}

    def symbol(key: Expr) -> Expr:
        return atoms.setdefault(key, sp.Dummy("X", positive=True))

    expression = expression.replace(lambda e: isinstance(e, (sp.Sum, sp.Indexed)), lambda e: symbol(("atom", e)))
    expression = sp.expand(sp.expand(expression), power_exp=True)

    def split(power: Expr) -> Expr:
        exponent = sp.expand(power.exp)
        times = exponent.coeff(N)
        return symbol((power.base, N)) ** times * power.base ** (exponent - times * N)

    return expression.replace(lambda e: e.is_Pow and e.exp.has(N), split)


def leftover(expression: Expr, *, geometric: bool = True) -> Expr:
    """0 when the expression vanishes identically; otherwise what is left in normal form."""
    form = sp.together(algebraic(normal(sp.sympify(expression), geometric=geometric)))
    top = sp.expand(sp.numer(form))
    if top == 0 or top.is_polynomial(*top.free_symbols):
        return top
    return sp.simplify(top)


def unroll(expression: Expr) -> Expr:
    """Every sum with numbers for bounds written out term by term."""
    if isinstance(expression, sp.Sum):
        (index, low, high), summand = _outermost(expression)
        return sp.Add(*(unroll(summand.subs(index, k)) for k in range(int(low), int(high) + 1)))
    if not expression.args or isinstance(expression, sp.Indexed):
        return expression
    return expression.func(*map(unroll, expression.args))
