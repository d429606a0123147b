"""Expressions as Python: the text has the value of the expression, and no differences or negative powers."""

import math

import pytest
import sympy as sp

from anil_theory.statements.forms.block_constants import CONTRACTION_FACTOR
from anil_theory.statements.forms.numeric_code import code
from anil_theory.statements.forms.orders import THEOREM_1
from anil_theory.statements.forms.symbols import L, N, alpha, m, mu, n_phi, q, r, s

AT = {"L": 1.7, "N": 5, "alpha": 0.3, "mu": 0.4, "q": 0.8, "r": 1.2, "n_phi": 0}

EXPRESSIONS = {
    "a root": q ** (N / 2),
    "powers of a root": q ** (3 * N / 2) / mu,
    "a negative power": mu**-3,
    "two in the denominator": L / (mu**2 * q),
    "a fraction": 3 * L / 4 + mu / 2,
    "a sum in a power": (L + mu) ** 2 * r ** (N - 1),
    "a power of a power": (r ** (2 * N)) ** 3,
    "a quotient of sums": (1 + L) / (1 + mu),
    "a minimum": sp.Min(1, n_phi) + N,
    **{f"r, {geometry}": factor for geometry, factor in CONTRACTION_FACTOR.items()},
    **THEOREM_1,
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_code_has_the_value_of_the_expression(name: str) -> None:
    expression = EXPRESSIONS[name]
    exact = expression.subs({symbol: AT[str(symbol)] for symbol in expression.free_symbols})
    found = eval(code(expression), {"sqrt": math.sqrt, "min": min}, dict(AT))
    assert found == pytest.approx(float(exact), rel=1e-14)


def test_what_scaled_numbers_cannot_do_is_not_written() -> None:
    for expression in (*THEOREM_1.values(), mu**-3, q ** (N / 2)):
        assert " - " not in code(expression) and "**-" not in code(expression) and "** (-" not in code(expression)


@pytest.mark.parametrize("expression", [sp.exp(alpha), sp.Sum(s[m], (m, 1, N)), sp.Sum(alpha**m, (m, 0, N - 1))])
def test_what_the_table_does_not_need_is_refused(expression: sp.Expr) -> None:
    with pytest.raises(NotImplementedError):
        code(expression)
