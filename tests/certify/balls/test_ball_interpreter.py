"""Ball arithmetic encloses: points, boxes, derivatives, loops; gaps are named; a broken rule is caught."""

from collections.abc import Callable
from typing import Any

import flint
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.certify.balls.interpreter import RULES, evaluate
from anil_theory.certify.balls.values import Balls
from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided

x, y = np.array([[0.3, 1.7, 0.9], [1.2, 0.4, 2.1]]), np.array([[1.1, 0.2, 0.7], [0.5, 1.9, 1.3]])
index = np.array([2, 0, 1])

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "arithmetic": (lambda a, b: (a + b) * (a - b) / (1 + a * a) - (-b) ** 3 + abs(a - 1) + jnp.sign(a - 1), (x, y)),
    "elementary": (
        lambda a, b: jnp.sin(a) * jnp.cos(b) + jnp.tan(a / 4) + jnp.sinh(a) - jnp.cosh(b) + jnp.tanh(a - b),
        (x, y),
    ),
    "slopes": (lambda a, b: jax.jvp(jnp.tanh, (a,), (b,))[1], (x, y)),
    "exponentials": (
        lambda a, b: jnp.exp(a) + jnp.expm1(b) + jnp.log(a) + jnp.log1p(b) + jax.nn.sigmoid(a) + jnp.exp2(b),
        (x, y),
    ),
    "powers": (
        lambda a, b: jnp.sqrt(a) + jax.lax.rsqrt(b) + jax.lax.square(a) + a**b + jax.lax.atan2(a, b),
        (x, y),
    ),
    "order": (
        lambda a, b: jnp.maximum(a, b) + jnp.minimum(a, 1.0) + jax.lax.clamp(0.4, a, 1.5) + jnp.where(a <= b, a, b),
        (x, y),
    ),
    "logic": (
        lambda a, b: jnp.where((a < b) & ~(a > 1) | (a >= 2) | (a == b) | (a != a), a, b) * jnp.isfinite(a),
        (x, y),
    ),
    "steps": (lambda a, b: jnp.floor(3 * a) + jnp.ceil(b) + ((a < b) ^ (a > 1)), (x, y)),
    "any and all": (lambda a, b: jnp.any(a > b, axis=0) + 2.0 * jnp.all(a > 0.35, axis=0), (x, y)),
    "reductions": (
        lambda a, b: jnp.stack([a.sum(), jnp.prod(b), a.max(), b.min(), jnp.cumsum(a, axis=1)[1, 2], jnp.mean(a)]),
        (x, y),
    ),
    "shapes": (
        lambda a, b: (
            jnp.concatenate([a.T.reshape(2, 3)[:, ::-1], jnp.pad(b, ((0, 0), (1, 2)))[:, 1:5:2]], axis=1)
            + jnp.squeeze(jnp.expand_dims(a[:, :1], 2), 2) * jnp.arange(5.0)
            + jnp.split(b, 3, axis=1)[1]
        ),
        (x, y),
    ),
    "products": (
        lambda a, b: jnp.einsum("bij,bjk->bik", jnp.stack([a, b]), jnp.stack([b.T, a.T])) + jnp.sum(a @ b.T),
        (x, y),
    ),
    "windows": (
        lambda a, i: jax.lax.dynamic_update_slice(
            a, jax.lax.dynamic_slice(a, (0, i[0]), (2, 1)), (jnp.asarray(0), i[1])
        ),
        (x, index),
    ),
    "control flow": (
        lambda a, b: (
            jax.lax.cond(a[0, 0] < b[0, 0], lambda t: t * 2, lambda t: t, a)
            + jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * b), (0, a))[1]
        ),
        (x, y),
    ),
    "scan": (
        lambda a, b: jax.lax.scan(lambda c, r: (c * 0.5 + r, c @ r), a[0], (a + b), reverse=True)[1],
        (x, y),
    ),
    "special functions": (
        lambda a, b: (
            jax.lax.erf(a)
            + jax.lax.erfc(b)
            + jax.lax.erf_inv(a / 4)
            + jax.lax.lgamma(a)
            + jax.lax.digamma(b)
            + jax.lax.polygamma(jnp.full_like(a, 2.0), a)
            + jax.lax.cbrt(b - 1)
        ),
        (x, y),
    ),
    "inverse functions": (
        lambda a, b: (
            jax.lax.atan(a)
            + jax.lax.asin(b / 4)
            + jax.lax.acos(a / 4)
            + jax.lax.asinh(a)
            + jax.lax.acosh(a + 1)
            + jax.lax.atanh(b / 4)
        ),
        (x, y),
    ),
    "remainders": (lambda a, b: jnp.floor(3 * a) + jnp.ceil(b) + jax.lax.rem(a, b), (x, y)),
    "entries by index": (
        lambda a, i: (
            a[:, i]
            + a.at[:, i].add(2 * a)
            + a.at[:, i].set(a)
            + jnp.sum(jnp.unstack(a, axis=1)[1])
            + jnp.where(jnp.any(a > 1, axis=0) & ~jnp.all(a > 1, axis=0), 1.0, jnp.argmax(a, axis=0) + jnp.argmin(a))
        ),
        (x, index),
    ),
    "orders and windows": (
        lambda a, b: (
            jnp.sort(a, axis=1)
            + jnp.cumprod(b, axis=0)
            + jax.lax.reduce_window(a, 0.0, jax.lax.add, (2, 2), (1, 1), "SAME")
            + jax.lax.conv(a[None, None], b[None, None, :, :2], (1, 1), "SAME")[0, 0]
        ),
        (x, y),
    ),
    "linear systems": (
        lambda a, b: jnp.stack(
            [
                jnp.linalg.solve(a @ a.T, b),
                jnp.linalg.cholesky(a @ a.T) @ b,
                jax.lax.linalg.triangular_solve(a @ a.T, b.T, transpose_a=True, unit_diagonal=True).T,
            ]
        ),
        (x, y),
    ),
    "unwritten memory": (lambda a, b: jnp.where(a < 9, a, jax.lax.empty(a.shape, a.dtype)), (x, y)),
    "calls": (lambda a, b: jax.checkpoint(jax.jit(lambda t: jnp.logaddexp(t, b)))(a) + jax.nn.relu(a - b), (x, y)),
}


