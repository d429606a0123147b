"""Shapes, batch statistics, compiled against uncompiled gradients, and cuts by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory import InvalidParameter
from anil_theory.neural.convolution import direct
from anil_theory.neural.networks import STATISTICS, cnn, normalise, pool, run_layers
from anil_theory.neural.split import split_model


def test_the_default_network_has_the_published_sizes() -> None:
    network = cnn(jax.random.key(0), (32, 32, 3), ways=5)
    assert network.names == ("conv1", "conv2", "conv3", "conv4", "linear")
    assert [layer.kernel.shape for layer in network.layers] == [(3, 3, 3, 64), *[(3, 3, 64, 64)] * 3, (256, 5)]
    assert all(not np.any(layer.bias) for layer in network.layers)
    limit = np.sqrt(6 / (9 * 3 + 9 * 64))
    assert 0.95 * limit < float(jnp.max(jnp.abs(network.layers[0].kernel))) <= limit
    larger = jax.eval_shape(lambda: cnn(jax.random.key(0), (84, 84, 3), ways=5, width=32))
    assert larger.layers[-1].kernel.shape == (800, 5)


@pytest.mark.parametrize("statistics", STATISTICS)
def test_batch_statistics_are_those_of_the_named_batch(statistics: str) -> None:
    x = np.random.default_rng(0).normal(2.0, 3.0, (6, 2, 2, 3))
    got = normalise(jnp.asarray(x), jnp.ones(3) * 2, jnp.ones(3), 4, statistics)
    whose = {"joint": (x, x), "support": (x[:4], x[:4]), "each": (x[:4], x[4:])}[statistics]
    parts = [
        2 * (part - source.mean((0, 1, 2))) / np.sqrt(source.var((0, 1, 2)) + 1e-5) + 1
        for part, source in zip((x[:4], x[4:]), whose, strict=True)
    ]
    np.testing.assert_allclose(got, np.concatenate(parts), rtol=1e-12)


def test_pooling_takes_the_largest_of_each_square_and_leaves_an_odd_edge_out() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3))
    expected = np.stack([x[:, i : i + 2, j : j + 2].max((1, 2)) for i in (0, 2) for j in (0, 2)], 1)
    np.testing.assert_array_equal(pool(jnp.asarray(x)), expected.reshape(2, 2, 2, 3))


def wavy(network, x, statistics: str):
    """A smooth scalar of the two blocks' features."""
    return jnp.sum(jnp.sin(run_layers(network.layers[:2], x, 6, statistics)))


# Some formulations of pooling are compiled to wrong gradients, in the two programs below; see networks.pool.
@pytest.mark.parametrize("statistics", ["joint", "support"])
def test_compiled_gradients_equal_central_differences(statistics: str) -> None:
    network = cnn(jax.random.key(1), (8, 8, 3), ways=3, width=4, blocks=2, dtype=jnp.float64)
    x = jax.random.uniform(jax.random.key(2), (9, 8, 8, 3))
    direction = jax.tree.map(lambda k: jnp.cos(7 * k + jnp.arange(k.size).reshape(k.shape)), network)
    value = jax.jit(lambda h: wavy(jax.tree.map(lambda k, v: k + h * v, network, direction), x, statistics))
    gradient = jax.jit(jax.grad(lambda net: wavy(net, x, statistics)))(network)
    pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    slope = sum(float(jnp.vdot(g, v)) for g, v in pairs)
    assert slope == pytest.approx(float(value(1e-6) - value(-1e-6)) / 2e-6, rel=1e-5)


def test_vmapped_training_steps_in_a_scan_equal_those_of_each_alone() -> None:
    network = cnn(jax.random.key(1), (8, 8, 3), ways=3, width=4, blocks=2, dtype=jnp.float64)
    x = jax.random.uniform(jax.random.key(2), (6, 8, 8, 3))
    several = jax.tree.map(lambda k: jnp.stack([k, 0.9 * k]), network)

    def steps(net):
        def step(net, _):
            return jax.tree.map(lambda a, g: a - 0.01 * g, net, jax.grad(lambda n: wavy(n, x, "joint"))(net)), None

        return jax.lax.scan(step, net, length=2)[0]

    one = jax.jit(steps)
    alone = [one(jax.tree.map(lambda k, i=i: k[i], several)) for i in range(2)]
    for a, b, c in zip(*map(jax.tree.leaves, (*alone, jax.jit(jax.vmap(steps))(several))), strict=True):
        np.testing.assert_allclose(c, jnp.stack([a, b]), rtol=1e-9, atol=1e-9)


def test_a_bfloat16_body_gives_features_near_those_of_float32() -> None:
    network = cnn(jax.random.key(1), (8, 8, 3), ways=3, width=4, blocks=2)
    x = jax.random.uniform(jax.random.key(2), (6, 8, 8, 3), jnp.float32)
    models = [split_model(network, "strongly-convex", body_dtype=kind) for kind in (None, "bfloat16")]
    pairs = [jax.jit(model.body)(model.split_body(model.split(network)[1])[0], _pair(x)) for model in models]
    assert pairs[1].support.dtype == jnp.float32
    assert 0 < float(jnp.max(jnp.abs(pairs[0].support - pairs[1].support))) < 0.2


def _pair(x):
    from anil_theory.neural.split import Pair

    return Pair(x[:4], x[4:])


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda net: split_model(net, "conv9"), "geometry"),
        (lambda net: split_model(net, "nonconvex"), "geometry"),
        (lambda net: split_model(net, "maml", statistics="running"), "statistics"),
        (lambda net: split_model(net, "maml", body_dtype="int8"), "body_dtype"),
        (lambda net: cnn(jax.random.key(0), (8, 8, 3), ways=5), "image_shape"),
        (lambda net: cnn(jax.random.key(0), (32, 32, 3), ways=5, width=0), "width"),
        (lambda net: cnn(jax.random.key(0), (32, 32, 3), ways=5, dtype="float16"), "dtype"),
    ],
)
def test_bad_input_is_named(call, word: str) -> None:
    with pytest.raises(InvalidParameter, match=word):
        call(cnn(jax.random.key(0), (8, 8, 3), ways=3, width=2, blocks=1))


@pytest.mark.parametrize("statistics", STATISTICS)
def test_pooling_before_the_normalisation_is_pooling_after_it_whatever_the_sign_of_the_scale(statistics: str) -> None:
    block = cnn(jax.random.key(1), (8, 8, 3), ways=3, width=4, blocks=1, dtype=jnp.float64).layers[0]
    scale, offset = jnp.array([1.5, -0.7, -2.0, 0.3]), jnp.array([0.1, -0.2, 0.3, 0.0])
    x = jax.random.normal(jax.random.key(2), (6, 8, 8, 3))

    def as_printed(kernel, scale, offset):
        y = normalise(direct(x, kernel), scale, offset, 4, statistics)
        return jax.nn.relu(pool(y))

    def as_computed(kernel, scale, offset):
        return type(block)(kernel, block.bias, scale, offset)(x, 4, statistics)

    at = (block.kernel, scale, offset)
    np.testing.assert_allclose(as_computed(*at), as_printed(*at), rtol=1e-10, atol=1e-12)
    for mine, other in zip(
        *(jax.grad(lambda *p, f=f: jnp.sum(jnp.sin(f(*p))), (0, 1, 2))(*at) for f in (as_computed, as_printed)),
        strict=True,
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12)
