"""Oracle calls, counted while they execute, against the numbers of Table 2; FLOPs that grow with N."""

import jax
import jax.numpy as jnp
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.oracle_count import (
    COUNTED_METHODS,
    OracleCounts,
    _counted_loss,
    _Tally,
    as_maml,
    count_outer_step,
    xla_cost,
)
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses
from anil_theory.tasks.separable import SeparableFamily

FAMILY = SeparableFamily(Constants(0.3, 1.0, 0.5, 0.4, 1.0), n_w=4, n_phi=3)
TASKS = FAMILY.sample(jax.random.key(0), 5)
W, PHI = jnp.arange(1.0, 5.0), jnp.arange(1.0, 4.0)


@pytest.mark.parametrize("method", COUNTED_METHODS)
@pytest.mark.parametrize(("N", "B"), [(1, 1), (1, 3), (4, 3), (7, 8)])
def test_anil_and_maml_evaluate_what_the_theory_charges(method: str, N: int, B: int) -> None:
    schedule = Schedule(0.2, N, batch=B)
    assert count_outer_step(TASKS, schedule, W, PHI, method=method) == OracleCounts(B * (N + 1), B, B * N, B * N)
    tasks, z, empty = as_maml(TASKS, W, PHI)
    assert count_outer_step(tasks, schedule, z, empty, method=method) == OracleCounts(B * (N + 1), 0, B * N, 0)


@pytest.mark.parametrize("method", COUNTED_METHODS)
def test_counting_does_not_change_the_gradient(method: str) -> None:
    counted = Losses(*(_counted_loss(loss, _Tally(), method == "recursion") for loss in TASKS.losses))
    options = {"alpha": 0.2, "inner_steps": 3, "method": method}
    seen = jax.jit(lambda: meta_gradient(counted, W, PHI, TASKS.task(1), **options))()
    plain = meta_gradient(TASKS.losses, W, PHI, TASKS.task(1), **options)
    assert jnp.allclose(seen.w, plain.w, rtol=1e-12) and jnp.allclose(seen.phi, plain.phi, rtol=1e-12)


def test_entries_are_those_of_table_2() -> None:
    B, N = 3, 4
    counts = OracleCounts(B * (N + 1), B, B * N, B * N).times(10)
    assert counts.gradient_entries(4, 3) == 10 * (B * (N + 1) * 4 + B * 3)
    assert counts.second_entries(4, 3) == 10 * B * N * (16 + 12)
    assert (counts.gradients, counts.second_order) == (10 * B * (N + 2), 20 * B * N)


def test_the_dense_method_is_not_counted() -> None:
    with pytest.raises(InvalidParameter, match="method"):
        count_outer_step(TASKS, Schedule(0.2, 2), W, PHI, method="product")


def test_compiled_cost_is_affine_in_the_inner_steps() -> None:
    flops = [xla_cost(TASKS, W, PHI, alpha=0.2, inner_steps=N).flops for N in (2, 4, 6)]
    assert 0 < flops[1] - flops[0] == pytest.approx(flops[2] - flops[1], rel=0.05)
    tasks, z, empty = as_maml(TASKS, W, PHI)
    assert xla_cost(tasks, z, empty, alpha=0.2, inner_steps=4).flops > flops[1]