def used(jaxpr: Any) -> set[str]:
    """The names of all primitives in a jaxpr and in the jaxprs inside it."""
    found = set()
    for equation in jaxpr.eqns:
        found.add(equation.primitive.name)
        for value in equation.params.values():
            for inner in value if isinstance(value, (tuple, list)) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    found |= used(inner)
    return found


def middles(balls: Any) -> np.ndarray:
    return np.vectorize(lambda ball: float(ball.mid()), otypes=[float])(balls)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_exact_arguments_reproduce_float64_up_to_its_rounding(name: str) -> None:
    fn, args = FUNCTIONS[name]
    balls = evaluate(fn, *args)
    np.testing.assert_allclose(middles(balls), jax.jit(fn)(*args), rtol=1e-13, atol=1e-14)
    assert all(float(ball.rad()) < 1e-50 for ball in np.ravel(balls))


def test_every_rule_is_exercised() -> None:
    exercised = set().union(*(used(jax.make_jaxpr(fn)(*args).jaxpr) for fn, args in FUNCTIONS.values()))
    never_emitted = {
        # names that other versions of JAX, or transformations, use for the rules that are exercised above
        "pjit", "closed_call", "core_call", "remat", "checkpoint", "copy", "copy_p", "stop_gradient",
        "optimization_barrier", "free_shift",
        "custom_vjp_call", "add_any", "expand_dims", "dynamic_update_slice", "empty2",
    }  # fmt: skip
    never_emitted |= {"one_minus_square"} if jax.__version_info__ < (0, 12) else set()
    assert set(RULES) - exercised <= never_emitted


BOXED = (
    "arithmetic", "elementary", "exponentials", "powers", "order", "logic", "scan", "special functions",
    "inverse functions", "steps", "linear systems", "orders and windows",
)  # fmt: skip


@pytest.mark.parametrize("name", BOXED)
def test_a_box_encloses_the_values_at_points_inside(name: str) -> None:
    fn, args = FUNCTIONS[name]
    generator = np.random.default_rng(0)
    radius = 0.05
    with precision(200):
        enclosure = np.ravel(evaluate(fn, *(Balls.around(a, radius) for a in args)))
        shifts = [a + radius * generator.uniform(-1, 1, (1500, *a.shape)) for a in args]
        values = np.asarray(jax.jit(jax.vmap(fn))(*shifts)).reshape(1500, -1)
        for ball, column in zip(enclosure, values.T, strict=True):
            low, high = float(ball.lower()), float(ball.upper())
            scale = 1e-12 * max(1.0, abs(low), abs(high))
            assert column.min() >= low - scale and column.max() <= high + scale


