"""Steps that are compiled and not run, programs that do not grow with N, memory of the recursion, named errors."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import METHODS, inner_loop, meta_gradient
from anil_theory.constants import Constants
from anil_theory.tasks.base import Losses
from anil_theory.tasks.separable import SeparableFamily
from tests.algorithm.nested_task import flat

LONGEST = 5
FAMILY = SeparableFamily(Constants(0.3, 2.0, 0.7, 0.5, 1.5), 3, 2, share_rotation=False)


@pytest.fixture(scope="module")
def setting() -> Any:
    """(losses, w, phi, data) of one task."""
    tasks = FAMILY.sample(jax.random.key(0), 2)
    return tasks.losses, *FAMILY.split(FAMILY.points(np.random.default_rng(0), ())), tasks.task(0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("first_order", [False, True])
def test_active_steps_run_that_many(setting: Any, method: str, first_order: bool) -> None:
    options: Any = {"alpha": 0.2, "method": method, "first_order": first_order}
    padded = jax.jit(lambda n: meta_gradient(*setting, inner_steps=LONGEST, active_steps=n, **options))
    losses, w, phi, data = setting
    untouched = jax.grad(losses.query, argnums=(0, 1))(w, phi, data)
    np.testing.assert_allclose(flat(padded(jnp.asarray(0))), flat(untouched), rtol=1e-13)
    seen = [flat(untouched)]
    for n in (1, 2, LONGEST):
        plain = jax.jit(partial(meta_gradient, *setting, inner_steps=n, **options))()
        np.testing.assert_allclose(flat(padded(jnp.asarray(n))), flat(plain), rtol=1e-12, atol=1e-14)
        assert np.linalg.norm(seen[-1] - flat(plain)) > 1e-3, "one more step is seen"
        seen.append(flat(plain))


def test_active_steps_stop_the_inner_loop(setting: Any) -> None:
    losses, w, phi, data = setting
    padded = jax.jit(lambda n: inner_loop(losses.support, w, phi, data, alpha=0.2, inner_steps=LONGEST, active_steps=n))
    plain = inner_loop(losses.support, w, phi, data, alpha=0.2, inner_steps=LONGEST)
    path = np.vstack([plain.iterates, plain.final])
    np.testing.assert_array_equal(path[0], w)
    for n in range(LONGEST + 1):
        found = padded(jnp.asarray(n))
        np.testing.assert_allclose(found.final, path[n], rtol=1e-13)
        np.testing.assert_allclose(found.iterates, path[np.minimum(np.arange(LONGEST), n)], rtol=1e-13)
    w_1 = w - 0.2 * jax.grad(losses.support)(w, phi, data)
    np.testing.assert_allclose(path[1], w_1, rtol=1e-13)


def equations(jaxpr: Any) -> int:
    """Equations of a program, those of its inner programs included."""
    inner = [p for e in jaxpr.eqns for p in jax.tree.leaves(tuple(e.params.values()), is_leaf=is_program)]
    return len(jaxpr.eqns) + sum(equations(getattr(p, "jaxpr", p)) for p in inner if is_program(p))


def is_program(value: Any) -> bool:
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")


@pytest.mark.parametrize("method", METHODS)
def test_the_program_does_not_grow_with_the_inner_steps(setting: Any, method: str) -> None:
    def size(inner_steps: int) -> int:
        run = lambda: meta_gradient(*setting, alpha=0.2, inner_steps=inner_steps, method=method)  # noqa: E731
        return equations(jax.make_jaxpr(run)().jaxpr)

    assert size(10) == size(1000) > 50


def temporary_bytes(method: str, inner_steps: int, samples: int) -> int:
    """What XLA sets aside for one meta-gradient of a head on `samples` data points."""

    def loss(w: Any, phi: Any, data: Any) -> Any:
        return jnp.mean(jnp.log(jnp.cosh(jnp.tanh(data @ phi) @ w)))

    shapes = [jax.ShapeDtypeStruct(s, jnp.float64) for s in ((4,), (3, 4), (samples, 3))]
    run = partial(meta_gradient, Losses(loss, loss), alpha=0.1, inner_steps=inner_steps, method=method)
    memory = jax.jit(run).lower(*shapes).compile().memory_analysis()
    assert memory is not None
    return memory.temp_size_in_bytes


def test_the_recursion_keeps_the_iterates_and_nothing_else() -> None:
    """Reverse mode keeps what each step computed on all the data; the recursion keeps 4 numbers of each step."""
    N, samples = 1000, 500
    recursion, autodiff = (temporary_bytes(method, N, samples) for method in ("recursion", "autodiff"))
    per_step = (recursion - temporary_bytes("recursion", N // 2, samples)) / (N // 2)
    assert per_step <= 3 * 4 * 8, f"{per_step} bytes per step where the iterate has 32"
    assert autodiff > 20 * recursion and autodiff > N * samples * 8


def test_what_cannot_be_run_is_rejected_by_name(setting: Any) -> None:
    losses, w, phi, data = setting
    vector = Losses(lambda w, phi, data: w, losses.query)
    complex_valued = Losses(losses.support, lambda w, phi, data: jnp.sum(w) * 1j)
    integer = Losses(losses.support, lambda w, phi, data: jnp.asarray(3))
    cases: list[tuple[str, Any, dict[str, Any]]] = [
        ("inner_steps", losses, {"inner_steps": 0}),
        ("inner_steps", losses, {"inner_steps": True}),
        ("alpha", losses, {"alpha": 0.0}),
        ("alpha", losses, {"alpha": -0.1}),
        ("alpha", losses, {"alpha": float("nan")}),
        ("alpha", losses, {"alpha": float("inf")}),
        ("method", losses, {"method": "forward"}),
        ("support loss", vector, {}),
        ("query loss", complex_valued, {}),
        ("query loss", integer, {}),
    ]
    for name, given, changed in cases:
        with pytest.raises(InvalidParameter) as error:
            options: dict[str, Any] = {"alpha": 0.2, "inner_steps": 2, **changed}
            meta_gradient(given, w, phi, data, **options)
        assert error.value.name == name, (name, changed)
    with pytest.raises(InvalidParameter) as error:
        meta_gradient(losses, w[:2], phi, data, alpha=0.2, inner_steps=2)
    assert error.value.name == "w and phi"
    plain = Losses(lambda w, phi, data: jnp.sum(w @ data), lambda w, phi, data: jnp.sum(w @ data))
    with pytest.raises(InvalidParameter) as error:
        meta_gradient(plain, jnp.ones(2), (), jnp.ones((3, 3)), alpha=0.2, inner_steps=2)
    assert error.value.name == "query loss" and "(3, 3)" in str(error.value)
    with pytest.raises(InvalidParameter) as error:
        inner_loop(vector.support, w, phi, data, alpha=0.2, inner_steps=2)
    assert error.value.name == "support loss"
