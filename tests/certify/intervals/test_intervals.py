"""Interval arrays hold every value, also against ball arithmetic; a narrowed rule is caught by the same check."""

from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.intervals import outward as intervals
from anil_theory.certify.intervals.outward import PAD, Intervals

OPERATIONS: dict[str, tuple[Callable[..., Intervals], Callable[..., Any]]] = {
    "add": (lambda a, b: a + b, lambda a, b: a + b),
    "sub": (lambda a, b: a - b, lambda a, b: a - b),
    "mul": (lambda a, b: a * b, lambda a, b: a * b),
    "neg": (lambda a, b: -a, lambda a, b: -a),
    "squared": (lambda a, b: a.squared(), lambda a, b: a * a),
    "magnitude": (lambda a, b: a.magnitude(), lambda a, b: abs(a)),
    "sin": (lambda a, b: a.sin_cos()[0], lambda a, b: a.sin()),
    "cos": (lambda a, b: a.sin_cos()[1], lambda a, b: a.cos()),
    "tanh": (lambda a, b: a.tanh(), lambda a, b: a.tanh()),
    "div": (lambda a, b: a / b, lambda a, b: a / b),
    "exp": (lambda a, b: a.exp(), lambda a, b: a.exp()),
    "expm1": (lambda a, b: a.expm1(), lambda a, b: a.expm1()),
    "log": (lambda a, b: a.magnitude().log(), lambda a, b: abs(a).log()),
    "log1p": (lambda a, b: a.magnitude().log1p(), lambda a, b: abs(a).log1p()),
    "sqrt": (lambda a, b: a.magnitude().sqrt(), lambda a, b: abs(a).sqrt()),
}


def missed(name: str, seed: int, scale: float, width: float, number: int = 60) -> int:
    """How many of the values, in ball arithmetic, at random points of random intervals lie outside the enclosure."""
    ours, balls = OPERATIONS[name]
    generator = np.random.default_rng(seed)
    middle = scale * generator.standard_normal((2, number))
    a, b = (Intervals(m - width * abs(r), m + width * abs(r)) for m, r in zip(middle, middle[::-1], strict=True))
    enclosure = ours(a, b)
    place = generator.integers(0, 3, (2, number)) / 2  # the ends and the middle
    x = np.clip(a.lo + place[0] * (a.hi - a.lo), a.lo, a.hi)
    y = np.clip(b.lo + place[1] * (b.hi - b.lo), b.lo, b.hi)
    with precision(200):
        exact = [balls(flint.arb(float(p)), flint.arb(float(q))) for p, q in zip(x, y, strict=True)]
        return sum(
            # Certainly outside: at an end such as tanh = 1 the ball itself has a radius.
            bool(value < flint.arb(float(lo)) or value > flint.arb(float(hi)))
            for lo, hi, value in zip(enclosure.lo, enclosure.hi, exact, strict=True)
        )


@pytest.mark.parametrize("name", OPERATIONS)
@given(st.integers(0, 2**32), st.sampled_from([1e-3, 1.0, 50.0, 1e7]), st.sampled_from([0.0, 1e-12, 0.05, 2.0]))
def test_values_stay_inside(name: str, seed: int, scale: float, width: float) -> None:
    assert missed(name, seed, scale, width) == 0


def test_the_padding_is_far_above_the_error_of_numpy() -> None:
    x = np.random.default_rng(0).uniform(-100, 100, 4000)
    with precision(200):
        for ours, exact in ((np.sin, "sin"), (np.cos, "cos"), (np.tanh, "tanh")):
            errors = [
                abs(float(flint.arb(float(value)) - getattr(flint.arb(float(at)), exact)()))
                for value, at in zip(ours(x), x, strict=True)
            ]
            assert max(errors) < PAD / 16
        for ours, exact in ((np.exp, "exp"), (np.expm1, "expm1"), (np.log, "log"), (np.log1p, "log1p")):
            at = np.abs(x) if exact.startswith("log") else x
            exact_values = [getattr(flint.arb(float(a)), exact)() for a in at]
            shares = [abs(float((v - e) / e)) for v, e in zip(map(float, ours(at)), exact_values, strict=True)]
            assert max(shares) < PAD / 16


def test_a_rule_that_rounds_inwards_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "_up", lambda x: np.nextafter(x, -np.inf))
    assert missed("mul", 0, 1.0, 0.0) > 0
    monkeypatch.setattr(intervals, "PAD", -1e-9)
    assert missed("sin", 0, 1.0, 0.0) > 0 and missed("exp", 0, 1.0, 0.0) > 0


def test_a_quotient_by_what_may_be_zero_is_unbounded() -> None:
    quotient = Intervals.exact([1.0, 1.0]) / Intervals(np.array([-1.0, 0.5]), np.array([1.0, 2.0]))
    assert quotient.lo[0] == -np.inf and quotient.hi[0] == np.inf
    assert 0.49 < quotient.lo[1] <= 0.5 and 2.0 <= quotient.hi[1] < 2.01


def test_a_quotient_by_an_interval_that_ends_at_0_is_unbounded() -> None:
    divisors = Intervals(np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    quotient = Intervals.exact([1.0, 1.0, 0.0]) / divisors
    assert (quotient.lo == -np.inf).all() and (quotient.hi == np.inf).all()


@given(st.floats(2.0**20, 2.0**60), st.sampled_from([0.0, 1e-9, 1.0]))
def test_sines_of_large_arguments_are_not_narrowed(x: float, width: float) -> None:
    for end in (x, -x):
        at = Intervals(np.array([end - width]), np.array([end + width]))
        for wave in at.sin_cos():
            if abs(end) - width > intervals._LARGEST_ARGUMENT:
                assert wave.lo[0] == -1 and wave.hi[0] == 1


def test_what_is_no_number_has_no_sine() -> None:
    for wave in Intervals.exact([np.nan]).sin_cos():
        assert np.isnan(wave.lo[0]) and np.isnan(wave.hi[0])


def test_two_enclosures_meet() -> None:
    both = Intervals.exact([0.0, 1.0]).meet(Intervals(np.array([np.nan, 0.5]), np.array([np.nan, 2.0])))
    assert both.lo.tolist() == [0.0, 1.0] and both.hi.tolist() == [0.0, 1.0]
