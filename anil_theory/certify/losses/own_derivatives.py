"""A function traced so that its derivative is its own: calls inlined, and no derivative rule taken on trust.

Automatic differentiation takes two things on trust that a certificate must not: that `stop_gradient` hides nothing, and
that a `custom_jvp` or `custom_vjp` rule is the derivative of its function. What the product computes may use both; the
derivative of what it computes may not. In the program of `with_own_derivative`

    a custom function, and a linear solve by a solver of the user's, is its own computation, except those of JAX that
    `program.library_functions` knows (logaddexp, and with it softplus), which become smooth formulas; the smooth
    primitives stay, for their derivatives are proved;
    a stop_gradient is a free shift where the result is proved not to depend on it, and the identity elsewhere,

so that jacfwd of the program is the derivative of the function that the traced one computes. Any lines of the user's
that made an equation stay with it.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal
from jax.extend.source_info_util import user_context
from jax.interpreters import partial_eval

from anil_theory._scan_layout import scan_layout
from anil_theory.certify.losses.linear_solves import is_library_solve
from anil_theory.certify.losses.shift_invariance import is_invariant
from anil_theory.certify.program.library_functions import library_form
from anil_theory.certify.program.smooth_primitives import free_shift_p

Handler = Callable[[Any, list[Any]], list[Any] | None]
"""What takes the place of an equation: its results, or None where it stays."""


def with_own_derivative(function: Callable[..., Any], *shapes: jax.ShapeDtypeStruct) -> Callable[..., Any]:
    """The function that the module docstring describes: of the same arguments, one array, to be traced and not run."""
    traced = jax.make_jaxpr(function)(*shapes)
    inlined = _rebuilt(traced, shapes, _inlined)
    freed = _rebuilt(inlined, shapes, _Freed)
    return lambda *args: _evaluated(freed, list(args), lambda equation, inputs: None)[0]


def _alive(closed: ClosedJaxpr) -> ClosedJaxpr:
    jaxpr, _ = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    return ClosedJaxpr(jaxpr, closed.consts)


def _rebuilt(closed: ClosedJaxpr, shapes: Any, handler: Any) -> ClosedJaxpr:
    rebuilt = jax.make_jaxpr(lambda *args: _evaluated(closed, list(args), handler))(*shapes)
    return _alive(rebuilt)


def _evaluated(closed: ClosedJaxpr, args: list[Any], handler: Any) -> list[Any]:
    """A jaxpr evaluated in JAX, equation by equation; `handler` is a Handler, or makes one for each jaxpr (a class)."""
    jaxpr = closed.jaxpr
    handle = handler(jaxpr) if isinstance(handler, type) else handler
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    known.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        inputs = list(map(read, equation.invars))
        with user_context(equation.source_info.traceback, name_stack=equation.source_info.name_stack):
            results = handle(equation, inputs)
            if results is None:
                results = _bound(equation, inputs, handler)
        known.update(zip(equation.outvars, results, strict=True))
        if isinstance(handle, _Freed):
            handle.known = known
    return list(map(read, jaxpr.outvars))


def _bound(equation: Any, inputs: list[Any], handler: Any) -> list[Any]:
    """An equation as it is; the bodies of loops and branches are rebuilt in the same way."""
    p, name = equation.params, equation.primitive.name
    if name == "scan":
        return _scanned(equation, inputs, handler)
    if name == "while":
        first, second = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]
        state = lax.while_loop(
            lambda state: _evaluated(p["cond_jaxpr"], [*inputs[:first], *state], handler)[0],
            lambda state: _evaluated(p["body_jaxpr"], [*inputs[first:second], *state], handler),
            inputs[second:],
        )
        return list(state)
    if name == "cond":
        branches = [
            lambda *operands, branch=branch: _evaluated(branch, list(operands), handler) for branch in p["branches"]
        ]
        return list(lax.switch(inputs[0], branches, *inputs[1:]))
    results = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(p))
    return list(results) if equation.primitive.multiple_results else [results]


def _scanned(equation: Any, inputs: list[Any], handler: Any) -> list[Any]:
    p, layout = equation.params, scan_layout(equation)
    first, second = layout.constants, layout.constants + layout.carry

    def body(carry: list[Any], row: list[Any]) -> tuple[list[Any], list[Any]]:
        out = _evaluated(p["jaxpr"], [*inputs[:first], *carry, *row], handler)
        return out[: layout.carry], out[layout.carry :]

    carry, rows = lax.scan(body, inputs[first:second], inputs[second:], length=p["length"], reverse=p["reverse"])
    return [*carry, *rows]


_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat": "jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}
"""Calls, and where their jaxpr is."""


def _inlined(equation: Any, inputs: list[Any]) -> list[Any] | None:
    """Calls are evaluated in place."""
    where = _CALLS.get(equation.primitive.name)
    if where is None:
        return None
    called = equation.params[where] if where in equation.params else equation.params["fun_jaxpr"]
    called = called if hasattr(called, "consts") else ClosedJaxpr(called, ())
    form = library_form(equation)
    if form is not None:
        return [form(*inputs)]
    return _evaluated(called, inputs, _inlined)


class _Freed:
    """The handler of one jaxpr that turns each `stop_gradient` into a free shift, where that is proved, or drops it."""

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.known: dict[Any, Any] = {}
        self.freed: dict[Any, Any] = {}

    def __call__(self, equation: Any, inputs: list[Any]) -> list[Any] | None:
        if equation.primitive.name == "custom_linear_solve" and not is_library_solve(self.jaxpr, equation):
            return _solved(equation, inputs)
        if equation.primitive.name != "stop_gradient":
            return None
        (source,) = equation.invars
        if isinstance(source, Literal) or not is_invariant(self.jaxpr, equation):
            return inputs
        if source not in self.freed:
            # One for all that stop the same variable: only together they may be without influence.
            upstream, operands = _upstream(self.jaxpr, source)
            arguments = [self.known[variable] for variable in operands]
            self.freed[source] = free_shift_p.bind(*arguments, upstream=upstream)
        return [self.freed[source]]


def _solved(equation: Any, inputs: list[Any]) -> list[Any]:
    """What the solver of a linear system computes, whether that solves it or not."""
    lengths, solve = equation.params["const_lengths"], equation.params["jaxprs"].solve
    start = lengths.matvec + lengths.vecmat
    return _evaluated(solve, [*inputs[start : start + lengths.solve], *inputs[sum(lengths) :]], _inlined)


def _upstream(jaxpr: Jaxpr, source: Any) -> tuple[ClosedJaxpr, list[Any]]:
    """What computes one variable of a jaxpr, and from which of the jaxpr's inputs and constants."""
    begin = [*jaxpr.constvars, *jaxpr.invars]
    whole = Jaxpr((), begin, [source], jaxpr.eqns, debug_info=jaxpr.debug_info.with_unknown_names())
    alive, used = partial_eval.dce_jaxpr(whole, [True])
    return ClosedJaxpr(alive, ()), [variable for variable, kept in zip(begin, used, strict=True) if kept]


