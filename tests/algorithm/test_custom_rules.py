"""Losses with custom_vjp rules: the same derivatives as without them, in both modes, to third order."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.algorithm import METHODS, count_outer_step, meta_gradient
from anil_theory.algorithm.custom_rules import custom_vjp_rules
from anil_theory.constants import Region
from anil_theory.estimators import Budget, measure_block_lipschitz
from anil_theory.estimators.fields import loss_field
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses, TaskSet
from tests.estimators.own_family import OwnFamily


def curve(x: Any) -> Any:
    return jnp.sum(jnp.sin(x) * x[::-1] ** 2) / 4


@jax.custom_vjp
def ruled(x: Any) -> Any:
    return curve(x)


# The forward rule calls the function itself, as many do: forward mode then meets it although its value is not used.
ruled.defvjp(lambda x: (ruled(x), x), lambda x, slope: (slope * jax.grad(curve)(x),))


def loss_with(function: Any) -> Any:
    def loss(w: Any, phi: Any, data: Any) -> Any:
        return function(w * phi[0] - data["a"]) + jnp.sum(phi**2) * data["count"][0]

    return loss


PLAIN, RULED = (Losses(loss_with(f), loss_with(f)) for f in (curve, ruled))
DATA = {"a": jnp.array([[0.1, 0.2, 0.3], [1.0, -0.5, 0.0]]), "count": jnp.array([[2, 3], [1, 1]])}
Z = jnp.array([0.3, 0.2, -0.4, 1.1, 0.7])


def field(losses: Losses, z: Any, data: Any, method: str = "recursion") -> Any:
    loop: Any = {"alpha": 0.05, "inner_steps": 3, "method": method}
    return jnp.concatenate(list(meta_gradient(losses, z[:3], z[3:], data, **loop)))


def over_tasks(function: Any) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(function, in_axes=(None, 0)))(Z, DATA))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_the_rule(method: str) -> None:
    plain, own = (over_tasks(partial(field, losses, method=method)) for losses in (PLAIN, RULED))
    np.testing.assert_allclose(own, plain, rtol=1e-12, atol=1e-13)


def test_forward_derivatives_of_the_meta_gradient_agree_to_second_order() -> None:
    for order in (1, 2):
        derivatives = [partial(field, losses) for losses in (PLAIN, RULED)]
        for _ in range(order):
            derivatives = [jax.jacfwd(derivative) for derivative in derivatives]
        plain, own = map(over_tasks, derivatives)
        np.testing.assert_allclose(own, plain, rtol=1e-11, atol=1e-12 * np.abs(plain).max())


def test_forward_derivatives_of_a_loss_agree_to_fourth_order() -> None:
    plain, own = (loss_field(losses.query, (Z[:3], Z[3:])) for losses in (PLAIN, RULED))
    for _ in range(3):
        plain, own = jax.jacfwd(plain), jax.jacfwd(own)
    expected = over_tasks(plain)
    np.testing.assert_allclose(over_tasks(own), expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@pytest.mark.slow
def test_a_search_finds_what_the_hessian_has() -> None:
    tasks = TaskSet(RULED.support, RULED.query, DATA)
    family = OwnFamily(tasks, n_w=3, n_phi=2)
    found = measure_block_lipschitz(family, tasks, Schedule(0.05, 3), budget=Budget(4, 3, 3, 2, 5), region=Region(1.0))
    product = jax.jit(lambda z, task, v: jax.jvp(lambda z: field(PLAIN, z, task), (z,), (v,))[1])
    for by_method in found.values():
        witness = by_method["ascent"].witness
        assert witness is not None
        z, u, v = (jnp.asarray(witness.points[name]) for name in ("z", "u", "v"))
        expected = float(u @ product(z, tasks.task(witness.task), v))
        assert by_method["ascent"].value == pytest.approx(expected, rel=1e-11)


def test_oracles_are_counted_through_the_rule() -> None:
    schedule = Schedule(0.05, 3, beta_w=0.1, beta_phi=0.1, batch=2)
    counts = [
        count_outer_step(TaskSet(losses.support, losses.query, DATA), schedule, Z[:3], Z[3:])
        for losses in (PLAIN, RULED)
    ]
    assert counts[0] == counts[1]


def test_rules_are_found_by_name_in_inner_programs() -> None:
    wrapped = jax.make_jaxpr(lambda x: jax.lax.cond(x[0] > 0, jax.jit(ruled), lambda x: x[0], x))(jnp.ones(3))
    (rule,) = custom_vjp_rules(wrapped)
    assert rule.startswith("ruled at ") and "test_custom_rules.py" in rule
    assert custom_vjp_rules(jax.make_jaxpr(jax.nn.relu)(1.0)) == ()
