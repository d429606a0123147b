"""A formula as it is printed: a left-hand side, a relation, an expression of the table, and what that needs."""

import itertools
from dataclasses import dataclass

import sympy as sp

from anil_theory.statements.forms.symbols import Expr, c_I, c_phi, c_w, latex, q, r

POLY = r"\mathrm{poly} \cdot"
"""The hidden factor poly(L, M, rho, tau) of the printed orders."""


@dataclass(frozen=True)
class Formula:
    """`left relation right`, then what the right-hand side needs.

    definitions   (symbol, expression) pairs, in the order in which they are printed;
    remarks       definitions that are text.
    """

    left: str
    relation: str
    right: Expr | str
    definitions: tuple[tuple[Expr, Expr], ...] = ()
    remarks: tuple[str, ...] = ()

    def latex(self) -> str:
        """The formula and its definitions."""
        right = self.right if isinstance(self.right, str) else latex(self.right)
        if POLY in self.relation and isinstance(self.right, sp.Add):
            right = rf"\left({right}\right)"
        bound = " ".join(part for part in (self.left, self.relation, right) if part)
        return r",\quad ".join([bound, *itertools.starmap(_defined, self.definitions), *self.remarks])


def _defined(symbol: Expr, meaning: Expr) -> str:
    # The paper writes 1 - alpha mu, the constant first; other expressions stand in sympy's order.
    order = "rev-lex" if symbol in (r, q, c_w, c_phi, c_I) else None
    return f"{latex(symbol)} = {latex(meaning, order=order)}"
