"""A JAX function over many boxes at once: its jaxpr, interpreted with float64 intervals instead of floats.

Claim: if every input lies in its intervals, every output lies in its own, box by box, on the assumptions of
`outward`. The same as `balls.interpreter`, hundreds of times as fast on a batch of boxes, for the primitives of
INTERVAL_RULES only: another one raises NoEnclosure, control flow that depends on an interval raises Undecided, and
whoever calls it can turn to balls then.

Floating arrays are `Intervals` with a first axis over boxes (of length 1 for what is the same in every box), integer
and Boolean arrays are numpy arrays without it, and what a comparison of intervals gives is a `Truth`.
"""

from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from anil_theory._scan_layout import scan_layout
from anil_theory.certify.enclosures.branches import OF_ITSELF, recorded
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.intervals.arrays import INTERVAL_ARRAYS
from anil_theory.certify.intervals.elementwise import INTERVAL_ELEMENTWISE
from anil_theory.certify.intervals.indexing import INTERVAL_INDEXING
from anil_theory.certify.intervals.linear import INTERVAL_LINEAR
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.special import INTERVAL_SPECIAL
from anil_theory.certify.intervals.values import Rule, Truth, Value, constant
from anil_theory.certify.program.library_functions import plain_form
from anil_theory.certify.program.source_lines import user_line

INTERVAL_RULES: dict[str, Rule] = (
    INTERVAL_SPECIAL | INTERVAL_INDEXING | INTERVAL_LINEAR | INTERVAL_ELEMENTWISE | INTERVAL_ARRAYS
)
"""The rule of each primitive by its name, beside those of calls and scans below."""


def run_intervals(closed: ClosedJaxpr, args: list[Value]) -> list[Value]:
    """Interpret a closed jaxpr; see the module docstring for the values."""
    jaxpr = closed.jaxpr
    known: dict[Any, Value] = dict(zip(jaxpr.constvars, map(constant, closed.consts), strict=True))
    known.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> Value:
        return constant(atom.val) if isinstance(atom, Literal) else known[atom]

    for equation, last in zip(jaxpr.eqns, last_uses(jaxpr), strict=True):
        name, inputs = equation.primitive.name, list(map(read, equation.invars))
        if name in _CALLS:
            form = plain_form(equation)
            called = _inner(equation) if form is None else jax.make_jaxpr(form)(*(v.aval for v in equation.invars))
            results = run_intervals(called, inputs)
        elif name == "free_shift":
            results = [_free_shift(equation, inputs)]
        elif name == "scan":
            results = _scan(equation, inputs)
        elif name == "mul" and equation.invars[0] is equation.invars[1] and isinstance(inputs[0], Intervals):
            # x x is a square, which a product of two intervals does not know.
            results = [inputs[0].squared()]
        elif name in OF_ITSELF and equation.invars[0] is equation.invars[1]:
            results = [np.full(equation.outvars[0].aval.shape, OF_ITSELF[name])]
        elif name in INTERVAL_RULES:
            results = INTERVAL_RULES[name](equation, *inputs)
        else:
            raise NoEnclosure(f"the primitive {name!r} has no enclosure in interval arithmetic{user_line(equation)}")
        # NumPy makes a number of an array without axes, and the rules tell arrays from enclosures by their type.
        results = [np.asarray(value) if isinstance(value, np.generic) else value for value in results]
        known.update(zip(equation.outvars, results, strict=True))
        # A flat program has thousands of equations: what is not read again is given back.
        for variable in last:
            del known[variable]
    return [read(atom) for atom in jaxpr.outvars]


@lru_cache(maxsize=64)
def last_uses(jaxpr: Jaxpr) -> list[list[Any]]:
    """For each equation, the variables that nothing behind it reads."""
    read = {v for v in jaxpr.outvars if not isinstance(v, Literal)}
    uses: list[list[Any]] = []
    for equation in reversed(jaxpr.eqns):
        touched = dict.fromkeys(v for v in (*equation.invars, *equation.outvars) if not isinstance(v, Literal))
        uses.append([v for v in touched if v not in read])
        read.update(touched)
    uses.reverse()
    return uses


_CALLS = {
    "jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call",
}  # fmt: skip


def _inner(equation: Any) -> ClosedJaxpr:
    names = ("jaxpr", "call_jaxpr", "fun_jaxpr")
    jaxpr = next(equation.params[name] for name in names if name in equation.params)
    return jaxpr if hasattr(jaxpr, "consts") else ClosedJaxpr(jaxpr, ())


def _free_shift(equation: Any, inputs: list[Value]) -> Value:
    """The middle of what the program computes in each box, or 0: any number does, and no branch on the way matters."""
    with recorded():
        try:
            (value,) = run_intervals(equation.params["upstream"], inputs)
        except (NoEnclosure, Undecided):
            value = None
    if not isinstance(value, Intervals):
        return Intervals.exact(np.zeros((1, *equation.outvars[0].aval.shape)))
    middle = value.lo / 2 + value.hi / 2
    return Intervals.exact(np.where(np.isfinite(middle), middle, 0.0))


def _at(value: Value, i: int) -> Value:
    """Row i of the first axis after the boxes."""
    if isinstance(value, Intervals):
        return value.rearranged(lambda a: a[:, i])
    return Truth(value.yes[:, i], value.no[:, i]) if isinstance(value, Truth) else np.asarray(value[i])


def _scan(equation: Any, inputs: list[Value]) -> list[Value]:
    p = equation.params
    layout = scan_layout(equation)
    first, second = layout.constants, layout.constants + layout.carry
    carry, rows = inputs[first:second], []
    order = list(range(p["length"]))
    for i in reversed(order) if p["reverse"] else order:
        out = run_intervals(p["jaxpr"], [*inputs[:first], *carry, *(_at(x, i) for x in inputs[second:])])
        carry = out[: layout.carry]
        rows.append(out[layout.carry :])
    if p["reverse"]:
        rows.reverse()
    return [*carry, *(_stacked([row[j] for row in rows]) for j in range(len(equation.outvars) - len(carry)))]


def _stacked(rows: list[Value]) -> Value:
    if not rows:
        raise NoEnclosure("a scan of no steps has no enclosure in interval arithmetic")
    if all(isinstance(row, Intervals) for row in rows):
        ends = [[getattr(row, end) for row in rows] for end in ("lo", "hi")]
        return Intervals(*(np.stack(np.broadcast_arrays(*end), axis=1) for end in ends))
    if any(isinstance(row, Truth) for row in rows):
        raise Undecided("a scan collects comparisons that the intervals cannot decide")
    return np.stack([np.asarray(row) for row in rows])
