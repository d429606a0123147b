"""Control flow of a traced loss, taken apart: scans and loops unrolled, branches taken or turned into a choice."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import ClosedJaxpr, Var

from anil_theory._scan_layout import scan_layout
from anil_theory.certify.balls.values import frozen_balls
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.losses.known_values import Atom, Flat, Known, Rule, known_constants, zeros

MOST_EQUATIONS = 200_000
"""A scan that would make a program longer is refused: interpreting it over thousands of boxes would never end."""
MOST_STEPS = 100_000
"""Iterations of a `while_loop`."""


def _scan(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom]:
    p = equation.params
    inner: ClosedJaxpr = p["jaxpr"]
    layout, length = scan_layout(equation), p["length"]
    first, second = layout.constants, layout.constants + layout.carry
    if length * len(inner.jaxpr.eqns) > MOST_EQUATIONS:
        raise NoEnclosure(f"a scan of {length} steps makes more than {MOST_EQUATIONS} equations")
    constants = known_constants(inner.consts)
    carry, rows = inputs[first:second], []
    avals = [v.aval for v in equation.invars[second:]]
    order = range(length - 1, -1, -1) if p["reverse"] else range(length)
    for i in order:
        slices = [_row(flat, x, aval, i) for x, aval in zip(inputs[second:], avals, strict=True)]
        out = flat.inlined(inner.jaxpr, constants, [*inputs[:first], *carry, *slices])
        carry = out[: layout.carry]
        rows.append(out[layout.carry :])
    if p["reverse"]:
        rows.reverse()
    stacks = equation.outvars[layout.carry :]
    return [*carry, *(_stack(flat, [row[j] for row in rows], v.aval) for j, v in enumerate(stacks))]


def _row(flat: Flat, x: Atom, aval: Any, i: int) -> Atom:
    if isinstance(x, Known) and isinstance(x.value, np.ndarray):
        return Known(x.value[i : i + 1].reshape(x.value.shape[1:]))
    (row,) = flat.traced(lambda a: lax.index_in_dim(a, i, keepdims=False), [x], [aval])
    return row


def _stack(flat: Flat, rows: list[Atom], aval: Any) -> Atom:
    if not rows:
        return Known(zeros(aval))
    if all(isinstance(row, Known) for row in rows):
        return Known(np.stack([row.value for row in rows if isinstance(row, Known)]).reshape(aval.shape))
    inner = jax.ShapeDtypeStruct(aval.shape[1:], aval.dtype)
    (stacked,) = flat.traced(lambda *parts: jnp.stack(parts), rows, [inner] * len(rows))
    return stacked


def _cond(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom]:
    which, operands = inputs[0], inputs[1:]
    branches = equation.params["branches"]

    def taken(i: int) -> list[Atom]:
        branch = branches[i]
        return flat.inlined(branch.jaxpr, known_constants(branch.consts), operands)

    if isinstance(which, Known):
        index = which.value.item()
        if index is None:
            raise NoEnclosure("a branch of data that the balls cannot decide")
        return taken(min(max(int(index), 0), len(branches) - 1))
    predicate = _predicate(flat, which)
    if predicate is None or len(branches) != 2:
        raise NoEnclosure("a branch among several that the parameters choose has no enclosure")
    no, yes = taken(0), taken(1)
    scalar = jax.ShapeDtypeStruct((), np.bool_)
    results = []
    for variable, a, b in zip(equation.outvars, no, yes, strict=True):
        aval = jax.ShapeDtypeStruct(variable.aval.shape, variable.aval.dtype)
        results += [a] if a is b else flat.traced(lax.select_n, [predicate, a, b], [scalar, aval, aval])
    return results


def _predicate(flat: Flat, which: Var) -> Var | None:
    """The Boolean that an index of two branches was made of."""
    aval: Any = which.aval
    if aval.dtype == np.bool_:
        return which
    maker = flat.makers.get(which)
    if maker is None or maker.primitive.name not in ("convert_element_type", "clamp"):
        return None
    source = maker.invars[1 if maker.primitive.name == "clamp" else 0]
    return _predicate(flat, source) if isinstance(source, Var) else None


def _while(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom]:
    p = equation.params
    first, second = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]
    condition, body = ((p[name].jaxpr, known_constants(p[name].consts)) for name in ("cond_jaxpr", "body_jaxpr"))
    state = inputs[second:]
    for _ in range(MOST_STEPS):
        (goes_on,) = flat.inlined(*condition, [*inputs[:first], *state])
        if not isinstance(goes_on, Known) or goes_on.value.item() is None:
            raise NoEnclosure("a 'while' whose end the parameters decide has no enclosure")
        if not goes_on.value.item():
            return state
        state = flat.inlined(*body, [*inputs[first:second], *state])
    raise NoEnclosure(f"a 'while' of more than {MOST_STEPS} steps has no enclosure")


def _same(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom]:
    return list(inputs)


def _linear_solve(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom]:
    """The solver that the loss itself uses; the other three functions serve its derivatives only.

    A solver that rests on an LU factorisation with pivots gets one without: the solution is the same wherever both
    exist, and no pivot depends on the parameters.
    """
    lengths, solve = equation.params["const_lengths"], equation.params["jaxprs"].solve
    start = lengths.matvec + lengths.vecmat
    constants = _unpivoted(flat, inputs[start : start + lengths.solve])
    right = inputs[sum(lengths) :]
    return flat.inlined(solve.jaxpr, known_constants(solve.consts), [*constants, *right])


def _unpivoted(flat: Flat, constants: list[Atom]) -> list[Atom]:
    """The two constants (LU, permutation) of JAX's solver, computed without pivots; others stay as they are."""
    maker = flat.makers.get(constants[0]) if len(constants) == 2 and isinstance(constants[0], Var) else None
    if maker is None or maker.primitive.name != "lu" or constants[1] is not maker.outvars[2]:
        return constants
    aval = maker.invars[0].aval
    if len(aval.shape) != 2:
        return constants
    (factors,) = flat.traced(_factors, [maker.invars[0]], [aval])
    return [factors, Known(np.arange(aval.shape[0], dtype=maker.outvars[2].aval.dtype))]


def _factors(A: Any) -> Any:
    """L and U in one matrix, without pivots: G. H. Golub, C. F. Van Loan, Matrix Computations, section 3.2."""
    if len(A) < 2:
        return A
    below = A[1:, 0] / A[0, 0]
    rest = _factors(A[1:, 1:] - below[:, None] * A[0, 1:])
    return jnp.concatenate([A[:1], jnp.concatenate([below[:, None], rest], axis=1)])


def _free_shift(flat: Flat, equation: Any, inputs: list[Atom]) -> list[Atom]:
    """Any number serves: of data alone it is what the program computes here, or 0 where that has no enclosure."""
    if not all(isinstance(x, Known) for x in inputs):
        return flat.written(equation, inputs)
    upstream, value = equation.params["upstream"], None
    try:
        (shift,) = flat.inlined(upstream.jaxpr, known_constants(upstream.consts), inputs)
        value = shift.value if isinstance(shift, Known) else None
    except NoEnclosure:
        pass
    return [Known(frozen_balls(value, equation.outvars[0].aval.shape))]


CONTROL: dict[str, Rule] = {
    "free_shift": _free_shift,
    "scan": _scan,
    "cond": _cond,
    "while": _while,
    "custom_linear_solve": _linear_solve,
    "copy": _same,
    "copy_p": _same,
    "stop_gradient": _same,
    "optimization_barrier": _same,
}
"""The rule of each primitive by its name."""