def differentiates_as_written(function: Callable[..., Any], n: int) -> bool:
    """Whether differentiation of a function of n numbers takes nothing on trust.

    That is: it meets no rule of the user's own (`custom_jvp`, `custom_vjp`, a linear solver), and no stop_gradient on
    whose argument the result depends.
    """
    traced = jax.make_jaxpr(function)(jax.ShapeDtypeStruct((n,), np.float64))
    return not (_has_own_rules(traced.jaxpr) or hides_dependence(function, n))


def hides_dependence(function: Callable[..., Any], n: int) -> bool:
    """Whether a function of n numbers hides from differentiation that its result depends on some number.

    A stop_gradient does, or a linear solver of the user's. What a custom function computes is looked through, whatever
    its rule.
    """
    shapes = (jax.ShapeDtypeStruct((n,), np.float64),)
    traced = jax.make_jaxpr(function)(*shapes)
    return _hides(_rebuilt(traced, shapes, _inlined).jaxpr)


def _has_own_rules(jaxpr: Jaxpr) -> bool:
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if library_form(equation) is not None:
            continue
        if name.startswith(("custom_jvp", "custom_vjp")) or any(map(_has_own_rules, _inside(equation))):
            return True
    return False


def _hides(jaxpr: Jaxpr) -> bool:
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name == "stop_gradient" and not is_invariant(jaxpr, equation):
            return True
        if name == "custom_linear_solve" and not is_library_solve(jaxpr, equation):
            return True
        if any(map(_hides, _inside(equation))):
            return True
    return False


def _inside(equation: Any) -> list[Jaxpr]:
    """The jaxprs among the parameters of an equation."""
    equations = []
    for value in equation.params.values():
        for each in value if isinstance(value, (tuple, list)) else (value,):
            each = getattr(each, "jaxpr", each)
            if isinstance(each, Jaxpr):
                equations.append(each)
    return equations
