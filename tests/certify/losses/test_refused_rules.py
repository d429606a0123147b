"""A loss with a custom_vjp rule has no certificate, and is named."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from anil_theory.certify import NoEnclosure, certify_constants, certify_hessian_blocks_general
from anil_theory.constants import Constants, Region
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses, TaskSet
from tests.estimators.own_family import OwnFamily


@jax.custom_vjp
def wrong(x: Any) -> Any:
    return jnp.sum(x**2)


# Ten times the derivative: a certificate of the function would not hold for the meta-gradient.
wrong.defvjp(lambda x: (wrong(x), x), lambda x, slope: (20 * slope * x,))


def plain(w: Any, phi: Any, data: Any) -> Any:
    return jnp.sum((w - phi) ** 2) + data


def ruled(w: Any, phi: Any, data: Any) -> Any:
    return wrong(w - phi) + data


CASES = {"support": Losses(ruled, plain), "query": Losses(plain, ruled)}


@pytest.mark.parametrize("name", CASES)
def test_no_certificate_for_blocks(name: str) -> None:
    with pytest.raises(NoEnclosure, match=rf"{name} loss calls a custom_vjp function \(wrong at .*test_refused"):
        certify_hessian_blocks_general(CASES[name], jnp.array(0.0), Schedule(0.1, 1), [-1, -1], [1, 1], n_w=1)


@pytest.mark.parametrize("name", CASES)
def test_no_certificate_for_constants(name: str) -> None:
    tasks = TaskSet(*CASES[name], jnp.zeros(1))
    family = OwnFamily(tasks, 1, 1, Constants(None, 10.0, 1.0, 1.0, 10.0, Region(1.0)))
    with pytest.raises(NoEnclosure, match=f"{name} loss"):
        certify_constants(family, tasks, seconds=1.0)
