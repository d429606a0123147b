"""Functions of JAX with a derivative rule of their own, recognised, and the smooth formula that takes their place.

JAX writes some smooth functions in a way that floats need and enclosures cannot follow: `logaddexp` with a branch, and
newer versions e^(-x^2), which is in the derivative of erf and erfc, with the bits of x. Each is recognised by its
program and that of its derivative, not by its name: what a user writes with the same name is not taken for it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Var

from anil_theory.certify.program.inlined_calls import bound, inlined
from anil_theory.certify.program.smooth_functions import log_add_exp

Shapes = tuple[tuple[tuple[int, ...], str], ...]
"""Shape and type of each operand."""


def library_form(equation: Any) -> Callable[..., Any] | None:
    """The formula of the smooth function of JAX that an equation calls; None for every other equation."""
    if is_log_add_exp(equation):
        return log_add_exp
    return _gaussian if is_gaussian(equation) else None


def plain_form(equation: Any) -> Callable[..., Any] | None:
    """As `library_form`, for those whose own program has no enclosure at all, in primitives of JAX alone."""
    return _gaussian if is_gaussian(equation) else None


def is_log_add_exp(equation: Any) -> bool:
    """Whether an equation calls JAX's logaddexp."""
    return _operands(equation) == 2 and _text(equation) == _text_of_log_add_exp(_shapes(equation))


def is_gaussian(equation: Any) -> bool:
    """Whether an equation calls the function that newer versions of JAX compute e^(-x^2) with."""
    if _operands(equation) != 1:
        return False
    expected = _text_of_gaussian(_shapes(equation))
    return expected is not None and _text(equation) == expected


def _gaussian(x: Any) -> Any:
    return jnp.exp(-jnp.square(x))


def _operands(equation: Any) -> int:
    """How many operands a call with a derivative rule and one result has; 0 for every other equation."""
    called = equation.primitive.name == "custom_jvp_call" and len(equation.outvars) == 1
    return len(equation.invars) if called else 0


def _shapes(equation: Any) -> Shapes:
    return tuple((v.aval.shape, str(v.aval.dtype)) for v in equation.invars)


def _text(equation: Any) -> str:
    # Its operands may be numbers, or the same variable twice: here they are variables of their own.
    of_variables = equation.replace(invars=[Var(v.aval) for v in equation.invars])
    return _derivative_text(lambda *inputs: bound(of_variables, list(inputs))[0], _shapes(equation))


@cache
def _text_of_log_add_exp(shapes: Shapes) -> str:
    return _derivative_text(jnp.logaddexp, shapes)


@cache
def _text_of_gaussian(shapes: Shapes) -> str | None:
    """None where the derivative of erf calls no function: then e^(-x^2) is written as such, or x is no float."""
    ((shape, dtype),) = shapes
    if not jnp.issubdtype(dtype, jnp.floating):
        return None
    x = jax.ShapeDtypeStruct(shape, dtype)
    derivative = jax.make_jaxpr(lambda x, dx: jax.jvp(jax.lax.erf, (x,), (dx,))[1])(x, x)
    calls = [e for e in inlined(derivative).jaxpr.eqns if _operands(e) == 1]
    return _text(calls[0]) if len(calls) == 1 else None


def _derivative_text(function: Callable[..., Any], shapes: Shapes) -> str:
    inputs = tuple(jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in shapes)
    program = jax.make_jaxpr(lambda x, dx: jax.jvp(function, x, dx))(inputs, inputs)
    return str(inlined(program).jaxpr)
