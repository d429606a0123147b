"""Any JAX function in ball arithmetic: its jaxpr, interpreted with python-flint balls instead of floats.

Claim: if every input lies in its ball, every output lies in its ball; numbers in the jaxpr are taken as the exact
float64 values that they are. Differentiated functions, scans and conditionals are jaxprs like any other, so that
a Hessian-vector product of the meta-gradient is enclosed by the same code as a sum.

A Boolean that the balls cannot decide makes `select_n` return the union of its branches, and control flow raise
`Undecided`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from anil_theory._precision import need_float64
from anil_theory._scan_layout import scan_layout
from anil_theory.certify.balls.arrays import ARRAYS
from anil_theory.certify.balls.elementwise import ELEMENTWISE
from anil_theory.certify.balls.indexing import BALL_INDEXING
from anil_theory.certify.balls.linear import BALL_LINEAR
from anil_theory.certify.balls.special import BALL_SPECIAL
from anil_theory.certify.balls.values import Balls, Rule, Value, frozen_balls, to_balls
from anil_theory.certify.enclosures.branches import OF_ITSELF, recorded, undecided
from anil_theory.certify.enclosures.flint_precision import DEFAULT_PRECISION, precision
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.program.library_functions import plain_form
from anil_theory.certify.program.source_lines import user_line


def evaluate(fn: Callable[..., Any], *args: Any, bits: int = DEFAULT_PRECISION) -> Any:
    """fn(*args) with every floating result a numpy object array of balls.

    args   pytrees of numbers and arrays (exact float64 values), or of `Balls`.

    Raises NoEnclosure for a primitive without a rule, Undecided for control flow that the balls cannot decide.
    """
    need_float64()
    leaves, structure = jax.tree.flatten(args, is_leaf=lambda x: isinstance(x, Balls))
    shapes = [
        jax.ShapeDtypeStruct(leaf.values.shape, np.float64)
        if isinstance(leaf, Balls)
        else jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(leaf))
        for leaf in leaves
    ]
    traced, out_shape = jax.make_jaxpr(fn, return_shape=True)(*jax.tree.unflatten(structure, shapes))
    with precision(bits):
        results = run(traced, [to_balls(leaf) for leaf in leaves])
    return jax.tree.unflatten(jax.tree.structure(out_shape), results)


def run(closed: ClosedJaxpr, args: list[Value]) -> list[Value]:
    """Interpret a closed jaxpr at the current precision."""
    jaxpr = closed.jaxpr
    known: dict[Any, Value] = {}
    known.update(zip(jaxpr.constvars, map(to_balls, closed.consts), strict=True))
    known.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> Value:
        return to_balls(atom.val) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in OF_ITSELF and equation.invars[0] is equation.invars[1]:
            results = [np.full(equation.outvars[0].aval.shape, OF_ITSELF[name], dtype=object)]
        elif name in RULES:
            results = _ruled(RULES[name], equation, list(map(read, equation.invars)))
        else:
            raise NoEnclosure(f"the primitive {name!r} has no enclosure in ball arithmetic{user_line(equation)}")
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _ruled(rule: Rule, equation: Any, inputs: list[Value]) -> list[Value]:
    """A rule that cannot go on without a decision leaves that in the record: what stands behind may jump."""
    try:
        return rule(equation, *inputs)
    except Undecided:
        undecided(True, equation, jump=True)
        raise


def _call(equation: Any, *inputs: Value) -> list[Value]:
    form = plain_form(equation)
    if form is not None:
        return run(jax.make_jaxpr(form)(*(v.aval for v in equation.invars)), list(inputs))
    names = ("jaxpr", "call_jaxpr", "fun_jaxpr")
    closed = next(equation.params[name] for name in names if name in equation.params)
    return run(_closed(closed), list(inputs))


def _free_shift(equation: Any, *inputs: Value) -> list[Value]:
    """The middle of what the program computes here: any number does, so that no branch on the way matters."""
    with recorded():
        try:
            (value,) = run(equation.params["upstream"], list(inputs))
        except (NoEnclosure, Undecided):
            value = None
    return [frozen_balls(value, equation.outvars[0].aval.shape)]


def _closed(jaxpr: Any) -> Any:
    if hasattr(jaxpr, "consts"):
        return jaxpr
    return ClosedJaxpr(jaxpr, ())


def _scan(equation: Any, *inputs: Value) -> list[Value]:
    p = equation.params
    layout = scan_layout(equation)
    before_rows = layout.constants + layout.carry
    consts = list(inputs[: layout.constants])
    carry = list(inputs[layout.constants : before_rows])
    xs = inputs[before_rows:]
    collected: list[list[Value]] = []
    order = range(p["length"] - 1, -1, -1) if p["reverse"] else range(p["length"])
    for i in order:
        out = run(p["jaxpr"], consts + carry + [x[i] if isinstance(x[i], np.ndarray) else _scalar(x[i], x) for x in xs])
        carry = out[: layout.carry]
        collected.append(out[layout.carry :])
    if p["reverse"]:
        collected.reverse()
    stacked = []
    for j, variable in enumerate(equation.outvars[layout.carry :]):
        array = np.empty(variable.aval.shape, dtype=object if variable.aval.dtype.kind in "fb" else variable.aval.dtype)
        for i, row in enumerate(collected):
            array[i] = row[j][()] if row[j].ndim == 0 else row[j]
        stacked.append(array)
    return [*carry, *stacked]


def _scalar(value: Any, like: Value) -> Value:
    """A number taken out of an array, as an array without axes."""
    out = np.empty((), dtype=like.dtype)
    out[()] = value
    return out


def _cond(equation: Any, which: Value, *operands: Value) -> list[Value]:
    if which[()] is None:
        raise Undecided("cond depends on a comparison that the balls cannot decide")
    branches = equation.params["branches"]
    return run(branches[min(max(int(which[()]), 0), len(branches) - 1)], list(operands))


def _while(equation: Any, *inputs: Value) -> list[Value]:
    p = equation.params
    first, second = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]
    state = list(inputs[second:])
    while True:
        (goes_on,) = run(p["cond_jaxpr"], [*inputs[:first], *state])
        if goes_on[()] is None:
            raise Undecided("while depends on a comparison that the balls cannot decide")
        if not goes_on[()]:
            return state
        state = run(p["body_jaxpr"], [*inputs[first:second], *state])


def _linear_solve(equation: Any, *inputs: Value) -> list[Value]:
    """The solver that the function itself uses; the other three programs serve its derivatives only."""
    lengths, solve = equation.params["const_lengths"], equation.params["jaxprs"].solve
    start = lengths.matvec + lengths.vecmat
    return run(_closed(solve), [*inputs[start : start + lengths.solve], *inputs[sum(lengths) :]])


CONTROL: dict[str, Rule] = {
    "jit": _call,
    "pjit": _call,
    "closed_call": _call,
    "core_call": _call,
    "remat": _call,
    "remat2": _call,
    "checkpoint": _call,
    "custom_jvp_call": _call,
    "custom_vjp_call": _call,
    "free_shift": _free_shift,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "custom_linear_solve": _linear_solve,
}

RULES: dict[str, Rule] = BALL_SPECIAL | BALL_INDEXING | BALL_LINEAR | ELEMENTWISE | ARRAYS | CONTROL
"""The rule of each primitive by its name."""
