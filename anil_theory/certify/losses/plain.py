"""A loss rewritten before it is differentiated: the same real function, of which enclosures are narrower.

Claim: the rewritten loss and its derivatives of every order are those of the loss that JAX traces, as real functions.
    - A maximum that is subtracted before exp and does not matter (`shift_invariance` proves it) becomes a constant.
    - log of a sum of exponentials, such a sum as a divisor, `logaddexp` and the logistic function become those of
      `program.smooth_functions`; `program.library_functions` recognises `logaddexp`.
    - The normal distribution function, which JAX writes with branches, becomes erfc (`normal_tails`).
Everything else stays as JAX traced it, custom derivatives included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun
from jaxtyping import PyTree

from anil_theory.algorithm._inner_loop import admit_loss
from anil_theory.certify.losses.normal_tails import normal_tails
from anil_theory.certify.losses.shift_invariance import is_invariant
from anil_theory.certify.program import smooth_functions
from anil_theory.certify.program.inlined_calls import NO_NAMES, bound, inlined, read
from anil_theory.certify.program.library_functions import library_form
from anil_theory.tasks.base import Losses

SMALL = 30.0
"""A shift below this is left away: exponentials of differences of such numbers do not overflow."""


def plain_losses(losses: Losses, data: PyTree, w: PyTree, phi: PyTree) -> Losses:
    """Both losses rewritten at the data of one task, which they then hold (the argument `data` is not read).

    w, phi   a point of the region: its shapes count, and the size of shifts there.
    """
    admitted = [admit_loss(name, loss, w, phi, data) for name, loss in zip(Losses._fields, losses, strict=True)]
    return Losses(*(_plain_loss(loss, data, w, phi) for loss in admitted))


def _plain_loss(loss: Callable[..., Any], data: PyTree, w: PyTree, phi: PyTree) -> Callable[..., Any]:
    traced = jax.make_jaxpr(lambda w, phi: loss(w, phi, data))(w, phi)
    point = jax.tree.leaves((w, phi))
    plain = plain_program(traced, point)
    return lambda w, phi, data: plain(*jax.tree.leaves((w, phi)))[0]


def plain_program(closed: ClosedJaxpr, point: Sequence[Any] | None) -> Callable[..., list[Any]]:
    """A closed jaxpr as a function of its arguments, rewritten. `point`: arguments at which shifts are measured."""
    flat = inlined(closed)
    return partial(_run, flat, _shifts(flat, point))


def _shifts(closed: ClosedJaxpr, point: Sequence[Any] | None) -> dict[Any, np.ndarray]:
    """The outputs of stop_gradient that do not matter, with a constant for each."""
    shifts: dict[Any, np.ndarray] = {}
    for equation in closed.jaxpr.eqns:
        if equation.primitive.name == "stop_gradient" and equation.outvars[0].aval.dtype.kind == "f":
            (variable,) = equation.outvars
            if is_invariant(closed.jaxpr, equation):
                shifts[variable] = _constant(closed, variable, point)
    return shifts


def _constant(closed: ClosedJaxpr, variable: Any, point: Sequence[Any] | None) -> np.ndarray:
    nothing = np.zeros(variable.aval.shape)
    if point is None:
        return nothing
    jaxpr = closed.jaxpr
    upto = Jaxpr(jaxpr.constvars, jaxpr.invars, [variable], jaxpr.eqns, jaxpr.effects, debug_info=NO_NAMES)
    (here,) = jaxpr_as_fun(ClosedJaxpr(upto, closed.consts))(*point)
    large = np.isfinite(here) & (np.abs(here) > SMALL)
    return np.where(large, np.round(here), nothing)


@dataclass(frozen=True, eq=False)
class _Exponentials:
    """A traced value that is e^exponent, or (with axes) the sum of such entries over axes, perhaps rearranged.

    place   for a sum: which entry of the reduced array each entry is.
    """

    exponent: Any
    axes: tuple[int, ...] | None = None
    place: np.ndarray | None = None


def _run(closed: ClosedJaxpr, shifts: dict[Any, np.ndarray], *arguments: Any) -> list[Any]:
    """The program at arguments, its equations rewritten."""
    jaxpr = closed.jaxpr
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))
    huge = _huge(closed, shifts)
    tails = normal_tails(jaxpr)
    forms: dict[Any, _Exponentials] = {}
    for equation in jaxpr.eqns:
        if equation.outvars and equation.outvars[0] in shifts:
            (result,) = equation.outvars
            known[result] = jnp.asarray(shifts[result], result.aval.dtype)
            continue
        if equation.outvars and equation.outvars[0] in tails:
            (result,) = equation.outvars
            known[result] = jax.lax.erfc(-known[tails[result]])
            continue
        inputs = [read(known, atom) for atom in equation.invars]
        if equation.primitive.name == "exp" and equation.outvars[0] in huge:
            outputs = bound(equation, inputs)
        else:
            outputs = _rewritten(equation, inputs, forms)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [read(known, atom) for atom in jaxpr.outvars]


HUGE = 1e100
"""Masks put numbers beyond this, or -inf, before a softmax: differences of such numbers would be lost."""


def _huge(closed: ClosedJaxpr, shifts: dict[Any, np.ndarray]) -> set[Any]:
    """Variables that depend on numbers beyond HUGE, other than through a shift."""
    jaxpr = closed.jaxpr
    huge = {v for v, c in zip(jaxpr.constvars, closed.consts, strict=True) if _is_huge(c)}
    for equation in jaxpr.eqns:
        literals = [v.val for v in equation.invars if isinstance(v, Literal)]
        variables = [v for v in equation.invars if not isinstance(v, Literal)]
        if huge.intersection(variables) or any(map(_is_huge, literals)):
            huge.update(v for v in equation.outvars if v not in shifts)
    return huge


def _is_huge(value: Any) -> bool:
    array = np.asarray(value) if not isinstance(value, jax.Array) or value.dtype.kind in "fiub" else np.zeros(())
    return array.dtype.kind == "f" and not bool(np.all(np.abs(array.astype(float)) <= HUGE))


def _rewritten(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any]:
    """One equation, by a narrower function where it is known to be one."""
    name = equation.primitive.name
    if name in _NARROWER:
        narrower = _NARROWER[name](equation, inputs, forms)
        if narrower is not None:
            return narrower
    return bound(equation, inputs)


def _form(equation: Any, forms: dict[Any, _Exponentials], operand: int = 0) -> _Exponentials | None:
    atom = equation.invars[operand]
    return None if isinstance(atom, Literal) else forms.get(atom)


def _exp(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any] | None:
    forms[equation.outvars[0]] = _Exponentials(inputs[0])
    return None


def _sum(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any] | None:
    form, axes = _form(equation, forms), tuple(equation.params["axes"])
    if form is not None and form.axes is None and axes:
        shape = equation.outvars[0].aval.shape
        place = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
        forms[equation.outvars[0]] = _Exponentials(form.exponent, axes, place)
    return None


def _moved(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any] | None:
    form = _form(equation, forms)
    if form is not None and form.place is not None:
        place = np.broadcast_to(_places(equation, form.place), equation.outvars[0].aval.shape)
        forms[equation.outvars[0]] = _Exponentials(form.exponent, form.axes, place)
    return None


def _places(equation: Any, place: np.ndarray) -> np.ndarray:
    with jax.ensure_compile_time_eval():
        return np.asarray(equation.primitive.bind(jnp.asarray(place), **equation.params))


def _absolute(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any] | None:
    """A sum of exponentials is positive: it is its absolute value."""
    form = _form(equation, forms)
    if form is None:
        return None
    forms[equation.outvars[0]] = form
    return [inputs[0]]


def _log(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any] | None:
    form = _form(equation, forms)
    if form is None or form.axes is None or form.place is None:
        return None
    value = smooth_functions.over_axes(smooth_functions.log_sum_exp, form.exponent, form.axes, keeps=False)
    return [value.reshape(-1)[form.place]] if _permuted(form.place) else [value.reshape(form.place.shape)]


def _permuted(place: np.ndarray) -> bool:
    return not np.array_equal(place.reshape(-1), np.arange(place.size))


def _divide(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any] | None:
    """e^x_i over the sum of all e^x_j, entry by entry."""
    above, below = _form(equation, forms), _form(equation, forms, operand=1)
    if above is None or below is None or below.axes is None or below.place is None or above.axes is not None:
        return None
    if above.exponent is not below.exponent or below.place.ndim not in (0, above.exponent.ndim):
        return None
    shape = equation.outvars[0].aval.shape
    kept = [1 if axis in below.axes else size for axis, size in enumerate(shape)]
    sums = np.arange(int(np.prod(kept, dtype=int))).reshape(kept)
    if not np.array_equal(np.broadcast_to(below.place, shape), np.broadcast_to(sums, shape)):
        return None
    return [smooth_functions.over_axes(smooth_functions.softmax, above.exponent, below.axes, keeps=True)]


def _logistic(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any] | None:
    return [smooth_functions.logistic(inputs[0])]


def _custom(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any] | None:
    form = library_form(equation)
    return None if form is None else [form(*inputs)]


def _bodies(*names: str) -> Callable[..., list[Any] | None]:
    def narrower(equation: Any, inputs: list[Any], forms: dict[Any, _Exponentials]) -> list[Any]:
        bodies = {}
        for name in names:
            body = equation.params[name]
            bodies[name] = tuple(map(_plain_body, body)) if isinstance(body, tuple) else _plain_body(body)
        return bound(equation.replace(params=equation.params | bodies), inputs)

    return narrower


def _plain_body(body: ClosedJaxpr) -> ClosedJaxpr:
    """The body of a loop or a branch, rewritten; its outputs keep their types."""
    plain = plain_program(body, None)

    def typed(*arguments: Any) -> list[Any]:
        outputs = plain(*arguments)
        return [jax.lax.convert_element_type(x, aval.dtype) for x, aval in zip(outputs, body.out_avals, strict=True)]

    return jax.make_jaxpr(typed)(*body.in_avals)


_NARROWER: dict[str, Callable[..., list[Any] | None]] = {
    "exp": _exp,
    "reduce_sum": _sum,
    "broadcast_in_dim": _moved,
    "reshape": _moved,
    "squeeze": _moved,
    "expand_dims": _moved,
    "abs": _absolute,
    "log": _log,
    "div": _divide,
    "logistic": _logistic,
    "custom_jvp_call": _custom,
    "scan": _bodies("jaxpr"),
    "cond": _bodies("branches"),
    "while": _bodies("body_jaxpr"),
}
