"""A traced loss made plain before it is enclosed: one flat list of equations, dead code gone, data folded.

Claim: the flat program has the same outputs, as functions of real numbers, wherever the original's outputs are finite
numbers (a term that is multiplied by 0, or that no output needs, is dropped; it may be NaN there). Calls are inlined,
scans and loops whose length data decide are unrolled, branches that data decide are taken; a branch that parameters
decide becomes a `select_n` of both branches. What depends on data only becomes a constant (`data_folding`). Equal
equations are computed once, and what no output needs is dropped. So a branch that parameters decide is either left to
the interpreters, which record it (`enclosures.branches`), or proved to change nothing.

Constants of the result are balls and integers; `interval_program` converts them outwards.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flint
import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, Var

from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.losses.control import CONTROL, MOST_EQUATIONS
from anil_theory.certify.losses.data_folding import folded, is_floating, known_value
from anil_theory.certify.losses.known_values import Atom, Known, is_boolean, is_zero, known_constants, zeros
from anil_theory.certify.losses.simplifications import SIMPLER
from anil_theory.certify.program.inlined_calls import needed_variables
from anil_theory.certify.program.library_functions import plain_form
from anil_theory.certify.program.smooth_primitives import FORMULAS
from anil_theory.certify.program.source_lines import LINE, user_line

CALLS = {
    "jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call",
}  # fmt: skip


def flat_program(closed: ClosedJaxpr, bits: int) -> ClosedJaxpr:
    """The flat program of a closed jaxpr, its constants enclosed with so many bits.

    Raises NoEnclosure, naming the primitive and the line of the loss, for data under a primitive without a rule, for
    loops that parameters decide, and for programs of more than MOST_EQUATIONS equations.
    """
    with precision(bits):
        flat = _Flat()
        arguments: list[Atom] = [flat.variable(v.aval) for v in closed.jaxpr.invars]
        outputs = flat.inlined(closed.jaxpr, known_constants(closed.consts), arguments)
        return flat.closed(arguments, outputs, closed.jaxpr)


class _Flat:
    """The equations so far, with the constants that they read."""

    def __init__(self) -> None:
        self.equations: list[Any] = []
        self.constants: dict[Var, Any] = {}
        self.made: dict[Any, list[Atom]] = {}
        self.makers: dict[Var, Any] = {}
        self.same: dict[Any, Var] = {}

    def variable(self, aval: Any) -> Var:
        return Var(aval)

    def inlined(self, jaxpr: Jaxpr, constants: Sequence[Atom], arguments: Sequence[Atom]) -> list[Atom]:
        """Every equation of a jaxpr, at given constants and arguments; the outputs."""
        known: dict[Any, Atom] = dict(zip(jaxpr.constvars, constants, strict=True))
        known.update(zip(jaxpr.invars, arguments, strict=True))

        def read(atom: Any) -> Atom:
            return Known(known_value(atom.val)) if isinstance(atom, Literal) else known[atom]

        needed = needed_variables(jaxpr)
        for equation in jaxpr.eqns:
            if not needed.intersection(equation.outvars):
                continue
            try:
                results = self.equation(equation, [read(atom) for atom in equation.invars])
            except NoEnclosure as error:
                line = user_line(equation)
                raise (NoEnclosure(f"{error}{line}") if line and LINE not in str(error) else error) from None
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def equation(self, equation: Any, inputs: list[Atom]) -> list[Atom]:
        """One equation: taken apart, folded, or written down."""
        name = equation.primitive.name
        if any(getattr(v.aval.dtype, "kind", "") == "c" for v in (*equation.invars, *equation.outvars)):
            raise NoEnclosure(f"the primitive {name!r} of complex numbers has no enclosure")
        if _rounds(equation):
            raise NoEnclosure(f"{name!r} rounds to {equation.outvars[0].aval.dtype}, and has no enclosure here")
        if name in CALLS:
            form = plain_form(equation)
            if form is not None:
                return self.traced(form, inputs, [v.aval for v in equation.invars])
            inner = _inner(equation)
            return self.inlined(inner.jaxpr, known_constants(inner.consts), inputs)
        if name in CONTROL:
            return CONTROL[name](self, equation, inputs)
        if name in FORMULAS:
            return self.traced(FORMULAS[name], inputs, [v.aval for v in equation.invars])
        if name == "mul" and any(isinstance(x, Known) and is_zero(x.value) for x in inputs):
            return [Known(zeros(equation.outvars[0].aval))]
        if all(isinstance(x, Known) for x in inputs):
            return [Known(value) for value in folded(equation, [x.value for x in inputs if isinstance(x, Known)])]
        if name in SIMPLER:
            simpler = SIMPLER[name](self, equation, inputs)
            if simpler is not None:
                return simpler
        return self.written(equation, inputs)

    def written(self, equation: Any, inputs: list[Atom]) -> list[Atom]:
        """The equation over the flat program's variables; one that was there already is not repeated."""
        pairs = zip(inputs, equation.invars, strict=True)
        atoms = [x if isinstance(x, Var) else self.constant(x.value, v.aval) for x, v in pairs]
        key = _identity(equation, atoms)
        if key is not None and key in self.made:
            return self.made[key]
        if len(self.equations) >= MOST_EQUATIONS:
            raise NoEnclosure(f"the loss takes more than {MOST_EQUATIONS} equations unrolled")
        outputs = [self.variable(v.aval) for v in equation.outvars]
        made = equation.replace(invars=atoms, outvars=outputs)
        self.equations.append(made)
        self.makers.update((v, made) for v in outputs)
        results: list[Atom] = list(outputs)
        if key is not None:
            self.made[key] = results
        return results

    def constant(self, value: Any, aval: Any) -> Var:
        """A variable for a known value; equal exact values share one."""
        key = _content(value)
        if key is not None and (key, aval.str_short()) in self.same:
            return self.same[key, aval.str_short()]
        variable = self.variable(aval)
        self.constants[variable] = value
        if key is not None:
            self.same[key, aval.str_short()] = variable
        return variable

    def known(self, variable: Var) -> Atom:
        """The value of a variable that is a constant, or the variable itself."""
        return Known(self.constants[variable]) if variable in self.constants else variable

    def is_constant(self, variable: Var, atom: Atom) -> bool:
        """Whether a variable is the constant of a known value."""
        if not isinstance(atom, Known) or variable not in self.constants:
            return False
        content = _content(self.constants[variable])
        return content is not None and content == _content(atom.value)

    def traced(self, function: Callable[..., Any], inputs: list[Atom], avals: Sequence[Any]) -> list[Atom]:
        """A JAX function of known values and variables, written down as equations."""
        shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in avals]
        program = jax.make_jaxpr(function)(*shapes)
        return self.inlined(program.jaxpr, known_constants(program.consts), inputs)

    def closed(self, arguments: list[Atom], outputs: list[Atom], like: Jaxpr) -> ClosedJaxpr:
        """The program without dead code, with the outputs of a jaxpr."""
        typed = zip(outputs, like.outvars, strict=True)
        outvars = [x if isinstance(x, Var) else self.constant(x.value, v.aval) for x, v in typed]
        needed: set[Var] = set(outvars)
        kept = []
        for equation in reversed(self.equations):
            if needed.intersection(equation.outvars):
                needed.update(v for v in equation.invars if isinstance(v, Var))
                kept.append(equation)
        kept.reverse()
        constvars = [v for v in self.constants if v in needed]
        invars = [v for v in arguments if isinstance(v, Var)]
        jaxpr = Jaxpr(constvars, invars, outvars, kept, debug_info=like.debug_info)
        return ClosedJaxpr(jaxpr, [self.constants[v] for v in constvars])


