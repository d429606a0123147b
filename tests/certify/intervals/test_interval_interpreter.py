"""JAX functions over batches of boxes in float64 intervals: values stay inside, a broken rule is caught, gaps named."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.intervals import interpreter as interval_interpreter
from anil_theory.certify.intervals.elementwise import INTERVAL_ELEMENTWISE
from anil_theory.certify.intervals.interpreter import INTERVAL_RULES, run_intervals
from anil_theory.certify.intervals.matrices import norms_above, norms_below
from anil_theory.certify.intervals.outward import Intervals
from tests.certify.balls.test_ball_interpreter import used

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda z: (z + 2) * (z - 1) / (3 + z * z) - (-z) ** 3 + z**4 + z**-2 + abs(z) + jnp.sign(z - 0.2),
    "elementary": lambda z: jnp.sin(z) * jnp.cos(2 * z) + jnp.tanh(z) - jax.nn.sigmoid(z) + jnp.exp(-z) + jnp.expm1(z),
    "logarithms": lambda z: jnp.log(1.5 + z * z) + jnp.log1p(z * z) + jnp.sqrt(z * z) + jax.lax.square(z),
    "powers": lambda z: (z * z) ** 1.5 + jax.lax.integer_pow(z, 5) + 1 / jax.lax.integer_pow(z - 9, 3),
    "order": lambda z: (
        jnp.maximum(z, 0.1) + jnp.minimum(z, z[::-1]) + jax.lax.clamp(-0.4, z, 0.5) + jnp.where(z <= 0, z, -z)
    ),
    "logic": lambda z: (
        jnp.where((z < 0.5) & ~(z > 1) | (z >= 2) | (z == 0) | (z != z), z, -z) * jnp.isfinite(z) + (z > 0)
    ),
    "steps": lambda z: jnp.floor(3 * z) + jnp.ceil(z - 0.3) + ((z < 0.5) ^ (z > -1)),
    "any and all": lambda z: jnp.any(z > 1) + 2.0 * jnp.all(z > -1) + jnp.where(jnp.where(z < 0, z > 1, z < 1), z, 1.0),
    "reductions": lambda z: jnp.stack([z.sum(), z.max(), z.min(), jnp.mean(z * z), jax.nn.logsumexp(z)]),
    "shapes": lambda z: (
        jnp.concatenate([z.reshape(3, 1).T[:, ::-1], jnp.pad(z, (1, 2))[None, 1:6:2]], axis=1)
        + jnp.repeat(jnp.expand_dims(jnp.split(z, 3)[1], 0), 6, axis=1) * jnp.arange(6.0)
    ),
    "crops": lambda z: jax.lax.pad(z, 0.0, [(-1, 1, 0)]) + jax.lax.pad(z * z, 0.0, [(2, -2, 0)]),
    "products": lambda z: jnp.einsum("bij,bjk->bik", jnp.outer(z, z).reshape(1, 3, 3), jnp.ones((1, 3, 2))) @ z[:2],
    "scan": lambda z: jax.lax.scan(lambda c, r: (c * 0.5 + r, (c * r, r)), z[0], z, reverse=True)[1][0],
    "indices": lambda z: jax.lax.scan(lambda i, _: (i + 1, jax.lax.dynamic_index_in_dim(z, i)), 0, length=3)[1],
    "calls": lambda z: jax.checkpoint(jax.jit(lambda t: jnp.logaddexp(t, 0.3)))(z) + jax.nn.relu(z),
    "special": lambda z: (
        jax.lax.erf(z) + jax.lax.erfc(z) + jax.lax.lgamma(z + 3) + jax.lax.digamma(z + 3) + jax.lax.cbrt(z)
        + jax.lax.polygamma(jnp.full(3, 2.0), z + 3) + jax.lax.erf_inv(z / 9) + jnp.exp2(z) + jax.lax.rsqrt(z + 3)
    ),
    "inverse": lambda z: (
        jax.lax.atan(z) + jax.lax.asin(z / 3) + jax.lax.acos(z / 3) + jax.lax.asinh(z) + jax.lax.acosh(z + 4)
        + jax.lax.atanh(z / 3) + jnp.sinh(z) + jnp.cosh(z)
    ),
    "entries": lambda z: (
        z[jnp.array([2, 0, 2])] + z.at[jnp.array([1, 1, 0])].add(z) + z.at[jnp.array([2, 0])].set(z[:2])
        + jax.lax.dynamic_update_slice(z, z[:1], (1,)) + jnp.unstack(z)[1] + jnp.where(jnp.any(z > 0), z, -z)
        + jnp.where(jnp.all(z > 0), z, -z)
    ),
    "accumulated": lambda z: (
        jnp.cumsum(z) + jax.lax.cumsum(z, reverse=True) + jnp.cumprod(z) + jnp.prod(z)
        + jax.lax.reduce_window(z, 0.0, jax.lax.add, (2,), (1,), "SAME") + jnp.convolve(z, z[:2], mode="same")
    ),
    "triangular": lambda z: jax.scipy.linalg.solve_triangular(
        jnp.linalg.cholesky(jnp.outer(z, z) + jnp.eye(3)), jnp.ones((3, 1)), lower=True
    ) + jax.lax.linalg.triangular_solve(jnp.outer(z, z) + 9 * jnp.eye(3), z[None], lower=False, transpose_a=True).T,
    "remainders": lambda z: jnp.floor(z) + jnp.ceil(2 * z) + jax.lax.rem(z, 0.7 + 0 * z),
    "unwritten memory": lambda z: jnp.where(z < 9, z, jax.lax.empty((3,), z.dtype)),
    "derivatives": lambda z: jax.hessian(lambda t: jnp.tanh(t @ t) * jax.nn.log_softmax(t)[0])(z),
}  # fmt: skip


LONE: dict[str, Callable[[Any], Any]] = {
    "sin": jnp.sin,
    "exp": jnp.exp,
    "div": lambda z: 1 / (z + 3),
    "mul": lambda z: z[:1] * z[1:],
    "reduce_sum": jnp.sum,
    "dot_general": lambda z: z @ jnp.arange(3.0),
    "select_n": lambda z: jnp.where(z <= 0, z, 2 * z),
    "erf": jax.lax.erf,
    "lgamma": lambda z: jax.lax.lgamma(z + 3),
    "digamma": lambda z: jax.lax.digamma(z + 3),
    "cbrt": jax.lax.cbrt,
    "gather": lambda z: z[jnp.array([2, 0, 2])],
    "scatter-add": lambda z: z.at[jnp.array([1, 1, 0])].add(z),
    "cumsum": jnp.cumsum,
    "cholesky": lambda z: jax.lax.linalg.cholesky(jnp.diag(z * z + 1), symmetrize_input=False),
    "conv_general_dilated": lambda z: jax.lax.conv(z[None, None], jnp.ones((1, 1, 2)), (1,), "SAME"),
}
"""One rule each: nothing else widens what it narrows."""


def missed(name: str, seed: int = 0, boxes: int = 200, functions: dict[str, Callable[[Any], Any]] = FUNCTIONS) -> int:
    """How many values at random points of random boxes lie outside their intervals, beyond float64's own rounding."""
    fn, generator = functions[name], np.random.default_rng(seed)
    middle = generator.uniform(-2, 2, (boxes, 3))
    half = 10 ** generator.uniform(-9, -0.5, (boxes, 1)) * generator.uniform(0, 1, (boxes, 3))
    program = jax.make_jaxpr(fn)(jax.ShapeDtypeStruct((3,), np.float64))
    with np.errstate(all="ignore"):
        (found,) = run_intervals(program, [Intervals(middle - half, middle + half)])
    assert isinstance(found, Intervals)
    z = np.clip(middle + half * generator.uniform(-1, 1, (20, boxes, 3)), middle - half, middle + half)
    values = np.asarray(jax.jit(jax.vmap(jax.vmap(fn)))(z))
    slack = 1e-12 * np.maximum(1, np.abs(values))
    return int(np.sum((values < found.lo - slack) | (values > found.hi + slack)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_at_points_of_boxes_stay_inside(name: str) -> None:
    assert missed(name) == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_box_without_width_is_the_value(name: str) -> None:
    fn = FUNCTIONS[name]
    z = np.random.default_rng(1).uniform(0.2, 1.8, (50, 3))
    program = jax.make_jaxpr(fn)(jax.ShapeDtypeStruct((3,), np.float64))
    (found,) = run_intervals(program, [Intervals.exact(z)])
    assert isinstance(found, Intervals)
    width = np.broadcast_to(found.hi - found.lo, (50, *found.hi.shape[1:]))
    np.testing.assert_array_less(width, 1e-9)
    np.testing.assert_allclose(found.lo + width / 2, jax.vmap(fn)(z), rtol=1e-9, atol=1e-10)


def test_every_rule_is_exercised() -> None:
    z = jax.ShapeDtypeStruct((3,), np.float64)
    exercised = set().union(*(used(jax.make_jaxpr(fn)(z).jaxpr) for fn in FUNCTIONS.values()))
    # Names that other versions of JAX, or transformations, use for rules that are exercised under another one.
    never_emitted = {"add_any", "copy", "copy_p", "expand_dims", "stop_gradient", "dynamic_slice", "empty2"}
    never_emitted |= {"one_minus_square"} if jax.__version_info__ < (0, 12) else set()  # the derivative of tanh
    assert set(INTERVAL_RULES) - exercised <= never_emitted


@pytest.mark.parametrize("rule", LONE)
def test_a_narrowed_rule_is_caught(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    assert missed(rule, functions=LONE) == 0
    right = INTERVAL_RULES[rule]

    def narrowed(equation: Any, *inputs: Any) -> list[Any]:
        (found,) = right(equation, *inputs)
        if not isinstance(found, Intervals):
            return [found]
        quarter = (found.hi - found.lo) / 4
        return [Intervals(found.lo + quarter, found.hi - quarter)]

    monkeypatch.setitem(INTERVAL_RULES, rule, narrowed)
    assert missed(rule, functions=LONE) > 0


def test_squares_know_that_both_factors_are_the_same() -> None:
    program = jax.make_jaxpr(lambda z: z * z)(jax.ShapeDtypeStruct((1,), np.float64))
    (found,) = run_intervals(program, [Intervals(np.array([[-1.0]]), np.array([[2.0]]))])
    assert isinstance(found, Intervals) and found.lo[0, 0] == 0 and 4 <= found.hi[0, 0] < 4.001


def test_what_has_no_enclosure_is_named() -> None:
    z = Intervals.exact(np.zeros((1, 3)))

    def run(fn: Callable[[Any], Any]) -> None:
        run_intervals(jax.make_jaxpr(fn)(jax.ShapeDtypeStruct((3,), np.float64)), [z])

    with pytest.raises(NoEnclosure, match="'bessel_i0e'"):
        run(jax.scipy.special.i0e)
    with pytest.raises(NoEnclosure, match="'while'"):
        run(lambda z: jax.lax.while_loop(lambda t: t[0] < 3, lambda t: t + 1, z))
    with pytest.raises(Undecided, match="index"):
        run(lambda z: jax.lax.cond(z[0] > 0, lambda t: t, lambda t: -t, z))
    with pytest.raises(NoEnclosure, match="float32"):
        run(lambda z: z.astype(jnp.float32))
    with pytest.raises(NoEnclosure, match="select_n"):
        run(lambda z: jax.lax.select_n(jnp.array([0, 1, 2]), z, 2 * z, 3 * z))
    with pytest.raises(Undecided, match="index"):
        run(lambda z: jax.lax.dynamic_slice(z, ((z[0] > 0).astype(int),), (1,)))
    assert interval_interpreter.INTERVAL_RULES.keys() > INTERVAL_ELEMENTWISE.keys()


@given(
    st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.0, 1e-6, 0.1]), st.floats(-90, 90)
)
def test_norms_of_interval_matrices_are_bounded_from_both_sides(
    seed: int, rows: int, columns: int, radius: float, exponent: float
) -> None:
    generator, scale = np.random.default_rng(seed), 2.0**exponent
    middle = scale * generator.standard_normal((20, rows, columns))
    block = Intervals(middle - scale * radius, middle + scale * radius)
    norms = np.linalg.norm(middle + scale * radius * generator.uniform(-1, 1, middle.shape), 2, axis=(1, 2))
    above, below = norms_above(block), norms_below(block)
    assert (below <= norms * (1 + 1e-12)).all() and (norms * (1 - 1e-12) <= above).all()
    if radius == 0:
        assert (above <= norms * (1 + 2e-3)).all() and (below >= norms * (1 - 1e-9)).all()


def test_zero_has_norm_zero_and_what_rounds_to_zero_has_a_tiny_one() -> None:
    """The third derivatives of a quadratic vanish: their norm is 0, and squares that underflow do not hide it."""
    assert norms_above(Intervals.exact(np.zeros((3, 2, 2)))).tolist() == [0.0] * 3
    least = np.full((1, 2, 2), 5e-324)
    assert 1e-323 <= norms_above(Intervals(-least, least))[0] <= 1e-150
    assert 2e-200 <= norms_above(Intervals.exact(np.full((1, 2, 2), 1e-200)))[0] <= 1e-150


def test_a_matrix_of_which_nothing_is_known_has_no_bounds() -> None:
    unknown = Intervals(np.full((1, 2, 2), -np.inf), np.full((1, 2, 2), np.nan))
    assert norms_above(unknown)[0] == np.inf and norms_below(unknown)[0] == -np.inf


def test_a_shift_that_has_no_enclosure_is_0_in_every_box() -> None:
    """One number for all boxes: what is added to it keeps the number of boxes."""
    without_rule = jax.make_jaxpr(lambda z: jax.lax.igamma(z, z))(jnp.ones(2))
    outcome = SimpleNamespace(aval=SimpleNamespace(shape=(2,)))
    equation = SimpleNamespace(params={"upstream": without_rule}, outvars=[outcome])
    boxes = Intervals(np.ones((3, 2)), np.full((3, 2), 2.0))
    shift = interval_interpreter._free_shift(equation, [boxes])
    assert isinstance(shift, Intervals) and shift.lo.shape == (1, 2) and not shift.lo.any() and not shift.hi.any()
    assert (boxes + shift).lo.shape == (3, 2)