@given(st.floats(-3, 3), st.floats(0, 0.5), st.floats(-1, 1))
def test_random_boxes_enclose(middle: float, radius: float, place: float) -> None:
    def fn(t: Any) -> Any:
        return jnp.sin(3 * t) * jnp.exp(-t * t) + jnp.where(t > 0.5, t * t, jnp.abs(t))

    (ball,) = np.ravel(evaluate(fn, Balls.around(middle, radius)))
    inside = middle + place * radius * (1 - 1e-12)
    point = evaluate(fn, np.float64(inside))[()]
    with precision(200):
        assert ball.contains(point) or ball.overlaps(point)


LONE: dict[str, Callable[..., Any]] = {
    "sin": lambda a, b: jnp.sin(a),
    "lgamma": lambda a, b: jax.lax.lgamma(a),
    "digamma": lambda a, b: jax.lax.digamma(a),
    "polygamma": lambda a, b: jax.lax.polygamma(jnp.full_like(a, 2.0), a),
    "erf": lambda a, b: jax.lax.erf(a),
    "erfc": lambda a, b: jax.lax.erfc(a),
    "atan": lambda a, b: jax.lax.atan(a),
    "cbrt": lambda a, b: jax.lax.cbrt(a - 1),
    "integer_pow": lambda a, b: jax.lax.integer_pow(a - 1, 2),
    "rem": lambda a, b: jax.lax.rem(a, b + 9),
    "gather": lambda a, b: a[:, index],
    "scatter-add": lambda a, b: a.at[:, index].add(b),
    "cumprod": lambda a, b: jnp.cumprod(a, axis=0),
    "reduce_window_sum": lambda a, b: jax.lax.reduce_window(a, 0.0, jax.lax.add, (2, 2), (1, 1), "SAME"),
    "conv_general_dilated": lambda a, b: jax.lax.conv(a[None, None], b[None, None, :, :2], (1, 1), "SAME"),
    "cholesky": lambda a, b: jnp.linalg.cholesky(a @ a.T + jnp.eye(2)),
    "triangular_solve": lambda a, b: jax.scipy.linalg.solve_triangular(a[:, :2], b, lower=True),
}
"""One rule each: nothing else widens what it narrows."""


@pytest.mark.parametrize("rule", LONE)
def test_a_rule_that_forgets_its_radius_is_caught(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    right = RULES[rule]
    monkeypatch.setitem(FUNCTIONS, "lone", (LONE[rule], (x, y)))
    test_a_box_encloses_the_values_at_points_inside("lone")

    def narrowed(equation: Any, *inputs: Any) -> list[Any]:
        third = np.frompyfunc(lambda ball: ball.mid() + (ball - ball.mid()) / 3, 1, 1)
        return [third(found) for found in right(equation, *inputs)]

    monkeypatch.setitem(RULES, rule, narrowed)
    with pytest.raises(AssertionError):
        test_a_box_encloses_the_values_at_points_inside("lone")


def test_thirty_digits_agree_with_mpmath() -> None:
    def fn(t: Any) -> Any:
        return jnp.tanh(t) * jnp.log1p(t) + jnp.exp(jnp.sin(t))

    ball = evaluate(jax.grad(fn), np.float64(0.7))[()]
    with mpmath.workdps(50):
        exact = mpmath.diff(lambda t: mpmath.tanh(t) * mpmath.log1p(t) + mpmath.exp(mpmath.sin(t)), mpmath.mpf(0.7))
        with precision(200):
            assert abs(mpmath.mpf(ball.mid().str(45, radius=False)) - exact) < mpmath.mpf(10) ** -30


def test_undecided_comparisons_are_unions_or_errors() -> None:
    wide = Balls.around(0.0, 1.0)
    ball = evaluate(lambda t: jnp.where(t > 0, 2.0, -1.0), wide)[()]
    assert float(ball.lower()) <= -1 and float(ball.upper()) >= 2
    with pytest.raises(Undecided, match="branch"):
        evaluate(lambda t: jax.lax.cond(t > 0, lambda t: t, lambda t: -t, t), wide)
    with pytest.raises(Undecided, match="while"):
        evaluate(lambda t: jax.lax.while_loop(lambda s: s > 0, lambda s: s - 1, t), wide)


def test_what_has_no_enclosure_is_named() -> None:
    with pytest.raises(NoEnclosure, match="'bessel_i0e'"):
        evaluate(jax.scipy.special.i0e, np.float64(0.5))
    with pytest.raises(NoEnclosure, match="float32"):
        evaluate(lambda t: t.astype(jnp.float32) * 2, np.float64(0.5))


def test_the_precision_is_restored() -> None:
    before = flint.ctx.prec
    with pytest.raises(NoEnclosure):
        evaluate(jax.scipy.special.i0e, np.float64(0.5), bits=333)
    assert flint.ctx.prec == before
