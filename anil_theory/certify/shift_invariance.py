"""Whether a program's outputs depend on a number that it subtracts before exp and adds after log: proof by its form.

A softmax subtracts the maximum, so that no exponential overflows; as a function of real numbers it does not depend on
what is subtracted. Claim: `is_invariant` is true only when the outputs, as real functions, are the same for every value
of the variable. Each entry of each intermediate array is followed as

    additive        v + c d,        or        multiplicative        v e^(c d),

where d is the change of one entry of the variable (its label) and c a number; an operation that keeps neither form of
a number that changes makes the answer false.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, Literal

NONE = -1
"""The label of an entry that does not change."""


@dataclass(frozen=True, eq=False)
class Change:
    """How every entry of an array changes: its coefficient c, the label of d, and the form."""

    coefficient: np.ndarray
    label: np.ndarray
    additive: bool

    def cleared(self) -> "Change":
        """Labels only where the coefficient is not 0."""
        return Change(self.coefficient, np.where(self.coefficient == 0, NONE, self.label), self.additive)

    @property
    def none(self) -> bool:
        return not np.any(self.coefficient)


class _Dependent(Exception):
    """The form is lost: nothing is known."""


def is_invariant(jaxpr: Jaxpr, variable: Any) -> bool:
    """Whether no output of a jaxpr depends on one of its variables."""
    shape = variable.aval.shape
    size = int(np.prod(shape, dtype=int))
    changes: dict[Any, Change] = {variable: Change(np.ones(shape), np.arange(size).reshape(shape), additive=True)}
    try:
        for equation in jaxpr.eqns:
            if variable in equation.outvars:
                continue
            inputs = [None if isinstance(v, Literal) else changes.get(v) for v in equation.invars]
            if all(change is None for change in inputs):
                continue
            changes.update(_outputs(equation, inputs))
    except _Dependent:
        return False
    return not any(v in changes for v in jaxpr.outvars if not isinstance(v, Literal))


def _outputs(equation: Any, inputs: list[Change | None]) -> dict[Any, Change]:
    name = equation.primitive.name
    if name == "stop_gradient" or name == "copy":
        change = inputs[0]
    elif name in _MOVES:
        change = _moved(equation, inputs)
    elif name in ("add", "sub", "mul", "div"):
        change = _combined(name, *(_of(x, v.aval, equation) for x, v in zip(inputs, equation.invars, strict=True)))
    elif name in ("exp", "log"):
        (given,) = inputs
        assert given is not None
        if given.additive != (name == "exp"):
            raise _Dependent
        change = Change(given.coefficient, given.label, additive=name == "log")
    elif name in ("neg", "abs"):
        (given,) = inputs
        assert given is not None
        if name == "abs" and given.additive:
            raise _Dependent
        change = Change(-given.coefficient, given.label, True) if given.additive else given
    elif name == "reduce_sum":
        change = _summed(equation, inputs[0])
    else:
        raise _Dependent
    assert change is not None
    change = change.cleared()
    return {} if change.none else {equation.outvars[0]: change}


_MOVES = {"broadcast_in_dim", "reshape", "squeeze", "expand_dims", "transpose", "rev", "slice"}


def _moved(equation: Any, inputs: list[Change | None]) -> Change:
    """Labels and coefficients move like the entries: the primitive itself moves them."""
    given = inputs[0]
    assert given is not None
    if any(x is not None for x in inputs[1:]):
        raise _Dependent
    with jax.ensure_compile_time_eval():
        coefficient = np.asarray(equation.primitive.bind(jnp.asarray(given.coefficient), **equation.params))
        label = np.asarray(equation.primitive.bind(jnp.asarray(given.label), **equation.params))
    return Change(coefficient, label, given.additive)


def _of(change: Change | None, aval: Any, equation: Any) -> Change | None:
    """A scalar operand takes the shape of the result."""
    if change is None or aval.shape == equation.outvars[0].aval.shape:
        return change
    shape = equation.outvars[0].aval.shape
    return Change(np.broadcast_to(change.coefficient, shape), np.broadcast_to(change.label, shape), change.additive)


def _combined(name: str, a: Change | None, b: Change | None) -> Change:
    """Sums keep additive changes, and multiplicative ones that are equal; products keep multiplicative ones."""
    like = a if a is not None else b
    assert like is not None
    rest = Change(np.zeros_like(like.coefficient), np.full_like(like.label, NONE), like.additive)
    a, b = a if a is not None else rest, b if b is not None else rest
    if a.additive != b.additive:
        raise _Dependent
    clash = (a.label != b.label) & (a.coefficient != 0) & (b.coefficient != 0)
    if clash.any():
        raise _Dependent
    label = np.where(a.coefficient != 0, a.label, b.label)
    sign = 1 if name in ("add", "mul") else -1
    if (name in ("add", "sub")) == like.additive:
        return Change(a.coefficient + sign * b.coefficient, label, like.additive)
    if name in ("add", "sub") and np.array_equal(a.coefficient, b.coefficient):
        return Change(a.coefficient, label, like.additive)
    raise _Dependent


def _summed(equation: Any, given: Change | None) -> Change:
    """A sum of entries that all change by one factor changes by it."""
    assert given is not None
    axes = tuple(equation.params["axes"])
    first = tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(given.label.ndim))
    coefficient, label = given.coefficient[first], given.label[first]
    if given.additive or not (np.all(coefficient == given.coefficient) and np.all(label == given.label)):
        raise _Dependent
    return Change(coefficient.squeeze(axes), label.squeeze(axes), additive=False)
