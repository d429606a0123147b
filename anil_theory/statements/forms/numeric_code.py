"""A sympy expression as a line of Python, in the layout that the formatter leaves alone.

The line works for floats and for `Scaled`, which has no difference and no negative power: a sum of positive terms, a
product and a quotient stay what they are, q^(N/2) becomes sqrt(q)**N, and mu^-3 becomes 1 / mu**3. A sum over the inner
steps becomes the product of its sequences (`sequences.Growing`), summed.
"""

from typing import Any

import sympy as sp

from anil_theory.statements.forms.symbols import Expr, N, cbar, m, r

CARRIED: Expr = sp.IndexedBase("carried")
"""r^(N-1-m), as a sequence in m."""

NAMES = {cbar: "cbar"}
"""Python names of the symbols whose own are none."""

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly an expression holds together; what holds less tightly than its surroundings gets parentheses."""


def name_of(symbol: Any) -> str:
    """The Python name of a symbol or a sequence."""
    return NAMES.get(symbol, str(symbol))


def with_sequences(expression: Expr) -> Expr:
    """r^(N-1-m) inside of sums as one sequence."""
    return expression.replace(lambda part: part == r ** (N - 1 - m), lambda part: CARRIED[m])


def code(expression: Expr) -> str:
    """The Python expression. Raises NotImplementedError for what the table does not need."""
    return _code(with_sequences(expression))[0]


def _code(expression: Expr) -> tuple[str, int]:
    if isinstance(expression, sp.Sum):
        return _sum(expression), ATOM
    if isinstance(expression, sp.Indexed):
        return f"{name_of(expression.base)}[{code(expression.indices[0])}]", ATOM
    if isinstance(expression, sp.Min):
        return f"min({', '.join(code(argument) for argument in expression.args)})", ATOM
    if expression.is_Symbol:
        return name_of(expression), ATOM
    if expression.is_Integer and expression >= 0:
        return str(expression), ATOM
    if expression.is_Add:
        return _add(expression), SUM
    if expression.is_Mul or expression.is_Rational:
        return _product(expression), PRODUCT
    if expression.is_Pow:
        return _power(expression)
    raise NotImplementedError(f"no Python for {sp.srepr(expression)}")


def _inside(expression: Expr, surroundings: int) -> str:
    text, holds = _code(expression)
    return text if holds >= surroundings else f"({text})"


def _add(expression: Expr) -> str:
    positive, negative = [], []
    for term in expression.as_ordered_terms():
        (negative if term.could_extract_minus_sign() else positive).append(term)
    text = " + ".join(_inside(term, PRODUCT) for term in positive)
    return text + "".join(f" - {_inside(-term, PRODUCT)}" for term in negative)


def _product(expression: Expr) -> str:
    numerator, denominator = [], []
    factors: tuple[Expr, ...] = sp.Mul.make_args(expression)
    for factor in factors:
        if factor.is_Rational:
            numerator += [sp.Integer(factor.p)] if factor.p != 1 else []
            denominator += [sp.Integer(factor.q)] if factor.q != 1 else []
        elif factor.is_Pow and factor.exp.could_extract_minus_sign():
            denominator.append(1 / factor)
        else:
            numerator.append(factor)
    above = " * ".join(_inside(factor, PRODUCT) for factor in numerator) or "1"
    if not denominator:
        return above
    below = " * ".join(_inside(factor, PRODUCT) for factor in denominator)
    return f"{above} / {below}" if len(denominator) == 1 else f"{above} / ({below})"


def _power(expression: Expr) -> tuple[str, int]:
    base, exponent = expression.base, expression.exp
    if exponent.could_extract_minus_sign():
        return f"1 / {_inside(1 / expression, POWER)}", PRODUCT
    if exponent.as_coeff_Mul()[0].q == 2:
        root = f"sqrt({code(base)})"
        return (root, ATOM) if 2 * exponent == 1 else (_raised(root, 2 * exponent), POWER)
    return _raised(_inside(base, ATOM), exponent), POWER


def _raised(base: str, exponent: Expr) -> str:
    simple = exponent.is_Symbol or exponent.is_Integer
    return f"{base}**{code(exponent)}" if simple and base.isidentifier() else f"{base} ** {_inside(exponent, ATOM)}"


def _sum(expression: Expr) -> str:
    ((index, low, high),) = expression.limits
    sequences: tuple[Expr, ...] = sp.Mul.make_args(expression.function)
    known = all(isinstance(each, sp.Indexed) and each.indices == (index,) for each in sequences)
    if not known or low != 0 or high != N - 1:
        raise NotImplementedError(f"no Python for {expression}")
    names = [name_of(each.base) for each in sequences]
    return f"{names[0]}.sum(N)" if len(names) == 1 else f"({' * '.join(names)}).sum(N)"
