"""Special functions of intervals hold every value, judged in balls; the padding covers what the libraries err."""

from collections.abc import Callable
from typing import Any

import flint
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from anil_theory.certify.balls.special import integer_power
from anil_theory.certify.enclosures.branches import recorded
from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.enclosures.log_gamma_minimum import LGAMMA_MINIMUM
from anil_theory.certify.intervals import special as interval_special
from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.special import GAMMA_RANGE, SPECIAL_PAD, UNDERFLOW, falling, rising

Case = tuple[Callable[[Intervals], Intervals], Callable[[flint.arb], flint.arb], tuple[float, float]]


def polygamma(order: int) -> Callable[[flint.arb], flint.arb]:
    return lambda x: (-1) ** (order + 1) * flint.arb(order).fac() * flint.arb(order + 1).zeta(x)


def cube_root(x: flint.arb) -> flint.arb:
    return x.root(3) if x >= 0 else -((-x).root(3))


FUNCTIONS: dict[str, Case] = {
    "atan": (lambda x: rising(np.arctan, x), lambda x: x.atan(), (-100, 100)),
    "asin": (lambda x: rising(np.arcsin, x), lambda x: x.asin(), (-1, 1)),
    "acos": (lambda x: falling(np.arccos, x, 1.0), lambda x: x.acos(), (-1, 1)),
    "asinh": (lambda x: rising(np.arcsinh, x), lambda x: x.asinh(), (-100, 100)),
    "acosh": (lambda x: rising(np.arccosh, x, 1.0), lambda x: x.acosh(), (1, 100)),
    "atanh": (lambda x: rising(np.arctanh, x), lambda x: x.atanh(), (-0.999, 0.999)),
    "cbrt": (lambda x: rising(np.cbrt, x), cube_root, (-100, 100)),
    "sinh": (lambda x: rising(np.sinh, x), lambda x: x.sinh(), (-50, 50)),
    "cosh": (lambda x: rising(np.cosh, x.magnitude()), lambda x: x.cosh(), (-50, 50)),
    "erf": (interval_special.erf, lambda x: x.erf(), (-8, 8)),
    "erfc": (interval_special.erfc, lambda x: x.erfc(), (-8, 30)),
    "erf_inv": (lambda x: rising(special.erfinv, x), lambda x: x.erfinv(), (-0.999, 0.999)),
    "lgamma": (interval_special.log_gamma, lambda x: x.lgamma(), (1e-5, 60)),
    "digamma": (lambda x: interval_special.polygamma(0, x), lambda x: x.digamma(), (1e-5, 60)),
    "trigamma": (lambda x: interval_special.polygamma(1, x), polygamma(1), (1e-5, 60)),
    "tetragamma": (lambda x: interval_special.polygamma(2, x), polygamma(2), (1e-5, 60)),
}


def missed(name: str, seed: int, width: float, number: int = 40) -> int:
    """How many values, in ball arithmetic, at points of random intervals lie outside the enclosure."""
    ours, exact, (low, high) = FUNCTIONS[name]
    generator = np.random.default_rng(seed)
    a = generator.uniform(low, high, number)
    x = Intervals(a, np.minimum(a + width * generator.uniform(0, 1, number), high))
    found = ours(x)
    points = np.clip(x.lo + generator.choice([0.0, 0.5, 1.0], number) * (x.hi - x.lo), x.lo, x.hi)
    with precision(200):
        values = [exact(flint.arb(float(p))) for p in points]
        return sum(
            bool(value < flint.arb(float(lo)) or value > flint.arb(float(hi)))
            for lo, hi, value in zip(found.lo, found.hi, values, strict=True)
        )


@pytest.mark.parametrize("name", FUNCTIONS)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 1e-9, 0.1, 3.0]))
def test_values_stay_inside(name: str, seed: int, width: float) -> None:
    assert missed(name, seed, width) == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_interval_without_width_is_nearly_the_value(name: str) -> None:
    ours, exact, (low, high) = FUNCTIONS[name]
    x = np.random.default_rng(1).uniform(low, high, 50)
    found = ours(Intervals.exact(x))
    with precision(120):
        values = np.array([float(exact(flint.arb(float(p)))) for p in x])
    assert np.all(np.abs(found.lo - values) <= 4 * SPECIAL_PAD * np.maximum(np.abs(values), 1))
    assert np.all(np.abs(found.hi - values) <= 4 * SPECIAL_PAD * np.maximum(np.abs(values), 1))


