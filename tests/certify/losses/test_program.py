"""Flat programs: the outputs of the original, without dead code, data folded to enclosures of exact numbers."""

from collections.abc import Callable
from typing import Any

import flint
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from anil_theory.certify.balls.interpreter import run
from anil_theory.certify.balls.values import to_balls
from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import interval_program
from anil_theory.certify.losses import data_folding
from anil_theory.certify.losses.flat import flat_program
from anil_theory.certify.losses.simplifications import SIMPLER

Z = np.array([0.3, -0.7, 1.1])
D = np.array([2.0, 0.5, 1.5])
LABELS = np.array([2, 0, 2])
KEY = 7

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "scan": lambda z: jax.lax.scan(lambda c, r: (c * r[0] + r[1], c), z[0], (z, jnp.asarray(D)), reverse=True),
    "scan of no steps": lambda z: jax.lax.scan(lambda c, r: (c * r, c), z[0], z[:0]),
    "loop": lambda z: jax.lax.fori_loop(0, 3, lambda i, c: c * z[i] + i, 1.0),
    "while": lambda z: jax.lax.while_loop(lambda s: s[0] < D[0], lambda s: (s[0] + 0.5, s[1] * z), (0.0, z)),
    "branch of data": lambda z: jax.lax.cond(jnp.asarray(D)[0] > 1, lambda: z * 2, lambda: z),
    "branch of parameters": lambda z: jax.lax.cond(z[0] > 0, lambda t: (t * 2, t), lambda t: (t, t), z),
    "switch": lambda z: jax.lax.switch(jnp.asarray(LABELS)[0], [lambda: z, lambda: 2 * z, lambda: 3 * z]),
    "powers": lambda z: z**2.0 + z ** jnp.array([3.0, 3.0, 3.0]) + (z * z) ** 0.5 + (2 + z) ** 1.5 + z**1,
    "squares": lambda z: z * z + (z + 1) * (1 + z) + z / 1 + (z - 0) + 0 * z + 1 * z + jnp.sum(z, axis=()),
    "maximum": lambda z: jax.grad(lambda t: jnp.max(t * D) + jnp.min(t.reshape(1, 3), axis=1)[0])(z),
    "larger": lambda z: jax.grad(lambda t: jnp.sum(jnp.maximum(t, 0.5) * D + jnp.minimum(t, t[::-1] + 0.2) ** 2))(z),
    "rows": lambda z: jax.grad(
        lambda t: jnp.sum(jnp.max(jnp.outer(t, jnp.asarray(D)) + D[:, None] ** 2, axis=0) ** 2)
    )(z),
    "not a number": lambda z: jnp.where(z != z, 0.0, jnp.where(jnp.isnan(z), 1.0, z)),
    "indices": lambda z: z[jnp.asarray(LABELS)] + jnp.take_along_axis(z, jnp.asarray(LABELS), 0),
    "integers": lambda z: z * (jnp.asarray(LABELS) % 2 + jnp.asarray(LABELS) // 2 - (jnp.asarray(LABELS) == 2)),
    "random": lambda z: z + jax.random.normal(jax.random.key(KEY), (3,)) * jax.random.bernoulli(jax.random.key(1)),
    "order": lambda z: z[jnp.argsort(jnp.asarray(D))] + jnp.sort(jnp.asarray(D)) + jnp.median(jnp.asarray(D)),
    "solve": lambda z: jnp.linalg.solve(jnp.outer(z, z) + 2 * jnp.eye(3), z) + jnp.linalg.inv(jnp.diag(D) + 0.1) @ z,
    "data functions": lambda z: z * jax.scipy.special.gammaln(D) + jnp.floor(D + 0.3) + jax.lax.erf_inv(D / 4),
    "casts": lambda z: z * jnp.asarray(D).astype(int) + (jnp.asarray(D) > 1).astype(float) + z.astype(jnp.float64),
    "nothing of the parameters": lambda z: jnp.asarray(D) * 2 + jnp.zeros(3),
    "same twice": lambda z: jnp.sin(z) + jnp.sin(z) * jnp.sin(z),
}  # fmt: skip


def flat(fn: Callable[[Any], Any]) -> Any:
    return flat_program(jax.make_jaxpr(fn)(Z), 120)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_flat_program_has_the_outputs_of_the_original(name: str) -> None:
    fn = FUNCTIONS[name]
    expected = jax.tree.leaves(jax.jit(fn)(Z))
    program = flat(fn)
    with precision(120):
        balls = run(program, [to_balls(Z)])
    boxes = run_intervals(interval_program(program), [Intervals.exact(Z[None])])
    for value, ball, interval in zip(expected, balls, boxes, strict=True):
        middles = np.vectorize(lambda x: float(x.mid()) if isinstance(x, flint.arb) else float(x), otypes=[float])(ball)
        np.testing.assert_allclose(middles, value, rtol=1e-9, atol=1e-10)
        if isinstance(interval, Intervals):
            shape = (1, *np.shape(value))
            assert np.all(np.broadcast_to(interval.lo, shape) <= np.asarray(value)[None] + 1e-9)
            assert np.all(np.broadcast_to(interval.hi, shape) >= np.asarray(value)[None] - 1e-9)
        else:
            np.testing.assert_array_equal(np.asarray(interval), value)


def primitives(fn: Callable[[Any], Any]) -> list[str]:
    return [equation.primitive.name for equation in flat(fn).jaxpr.eqns]


