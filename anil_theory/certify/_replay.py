"""A number computed in float64, computed again with proof: the enclosure of a scalar function in ball arithmetic."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from anil_theory._precision import need_float64
from anil_theory.certify.balls.interpreter import evaluate
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.flint_precision import DEFAULT_PRECISION

MAX_PRECISION = 6400


def replay(fn: Callable[..., Any], *args: Any, bits: int = DEFAULT_PRECISION) -> Enclosure:
    """The enclosure of fn(*args), a scalar, with the arguments taken as exact.

    The precision is doubled until the enclosure is as narrow as float64 can show, or MAX_PRECISION is reached.
    Raises NoEnclosure and Undecided as `evaluate` does.
    """
    need_float64()
    while True:
        ball: Any = np.asarray(evaluate(fn, *args, bits=bits), dtype=object)[()]
        enclosure = Enclosure.of(ball)
        if enclosure.high <= math.nextafter(enclosure.low, math.inf) or 2 * bits > MAX_PRECISION:
            return enclosure
        bits *= 2


def float_error(fn: Callable[..., Any], *args: Any) -> float:
    """A rigorous bound on the error of fn(*args) as JAX computes it in float64."""
    need_float64()
    value = float(jax.jit(fn)(*args))
    enclosure = replay(fn, *args)
    return max(abs(value - enclosure.low), abs(enclosure.high - value))
