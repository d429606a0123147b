"""Rewritten losses are the same functions with the same derivatives, and narrower; shifts that matter stay."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from anil_theory.certify.losses.flat import flat_program
from anil_theory.certify.losses.plain import plain_program
from anil_theory.certify.losses.shift_invariance import is_invariant
from anil_theory.certify.program import smooth_functions
from anil_theory.certify.program.inlined_calls import inlined

X = jnp.array([[0.3, -0.7, 1.1], [0.2, 0.9, -0.4]])


def stopped_twice(x: Any) -> Any:
    """A log softmax that stops one maximum twice."""
    largest = jnp.max(x, axis=1, keepdims=True)
    first, again = jax.lax.stop_gradient(largest), jax.lax.stop_gradient(largest)
    return x - first - jnp.log(jnp.sum(jnp.exp(x - again), axis=1, keepdims=True) + jnp.exp(x - first))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda x: jnp.sum(jax.nn.softmax(x, axis=0) ** 2 + jax.nn.softmax(x) ** 3),
    "softmax over two axes": lambda x: jnp.sum(jax.nn.softmax(x, axis=(0, 1)) ** 2),
    "log softmax": lambda x: jnp.sum(jax.nn.log_softmax(x) * x),
    "logsumexp": lambda x: jnp.sum(jax.nn.logsumexp(x, axis=0, keepdims=True) ** 2) + jax.nn.logsumexp(3 * x),
    "weighted logsumexp": lambda x: jnp.sum(jax.nn.logsumexp(x, b=jnp.array([1.0, 2.0, 0.5]), axis=1) ** 2),
    "softplus": lambda x: jnp.sum(jax.nn.softplus(x * x - 1) * x),
    "logaddexp": lambda x: jnp.sum(jnp.logaddexp(x[0], x[1]) ** 2 + jnp.logaddexp(x[0], x[0])),
    "logistic": lambda x: jnp.sum(jax.nn.sigmoid(x) ** 2 + jax.nn.silu(x)),
    "written softmax": lambda x: jnp.sum(x * jnp.exp(x) / jnp.sum(jnp.exp(x), axis=1, keepdims=True)),
    "masked softmax": lambda x: jnp.sum(jax.nn.softmax(jnp.where(jnp.arange(3) < 2, x, -jnp.inf)) ** 2),
    "cross entropy": lambda x: jnp.sum(optax.softmax_cross_entropy_with_integer_labels(x, jnp.array([2, 0]))),
    "two stops": lambda x: jnp.sum(stopped_twice(x)),
    "shift that matters": lambda x: jnp.sum(jnp.exp(x - jax.lax.stop_gradient(jnp.max(x)))),
    "stopped gradient": lambda x: jnp.sum(x * jax.lax.stop_gradient(x) ** 2),
    "scanned": lambda x: jnp.sum(
        jax.lax.scan(lambda c, r: (jax.nn.softplus(c * r[0]), jax.nn.softmax(c * r)), jnp.ones(()), x)[1][:, 1]
    ),
    "branch": lambda x: jax.lax.cond(x[0, 0] > 0, lambda: jax.nn.softplus(x[1, 0]), lambda: x[1, 1]),
    "large numbers": lambda x: jax.nn.logsumexp(1000.0 + x) + jnp.sum(jax.nn.softmax(1000.0 * (2 + 0.001 * x)) ** 2),
    "normal": lambda x: jnp.sum(jax.scipy.special.ndtr(x) * x),
    "log normal": lambda x: jnp.sum(jax.scipy.special.log_ndtr(x) * x),
    "log normal, far out": lambda x: jnp.sum(jax.scipy.special.log_ndtr(30.0 * x)),
    "derivatives of its own": lambda x: jnp.sum(jax.nn.relu(x) + jax.nn.elu(x)),
}  # fmt: skip


def rewritten(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    plain = plain_program(jax.make_jaxpr(fn)(X), [X])
    return lambda x: plain(x)[0]


def differences(name: str) -> list[float]:
    """The largest relative differences of the function and its first three derivatives."""
    ours, theirs = rewritten(FUNCTIONS[name]), FUNCTIONS[name]
    found = []
    for _ in range(4):
        a, b = np.asarray(jax.jit(ours)(X)), np.asarray(jax.jit(theirs)(X))
        found.append(float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)))))
        ours, theirs = jax.jacfwd(ours), jax.jacfwd(theirs)
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_rewritten_function_has_the_same_values_and_derivatives(name: str) -> None:
    assert max(differences(name)) < 1e-9


@pytest.mark.parametrize(
    ("function", "name"), [("logistic_slope", "softplus"), ("half_tanh", "softplus"), ("softmax", "softmax")]
)
def test_a_wrong_rule_is_caught(monkeypatch: pytest.MonkeyPatch, function: str, name: str) -> None:
    right = getattr(smooth_functions, function)
    monkeypatch.setattr(smooth_functions, function, lambda x: right(x) * 1.001)
    assert max(differences(name)) > 1e-6


def stops(fn: Callable[[Any], Any]) -> list[bool]:
    """Whether the outputs of each stop_gradient do not matter."""
    program = inlined(jax.make_jaxpr(fn)(X)).jaxpr
    return [is_invariant(program, e) for e in program.eqns if e.primitive.name == "stop_gradient"]


def test_only_shifts_that_do_not_matter_are_left_away() -> None:
    assert stops(FUNCTIONS["softmax"]) == [True, True] and stops(FUNCTIONS["logsumexp"]) == [True, True]
    assert stops(FUNCTIONS["log softmax"]) == [True] and stops(FUNCTIONS["softmax over two axes"]) == [True]
    assert stops(FUNCTIONS["shift that matters"]) == [False] and stops(FUNCTIONS["stopped gradient"]) == [False]

    def stop(x: Any) -> Any:
        return jax.lax.stop_gradient(jnp.max(x, axis=1, keepdims=True))

    def of_rows(x: Any) -> Any:
        return jnp.log(jnp.sum(jnp.exp(x - stop(x)), axis=1))

    assert stops(lambda x: jnp.sum(of_rows(x))) == [False]
    assert stops(lambda x: jnp.sum(of_rows(x) + jax.lax.stop_gradient(jnp.max(x, axis=1)))) == [False, False]
    # Each row has a maximum of its own: a sum over both rows mixes two changes.
    assert stops(lambda x: jnp.sum(jnp.exp(x - stop(x)) / jnp.sum(jnp.exp(x - stop(x))))) == [False, False]
    assert stops(lambda x: jnp.sum(jnp.exp(2 * (x - stop(x))))) == [False]

    def stopped_twice(x: Any, second: float) -> Any:
        largest = jnp.max(x, axis=1, keepdims=True)
        first, again = jax.lax.stop_gradient(largest), jax.lax.stop_gradient(largest)
        below = jnp.sum(jnp.exp(x - first), axis=1, keepdims=True) + jnp.exp(x - second * again)
        return jnp.sum(x - first - jnp.log(below))

    # Together they are without influence, and none of them is alone.
    assert stops(lambda x: stopped_twice(x, 1.0)) == [True, True]
    assert stops(lambda x: stopped_twice(x, 2.0)) == [False, False]
    assert stops(lambda x: jnp.sum(abs(x - stop(x)))) == [False]


def test_the_maximum_of_one_row_does_not_stand_for_that_of_another() -> None:
    """Each is subtracted once and added once, and the sum of both still depends on them."""

    def rows(x: Any) -> list[Any]:
        largest = jax.lax.stop_gradient(jnp.max(x, axis=1))
        return [jax.lax.slice(largest, (i,), (i + 1,)) for i in range(2)]

    def terms(x: Any, i: int, j: int) -> Any:
        held = rows(x)
        a, b = held[i], held[j]
        return jnp.sum(x) + (a - b)[0]

    def factors(x: Any, i: int, j: int) -> Any:
        held = rows(x)
        a, b = held[i], held[j]
        return jnp.sum(x) * (jnp.exp(a) / jnp.exp(b))[0]

    for fn in (terms, factors):
        for i, j in ((0, 1), (1, 0)):
            assert stops(lambda x, fn=fn, i=i, j=j: fn(x, i, j)) == [False]
            assert stops(lambda x, fn=fn, i=i: fn(x, i, i)) == [True]


def test_a_held_number_may_be_multiplied_by_a_power_of_two_from_either_side() -> None:
    def held(x: Any) -> Any:
        return jax.lax.stop_gradient(jnp.max(x))

    def left_over(twice: Callable[[Any], Any], x: Any) -> Any:
        m = held(x)
        return jnp.sum(x) + (twice(m) - (m + m))

    assert stops(lambda x: left_over(lambda m: m * 2.0, x)) == [True]
    assert stops(lambda x: left_over(lambda m: 2.0 * m, x)) == [True]
    assert stops(lambda x: left_over(lambda m: m / 0.5, x)) == [True]
    assert stops(lambda x: left_over(lambda m: m * 4.0, x)) == [False]
    assert stops(lambda x: left_over(lambda m: m / 2.0, x)) == [False]
    # Of a number that is no power of two the products are rounded, and of a reciprocal nothing is known.
    assert stops(lambda x: left_over(lambda m: m * 3.0 - m, x)) == [False]
    assert stops(lambda x: left_over(lambda m: 2.0 / m, x)) == [False]


@pytest.mark.parametrize("name", ["softplus", "cross entropy", "softmax", "logsumexp", "log softmax", "scanned"])
def test_no_maximum_and_no_choice_is_left_in_the_derivatives(name: str) -> None:
    """What a box could leave undecided is gone from the Hessian, flat and without dead code."""
    program = flat_program(jax.make_jaxpr(jax.hessian(rewritten(FUNCTIONS[name])))(X), 80)
    assert not {e.primitive.name for e in program.jaxpr.eqns} & {"max", "reduce_max", "abs", "sign", "select_n", "eq"}


def test_a_function_that_only_bears_the_name_is_left_alone() -> None:
    @jax.custom_jvp
    def logaddexp(a: Any, b: Any) -> Any:
        return a * b

    logaddexp.defjvp(lambda primals, tangents: (logaddexp(*primals), 2 * tangents[0]))

    def fn(x: Any) -> Any:
        return jnp.sum(logaddexp(x[0], x[1]))

    np.testing.assert_array_equal(jax.grad(rewritten(fn))(X), jax.grad(fn)(X))
    np.testing.assert_array_equal(rewritten(fn)(X), fn(X))


def normal_with(
    *,
    one: float = 1.0,
    two: float = 2.0,
    bound: float = 0.7,
    threshold: float = 0.0,
    swapped: bool = False,
    inner: Callable[[Any], Any] = jnp.abs,
) -> Callable[[Any], Any]:
    """erfc(-w) as `ndtr` writes it, with numbers and an inner function of one's own."""

    def function(w: Any) -> Any:
        size = inner(w)
        tails = [two - jax.lax.erfc(size), jax.lax.erfc(size)]
        far = jax.lax.select(w > threshold, *(reversed(tails) if swapped else tails))
        return jax.lax.select(jnp.abs(w) < bound, one + jax.lax.erf(w), far)

    return function


def selections(function: Callable[[Any], Any]) -> int:
    """How many choices are left in the rewritten function, without what nothing depends on."""
    return str(inlined(jax.make_jaxpr(rewritten(function))(X))).count("select_n")


def test_the_normal_distribution_function_is_found_by_its_form_and_nothing_like_it_is() -> None:
    assert selections(normal_with()) == selections(normal_with(bound=0.2)) == selections(jax.scipy.special.ndtr) == 0
    others: list[dict[str, Any]] = [
        *({"one": 1.1}, {"two": 2.1}, {"threshold": 0.3}, {"swapped": True}, {"inner": jnp.square}, {"inner": jnp.sin}),
    ]
    for changed in others:
        function = normal_with(**changed)
        assert selections(function) == 2, changed
        np.testing.assert_allclose(rewritten(function)(X), function(X), rtol=1e-14)