def asked_of_extremes(fn: Callable[[Any], Any]) -> list[Any]:
    """Comparisons with the result of a maximum or minimum, which boxes cannot decide: they can its operands'."""
    equations = flat(fn).jaxpr.eqns
    extremes = ("max", "min", "reduce_max", "reduce_min")
    results = {v for equation in equations if equation.primitive.name in extremes for v in equation.outvars}
    for equation in equations:
        if equation.primitive.name in ("reshape", "broadcast_in_dim") and equation.invars[0] in results:
            results.update(equation.outvars)
    return [e for e in equations if e.primitive.name in ("eq", "ne") and results.intersection(e.invars)]


def test_what_is_the_same_or_needless_is_gone() -> None:
    assert primitives(FUNCTIONS["nothing of the parameters"]) == []
    assert primitives(FUNCTIONS["same twice"]).count("sin") == 1
    assert "integer_pow" in primitives(FUNCTIONS["powers"]) and primitives(FUNCTIONS["powers"]).count("pow") == 1
    assert set(primitives(FUNCTIONS["not a number"])) == set()
    assert not {"gather", "sort"} & set(primitives(lambda z: z * jnp.sort(jnp.asarray(D))[jnp.asarray(LABELS)]))
    assert primitives(lambda z: (z, jnp.exp(z))[0] * 2) == ["mul"]
    assert asked_of_extremes(FUNCTIONS["larger"]) == asked_of_extremes(FUNCTIONS["maximum"]) == []
    assert "select_n" in primitives(FUNCTIONS["branch of parameters"])
    assert "select_n" not in primitives(FUNCTIONS["branch of data"]) + primitives(FUNCTIONS["switch"])


def test_a_folded_number_is_an_enclosure_and_not_a_rounded_float() -> None:
    """1/3 of data is no float64: the constant must hold the number itself."""
    program = flat(lambda z: z * (jnp.asarray(D) / 3 + jnp.log(jnp.asarray(D))))
    (constant,) = (c for c in program.consts if isinstance(c, np.ndarray) and c.dtype.kind == "O")
    with mpmath.workdps(60), precision(200):
        for ball, d in zip(constant, D, strict=True):
            exact = mpmath.mpf(float(d)) / 3 + mpmath.log(mpmath.mpf(float(d)))
            text = mpmath.nstr(exact, 50)
            assert ball.overlaps(flint.arb(text)) and 0 < float(ball.rad()) < 1e-30
    (interval,) = (c for c in interval_program(program).consts if isinstance(c, Intervals))
    assert np.all(interval.lo < interval.hi) and np.all(interval.hi - interval.lo < 1e-15)


def test_rounded_factors_of_derivatives_hold_the_factor() -> None:
    """The derivative of erf has 2/sqrt(pi) as a float64: the mean value form needs the number itself."""
    program = flat(jax.grad(lambda z: jnp.sum(jax.lax.erf(z))))
    with precision(200):
        exact = 2 / flint.arb.pi().sqrt()
        balls = [x for c in program.consts if c.dtype.kind == "O" for x in np.ravel(c)]
        assert any(ball.contains(exact) for ball in balls)
        assert not flint.arb(2 / np.sqrt(np.pi)).contains(exact)


def test_what_cannot_be_made_flat_is_refused() -> None:
    with pytest.raises(NoEnclosure, match="'while' whose end the parameters decide"):
        flat(lambda z: jax.lax.while_loop(lambda s: s[0] < 5, lambda s: 2 * s, abs(z) + 1))
    with pytest.raises(NoEnclosure, match="several that the parameters choose"):
        flat(lambda z: jax.lax.switch(z[0].astype(int), [lambda: z, lambda: 2 * z, lambda: 3 * z]))
    with pytest.raises(NoEnclosure, match="more than"):
        flat(lambda z: jax.lax.fori_loop(0, 10**6, lambda i, c: jnp.sin(c * z), z))
    with pytest.raises(NoEnclosure, match="float32"):
        flat(lambda z: jnp.dot(z, z, preferred_element_type=jnp.float32))
    with pytest.raises(NoEnclosure, match="'bessel_i0e'"):
        flat(lambda z: z * jax.scipy.special.i0e(jnp.asarray(D)))
    with pytest.raises(NoEnclosure, match="complex"):
        flat(lambda z: jnp.abs(jnp.fft.fft(z)))


@pytest.mark.parametrize(
    ("simplification", "name"),
    [("mul", "squares"), ("pow", "powers"), ("sub", "squares"), ("select_n", "branch of parameters")],
)
def test_a_wrong_simplification_is_caught(monkeypatch: pytest.MonkeyPatch, simplification: str, name: str) -> None:
    monkeypatch.setitem(SIMPLER, simplification, lambda flat, equation, inputs: inputs[1:2])
    with pytest.raises((AssertionError, AttributeError, ValueError, TypeError)):
        test_a_flat_program_has_the_outputs_of_the_original(name)


def test_a_folding_that_rounds_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = data_folding.FOLDING_RULES["div"]

    def rounded(equation: Any, *inputs: Any) -> list[Any]:
        return [to_balls(np.vectorize(float, otypes=[float])(x)) for x in right(equation, *inputs)]

    monkeypatch.setitem(data_folding.FOLDING_RULES, "div", rounded)
    monkeypatch.setitem(data_folding.FOLDING_RULES, "log", rounded_log)
    with pytest.raises(AssertionError):
        test_a_folded_number_is_an_enclosure_and_not_a_rounded_float()


def rounded_log(equation: Any, a: Any) -> list[Any]:
    return [to_balls(np.log(np.vectorize(float, otypes=[float])(a)))]
