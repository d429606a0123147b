"""Rules of comparisons, Booleans and branching primitives in ball arithmetic; see `enclosures.branches`.

A Boolean that the balls cannot decide is None. Logic has three values: what every way to decide the Nones agrees on is
known, all else is None.
"""

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import flint
import numpy as np

from anil_theory.certify.balls.special import truncated
from anil_theory.certify.balls.values import Rule, Value, typed
from anil_theory.certify.enclosures.branches import undecided
from anil_theory.certify.enclosures.refusals import Undecided

Ball = Any
"""`flint.arb`; entries of integer arrays pass through the same rules."""


def each(function: Callable[..., Any]) -> Rule:
    """An elementwise rule."""
    return each_of(lambda equation, *entries: function(*entries), function.__code__.co_argcount)


def each_of(function: Callable[..., Any], operands: int) -> Rule:
    """An elementwise rule whose function is given the equation first."""

    def rule(equation: Any, *inputs: Value) -> list[Value]:
        vectorised = np.frompyfunc(lambda *entries: function(equation, *entries), operands, 1)
        shaped = np.empty(equation.outvars[0].aval.shape, dtype=object)
        shaped[...] = vectorised(*inputs)
        return [typed(equation, shaped)]

    return rule


def _is_boolean(*entries: Any) -> bool:
    return all(isinstance(entry, (bool, np.bool_, type(None))) for entry in entries)


def three_valued(relation: Callable[..., Any], *entries: bool | None) -> bool | None:
    """A function of Booleans some of which are undecided (None): its value where that does not depend on them."""
    cases = [(False, True) if entry is None else (bool(entry),) for entry in entries]
    outcomes = {bool(relation(*case)) for case in product(*cases)}
    return outcomes.pop() if len(outcomes) == 1 else None


def _compare(decided: Callable[[Any, Any], bool], opposite: Callable[[Any, Any], bool]) -> Rule:
    """True or False where the balls (or integers, or Booleans) decide, None elsewhere."""

    def relation(a: Any, b: Any) -> bool | None:
        if _is_boolean(a, b):
            return three_valued(decided, a, b)
        if not isinstance(a, flint.arb):
            return bool(decided(a, b))
        if decided(a, b):
            return True
        return False if opposite(a, b) else None

    return each(relation)


def _logic(of_truths: Callable[..., bool], of_integers: Callable[..., Any], operands: int) -> Rule:
    def combined(equation: Any, *entries: Any) -> Any:
        return three_valued(of_truths, *entries) if _is_boolean(*entries) else of_integers(*entries)

    return each_of(combined, operands)


def _any_or_all(combine: Callable[..., bool], empty: bool) -> Rule:
    """`reduce_or` and `reduce_and`."""

    def rule(equation: Any, a: Value) -> list[Value]:
        axes = tuple(equation.params["axes"])
        kept = [i for i in range(a.ndim) if i not in axes]
        rows = a.transpose(*kept, *axes).reshape(*(a.shape[i] for i in kept), -1)
        out = np.empty(rows.shape[:-1], dtype=object)
        for index in np.ndindex(out.shape):
            total: bool | None = empty
            for entry in rows[index]:
                total = three_valued(combine, total, entry)
            out[index] = total
        return [out]

    return rule


def _union(values: list[Any]) -> Any:
    """The smallest ball that holds all of them."""
    out = values[0]
    for value in values[1:]:
        out = out.union(value)
    return out


def _select(equation: Any, which: Any, *cases: Any) -> Any:
    if which is not None:
        return cases[int(which)]
    if _is_boolean(*cases):
        return three_valued(lambda chosen, no, yes: yes if chosen else no, which, *cases)
    if not isinstance(cases[0], flint.arb):
        if any(case != cases[0] for case in cases):
            undecided(True, equation, jump=True)
            raise Undecided("select_n between integers depends on a comparison that the balls cannot decide")
        return cases[0]
    # Where all branches are one and the same number there is nothing to decide.
    if not all(case.is_exact() and case == cases[0] for case in cases):
        undecided(True, equation, jump=True)
    return _union(list(cases))


def _select_n(equation: Any, which: Value, *cases: Value) -> list[Value]:
    return each_of(_select, 1 + len(cases))(equation, which, *cases)


def _extremum(largest: bool) -> Callable[..., Any]:
    """max or min of two balls, two integers or two Booleans."""

    def of_two(equation: Any, a: Any, b: Any) -> Any:
        if _is_boolean(a, b):
            return three_valued(operator.or_ if largest else operator.and_, a, b)
        if not isinstance(a, flint.arb):
            return max(a, b) if largest else min(a, b)
        if not (a >= b or b >= a):
            undecided(True, equation, jump=False)
        return a.max(b) if largest else a.min(b)

    return of_two


