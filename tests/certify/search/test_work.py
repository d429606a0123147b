"""work.py: the operations of a program are counted right, and budgets in them do not depend on the clock."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.certify import certify_hessian_blocks_general
from anil_theory.certify.family_constants import certify_constants
from anil_theory.certify.search.branch_and_bound import Ended
from anil_theory.certify.search.work import BALL_COST, Shares, cost_of_a_box, operations
from anil_theory.schedule import Schedule
from anil_theory.tasks import SoftmaxHeadFamily
from anil_theory.tasks.base import Losses

SOFTMAX = SoftmaxHeadFamily(classes=2, inputs=1, width=1, shots=1)


def program(fn: Any, size: int = 3) -> Any:
    return jax.make_jaxpr(fn)(jax.ShapeDtypeStruct((size,), np.float64))


def test_every_number_that_a_program_computes_is_counted_once() -> None:
    assert operations(program(lambda x: jnp.sin(x) * x)) == 6
    assert operations(program(lambda x: jnp.sum(jnp.sin(x)))) == 4
    assert operations(program(lambda x: jax.jit(jnp.sin)(x) * x)) == 6
    assert operations(program(jnp.sin), program(jnp.cos)) == 6


def test_a_loop_counts_as_often_as_it_runs() -> None:
    def looped(x: Any) -> Any:
        return jax.lax.scan(lambda carry, _: (jnp.sin(carry), None), x, None, length=7)[0]

    assert operations(program(looped)) == 7 * 3


def test_what_a_box_costs_and_how_many_a_budget_has() -> None:
    sine = program(jnp.sin)
    assert cost_of_a_box(sine) == 3 and cost_of_a_box(sine, sine) == 6 and cost_of_a_box() == 1
    assert cost_of_a_box(sine, arithmetic="balls") == 3 * BALL_COST
    assert Shares(300, 1).next_boxes(cost_of_a_box(sine)) == 100 and Shares(1, 1).next_boxes(3) == 1


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6), st.floats(1.0, 1e9))
def test_no_search_gets_less_than_an_equal_part_and_all_together_no_more_than_the_budget(
    used: list[float], budget: float
) -> None:
    """As long as none takes more than its part, and what is left goes on to the next ones."""
    shares, spent, given_up = Shares(budget, len(used)), 0.0, 0.0
    for i, part in enumerate(used):
        share = shares.next()
        equal = budget / len(used)
        assert share == pytest.approx(equal + given_up / (len(used) - i))
        shares.spend(part * share)
        spent += part * share
        given_up += equal - part * share
    assert spent <= budget * (1 + 1e-12)


def test_a_search_that_took_too_much_leaves_the_next_its_least_share() -> None:
    shares = Shares(30.0, 3, least=0.1)
    assert shares.next() == 10.0
    shares.spend(100.0)
    assert shares.next() == shares.next() == 1.0
    assert Shares(30.0, 3).next() == 10.0


@pytest.mark.parametrize("gap", [1e-6])
def test_constants_under_a_budget_of_work_are_the_same_in_every_run(gap: float) -> None:
    first, second = (
        certify_constants(SOFTMAX, SOFTMAX.sample(jax.random.key(0), 1), gap=gap, operations=1e6, starts=1)
        for _ in range(2)
    )
    assert {row.ended_by for row in first.values()} == {Ended.WORK}
    for name, row in first.items():
        assert dataclasses.replace(row, seconds=0.0) == dataclasses.replace(second[name], seconds=0.0)
        assert "boxes allowed" in row.reason


def test_blocks_under_a_budget_of_work_name_it_and_under_the_clock_name_the_clock() -> None:
    losses = Losses(
        lambda w, phi, y: jnp.sum(jnp.sin(w - y) + phi * w),
        lambda w, phi, y: jnp.sum(jnp.cos(w * phi) + y * w),
    )
    arguments: Any = (losses, jnp.array([0.3]), Schedule(0.1, 2), [-1.0, -1.0], [1.0, 1.0])
    by_work = certify_hessian_blocks_general(*arguments, n_w=1, gap=1e-9, operations=1e4)
    by_clock = certify_hessian_blocks_general(*arguments, n_w=1, gap=1e-9, seconds=1e-6)
    assert {each.ended_by for each in by_work.values()} == {Ended.WORK}
    assert {each.ended_by for each in by_clock.values()} == {Ended.CLOCK}
