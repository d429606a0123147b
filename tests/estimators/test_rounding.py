"""The rounding that is claimed covers the true error, found in ball arithmetic; a sum that cancels included."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._precision import gamma
from anil_theory.certify import replay_witness
from anil_theory.certify._replay import replay
from anil_theory.constants import Constants, Region
from anil_theory.estimators import Budget, measure_block_lipschitz
from anil_theory.estimators.base import counted_roundings
from anil_theory.estimators.rounding import FIRST_ORDER, with_rounding
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet
from tests.estimators.own_family import OwnFamily

NORMAL = np.random.default_rng(0).standard_normal
TERMS = NORMAL(10_000) * 10.0 ** np.random.default_rng(1).uniform(-3, 6, 10_000)


def covered(function: Any, *args: Any) -> tuple[float, float]:
    """The claimed bound and the true error of float64, which it must cover."""
    value, bound = jax.jit(with_rounding(function))(*args)
    enclosure = replay(function, *args)
    error = max(float(value) - enclosure.low, enclosure.high - float(value))
    assert error <= bound, f"error {error:.3g}, claimed {bound:.3g}"
    return float(bound), error


def test_ten_thousand_terms_of_mixed_sign() -> None:
    """The terms cancel: an error relative to the result, however many roundings it counts, would not cover it."""
    terms = np.concatenate([TERMS, -TERMS[::-1] * (1 + 1e-12)])

    def loss(x: Any, terms: Any) -> Any:
        return jnp.sum(terms * x) + jnp.sum(jnp.cumsum(terms * x)[-1:])

    bound, error = covered(loss, np.float64(0.1), terms)
    value = abs(float(loss(0.1, terms)))
    assert error > 2.0**-53 * 8 * value, "the case tests nothing unless the sum cancels"
    assert bound < 1.0


CASES: dict[str, Any] = {
    "contraction": lambda x: jax.lax.scan(lambda c, _: (c - 0.3 * jnp.tanh(c), c), x, None, length=40)[0][0],
    "expansion": lambda x: jax.lax.scan(lambda c, _: (c + 0.3 * jnp.sin(c), c), x, None, length=40)[0][1],
    "elementary": lambda x: jnp.sum(jnp.exp(x) * jnp.log1p(x**2) / jnp.sqrt(1 + x**4) - jnp.cos(3 * x)),
    "products": lambda x: jnp.linalg.norm(jnp.outer(x, x) @ jnp.sin(x)) + jnp.prod(x) ** 3,
    "branches": lambda x: jax.lax.cond(x[0] > 0, jnp.sum, lambda x: jnp.sum(x**2), x) + jnp.max(x),
    "derivative": lambda x: jnp.sum(jax.hessian(lambda y: jnp.sum(jax.nn.logsumexp(y * y)))(x)[0]),
}


@pytest.mark.parametrize("name", CASES)
def test_programs_of_all_kinds(name: str) -> None:
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal(3)
        bound, _ = covered(CASES[name], x)
        assert bound < 1e-8


def mixed(w: Any, phi: Any, data: Any) -> Any:
    """Thousands of terms that cancel in the Hessian."""
    return jnp.sum(data * jnp.sin(w[0] * phi[0] + jnp.cos(data))) + 0.5 * jnp.sum(w**2) + 0.5 * jnp.sum(phi**2)


def test_the_estimates_of_a_long_loss_are_covered_at_their_witnesses() -> None:
    terms = NORMAL((2, 1000))
    terms[:, 500:] = -terms[:, :500] * (1 + 1e-7)
    tasks = TaskSet(lambda w, phi, data: 0.5 * jnp.sum((w - phi) ** 2), mixed, jnp.asarray(terms))
    constants = Constants(None, 10.0, 10.0, 10.0, 10.0, Region(2.0))
    own, schedule = OwnFamily(tasks, 1, 1, constants), Schedule(0.1, 3)
    found = measure_block_lipschitz(own, tasks, schedule, budget=Budget(4, 3, 3, 2, 4))
    for by_method in found.values():
        for estimate in by_method.values():
            enclosure = replay_witness(tasks, schedule, estimate, 1)
            assert estimate.rounding_kind == FIRST_ORDER
            assert abs(estimate.value - enclosure.low) <= estimate.rounding
            assert abs(estimate.value - enclosure.high) <= estimate.rounding


def test_a_primitive_without_a_rule_is_a_heuristic_that_says_so() -> None:
    def solved(w: Any, phi: Any, data: Any) -> Any:
        return jnp.sum(jnp.linalg.solve(jnp.eye(2) * (2 + w[0] ** 2), jnp.stack([phi[0], w[0]])) ** 2)

    tasks = TaskSet(lambda w, phi, data: 0.5 * jnp.sum((w - phi) ** 2), solved, jnp.ones((1, 1)))
    found = measure_block_lipschitz(OwnFamily(tasks, 1, 1), tasks, Schedule(0.1, 1), budget=Budget(2, 2, 2, 1, 2))
    for by_method in found.values():
        for estimate in by_method.values():
            assert estimate.rounding_kind.startswith("heuristic") and "has no rule" in estimate.rounding_kind
            assert 0 < estimate.rounding < 1


@pytest.mark.parametrize("n", [1, 10, 10_000])
def test_a_counted_rounding_covers_a_sum_over_coordinates_and_not_one_over_examples(n: int) -> None:
    """Coordinates are counted. Examples are not, which is why the count is called a heuristic."""
    assert counted_roundings(n, 7) == 7 * counted_roundings(n) == 7 * (8 * n + 64)
    values = 1.0 + np.arange(n) / n
    whole, bound = with_rounding(lambda z: z @ z)(values)
    assert float(bound) <= gamma(counted_roundings(n)) * float(whole)
    covered_by_one_coordinate = float(bound) <= gamma(counted_roundings(1)) * float(whole)
    assert covered_by_one_coordinate == (n < 100)
