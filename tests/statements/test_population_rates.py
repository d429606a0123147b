"""Theorem I: attained by noisy descent on a quadratic, never below it, and honest about what it rests on."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Knowledge
from anil_theory.schedule import Schedule
from anil_theory.statements.population_rates import PopulationNumbers, PopulationRate, population_steps
from tests.strategies import log_uniform

pytestmark = pytest.mark.filterwarnings("error")


def averages(lam: float, noise: float, start: float, beta: float, batch: int, outer_steps: int) -> tuple[float, float]:
    """(average of E|D|^2, sup of E|g_i|^2) of x <- x - beta (lam x + mean of B noises), on lam x^2/2: exact moments.

    The noise of a task is +-noise; all iterates of the run count for the sup, |x| at most its largest reach.
    """
    second = start**2
    largest = abs(start)
    squares = []
    for _ in range(outer_steps):
        squares.append(lam**2 * second)
        second = (1 - beta * lam) ** 2 * second + beta**2 * noise**2 / batch
        largest = max(abs(1 - beta * lam) * largest + beta * noise, largest)
    return float(np.mean(squares)), (lam * largest) ** 2 + noise**2


@given(
    lam=log_uniform(0.1, 10),
    noise=log_uniform(1e-2, 10),
    start=log_uniform(1e-2, 10),
    share=st.floats(0.05, 1.9),
    batch=st.sampled_from([1, 2, 8, 1000]),
    outer_steps=st.integers(1, 60),
)
def test_a_noisy_quadratic_never_exceeds_it(lam, noise, start, share, batch, outer_steps) -> None:
    beta = share / lam
    average, moment = averages(lam, noise, start, beta, batch, outer_steps)
    numbers = PopulationNumbers(beta * lam, beta * moment, lam * start**2 / 2, Knowledge.CERTIFIED)
    schedule = Schedule(0.1, 1, beta, beta, batch, outer_steps)
    rate = PopulationRate(numbers, schedule)
    assert all(hypothesis.holds for hypothesis in rate.hypotheses())
    bound = rate.bound("weighted")
    assert beta * average <= bound.value * (1 + 1e-12)
    assert math.isclose(rate.bound("w").value * beta, bound.value)


def instances(count: int, seed: int) -> None:
    """So many random noisy quadratics of two uncoupled blocks, each with steps of its own, stay below the bound."""
    generator = np.random.default_rng(seed)

    def between(low: float, high: float) -> np.ndarray:
        return np.exp(generator.uniform(math.log(low), math.log(high), (2, count)))

    curvatures, noises, starts = between(0.1, 10), between(1e-2, 10), between(1e-2, 10)
    # lam is that of the longer step, below 2.
    steps = generator.uniform(0.05, 1.9, (2, count)) / curvatures
    batches, outer_steps = generator.choice([1, 2, 8, 1000], count), 20
    second, largest = starts**2, starts
    squares = np.zeros(count)
    for _ in range(outer_steps):
        squares += np.sum(steps * curvatures**2 * second, axis=0) / outer_steps
        second = (1 - steps * curvatures) ** 2 * second + steps**2 * noises**2 / batches
        largest = np.maximum(np.abs(1 - steps * curvatures) * largest + steps * noises, largest)
    lam = np.max(steps * curvatures, axis=0)
    V = np.sum(steps * ((curvatures * largest) ** 2 + noises**2), axis=0)
    D0 = np.sum(curvatures * starts**2, axis=0) / 2
    schedule = Schedule(0.1, 1, 1.0, 1.0, 1, outer_steps)
    for i in range(count):
        numbers = PopulationNumbers(float(lam[i]), float(V[i]), float(D0[i]), Knowledge.CERTIFIED)
        rate = PopulationRate(numbers, dataclasses.replace(schedule, batch=int(batches[i])))
        assert squares[i] <= rate.bound("weighted").value * (1 + 1e-12), i


def test_ten_thousand_random_quadratics_stay_below() -> None:
    instances(10_000, 0)


@pytest.mark.slow
def test_a_million_random_quadratics_stay_below() -> None:
    instances(1_000_000, 1)


def test_it_is_attained_by_orthogonal_noise() -> None:
    """Noise orthogonal to the iterate: every |g_i|^2 is |D|^2 + noise^2, and a long run has average = bound.

    With |D|^2 at its stationary value s, s (lam (2 - lam)) = lam^2 (V - s)/B; halved, the bound is exceeded.
    """
    lam, V, B = 0.8, 3.0, 2
    stationary = lam * V / (B * (2 - lam) + lam)
    rate = PopulationRate(PopulationNumbers(lam, V, 0.0, Knowledge.CERTIFIED), Schedule(0.1, 1, 1.0, 1.0, B, 10))
    bound = rate.bound("weighted").value
    assert math.isclose(stationary, bound, rel_tol=1e-12)
    # By the recursion of the second moment: it does stay there.
    noise = V - stationary
    assert math.isclose((1 - lam) ** 2 * stationary + lam**2 * noise / B, stationary, rel_tol=1e-12)
    assert stationary > bound / 2


def test_numbers_and_rows_outside_their_sets_are_refused() -> None:
    numbers = PopulationNumbers(3.0, 1.0, 1.0, Knowledge.ESTIMATED)
    schedule = Schedule(0.1, 1, 1.0, 1.0, 8, 10)
    rate = PopulationRate(numbers, schedule)
    assert not all(hypothesis.holds for hypothesis in rate.hypotheses())
    assert math.isinf(rate.bound("w").value)
    assert all(h.holds for h in PopulationRate(numbers, dataclasses.replace(schedule, batch=1)).hypotheses())
    assert "estimated" in PopulationRate(numbers, dataclasses.replace(schedule, batch=1)).bound("w").note
    for name in ("curvature", "second_moment", "D0"):
        with pytest.raises(InvalidParameter, match=name):
            dataclasses.replace(numbers, **{name: -1.0})
    with pytest.raises(InvalidParameter, match="where phi is empty"):
        PopulationRate(numbers, dataclasses.replace(schedule, beta_phi=None), phi=False).bound("phi")
    with pytest.raises(InvalidParameter, match="row"):
        rate.bound("all")
    with pytest.raises(InvalidParameter, match="eps"):
        population_steps(1.0, 1.0, 1.0, 0.0)


@given(log_uniform(0.1, 10), log_uniform(1e-2, 1e2), log_uniform(0.1, 10), log_uniform(1e-3, 1), st.integers(1, 50))
def test_its_steps_bring_both_blocks_to_eps(lam, moment, D0, eps, batch) -> None:
    beta, K = population_steps(lam, moment, D0, eps, batch)
    numbers = PopulationNumbers(beta * lam, beta * moment, D0, Knowledge.CERTIFIED)
    rate = PopulationRate(numbers, Schedule(0.1, 1, beta, beta, batch, K))
    assert all(h.holds for h in rate.hypotheses())
    assert max(rate.bound(row).value for row in ("w", "phi")) <= eps * (1 + 1e-9)


def test_counts_beyond_float64_have_a_bound() -> None:
    numbers = PopulationNumbers(0.5, 2.0, 1.0, Knowledge.CERTIFIED)
    few, many = (
        PopulationRate(numbers, Schedule(0.1, 1, 0.5, 0.5, batch=count, outer_steps=count)).bound("w").value
        for count in (10**200, 10**400)
    )
    assert 0 < many < few < 1e-190


@given(log_uniform(1e-2, 1e2), log_uniform(1e-3, 1e3), log_uniform(1e-3, 1), st.integers(1, 8), log_uniform(1e-3, 1))
def test_steps_no_longer_than_allowed_bring_both_blocks_to_eps_too(lam, moment, eps, batch, share) -> None:
    """A longer step would leave the set that the curvature is of."""
    free, fewest = population_steps(lam, moment, 1.0, eps, batch)
    beta, K = population_steps(lam, moment, 1.0, eps, batch, longest=share * free)
    assert beta == share * free and fewest <= K
    numbers = PopulationNumbers(beta * lam, beta * moment, 1.0, Knowledge.CERTIFIED)
    rate = PopulationRate(numbers, Schedule(0.1, 1, beta, beta, batch, K))
    assert max(rate.bound(row).value for row in ("w", "phi")) <= eps * (1 + 1e-9)