_larger, _smaller = _extremum(largest=True), _extremum(largest=False)


def _largest_entry(largest: bool) -> Rule:
    """`reduce_max` or `reduce_min`, one entry after the other."""
    of_two = _extremum(largest)

    def rule(equation: Any, a: Value) -> list[Value]:
        axes = tuple(equation.params["axes"])
        kept = [i for i in range(a.ndim) if i not in axes]
        rows = a.transpose(*kept, *axes).reshape(*(a.shape[i] for i in kept), -1)
        out = np.empty(rows.shape[:-1], dtype=object)
        for index in np.ndindex(out.shape):
            total = rows[index][0]
            for entry in rows[index][1:]:
                total = of_two(equation, total, entry)
            out[index] = total
        return [typed(equation, out)]

    return rule


def _clamp(equation: Any, low: Any, a: Any, high: Any) -> Any:
    return _smaller(equation, _larger(equation, low, a), high)


def _abs(equation: Any, a: Any) -> Any:
    if isinstance(a, flint.arb) and not (a >= 0 or a <= 0):
        undecided(True, equation, jump=False)
    return abs(a)


def _sign(equation: Any, a: Any) -> Any:
    if not isinstance(a, flint.arb):
        return np.sign(a)
    if a > 0:
        return flint.arb(1)
    if a < 0:
        return flint.arb(-1)
    if a == 0:
        return flint.arb(0)
    undecided(True, equation, jump=True)
    return flint.arb(0, 1)


def _stepped(name: str) -> Callable[..., Any]:
    """floor or ceil: one number where the ball does not reach the next step, and all steps between where it does."""

    def of_one(equation: Any, a: Any) -> Any:
        low, high = (getattr(end, name)() for end in (a.lower(), a.upper()))
        if low == high:
            return low
        undecided(True, equation, jump=True)
        return low.union(high)

    return of_one


def _remainder(equation: Any, a: Any, b: Any) -> Any:
    """The remainder with the sign of the dividend, as C has it: it jumps where a/b passes an integer."""
    if not isinstance(a, flint.arb):
        return int(np.fmod(a, b))
    whole = truncated(a / b)
    if not whole.is_exact():
        undecided(True, equation, jump=True)
    return a - b * whole


def _atan2(equation: Any, y: Any, x: Any) -> Any:
    """The angle of (x, y): it jumps from -pi to pi across the negative half of the x axis."""
    if not (x > 0 or y > 0 or y < 0):
        undecided(True, equation, jump=True)
    return flint.arb.atan2(y, x)


def of_truth(equation: Any, a: Any) -> Any:
    """A Boolean or an integer as a ball; an undecided Boolean as the ball of 0 and 1."""
    if a is None:
        undecided(True, equation, jump=True)
        return flint.arb(0.5, 0.5)
    return flint.arb(int(a))


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b)


def _different(a: Any, b: Any) -> bool:
    return bool(a != b)


BRANCHING_BALLS: dict[str, Rule] = {
    "lt": _compare(operator.lt, operator.ge),
    "le": _compare(operator.le, operator.gt),
    "gt": _compare(operator.gt, operator.le),
    "ge": _compare(operator.ge, operator.lt),
    "eq": _compare(_equal, _different),
    "ne": _compare(_different, _equal),
    "and": _logic(operator.and_, operator.and_, 2),
    "or": _logic(operator.or_, operator.or_, 2),
    "xor": _logic(operator.xor, operator.xor, 2),
    "not": _logic(operator.not_, operator.invert, 1),
    "reduce_or": _any_or_all(operator.or_, empty=False),
    "reduce_and": _any_or_all(operator.and_, empty=True),
    "is_finite": each(lambda a: True if a.is_finite() else None),
    "select_n": _select_n,
    "max": each_of(_larger, 2),
    "min": each_of(_smaller, 2),
    "clamp": each_of(_clamp, 3),
    "abs": each_of(_abs, 1),
    "sign": each_of(_sign, 1),
    "atan2": each_of(_atan2, 2),
    "floor": each_of(_stepped("floor"), 1),
    "ceil": each_of(_stepped("ceil"), 1),
    "rem": each_of(_remainder, 2),
    "reduce_max": _largest_entry(largest=True),
    "reduce_min": _largest_entry(largest=False),
}
"""The rules of primitives that branch, in ball arithmetic."""
