"""The meta-gradient on features against the general path, central differences, and other evaluations of the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.algorithm import inner_loop, meta_gradient
from anil_theory.neural.objective import general_losses
from tests.neural.tiny_images import shared_problem, tiny_problem


def largest_difference(a, b) -> float:
    return max(float(jnp.max(jnp.abs(x - y))) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize(
    ("geometry", "statistics"),
    [("nonconvex", None), ("conv1", "joint"), ("strongly-convex", "support"), ("maml", None)],
)
def test_the_feature_path_equals_the_general_path(geometry: str, statistics: str | None) -> None:
    p = shared_problem(geometry) if statistics is None else tiny_problem(geometry, statistics=statistics)
    total = p.total if statistics is None else jax.jit(p.objective.meta_sum)
    got = total(p.w, p.phi, p.episodes, p.alpha, jnp.asarray(3))
    data = p.objective.prepare(p.episodes, jnp.float64)
    losses = general_losses(p.objective)

    def one(task):
        return meta_gradient(losses, p.w, p.phi, task, alpha=p.alpha, inner_steps=3, method="autodiff")

    reference = jax.tree.map(lambda x: jnp.sum(x, axis=0), jax.jit(jax.vmap(one))(data))
    assert largest_difference((got.w, got.phi), tuple(reference)) < 1e-10
    assert max(float(jnp.max(jnp.abs(x))) for x in jax.tree.leaves(got.w)) > 1e-3


@pytest.mark.parametrize("geometry", ["strongly-convex", "nonconvex", "maml"])
def test_the_meta_gradient_equals_central_differences_and_the_gauge_reads_the_loss(geometry: str) -> None:
    p = shared_problem(geometry)
    losses = general_losses(p.objective)
    task = jax.tree.map(lambda x: x[0], p.objective.prepare(p.episodes, jnp.float64))
    keys = iter(jax.random.split(jax.random.key(5), 40))
    direction = jax.tree.map(lambda x: jax.random.normal(next(keys), x.shape), (p.w, p.phi))

    @jax.jit
    def value(step):
        w, phi = jax.tree.map(lambda x, v: x + step * v, (p.w, p.phi), direction)
        return losses.query(inner_loop(losses.support, w, phi, task, alpha=p.alpha, inner_steps=2).final, phi, task)

    twice = jax.tree.map(lambda x: x[jnp.array([0, 0])], p.episodes)
    got = jax.tree.map(lambda x: x / 2, p.total(p.w, p.phi, twice, p.alpha, jnp.asarray(2)))
    pairs = zip(jax.tree.leaves((got.w, got.phi)), jax.tree.leaves(direction), strict=True)
    slope = sum(float(jnp.vdot(g, v)) for g, v in pairs)
    h = 1e-6
    assert slope == pytest.approx(float((value(h) - value(-h)) / (2 * h)), rel=1e-5, abs=1e-7)
    assert float(got.loss) == pytest.approx(float(value(0.0)), rel=1e-12)


@pytest.mark.parametrize("geometry", ["strongly-convex"])
def test_methods_agree_and_evaluation_gives_the_same_loss_and_accuracy(geometry: str) -> None:
    p = shared_problem(geometry)
    q = tiny_problem(geometry, method="autodiff")
    arguments = (p.w, p.phi, p.episodes, p.alpha, jnp.asarray(4))
    a, b = p.total(*arguments), jax.jit(q.objective.meta_sum)(*arguments)
    assert largest_difference(a, b) < 1e-12
    loss, accuracy = jax.jit(p.objective.evaluate)(*arguments)
    assert float(a.loss) == pytest.approx(float(loss.sum()), rel=1e-12)
    assert float(a.accuracy) == pytest.approx(float(accuracy.sum()), rel=1e-12)


def test_a_task_twice_gives_twice_the_sum() -> None:
    p = shared_problem("nonconvex")
    twice = jax.tree.map(lambda x: jnp.concatenate([x, x]), p.episodes)
    one = p.total(p.w, p.phi, p.episodes, p.alpha, jnp.asarray(2))
    two = p.total(p.w, p.phi, twice, p.alpha, jnp.asarray(2))
    assert largest_difference(jax.tree.map(lambda x: 2 * x, one), two) < 1e-12


def test_maml_has_no_shared_parameters_and_anil_none_twice() -> None:
    maml, anil = tiny_problem("maml"), tiny_problem("strongly-convex")
    assert jax.tree.leaves(maml.phi) == []
    everything = len(jax.tree.leaves(maml.w))
    assert len(jax.tree.leaves(anil.w)) == 2 and len(jax.tree.leaves(anil.phi)) == everything - 2


def test_float32_stays_float32_and_is_close_to_float64() -> None:
    narrow, wide = tiny_problem("strongly-convex", dtype="float32"), shared_problem("strongly-convex")
    got = jax.jit(narrow.objective.meta_sum)(narrow.w, narrow.phi, narrow.episodes, narrow.alpha, jnp.asarray(2))
    assert {x.dtype for x in jax.tree.leaves(got)} == {jnp.dtype("float32")}
    point = jax.tree.map(lambda x: x.astype(jnp.float64), (narrow.w, narrow.phi))
    reference = wide.total(*point, wide.episodes, wide.alpha, jnp.asarray(2))
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(reference), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-4 * (1 + float(jnp.max(jnp.abs(b)))))