SIZES = {"acos": 1.0, "acosh": 1.0, "lgamma": 1.0, "digamma": 1.0}
"""Where the padding is absolute below 1: the functions have zeros there."""
LIBRARY: dict[str, Callable[[Any], Any]] = {
    "atan": np.arctan, "asin": np.arcsin, "acos": np.arccos, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "cbrt": np.cbrt, "sinh": np.sinh, "cosh": np.cosh, "erf": special.erf, "erfc": special.erfc,
    "erf_inv": special.erfinv, "lgamma": special.gammaln, "digamma": special.digamma,
    "trigamma": lambda x: special.polygamma(1, x), "tetragamma": lambda x: special.polygamma(2, x),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_padding_is_far_above_the_error_of_the_libraries(name: str) -> None:
    _, exact, (low, high) = FUNCTIONS[name]
    generator = np.random.default_rng(0)
    x = generator.uniform(low, high, 1500)
    if name.endswith("gamma"):
        x = np.concatenate(
            [
                x,
                np.exp(generator.uniform(np.log(GAMMA_RANGE[0]), np.log(GAMMA_RANGE[1]), 1500)),
                [1.0, 2.0, *LGAMMA_MINIMUM],
            ]
        )
    with precision(200):
        for point, value in zip(x, LIBRARY[name](x), strict=True):
            true = exact(flint.arb(float(point)))
            error = abs(float(flint.arb(float(value)) - true))
            assert error <= SPECIAL_PAD / 16 * max(abs(float(true)), SIZES.get(name, 0.0)) + UNDERFLOW / 16, point


def test_the_minimum_of_log_gamma_lies_where_it_is_said_to() -> None:
    with precision(200):
        low, high = (flint.arb(x) for x in LGAMMA_MINIMUM)
        assert low.digamma() < 0 < high.digamma()
        least = low.union(high).lgamma()
        assert least > flint.arb(interval_special._LGAMMA_LEAST) and least < flint.arb(-0.1214862905358)
    found = interval_special.log_gamma(Intervals(np.array([1.2]), np.array([1.9])))
    assert found.lo[0] < -0.12148629053584 < found.hi[0]


def test_outside_of_the_positive_numbers_nothing_is_known() -> None:
    found = interval_special.log_gamma(Intervals(np.array([-0.5, 1.0]), np.array([0.5, 1.0])))
    assert found.lo[0] == -np.inf and found.hi[0] == np.inf and np.isfinite(found.hi[1])


@pytest.mark.parametrize("name", ["atan", "erf", "lgamma", "digamma", "cbrt"])
def test_a_function_without_its_padding_is_caught(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(interval_special, "SPECIAL_PAD", -(2.0**-36))
    assert missed(name, 0, 0.0) > 0


def test_the_middle_of_a_wide_log_gamma_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its minimum, an interval around it forgets the values inside."""
    monkeypatch.setattr(interval_special, "_LGAMMA_LEAST", 0.0)
    assert interval_special.log_gamma(Intervals(np.array([1.2]), np.array([1.9]))).lo[0] > -0.12


@given(st.integers(0, 2**32), st.integers(1, 7))
def test_powers_of_balls_hold_the_powers_of_their_points(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    middle, radius = generator.uniform(-2, 2), generator.uniform(0, 1.5)
    point = middle + generator.uniform(-1, 1) * radius
    with precision(80):
        power = integer_power(flint.arb(middle, radius), n)
    with precision(200):
        assert power.overlaps(flint.arb(point) ** n if point else flint.arb(0))


@given(st.floats(-9, 9), st.floats(0.1, 3), st.sampled_from([0.0, 1e-3, 0.7]))
def test_remainders_stay_inside(a: float, b: float, width: float) -> None:
    program = jax.make_jaxpr(lambda t: jax.lax.rem(t, b))(jax.ShapeDtypeStruct((), np.float64))
    with recorded() as branches:
        (found,) = run_intervals(program, [Intervals(np.array([a]), np.array([a + width]))])
    assert isinstance(found, Intervals)
    points = np.linspace(a, a + width, 9)
    values = np.fmod(points, b)
    # It jumps by b, and only where that is recorded.
    assert branches.jumps[0] or np.ptp(values) <= width + 1e-12
    assert np.all(found.lo - 1e-12 <= values) and np.all(values <= found.hi + 1e-12)
