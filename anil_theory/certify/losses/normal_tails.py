"""The distribution function of the normal law, which JAX writes with branches, found in a program by its form.

Claim: 1 + erf(w) for every w, 2 - erfc|w| for w > 0 and erfc|w| for w <= 0 are the same number erfc(-w), since
erfc = 1 - erf and erf(-w) = -erf(w). A program that takes the first by any condition, and else one of the others by the
sign of w, computes erfc(-w), and no branch of it is open. `jax.scipy.special.ndtr` does so. `log_ndtr` does too, but
joins it to a series at -20 and has a derivative rule that is not the derivative of either: its branches stay open.

A maximum of 0 and mean(x^2) - mean(x)^2, which never acts either (`jax.nn.standardize`), is not taken for its operand:
where the two are equal, JAX gives the derivative half its value, and its second derivative jumps there.
"""

from typing import Any

import numpy as np
from jax.extend.core import Jaxpr, Literal, Var

Makers = dict[Var, Any]
"""The equation that each variable comes from."""


def normal_tails(jaxpr: Jaxpr) -> dict[Var, Var]:
    """The variables of a jaxpr that are erfc(-w), each with w."""
    makers: Makers = {variable: equation for equation in jaxpr.eqns for variable in equation.outvars}
    tails = {}
    for equation in jaxpr.eqns:
        if equation.primitive.name == "select_n" and len(equation.invars) == 3:
            argument = _argument(makers, equation)
            if argument is not None:
                tails[equation.outvars[0]] = argument
    return tails


def _argument(makers: Makers, equation: Any) -> Var | None:
    """w, where a selection is erfc(-w). A `select_n` names the case of False first."""
    _, far, near = equation.invars
    choice = _made(makers, far, "select_n")
    w = _operand(makers, _other(makers, near, "add", 1.0), "erf")
    if w is None or choice is None or len(choice.invars) != 3:
        return None
    which, below, above = choice.invars
    sign = _made(makers, which, "gt")
    if sign is None or sign.invars[0] is not w or not _is_number(sign.invars[1], 0.0):
        return None
    for tail in (below, _other(makers, above, "sub", 2.0)):
        if _operand(makers, _operand(makers, tail, "erfc"), "abs") is not w:
            return None
    return w


def _made(makers: Makers, atom: Any, name: str) -> Any:
    """The equation of this primitive that an atom comes from, or None."""
    maker = makers.get(atom) if isinstance(atom, Var) else None
    return maker if maker is not None and maker.primitive.name == name else None


def _operand(makers: Makers, atom: Any, name: str) -> Any:
    """x, where an atom is name(x)."""
    maker = _made(makers, atom, name)
    return None if maker is None else maker.invars[0]


def _other(makers: Makers, atom: Any, name: str, number: float) -> Any:
    """x, where an atom is name(number, x)."""
    maker = _made(makers, atom, name)
    return maker.invars[1] if maker is not None and _is_number(maker.invars[0], number) else None


def _is_number(atom: Any, number: float) -> bool:
    return isinstance(atom, Literal) and bool(np.all(np.asarray(atom.val) == number))
