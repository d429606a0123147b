"""Proof that a program does not depend on a number that it subtracts and adds again.

JAX computes logsumexp as m + log sum exp(x - m) with m = stop_gradient(max x), and log_softmax and softmax alike: the
largest entry has a kink, and its derivative is taken as 0. Both are right for one reason only, that the result is the
same for every m. This is proved here by following m through the equations. An array v depends on m in one of the ways

    v = v_0 + k m    (a term)        or        v = v_0 e^(k m)    (a factor),

entry by entry, with v_0 independent of m; exp takes the first to the second, log back, products and quotients of
factors add and subtract their k, and so on. Anything else ends the proof. The claim `is_invariant` holds in exact
arithmetic, for all values of m and of the other inputs, where the program is defined.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jax.extend.core import Jaxpr, Literal, Var

from anil_theory.certify.intervals.arrays import INTERVAL_ARRAYS


class _Unproven(Exception):
    """The dependence has another form than those of the module docstring."""


class _Dependence(NamedTuple):
    """How an array depends on m: by a factor or a term, with k and the flat index into m of each of its entries."""

    factor: bool
    k: np.ndarray
    entry: np.ndarray

    def scaled(self, by: float) -> "_Dependence":
        return self._replace(k=self.k * by)


_MOVES = (
    "broadcast_in_dim", "reshape", "squeeze", "expand_dims", "transpose", "rev", "slice", "concatenate", "stack",
    "split", "copy", "copy_p",
)  # fmt: skip
"""Primitives that only move or repeat entries."""

_KEEP_ZERO = (*_MOVES, "convert_element_type", "neg")
"""Primitives of zeros that are zeros."""

_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")


def is_invariant(jaxpr: Jaxpr, seed: Any) -> bool:
    """Whether the outputs of a jaxpr are the same whatever number replaces the result of `seed`, a stop_gradient of it.

    The same number replaces the results of all that stop the same variable.
    """
    (source,) = seed.invars
    alike = [e for e in jaxpr.eqns if e.primitive is seed.primitive and e.invars[0] is source]
    seeds = {e.outvars[0] for e in (seed, *alike)}
    shape = seed.outvars[0].aval.shape
    entry = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
    known: dict[Any, _Dependence] = {m: _Dependence(False, np.ones(shape), entry) for m in seeds}
    zeros: set[Any] = set()
    try:
        for equation in jaxpr.eqns:
            if not seeds.intersection(equation.outvars):
                _follow(equation, known, zeros)
    except _Unproven:
        return False
    return not any(isinstance(out, Var) and out in known for out in jaxpr.outvars)


def _follow(equation: Any, known: dict[Any, _Dependence], zeros: set[Any]) -> None:
    """One equation: its results are entered into `known` where they depend on m, and into `zeros` where they are 0."""
    inputs = [None if isinstance(atom, Literal) else known.get(atom) for atom in equation.invars]
    zero = [_is_zero(atom, zeros) for atom in equation.invars]
    if any(dependence is not None for dependence in inputs):
        for variable, dependence in zip(equation.outvars, _followed(equation, inputs, zero), strict=True):
            if dependence is not None and np.any(dependence.k != 0):
                known[variable] = dependence
    elif (equation.primitive.name in _KEEP_ZERO and all(zero)) or (equation.primitive.name == "mul" and any(zero)):
        zeros.update(equation.outvars)


def _is_zero(atom: Any, zeros: set[Any]) -> bool:
    if isinstance(atom, Literal):
        return bool(np.all(np.asarray(atom.val) == 0))
    return atom in zeros


_Inputs = list[_Dependence | None]


def _followed(equation: Any, inputs: _Inputs, zero: list[bool]) -> list[_Dependence | None]:
    name = equation.primitive.name
    if name in _MOVES:
        return _moved(equation, inputs)
    if name not in _RULES:
        raise _Unproven
    return [_RULES[name](equation, inputs, zero)]


def _moved(equation: Any, inputs: _Inputs) -> list[_Dependence | None]:
    kinds = {dependence.factor for dependence in inputs if dependence is not None}
    if len(kinds) != 1:
        raise _Unproven
    shapes = [atom.aval.shape for atom in equation.invars]
    rule = INTERVAL_ARRAYS[equation.primitive.name]
    nothing = [np.zeros(shape) for shape in shapes]
    parts = [
        [none if x is None else np.asarray(getattr(x, part)) for x, none in zip(inputs, nothing, strict=True)]
        for part in ("k", "entry")
    ]
    spread = [rule(equation, *part) for part in parts]
    factor = kinds.pop()
    return [_Dependence(factor, np.asarray(k), np.asarray(entry)) for k, entry in zip(*spread, strict=True)]


def _on(equation: Any, dependence: _Dependence) -> _Dependence:
    """The dependence of an operand, spread over the shape of the result."""
    shape = equation.outvars[0].aval.shape
    return _Dependence(
        dependence.factor, np.broadcast_to(dependence.k, shape), np.broadcast_to(dependence.entry, shape)
    )


def _same(a: _Dependence, b: _Dependence) -> bool:
    return a.factor == b.factor and bool(np.all((a.k == b.k) & ((a.entry == b.entry) | (a.k == 0))))


def _combined(a: _Dependence, b: _Dependence, sign: float) -> _Dependence:
    """k_a + sign k_b, where both depend on the same entries of m."""
    if a.factor != b.factor or np.any((a.entry != b.entry) & (a.k != 0) & (b.k != 0)):
        raise _Unproven
    return _Dependence(a.factor, a.k + sign * b.k, np.where(a.k != 0, a.entry, b.entry))


def _sum(sign: float) -> Callable[..., _Dependence | None]:
    """A sum: the k of terms add up. Factors can be added only when they are the same, or to 0."""

    def rule(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence | None:
        a, b = inputs
        if a is not None and b is not None:
            a, b = _on(equation, a), _on(equation, b)
            if a.factor and not _same(a, b):
                raise _Unproven
            return a if a.factor else _combined(a, b, sign)
        here, other = (a, zero[1]) if a is not None else (b, zero[0])
        assert here is not None
        if here.factor and not other:
            raise _Unproven
        return _on(equation, here if here.factor or a is not None else here.scaled(sign))

    return rule


def _product(sign: float) -> Callable[..., _Dependence | None]:
    """A product or quotient: the k of factors add up or subtract. A term may be multiplied by a literal number only."""

    def rule(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence | None:
        a, b = inputs
        if zero[0] or (zero[1] and sign > 0):
            return None
        if a is not None and b is not None:
            if not (a.factor and b.factor):
                raise _Unproven
            return _combined(_on(equation, a), _on(equation, b), sign)
        here = a if a is not None else b
        assert here is not None
        if here.factor:
            return _on(equation, here if a is not None else here.scaled(sign))
        other = equation.invars[1] if a is not None else equation.invars[0]
        if not isinstance(other, Literal) or (a is None and sign < 0):
            raise _Unproven
        number = float(other.val)
        # Powers of two: their products are exact, so that a k of 0 is 0.
        if abs(math.frexp(number)[0]) != 0.5:
            raise _Unproven
        return _on(equation, here.scaled(number if sign > 0 else 1 / number))

    return rule


def _unary(expected: bool | None, factor: bool | None = None, scale: float = 1.0) -> Callable[..., _Dependence]:
    """A function of one array that is a factor (`expected`), and whose result is a factor (`factor`)."""

    def rule(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence:
        (dependence,) = inputs
        assert dependence is not None
        if expected is not None and dependence.factor != expected:
            raise _Unproven
        return _Dependence(dependence.factor if factor is None else factor, dependence.k * scale, dependence.entry)

    return rule


def _negated(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence:
    (dependence,) = inputs
    assert dependence is not None
    return dependence if dependence.factor else dependence.scaled(-1.0)


def _integer_power(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence:
    return _unary(True, scale=float(equation.params["y"]))(equation, inputs, zero)


def _only_sign(equation: Any, inputs: _Inputs, zero: list[bool]) -> None:
    """`sign` of a factor: e^(k m) is positive."""
    if any(dependence is not None and not dependence.factor for dependence in inputs):
        raise _Unproven


def _compared(equation: Any, inputs: _Inputs, zero: list[bool]) -> None:
    """A factor compared with 0, or what has one and the same dependence compared."""
    a, b = inputs
    if a is not None and b is not None and _same(_on(equation, a), _on(equation, b)):
        return
    if any(
        dependence is not None and not (dependence.factor and other)
        for dependence, other in ((a, zero[1]), (b, zero[0]))
    ):
        raise _Unproven
    if a is not None and b is not None:
        raise _Unproven


def _chosen(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence:
    """`select_n` among arrays that depend alike, or are 0 beside factors."""
    if inputs[0] is not None:
        raise _Unproven
    dependences = [_on(equation, case) for case in inputs[1:] if case is not None]
    rest = [is_zero for case, is_zero in zip(inputs[1:], zero[1:], strict=True) if case is None]
    if not all(_same(dependences[0], other) for other in dependences) or not (
        all(rest) and (dependences[0].factor or not rest)
    ):
        raise _Unproven
    return dependences[0]


def _extremum(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence:
    """`max` or `min` of two arrays that depend alike."""
    a, b = inputs
    if a is None or b is None or not _same(_on(equation, a), _on(equation, b)):
        raise _Unproven
    return _on(equation, a)


def _along(dependence: _Dependence, axes: tuple[int, ...]) -> _Dependence:
    """Dropped axes along which the dependence is everywhere the same."""
    kept = [i for i in range(dependence.k.ndim) if i not in axes]
    k, entry = (part.transpose(*kept, *axes).reshape(*(part.shape[i] for i in kept), -1) for part in dependence[1:])
    if k.shape[-1] == 0 or np.any(k != k[..., :1]) or np.any((entry != entry[..., :1]) & (k != 0)):
        raise _Unproven
    return _Dependence(dependence.factor, k[..., 0], entry[..., 0])


def _reduced(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence:
    (dependence,) = inputs
    assert dependence is not None
    if not dependence.factor and equation.primitive.name == "reduce_sum":
        raise _Unproven
    return _along(dependence, tuple(equation.params["axes"]))


def _dot(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence | None:
    """A product with one array that is a factor, the same along what is summed."""
    a, b = inputs
    (contract_a, contract_b), (batch_a, batch_b) = equation.params["dimension_numbers"]
    if any(zero):
        return None
    if a is not None and b is not None:
        raise _Unproven
    dependence, contract, batch = (a, contract_a, batch_a) if a is not None else (b, contract_b, batch_b)
    assert dependence is not None
    if not dependence.factor:
        raise _Unproven
    free = [i for i in range(dependence.k.ndim) if i not in (*batch, *contract)]
    order = (*batch, *free, *contract)
    moved = _Dependence(True, dependence.k.transpose(order), dependence.entry.transpose(order))
    rest = _along(moved, tuple(range(len(batch) + len(free), len(order))))
    shape = equation.outvars[0].aval.shape
    # The result's axes: groups, free of a, free of b.
    before = len(shape) - len(batch) - len(free) if a is None else 0
    after = len(shape) - len(batch) - len(free) - before
    place = (*range(len(batch)), *range(len(batch) + before, len(shape) - after))
    inner = tuple(shape[i] if i in place else 1 for i in range(len(shape)))
    return _Dependence(
        True,
        np.broadcast_to(rest.k.reshape(inner), shape),
        np.broadcast_to(rest.entry.reshape(inner), shape),
    )


def _passed(equation: Any, inputs: _Inputs, zero: list[bool]) -> _Dependence:
    (dependence,) = inputs
    assert dependence is not None
    if equation.outvars[0].aval.dtype.kind != "f":
        raise _Unproven
    return dependence


_Rule = Callable[..., _Dependence | None]

_COMPARED: dict[str, _Rule] = {name: _compared for name in _COMPARISONS}
_RULES: dict[str, _Rule] = _COMPARED | {
    "add": _sum(1.0),
    "add_any": _sum(1.0),
    "sub": _sum(-1.0),
    "mul": _product(1.0),
    "div": _product(-1.0),
    "neg": _negated,
    "exp": _unary(False, factor=True),
    "log": _unary(True, factor=False),
    "abs": _unary(True),
    "sqrt": _unary(True, scale=0.5),
    "square": _unary(True, scale=2.0),
    "integer_pow": _integer_power,
    "sign": _only_sign,
    "is_finite": lambda equation, inputs, zero: None,
    "select_n": _chosen,
    "max": _extremum,
    "min": _extremum,
    "reduce_sum": _reduced,
    "reduce_max": _reduced,
    "reduce_min": _reduced,
    "dot_general": _dot,
    "convert_element_type": _passed,
    "stop_gradient": _passed,
}
