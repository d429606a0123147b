"""Descent with a biased gradient: the decay, the bias and the noise of statement B (docs/next_statements.md).

Lambda is the curvature along a step, in the norm in which the step has the size 1, or more; b bounds |D L_meta - Lambda
F| there, where F is the mean of what is followed; s^2 bounds the second moment of one task's F.
"""

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.statements.forms.formula import Formula
from anil_theory.statements.forms.names import FIRST_ORDER_DESCENT
from anil_theory.statements.forms.symbols import D0, B, Expr, K

Lambda: Expr = sp.Symbol("Lambda", positive=True)
b: Expr = sp.Symbol("b", nonnegative=True)
s: Expr = sp.Symbol("s", nonnegative=True)

BIASED = 2 * Lambda * D0 / K + b**2 + Lambda**2 * s**2 / B

_LEFT = r"\frac{1}{K} \sum_{k<K} \mathbb{E} [\beta_w \|\nabla_w\|^{2} + \beta_\phi \|\nabla_\phi\|^{2}]"
_ALONG = r"\max_{x, y} Q(x, y)/(x^{2}/\beta_w + y^{2}/\beta_\phi)"
_SECOND = r"s^{2} = M^{2} \max(\beta_w, \beta_\phi)"
_SEPARATE = r"b = \sqrt{\beta_w b_w^{2} + \beta_\phi b_\phi^{2}} + |1 - \Lambda| s"
_TOGETHER = (
    r"b^{2} = M^{2} \max_{x^{2} + y^{2} = 1} (\beta_w Z^{2} x^{2} + \beta_\phi (|1 - \Lambda| y + {s}_{N} x)^{2})",
    r"Z = \max_{|q - 1 + \alpha (L + \mu)/2| \le \alpha (L - \mu)/2} |q^{N} - \Lambda|",
)


def formulas() -> dict[str, Formula]:
    """The formulas of the claims, by their names."""
    by_name = {}
    for geometry in Geometry:
        name = FIRST_ORDER_DESCENT[geometry]
        explicit = (rf"\Lambda = {_ALONG}", _SECOND, _SEPARATE)
        refined = (rf"\Lambda \ge {_ALONG}", _SECOND, *_TOGETHER)
        by_name[f"{name}/weighted/explicit"] = Formula(_LEFT, r"\le", BIASED, (), explicit)
        by_name[f"{name}/weighted/refined"] = Formula(_LEFT, r"\le", BIASED, (), refined)
    return by_name
