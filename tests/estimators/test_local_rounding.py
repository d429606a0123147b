"""The elementary functions of this machine's XLA err by no more than their rules say: every one against balls."""

from collections.abc import Callable
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.estimators.local_rounding import _MOVES, RULES

BITS, POINTS = 120, 1500

AROUND_ZERO, POSITIVE, UNIT = (-30.0, 30.0), (1e-12, 30.0), (-1.0, 1.0)
INSIDE = (-1.0 + 1e-12, 1.0 - 1e-12)
ARB: dict[str, tuple[Callable[..., Any], tuple[float, float]]] = {
    "exp": (flint.arb.exp, (-300.0, 300.0)),
    "exp2": (lambda x: flint.arb(2) ** x, (-300.0, 300.0)),
    "expm1": (flint.arb.expm1, AROUND_ZERO),
    "log1p": (flint.arb.log1p, (-1.0 + 1e-9, 30.0)),
    "log": (flint.arb.log, POSITIVE),
    "tan": (flint.arb.tan, AROUND_ZERO),
    "tanh": (flint.arb.tanh, AROUND_ZERO),
    "logistic": (lambda x: 1 / (1 + (-x).exp()), AROUND_ZERO),
    "sinh": (flint.arb.sinh, AROUND_ZERO),
    "cosh": (flint.arb.cosh, AROUND_ZERO),
    "asinh": (flint.arb.asinh, AROUND_ZERO),
    "acosh": (flint.arb.acosh, (1.0, 30.0)),
    "atanh": (flint.arb.atanh, INSIDE),
    "asin": (flint.arb.asin, UNIT),
    "acos": (flint.arb.acos, UNIT),
    "atan": (flint.arb.atan, AROUND_ZERO),
    "erf": (flint.arb.erf, (-6.0, 6.0)),
    "erfc": (flint.arb.erfc, (-6.0, 20.0)),
    "sin": (flint.arb.sin, AROUND_ZERO),
    "cos": (flint.arb.cos, AROUND_ZERO),
    "rsqrt": (flint.arb.rsqrt, POSITIVE),
    "cbrt": (lambda x: x.root(3), POSITIVE),
    "pow": (lambda x, y: x**y, POSITIVE),
    "atan2": (flint.arb.atan2, AROUND_ZERO),
}


def points(name: str) -> list[np.ndarray]:
    """Points all over the range, within 1.5 of 0, next to 0 and next to the ends, for each argument."""
    low, high = ARB[name][1]
    generator = np.random.default_rng(0)
    even = generator.uniform(low, high, POINTS)
    small = np.clip(np.sign(generator.standard_normal(POINTS)) * 10 ** generator.uniform(-12, 0, POINTS), low, high)
    ends = np.concatenate([low + 10 ** generator.uniform(-9, -1, 50), high - 10 ** generator.uniform(-9, -1, 50)])
    near = generator.uniform(-1.5, 1.5, POINTS)
    # Where XLA's log1p passes from one formula to the other.
    seam = np.sqrt(2) - 1 - 10 ** generator.uniform(-7, -2, 100)
    first = np.clip(np.concatenate([even, small, near, ends, seam, -seam]), low, high)
    if name not in ("pow", "atan2"):
        return [first]
    return [first, generator.uniform(-5, 5, first.size)]


def errors(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The true error of the primitive at each point, at least, and the bound of its rule."""
    inputs = points(name)
    primitive = getattr(jax.lax, f"{name}_p")
    of_arrays = jax.jit(lambda *x: _bind(primitive, name, *x))
    equation = jax.make_jaxpr(lambda *x: _bind(primitive, name, *x))(*map(jnp.asarray, inputs)).eqns[-1]
    result = np.asarray(of_arrays(*map(jnp.asarray, inputs)))
    bound = np.asarray(RULES[name](equation, list(map(jnp.asarray, inputs)), jnp.asarray(result)))
    exact, _ = ARB[name]
    found = []
    with precision(BITS):
        for row, value in zip(zip(*inputs, strict=True), result, strict=True):
            distance = abs(exact(*(flint.arb(float(x)) for x in row)) - flint.arb(float(value)))
            found.append(float(distance.upper()))
    return np.array(found), bound


def _bind(primitive: Any, name: str, *inputs: Any) -> Any:
    exact = {name: {"accuracy": None} for name in ("exp", "exp2", "expm1", "log", "log1p", "logistic", "tan", "tanh")}
    exact |= {name: {"accuracy": None} for name in ("sin", "cos", "cbrt", "rsqrt")}
    return primitive.bind(*inputs, **exact.get(name, {}))


@pytest.mark.parametrize("name", ARB)
def test_an_elementary_function_errs_by_no_more_than_its_rule(name: str) -> None:
    found, bound = errors(name)
    assert np.isfinite(found).all()
    assert (found <= bound).all(), (name, np.max(found / bound))
    assert (found > bound / 1000).any(), "a bound that nothing comes near is no test"


def test_every_function_whose_error_is_assumed_is_compared() -> None:
    """What is left: exact moves, and arithmetic whose error IEEE 754 says."""
    arithmetic = {"add", "add_any", "sub", "mul", "square", "sqrt", "div", "rem", "integer_pow"}
    converted = {"convert_element_type", "reduce_precision"}
    sums = {"reduce_sum", "cumsum", "reduce_prod", "dot_general", "conv_general_dilated", "scatter-add"}
    assert set(ARB) == set(RULES) - set(_MOVES) - arithmetic - converted - sums
