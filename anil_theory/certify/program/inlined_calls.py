"""A traced program without calls that have no meaning of their own, and one equation of it run by JAX."""

from functools import partial
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, DebugInfo, Jaxpr, Literal, jaxpr_as_fun

from anil_theory.certify.program.source_lines import user_line

CALLS = {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"}
NO_NAMES = DebugInfo("plain_losses", "rewritten", None, None)


def inlined(closed: ClosedJaxpr) -> ClosedJaxpr:
    """Calls without a meaning of their own, taken apart; dead code dropped."""
    return jax.make_jaxpr(partial(_without_calls, closed, None))(*closed.in_avals)


def _without_calls(closed: ClosedJaxpr, caller: Any, *arguments: Any) -> list[Any]:
    """`caller`: the equation of the call; a line of the loss is named there where the inner equation names none."""
    jaxpr = closed.jaxpr
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))
    needed = needed_variables(jaxpr)
    for equation in jaxpr.eqns:
        if not needed.intersection(equation.outvars):
            continue
        inputs = [read(known, atom) for atom in equation.invars]
        if caller is not None and not user_line(equation):
            equation = equation.replace(source_info=caller.source_info)
        if equation.primitive.name in CALLS:
            outputs = _without_calls(_program(equation), equation, *inputs)
        else:
            outputs = bound(equation, inputs)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [read(known, atom) for atom in jaxpr.outvars]


def read(known: dict[Any, Any], atom: Any) -> Any:
    return atom.val if isinstance(atom, Literal) else known[atom]


def _program(equation: Any) -> ClosedJaxpr:
    jaxpr = equation.params["jaxpr"] if "jaxpr" in equation.params else equation.params["call_jaxpr"]
    return jaxpr if hasattr(jaxpr, "consts") else ClosedJaxpr(jaxpr, ())


def bound(equation: Any, inputs: list[Any]) -> list[Any]:
    """One equation by JAX, at new inputs, custom derivatives included."""
    variables = [v for v in equation.invars if not isinstance(v, Literal)]
    values = [x for v, x in zip(equation.invars, inputs, strict=True) if not isinstance(v, Literal)]
    distinct = list(dict.fromkeys(variables))
    at = [values[variables.index(v)] for v in distinct]
    single = Jaxpr((), distinct, equation.outvars, [equation], equation.effects, debug_info=NO_NAMES)
    return list(jaxpr_as_fun(ClosedJaxpr(single, ()))(*at))


def needed_variables(jaxpr: Jaxpr) -> set[Any]:
    """The variables that the outputs of a jaxpr depend on; equations inside of calls are looked at when inlined."""
    needed = {v for v in jaxpr.outvars if not isinstance(v, Literal)}
    for equation in reversed(jaxpr.eqns):
        if needed.intersection(equation.outvars):
            needed.update(v for v in equation.invars if not isinstance(v, Literal))
    return needed
