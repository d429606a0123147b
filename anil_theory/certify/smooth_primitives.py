"""Two primitives of this package, which stand in a traced program for what JAX expands into branches.

    logaddexp(a, b)      log(e^a + e^b), a smooth function; JAX computes it by max, abs and select;
    free_shift(inputs)   a number on which the program does not depend at all (`shift_invariance` proves it for each),
                         such as the largest entry that logsumexp subtracts and adds again. Its derivative is 0, and
                         an enclosure may take any number for it: the interpreters take the middle of a box.

Programs that hold them are traced and interpreted, never compiled.
"""

from typing import Any

import flint
import numpy as np
from jax import lax, typeof
from jax.extend.core import Primitive
from jax.interpreters import ad, batching

from anil_theory.certify.balls import Rule, Value
from anil_theory.certify.branching_balls import each
from anil_theory.certify.interval_values import Rule as IntervalRule
from anil_theory.certify.interval_values import Value as IntervalValue
from anil_theory.certify.interval_values import aligned, floats
from anil_theory.certify.intervals import Intervals

logaddexp_p = Primitive("smooth_logaddexp")
"""Two operands of one shape."""
logaddexp_p.def_abstract_eval(lambda a, b: a)
batching.defbroadcasting(logaddexp_p)


def _logaddexp_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The derivative is the logistic function of the difference: smooth, without any guard."""
    a, b = primals
    moves = [ad.instantiate_zeros(tangent) for tangent in tangents if not isinstance(tangent, ad.Zero)]
    weights = [
        lax.logistic(difference)
        for tangent, difference in ((tangents[0], a - b), (tangents[1], b - a))
        if not isinstance(tangent, ad.Zero)
    ]
    out = logaddexp_p.bind(a, b)
    change = sum(weight * move for weight, move in zip(weights, moves, strict=True))
    return out, change if moves else ad.Zero(typeof(out).to_tangent_aval())


ad.primitive_jvps[logaddexp_p] = _logaddexp_jvp

free_shift_p = Primitive("free_shift")
"""Any operands; `upstream` is the jaxpr of the number that the program had here."""
free_shift_p.def_abstract_eval(lambda *operands, upstream: upstream.out_avals[0])


def _free_shift_jvp(primals: Any, tangents: Any, *, upstream: Any) -> tuple[Any, Any]:
    out = free_shift_p.bind(*primals, upstream=upstream)
    return out, ad.Zero(typeof(out).to_tangent_aval())


ad.primitive_jvps[free_shift_p] = _free_shift_jvp


def _interval_logaddexp(equation: Any, a: IntervalValue, b: IntervalValue) -> list[IntervalValue]:
    x, y = map(floats, aligned(equation, a, b))
    ends = [_at_points(getattr(x, end), getattr(y, end)) for end in ("lo", "hi")]
    return [Intervals(ends[0].lo, ends[1].hi)]


def _at_points(a: np.ndarray, b: np.ndarray) -> Intervals:
    """log(e^a + e^b) = max(a, b) + log(1 + e^-|a - b|): rising in both, so that the ends go to the ends."""
    distance = (Intervals.exact(a) - Intervals.exact(b)).magnitude()
    return Intervals.exact(np.maximum(a, b)) + (-distance).exp().log1p()


def _ball_logaddexp(a: Any, b: Any) -> Any:
    low, high = (_ball_at_points(getattr(a, end)(), getattr(b, end)()) for end in ("lower", "upper"))
    return low.union(high)


def _ball_at_points(a: Any, b: Any) -> Any:
    return a.max(b) + (-abs(a - b)).exp().log1p()


SMOOTH_INTERVALS: dict[str, IntervalRule] = {"smooth_logaddexp": _interval_logaddexp}
SMOOTH_BALLS: dict[str, Rule] = {"smooth_logaddexp": each(_ball_logaddexp)}


def frozen_intervals(value: IntervalValue | None, shape: tuple[int, ...]) -> Intervals:
    """A free shift over boxes: the middle of each, or 0 where nothing is known."""
    if not isinstance(value, Intervals):
        return Intervals.exact(np.zeros((1, *shape)))
    middle = value.lo / 2 + value.hi / 2
    return Intervals.exact(np.where(np.isfinite(middle), middle, 0.0))


def frozen_balls(value: Value | None, shape: tuple[int, ...]) -> Value:
    """The same of a ball."""
    given = np.full(shape, flint.arb(0), dtype=object) if value is None else value
    out = np.empty(shape, dtype=object)
    out[...] = np.frompyfunc(lambda ball: ball.mid() if ball.is_finite() else flint.arb(0), 1, 1)(given)
    return out
