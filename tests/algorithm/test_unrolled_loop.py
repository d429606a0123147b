"""The unrolled loop as one thing: the same as its keywords, frozen, and one compilation for alpha and N."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from anil_theory import InvalidParameter
from anil_theory._admissible import ConflictingArguments
from anil_theory.algorithm import (
    UnrolledLoop,
    inner_loop,
    meta_gradient,
    meta_loss,
    population_gradient,
    task_gradients,
    task_losses,
)
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet


def support(w: Any, phi: Any, data: Any) -> Any:
    return jnp.sum(jnp.sin(w * data) + phi * w**2)


def query(w: Any, phi: Any, data: Any) -> Any:
    return jnp.sum(jnp.cos(w + phi) * data)


TASKS = TaskSet(support, query, jnp.array([[0.3, 1.1], [0.9, -0.4]]))
W, PHI = jnp.array([0.5, -0.2]), jnp.array([0.7, 0.1])
KEYWORDS: Any = {"alpha": 0.2, "inner_steps": 3}
LOOP = UnrolledLoop(0.2, 3)

CALLS = {
    "inner_loop": lambda *loop, **given: inner_loop(support, W, PHI, TASKS.task(0), *loop, **given),
    "meta_gradient": lambda *loop, **given: meta_gradient(TASKS.losses, W, PHI, TASKS.task(0), *loop, **given),
    "task_losses": lambda *loop, **given: task_losses(TASKS, W, PHI, *loop, **given),
    "meta_loss": lambda *loop, **given: meta_loss(TASKS, W, PHI, *loop, **given),
    "task_gradients": lambda *loop, **given: task_gradients(TASKS, W, PHI, *loop, **given),
    "population_gradient": lambda *loop, **given: population_gradient(TASKS, W, PHI, *loop, **given),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_loop_is_what_its_keywords_say(name: str) -> None:
    call = CALLS[name]
    one, other = jax.tree.leaves(call(LOOP)), jax.tree.leaves(call(**KEYWORDS))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ConflictingArguments, match="a loop came with alpha"):
        call(LOOP, alpha=0.3)
    for missing in KEYWORDS:
        with pytest.raises(InvalidParameter, match=f"{missing} must be a number, unless a loop is passed"):
            call(**{k: v for k, v in KEYWORDS.items() if k != missing})


def test_first_order_and_active_steps_belong_to_the_loop() -> None:
    call = CALLS["meta_gradient"]
    first = call(UnrolledLoop(0.2, 3, first_order=True))
    np.testing.assert_array_equal(first.w, call(**KEYWORDS, first_order=True).w)
    assert not np.allclose(first.w, call(LOOP).w)
    shorter = call(UnrolledLoop(0.2, 3, active_steps=jnp.asarray(2)))
    np.testing.assert_allclose(shorter.w, call(UnrolledLoop(0.2, 2)).w, rtol=1e-14)


@pytest.mark.parametrize("name", ["meta_gradient", "meta_loss"])
def test_a_loop_that_discards_its_idle_steps_is_the_one_that_skips_them(name: str) -> None:
    """In value and derivative."""
    call, active = CALLS[name], jnp.asarray(2)
    discarding, skipping = (UnrolledLoop(0.2, 5, active, discard=discard) for discard in (True, False))
    for one, other in zip(jax.tree.leaves(call(discarding)), jax.tree.leaves(call(skipping)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)

    def of_alpha(alpha: jax.Array, loop: UnrolledLoop) -> jax.Array:
        return ravel_pytree(call(dataclasses.replace(loop, alpha=alpha)))[0].sum()

    slopes = [float(jax.grad(of_alpha)(jnp.asarray(0.2), loop)) for loop in (discarding, skipping)]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-13) and slopes[0] != 0
    assert "cond" not in str(jax.make_jaxpr(call)(discarding)) and "cond" in str(jax.make_jaxpr(call)(skipping))


def test_a_loop_is_frozen_and_its_length_is_looked_at() -> None:
    loop: Any = LOOP
    with pytest.raises(dataclasses.FrozenInstanceError):
        loop.inner_steps = 4
    wrongs: list[Any] = [0, -1, 2.0, True]
    for wrong in wrongs:
        with pytest.raises(InvalidParameter, match="inner_steps must be an integer >= 1"):
            UnrolledLoop(0.2, wrong)


def test_the_loop_of_a_schedule() -> None:
    schedule = Schedule(0.2, 3)
    plain, padded, short = (UnrolledLoop.of_schedule(schedule, most) for most in (None, 7, 2))
    assert (plain.inner_steps, plain.active_steps) == (3, None)
    assert padded.inner_steps == 7 and padded.active_steps is not None and int(padded.active_steps) == 3
    assert short.inner_steps == 3 and short.active_steps is not None and int(short.active_steps) == 3, "never below N"
    np.testing.assert_allclose(CALLS["meta_loss"](padded), CALLS["meta_loss"](plain), rtol=1e-14)
    with pytest.raises(InvalidParameter, match="max_inner_steps"):
        UnrolledLoop.of_schedule(schedule, 0)


def test_one_compilation_serves_every_step_size_and_every_smaller_n() -> None:
    compiled: Any = jax.jit(lambda loop: meta_loss(TASKS, W, PHI, loop))
    for alpha in (0.1, 0.2):
        for N in (1, 3, 5):
            compiled(UnrolledLoop.of_schedule(Schedule(alpha, N), 5))
    assert compiled._cache_size() == 1
