"""Losses as people write them: data of any kind, terms of data alone, softmax; what has no rule is named."""

from collections.abc import Callable
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.certify.balls.interpreter import evaluate
from anil_theory.certify.balls.values import Balls
from anil_theory.certify.certificate import Certificate
from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.general_blocks import certify_hessian_blocks_general
from anil_theory.certify.losses.simplifications import SIMPLER
from anil_theory.certify.search.branch_and_bound import ClosingStatus
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses

SCHEDULE = Schedule(alpha=0.1, inner_steps=1)


def certified(loss: Any, data: Any, arithmetic: str = "intervals", **options: Any) -> dict[str, Certificate]:
    return certify_hessian_blocks_general(
        Losses(loss, loss), data, SCHEDULE, [-1.0, -1.0], [1.0, 1.0], n_w=1, arithmetic=arithmetic, **options
    )


@given(st.integers(-3, 6), st.integers(-200, 200).map(lambda k: k / 100), st.sampled_from([0.0, 1e-9, 0.3, 1.5]))
def test_integer_powers_of_balls_are_tight_enclosures(n: int, middle: float, radius: float) -> None:
    with precision(80):
        ball = evaluate(lambda t: jax.lax.integer_pow(t, n), Balls.around(middle, radius), bits=80)[()]
    low, high = middle - radius, middle + radius
    if n < 0 and low <= 0 <= high:
        assert not ball.is_finite()
        return
    points = np.linspace(low, high, 5)
    ends = [low**n, high**n, *([0.0] if n > 0 and n % 2 == 0 and low <= 0 <= high else [])]
    assert all(ball.overlaps(flint.arb(float(x)) ** n) if x else True for x in points[1:-1])
    rounding = 1e-14 * max(map(abs, ends))
    assert float(ball.lower()) <= min(ends) + rounding and max(ends) - rounding <= float(ball.upper())
    slack = 1e-3 * (max(ends) - min(ends)) + 1e-12 * max(map(abs, ends))
    assert float(ball.lower()) >= min(ends) - slack and float(ball.upper()) <= max(ends) + slack


@pytest.mark.parametrize("power", [lambda t: t**2, lambda t: t**3, lambda t: t**3.0, jnp.square, lambda t: t * t])
def test_powers_of_a_ball_around_zero_are_known(power: Callable[[Any], Any]) -> None:
    ball = evaluate(power, Balls(np.array(flint.arb(0, 1), dtype=object)))[()]
    assert ball.is_finite() and 1 <= float(ball.upper()) < 1.001 and float(ball.lower()) > -1.001


@pytest.mark.parametrize("arithmetic", ["balls", "intervals"])
@pytest.mark.parametrize("data", [np.array([1, 2]), np.array([True, False])])
def test_integer_and_boolean_data_can_be_indexed(data: Any, arithmetic: str) -> None:
    found = certified(lambda w, p, d: (w[0] * d[0] - p[0]) ** 2, data, arithmetic, gap=0.3)
    # D_w^2 of (w - p)^2 at w_1 = w - 0.2 (w - p): (1 - 0.2)^2 2.
    assert found["ww"].lower <= 1.28 * (1 + 1e-12) and found["ww"].upper * (1 + 1e-12) >= 1.28
    assert found["ww"].status is ClosingStatus.CLOSED


DATA = jnp.array([1.0, 0.5, -0.3])
LOSSES: dict[str, Callable[..., Any]] = {
    "stack": lambda w, p, d: (jnp.sum(jnp.stack([w[0] * p[0], w[0]])) - 1) ** 2,
    "cond on data": lambda w, p, d: jax.lax.cond(d[0] > 0, lambda: (w[0] - p[0]) ** 2, lambda: (w[0] + p[0]) ** 2),
    "integer labels": lambda w, p, d: (
        optax.softmax_cross_entropy_with_integer_labels(
            jnp.concatenate([w * p, 0 * w])[None], jnp.array([1])
        ).mean()
    ),
    "index data": lambda w, p, d: jnp.mean((d[jnp.array([0])] * w[0] - p[0]) ** 2),
    "gelu exact": lambda w, p, d: (jax.nn.gelu(w[0] * p[0], approximate=False) - 0.3) ** 2,
    "arctan": lambda w, p, d: (jnp.arctan(w[0] * p[0]) - 0.3) ** 2,
    "median of data": lambda w, p, d: (jnp.median(d) * w[0] - p[0]) ** 2,
    "data alone": lambda w, p, d: (
        jnp.mean(jnp.exp(d * w[0] + p[0]) + jax.scipy.special.gammaln(d + 2.0)) + 0.05 * w[0] ** 2
    ),
    "raw softmax": lambda w, p, d: -jnp.log(jax.nn.softmax(d * w[0] * p[0])[0]) + 0.05 * w[0] ** 2,
    "unknown special function of data": lambda w, p, d: (w[0] - p[0]) ** 2 + 0 * w[0] + jax.scipy.special.i0e(d[0]),
    "float exponents": lambda w, p, d: (w[0] - p[0]) ** 2.0 + jnp.sum((w[0] * d) ** 3.0),
    "loop with a bound": lambda w, p, d: (
        (w[0] * jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, 0.5 * s[1]), (0, d[0]))[1] - p[0]) ** 2
    ),
}  # fmt: skip


