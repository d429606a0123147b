"""A certified upper bound is one for every function: kinked and C^1 losses get no finite one, smooth ones do."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.certify import Certificate, certify_hessian_blocks_general
from anil_theory.certify.balls.interpreter import evaluate
from anil_theory.certify.balls.values import Balls
from anil_theory.certify.search.branch_and_bound import ClosingStatus
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.tasks.base import Losses
from anil_theory.verdict import Outcome, judge

Activation = Callable[[Any], Any]

JUMPING: dict[str, Activation] = {
    "abs": jnp.abs,
    "relu": jax.nn.relu,
    "leaky relu": jax.nn.leaky_relu,
    "hinge": lambda u: jnp.maximum(0.0, 0.2 - u),
    "squared hinge": lambda u: jnp.maximum(0.0, 0.2 - u) ** 2,
    "elu": jax.nn.elu,
    "softsign": jax.nn.soft_sign,
    "Huber": lambda u: optax.huber_loss(u, delta=0.3),
    "a step": lambda u: jnp.floor(3 * u) + u,
    "an angle": lambda u: jnp.arctan2(u, -1.0),
}
"""Kinks, jumps of the second derivative, jumps."""

SMOOTH: dict[str, Activation] = {
    "softplus": jax.nn.softplus,
    "logistic": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
    "gelu": jax.nn.gelu,
    "log sigmoid": jax.nn.log_sigmoid,
    "logsumexp": lambda u: jax.nn.logsumexp(u * jnp.array([1.0, 0.5, -0.3])),
    "log softmax": lambda u: jax.nn.log_softmax(u * jnp.array([1.0, -0.5]))[0],
    "softmax": lambda u: jax.nn.softmax(u * jnp.array([1.0, -0.5]))[0],
}
"""JAX computes most of these by branches that change nothing."""

ALPHA = 0.1


def losses(activation: Activation) -> Losses:
    def loss(w: Any, phi: Any, data: Any) -> Any:
        return 0.5 * (activation(w[0] * phi[0]) - 0.3) ** 2 + 0.05 * w[0] ** 2

    return Losses(loss, loss)


@cache
def certified(name: str, inner_steps: int, arithmetic: str) -> dict[str, Certificate]:
    budget = {"max_boxes": 64 if arithmetic == "intervals" else 12, "arithmetic": arithmetic}
    return certify_hessian_blocks_general(
        losses((JUMPING | SMOOTH)[name]),
        (),
        Schedule(ALPHA, inner_steps),
        [-1.0, -1.0],
        [1.0, 1.0],
        n_w=1,
        **budget,
    )


@cache
def field(name: str, inner_steps: int) -> Callable[[Any], np.ndarray]:
    of = losses((JUMPING | SMOOTH)[name])

    def at(z: Any) -> Any:
        found = meta_gradient(of, z[:1], z[1:], (), alpha=ALPHA, inner_steps=inner_steps)
        return jnp.concatenate([found.w, found.phi])

    return jax.jit(jax.vmap(at))


def worst_excess(name: str, inner_steps: int, arithmetic: str, seed: int, step: float) -> float:
    """By how much difference quotients exceed their certificates, at pairs that straddle 0 and at others."""
    generator = np.random.default_rng(seed)
    z = generator.uniform(-1, 1, (64, 2))
    z[:32, 0] = -step * generator.uniform(0, 1, 32)
    excess = -np.inf
    for block, (x, y) in {"ww": (0, 0), "wphi": (0, 1), "phiw": (1, 0), "phiphi": (1, 1)}.items():
        moved = z.copy()
        moved[:, y] = np.clip(z[:, y] + step, -1, 1)
        here, there = field(name, inner_steps)(z), field(name, inner_steps)(moved)
        distance = np.abs(moved - z).sum(axis=1)
        kept = distance > 0
        rounding = 1e-12 * (1 + np.abs(here[kept, x]))
        quotients = (np.abs(there - here)[kept, x] - rounding) / distance[kept]
        excess = max(excess, float(np.max(quotients)) - certified(name, inner_steps, arithmetic)[block].upper)
    return excess


@pytest.mark.parametrize("arithmetic", ["intervals", "balls"])
@pytest.mark.parametrize("inner_steps", [1, 2, 3])
@pytest.mark.parametrize("name", JUMPING | SMOOTH)
@settings(max_examples=5)
@given(seed=st.integers(0, 2**32), step=st.sampled_from([1.0, 0.1, 1e-3, 1e-6]))
def test_no_quotient_of_the_meta_gradient_is_above_its_certificate(
    name: str, inner_steps: int, arithmetic: str, seed: int, step: float
) -> None:
    if arithmetic == "balls" and inner_steps == 2:
        return
    assert worst_excess(name, inner_steps, arithmetic, seed, step) <= 0


@pytest.mark.parametrize("name", JUMPING)
def test_a_meta_gradient_that_may_jump_has_no_finite_bound_and_is_never_confirmed(name: str) -> None:
    constants = Constants(mu=None, L=3.0, rho=1.0, tau=1.0, M=1.0)
    claim = next(claim for claim in STATEMENTS["prop3"].select(Kind.REFINED) if claim.block == "ww")
    for arithmetic in ("intervals", "balls"):
        found = certified(name, 1, arithmetic)["ww"]
        assert found.upper == np.inf
        assert found.status is ClosingStatus.UNDECIDED_BRANCH and "may jump" in found.reason
        assert judge(claim, constants, Schedule(ALPHA, 1), found.estimate).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_losses_are_exempt(name: str) -> None:
    found = certify_hessian_blocks_general(
        losses(SMOOTH[name]), (), Schedule(ALPHA, 1), [-1.0, -1.0], [1.0, 1.0], n_w=1
    )
    assert all(c.status is ClosingStatus.CLOSED and 0 < c.lower <= c.upper < np.inf for c in found.values())


def test_a_kink_outside_of_the_box_is_none() -> None:
    for activation in (jax.nn.relu, jnp.abs, jax.nn.elu):
        found = certify_hessian_blocks_general(
            losses(activation), (), Schedule(ALPHA, 1), [0.3, 0.3], [1.0, 1.0], n_w=1, max_boxes=400
        )
        assert all(c.upper < np.inf and c.status is not ClosingStatus.UNDECIDED_BRANCH for c in found.values())


def test_what_differentiation_takes_on_trust_is_differentiated() -> None:
    """stop_gradient hides w from the derivative, and own rules say that it is 0: the field moves all the same."""

    @jax.custom_jvp
    def flat(u: Any) -> Any:
        return u**3

    flat.defjvp(lambda primals, tangents: (flat(*primals), 0 * tangents[0]))

    def solved(u: Any) -> Any:
        # The system is x = 1, and the solver says x = u.
        return jax.lax.custom_linear_solve(lambda x: x, 1 + 0 * u, lambda matvec, b: u * b, symmetric=True)

    for hidden in (jax.lax.stop_gradient, flat, solved):

        def loss(w: Any, phi: Any, data: Any, hidden: Any = hidden) -> Any:
            return hidden(w[0]) * w[0] + phi[0] * w[0] + 0.5 * phi[0] ** 2

        found = certify_hessian_blocks_general(
            Losses(loss, loss), (), Schedule(ALPHA, 1), [-1.0, -1.0], [1.0, 1.0], n_w=1
        )

        def at(w: float, loss: Any = loss) -> Any:
            return meta_gradient(Losses(loss, loss), jnp.array([w]), jnp.zeros(1), (), alpha=ALPHA, inner_steps=1).w[0]

        quotient = abs(float(at(0.9) - at(0.8))) / 0.1
        assert 0.5 < quotient <= found["ww"].upper + 1e-9


def test_a_straight_through_estimator_may_jump() -> None:
    """Its shift, hidden from the derivative, is one number without axes."""

    def query(w: Any, phi: Any, data: Any) -> Any:
        return (w[0] + jax.lax.stop_gradient(jnp.floor(3 * w[0]) - w[0]) - phi[0]) ** 2

    of = Losses(lambda w, phi, data: 0.25 * jnp.sum(w**2), query)
    found = certify_hessian_blocks_general(of, (), Schedule(ALPHA, 1), [-1.0, -1.0], [1.0, 1.0], n_w=1, max_boxes=64)
    assert found["wphi"].upper == np.inf and found["wphi"].status is ClosingStatus.UNDECIDED_BRANCH


def test_three_valued_logic_in_balls() -> None:
    wide = Balls.around(1.0, 1.0)
    ball = evaluate(lambda x: jnp.where((x > 0) == (x > 1), 1.0, 2.0), wide)[()]
    assert float(ball.lower()) <= 1 and float(ball.upper()) >= 2
    for relation in (jnp.less, jnp.maximum, jnp.minimum, jnp.logical_xor, jnp.not_equal, jnp.greater_equal):
        found = evaluate(lambda x, relation=relation: jnp.where(relation(x > 0, x > 1), 1.0, 2.0), wide)[()]
        assert float(found.lower()) <= 2 and float(found.upper()) >= 1 and not found.is_exact()
    # What does not depend on the undecided ones is decided.
    sure = evaluate(lambda x: jnp.where(((x > 1) | (x < 5)) & ~((x > 1) & (x > 5)), 1.0, 2.0), wide)[()]
    assert sure == 1
