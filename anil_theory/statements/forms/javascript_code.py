"""The functions of the table in JavaScript, for the page on which bounds are redrawn while a reader moves a slider.

The numbers are float64 and may overflow: a product is `times(...)`, in which a factor 0 wins over infinity. Sequences
over the inner steps are arrays, and a sum over them is `sum(N, m => ...)`. Both stand in `results/page/bounds.js`.
"""

import sympy as sp

from anil_theory.statements.forms.generated_functions import Family, Single, arguments
from anil_theory.statements.forms.numeric_code import name_of, with_sequences
from anil_theory.statements.forms.symbols import Expr, N

SUM, ATOM = range(2)
"""Whether an expression needs parentheses inside another one."""


def javascript(expression: Expr) -> str:
    """The JavaScript expression. Raises NotImplementedError for what the table does not need."""
    return _code(with_sequences(expression))[0]


def _code(expression: Expr) -> tuple[str, int]:
    if isinstance(expression, sp.Sum):
        return _sum(expression), ATOM
    if isinstance(expression, sp.Indexed):
        return f"{name_of(expression.base)}[{javascript(expression.indices[0])}]", ATOM
    if isinstance(expression, sp.Min):
        return f"Math.min({', '.join(map(javascript, expression.args))})", ATOM
    if expression.is_Symbol:
        return name_of(expression), ATOM
    if expression.is_Integer:
        return str(expression), ATOM if expression >= 0 else SUM
    if expression.is_Add:
        return " + ".join(_inside(term) for term in expression.as_ordered_terms()), SUM
    if expression.is_Mul or expression.is_Rational:
        return _product(expression), ATOM
    if expression.is_Pow:
        return _power(expression), ATOM
    raise NotImplementedError(f"no JavaScript for {sp.srepr(expression)}")


def _inside(expression: Expr) -> str:
    text, holds = _code(expression)
    return text if holds == ATOM else f"({text})"


def _product(expression: Expr) -> str:
    """A product as a call; what stands below the line is one divisor."""
    above: list[Expr] = []
    below: list[Expr] = []
    factors: tuple[Expr, ...] = sp.Mul.make_args(expression)
    for factor in factors:
        if factor.is_Rational:
            above += [sp.Integer(factor.p)] if factor.p != 1 else []
            below += [sp.Integer(factor.q)] if factor.q != 1 else []
        elif factor.is_Pow and factor.exp.could_extract_minus_sign():
            below.append(1 / factor)
        else:
            above.append(factor)
    numerator = _times(above)
    return f"({numerator} / {_times(below)})" if below else numerator


def _times(factors: list[Expr]) -> str:
    if not factors:
        return "1"
    if len(factors) == 1:
        return _inside(factors[0])
    return f"times({', '.join(map(javascript, factors))})"


def _power(expression: Expr) -> str:
    base, exponent = expression.base, expression.exp
    if exponent.could_extract_minus_sign():
        return f"(1 / {_inside(1 / expression)})"
    if exponent.as_coeff_Mul()[0].q == 2:
        root = f"Math.sqrt({javascript(base)})"
        return root if 2 * exponent == 1 else f"Math.pow({root}, {javascript(2 * exponent)})"
    return f"Math.pow({javascript(base)}, {javascript(exponent)})"


def _sum(expression: Expr) -> str:
    ((index, low, high),) = expression.limits
    if low != 0 or high != N - 1:
        raise NotImplementedError(f"no JavaScript for {expression}")
    return f"sum({javascript(N)}, ({name_of(index)}) => {javascript(expression.function)})"


def source(function: Single | Family) -> str:
    """One function as a member of an object: it takes its arguments by name, like the function in Python."""
    formulas = [function.formula] if isinstance(function, Single) else list(function.formulas.values())
    names = ", ".join(each.split(":")[0] for each in arguments(formulas, function.number))
    if isinstance(function, Single):
        body = javascript(function.formula)
    else:
        members = [f'      "{key}": {javascript(formula)},' for key, formula in function.formulas.items()]
        body = "\n".join(["{", *members, "    }"])
    return f"  /* {function.meaning} */\n  {function.name}({{ {names} }}) {{\n    return {body};\n  }},"