def second_derivatives(loss: Any, data: Any, z: np.ndarray) -> np.ndarray:
    """D_w^2 L_meta at points by automatic differentiation of the loss as it is."""

    def meta(w: Any, phi: Any) -> Any:
        adapted = w - SCHEDULE.alpha * jax.grad(lambda v: loss(v, phi, data))(w)
        return loss(adapted, phi, data)

    hessian = jax.jit(jax.vmap(jax.hessian(meta)))(z[:, :1], z[:, 1:])
    return np.abs(np.asarray(hessian)[:, 0, 0])


@pytest.mark.parametrize("name", LOSSES)
def test_an_ordinary_loss_closes_and_its_certificate_holds(name: str) -> None:
    found = certified(LOSSES[name], DATA, gap=0.2)["ww"]
    assert found.status is ClosingStatus.CLOSED, found.reason
    values = second_derivatives(LOSSES[name], DATA, np.random.default_rng(0).uniform(-1, 1, (2000, 2)))
    assert values.max() <= found.upper * (1 + 1e-9) + 1e-12
    point, margin = np.array([found.point]), 1e-9
    if name == "float exponents":
        # JAX's third derivative of x**2.0 at 0 is 0 * 0**-1 = NaN, and the largest value is at w = p: look beside it.
        point[0, 0] *= 1 - 1e-9
        margin = 1e-6
    (here,) = second_derivatives(LOSSES[name], DATA, point)
    assert here >= found.lower * (1 - margin) - 1e-12


def test_a_maximum_is_decided_where_its_argument_is_and_no_warning_is_raised() -> None:
    def loss(w: Any, p: Any, d: Any) -> Any:
        return (jnp.max(d * p[0]) * w[0] - 1) ** 2

    half = certify_hessian_blocks_general(Losses(loss, loss), DATA, SCHEDULE, [-1.0, 0.25], [1.0, 1.0], n_w=1, gap=0.2)[
        "ww"
    ]
    assert half.status is ClosingStatus.CLOSED and half.upper < 2
    with np.errstate(all="raise"):
        assert certified(loss, DATA, max_boxes=200)["ww"].upper >= half.lower


def test_what_has_no_rule_is_named_with_the_line_of_the_loss() -> None:
    def loss(w: Any, p: Any, d: Any) -> Any:
        return jax.scipy.special.i0e(w[0] * p[0])  # this line

    line = loss.__code__.co_firstlineno + 1
    with pytest.raises(NoEnclosure, match=rf"bessel_i0e.*made by test_ordinary_losses.py:{line} in .*loss\)"):
        certified(loss, DATA)

    def spectrum(w: Any, p: Any, d: Any) -> Any:
        return w[0] * p[0] * jnp.real(jnp.fft.fft(d))[0]

    with pytest.raises(NoEnclosure, match=rf"complex.*test_ordinary_losses.py:{spectrum.__code__.co_firstlineno + 1}"):
        certified(spectrum, DATA)


def test_a_loop_that_parameters_end_is_refused() -> None:
    def loss(w: Any, p: Any, d: Any) -> Any:
        grown = jax.lax.while_loop(lambda t: t < 2.0, lambda t: 2 * t, jnp.exp(jax.lax.stop_gradient(p[0])))
        return (w[0] * grown) ** 2

    with pytest.raises(NoEnclosure, match="'while' whose end the parameters decide"):
        certified(loss, DATA)


def test_a_program_that_drops_a_term_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above sees a simplification that is not one."""
    monkeypatch.setitem(SIMPLER, "sub", lambda flat, equation, inputs: inputs[1:])
    found = certified(LOSSES["arctan"], DATA, max_boxes=100)["ww"]
    values = second_derivatives(LOSSES["arctan"], DATA, np.random.default_rng(0).uniform(-1, 1, (500, 2)))
    assert values.max() > found.upper


def softplus_head(w: Any, p: Any, d: Any) -> Any:
    """Three parameters: w_0 softplus(p x) + w_1 against targets."""
    x, y = d
    return 0.5 * jnp.mean((w[0] * jax.nn.softplus(p[0] * x) + w[1] - y) ** 2) + 0.05 * w @ w


def logsumexp_head(w: Any, p: Any, d: Any) -> Any:
    """Three classes, two weights and a feature; the label is the first class."""
    x, _ = d
    logits = jnp.stack([w[0] * p[0] * x, w[1] * p[0] * x, jnp.zeros(3)], axis=1)
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - logits[:, 0]) + 0.05 * w @ w


@pytest.mark.parametrize("loss", [softplus_head, pytest.param(logsumexp_head, marks=pytest.mark.slow)])
def test_smooth_heads_close_on_the_unit_box_through_three_inner_steps(loss: Any) -> None:
    data = (jnp.array([0.8, -0.5, 1.2]), jnp.array([0.3, -0.7, 0.9]))
    schedule = Schedule(alpha=0.1, inner_steps=3)
    # The boxes that are enough (a few thousand) are the budget; a minute is far more than they take.
    found = certify_hessian_blocks_general(
        Losses(loss, loss), data, schedule, [-1.0] * 3, [1.0] * 3, n_w=2, max_boxes=8_000
    )
    assert all(c.status is ClosingStatus.CLOSED and c.width <= 0.05 for c in found.values())