def _rounds(equation: Any) -> bool:
    """Whether an equation takes float64 and gives a shorter float; conversions of data are rounded exactly."""
    if equation.primitive.name in CALLS or equation.primitive.name in CONTROL:
        return False
    sizes = [
        [v.aval.dtype.itemsize for v in side if is_floating(v.aval)] for side in (equation.invars, equation.outvars)
    ]
    return bool(sizes[0] and sizes[1]) and min(sizes[1]) < max(sizes[0])


def _inner(equation: Any) -> ClosedJaxpr:
    names = ("jaxpr", "call_jaxpr", "fun_jaxpr")
    jaxpr = next(equation.params[name] for name in names if name in equation.params)
    return jaxpr if hasattr(jaxpr, "consts") else ClosedJaxpr(jaxpr, ())


def _identity(equation: Any, atoms: list[Var]) -> Any:
    """Equal for equations that compute the same; None where parameters cannot be compared."""
    try:
        parameters = tuple(sorted(equation.params.items(), key=lambda item: item[0]))
        hash(parameters)
    except TypeError:
        return None
    order = [id(v) for v in atoms]
    if equation.primitive.name in ("add", "mul", "max", "min"):
        order.sort()
    return equation.primitive.name, parameters, tuple(order), tuple(v.aval.str_short() for v in equation.outvars)


def _content(value: Any) -> Any:
    """A key that equal known arrays share, None for balls with a radius and for keys of random numbers."""
    if not isinstance(value, np.ndarray):
        return None
    if value.dtype != object:
        return value.dtype.str, value.shape, value.tobytes()
    if is_boolean(value):
        return "bool", value.shape, tuple(value.flat)
    if not all(x.is_exact() and x.is_finite() for x in value.flat):
        return None
    floats = [float(x) for x in value.flat]
    if not all(flint.arb(f) == x for f, x in zip(floats, value.flat, strict=True)):
        return None
    return "float", value.shape, np.array(floats).tobytes()
