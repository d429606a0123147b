"""Replay: outward rounding, rigorous float64 errors, and the witnesses of block estimates seen again with proof."""

import math
from dataclasses import replace

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory import (
    Budget,
    Constants,
    ExtremalFamily,
    Schedule,
    SeparableFamily,
    measure_attained,
    measure_block_lipschitz,
)
from anil_theory.certify._replay import float_error, replay
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.witness import replay_witness
from anil_theory.errors import NoWitness


@given(st.fractions(min_value=-10, max_value=10, max_denominator=10**6))
def test_enclosures_are_rounded_outwards(value) -> None:
    with precision(300):
        ball = flint.arb(value.numerator) / value.denominator
    enclosure = Enclosure.of(ball)
    assert enclosure.low <= value <= enclosure.high
    assert enclosure.high <= math.nextafter(math.nextafter(enclosure.low, math.inf), math.inf)


def test_a_ball_that_is_not_finite_encloses_everything() -> None:
    assert 1e300 in Enclosure.of(flint.arb("nan"))
    assert replay(lambda t: 1 / (t - t), np.float64(1.0)).width == math.inf


def test_cancellation_is_seen_through() -> None:
    def fn(t):
        return (1 - jnp.cos(t)) / (t * t)

    enclosure = replay(fn, np.float64(1e-8))
    assert enclosure.low <= 0.5 <= enclosure.high or abs(enclosure.low - 0.5) < 1e-15
    assert float_error(fn, np.float64(1e-8)) > 0.4  # float64 returns 0
    assert float_error(jnp.sin, np.float64(1.0)) < 1e-15


@pytest.mark.parametrize("query", ["sine", pytest.param("log-cosh", marks=pytest.mark.slow)])
def test_every_witness_is_reproduced_within_its_rounding(query: str) -> None:
    constants = Constants(0.2, 1.0, 1.0, 0.5, 1.0)
    family = SeparableFamily(constants, 2, 3, query=query)
    tasks = family.sample(jax.random.key(1), 2)
    schedule = Schedule.paper(constants, 7)
    estimates = measure_block_lipschitz(family, tasks, schedule, budget=Budget(8, 4, 4, 2, 8))
    for by_method in estimates.values():
        for estimate in by_method.values():
            enclosure = replay_witness(tasks, schedule, estimate, family.n_w)
            assert abs(estimate.value - enclosure.low) <= estimate.rounding
            assert abs(estimate.value - enclosure.high) <= estimate.rounding
            assert enclosure.width <= 1e-15


@pytest.mark.parametrize("mu", [0.2, None])
def test_the_extremal_witness_is_proved_to_lie_just_below_the_bound(mu: float | None) -> None:
    constants = Constants(mu, 1.0, 1.0, 0.5, 1.0)
    schedule = Schedule.paper(constants, 10)
    family = ExtremalFamily(constants, schedule)
    estimate = measure_attained(family)["ww"]
    enclosure = replay_witness(family.sample(jax.random.key(0), 1), schedule, estimate, 1)
    r = 1 - schedule.alpha * constants.lowest_curvature
    bound = schedule.alpha * r**9 * sum(r**j for j in range(10)) + r**20
    assert bound * (1 - 1e-7) < enclosure.low <= enclosure.high < bound


def test_an_estimate_without_a_witness_is_refused() -> None:
    constants = Constants(0.2, 1.0, 1.0, 0.5, 1.0)
    family = ExtremalFamily(constants, Schedule(0.1, 2))
    bare = replace(measure_attained(family)["ww"], witness=None)
    with pytest.raises(NoWitness, match="meta_gradient_lipschitz/ww by 'witness' has no witness"):
        replay_witness(family.sample(jax.random.key(0), 1), Schedule(0.1, 2), bare, 1)
