"""CNN4 and its relatives: blocks of convolution, batch normalisation, ReLU and pooling, then linear layers. NHWC.

The numbers of the default follow learn2learn's network for FC100: 4 blocks of 64 channels, 3x3 kernels with padding 1,
Xavier-uniform weights and zero biases. Layers have names ("conv1", ..., "hidden", "linear"): cuts are made by name.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from anil_theory._admissible import InvalidParameter, count, one_of
from anil_theory.neural.convolution import convolve

EPSILON = 1e-5
"""Added to the variance in batch normalisation."""

STATISTICS = ("joint", "support", "each")
"""Whose mean and variance normalise: of support and query together; of the support; of each batch by itself."""


def normalise(
    x: Array, scale: Array, offset: Array, support: int, statistics: str, source: Array | None = None
) -> Array:
    """Batch normalisation of x (n, ..., c) over all axes but the last, with the statistics of the batch itself.

    support     the first so many of the n examples are the support, the others the query;
    statistics  see STATISTICS. Mean and variance are taken in at least float32;
    source      (n, ..., c) what mean and variance are taken of, x if left out.
    """
    source = x if source is None else source
    if statistics == "each" and support < len(x):
        parts = ((x[:support], source[:support]), (x[support:], source[support:]))
        return jnp.concatenate([normalise(a, scale, offset, len(a), "joint", b) for a, b in parts])
    wide = jnp.promote_types(x.dtype, jnp.float32)
    source = (source[:support] if statistics == "support" else source).astype(wide)
    axes = tuple(range(source.ndim - 1))
    mean = jnp.mean(source, axes)
    # E(y - s)^2 - (E y - s)^2 for whatever s: taken at the mean it cancels nothing, and as a constant it keeps the
    # backward pass from summing deviations whose sum is known to be 0. Derivatives of every order are right.
    constant = jax.lax.stop_gradient(mean)
    variance = jnp.mean(jnp.square(source - constant), axes) - jnp.square(mean - constant)
    gain = scale.astype(wide) * jax.lax.rsqrt(variance + jnp.asarray(EPSILON, wide))
    return ((x.astype(wide) - mean) * gain + offset.astype(wide)).astype(x.dtype)


def pool(x: Array) -> Array:
    """2x2 max-pooling by reshape; the last row and column of an odd size are left out.

    Written as two pairwise maxima: with `max(axis=(2, 4))` on the same reshape, jaxlib 0.10.2 compiles wrong gradients
    on the CPU in some programs (statistics of the support alone under `jit`; vmapped tasks in a scan). A test that
    compares compiled with uncompiled gradients stands guard.
    """
    n, height, width, channels = x.shape
    h, w = height // 2, width // 2
    pairs = x[:, : 2 * h, : 2 * w].reshape(n, h, 2, w, 2, channels)
    rows = jnp.maximum(pairs[:, :, 0], pairs[:, :, 1])
    return jnp.maximum(rows[:, :, :, 0], rows[:, :, :, 1])


class Block(eqx.Module):
    """Convolution, batch normalisation with batch statistics, ReLU, 2x2 max-pooling: (n, H, W, c) -> (n, H/2, W/2, d).

    `bias` is a parameter without effect, kept so that parameters correspond to those of other libraries: batch
    statistics remove every constant. It is therefore not added, and its gradient is exactly zero.
    """

    kernel: Array
    bias: Array
    scale: Array
    offset: Array

    def __call__(self, x: Array, support: int, statistics: str) -> Array:
        # Pooling takes the largest, and commutes with every increasing map: with ReLU, and with a normalisation whose
        # scale is positive. A negative scale is made positive by turning the sign of its channel's kernel round. So
        # all that follows sees a quarter of the numbers; only mean and variance are taken of all of them.
        sign = jax.lax.stop_gradient(jnp.where(self.scale < 0, -1, 1).astype(self.scale.dtype))
        y = convolve(x, (sign * self.kernel).astype(x.dtype))
        return jax.nn.relu(normalise(pool(y), sign * self.scale, self.offset, support, statistics, source=y))


class Linear(eqx.Module):
    """x (n, ...) flattened to (n, c), then x @ kernel + bias; `activate` puts a ReLU behind it."""

    kernel: Array
    bias: Array
    activate: bool = eqx.field(static=True, default=False)

    def __call__(self, x: Array, support: int, statistics: str) -> Array:
        y = x.reshape(len(x), -1).astype(self.kernel.dtype) @ self.kernel + self.bias
        return jax.nn.relu(y) if self.activate else y


class Network(eqx.Module):
    """Layers applied one after the other, each with a name."""

    layers: tuple[Any, ...]
    names: tuple[str, ...] = eqx.field(static=True)


def run_layers(layers: Sequence[Any], x: Array, support: int, statistics: str) -> Array:
    """x (n, ...) through the layers; the first `support` examples are the support."""
    for layer in layers:
        x = layer(x, support, statistics)
    return x


def cnn(
    key: Array,
    image_shape: tuple[int, int, int],
    *,
    ways: int,
    width: int = 64,
    hidden: Sequence[int] = (),
    blocks: int = 4,
    dtype: Any = jnp.float32,
) -> Network:
    """A network with Xavier-uniform weights, zero biases, scales 1 and offsets 0.

    image_shape  (H, W, channels), H and W at least 2^blocks;   ways  number of classes of an episode;
    width        channels of each block;   hidden  widths of linear layers with ReLU before the last one;
    dtype        of every parameter, float32 or float64.

    Raises InvalidParameter for sizes below 1, images that pooling would use up, and other types.
    """
    height, across, channels = (count("image_shape", side) for side in image_shape)
    width = count("width", width)
    blocks = count("blocks", blocks, 0)
    ways = count("ways", ways, 2)
    name = one_of("dtype", jnp.dtype(dtype).name, ("float32", "float64"))
    # The powers themselves would be long for a block number that is absurd.
    if blocks >= min(height, across).bit_length():
        raise InvalidParameter("image_shape", f"at least 2^{blocks} on either side for {blocks} blocks", image_shape)
    sizes = [count("hidden", size) for size in hidden]
    keys = jax.random.split(key, blocks + len(sizes) + 1)
    layers: list[Any] = []
    names = [f"conv{i + 1}" for i in range(blocks)]
    for i in range(blocks):
        into = channels if i == 0 else width
        kernel = _xavier(keys[i], (3, 3, into, width), 9 * into, 9 * width, name)
        layers.append(Block(kernel, jnp.zeros(width, name), jnp.ones(width, name), jnp.zeros(width, name)))
    features = (height >> blocks) * (across >> blocks) * (width if blocks else channels)
    ends = [features, *sizes, ways]
    for i, (into, out) in enumerate(pairwise(ends)):
        last = i == len(sizes)
        kernel = _xavier(keys[blocks + i], (into, out), into, out, name)
        layers.append(Linear(kernel, jnp.zeros(out, name), activate=not last))
        hidden_name = "hidden" if len(sizes) == 1 else f"hidden{i + 1}"
        names.append("linear" if last else hidden_name)
    return Network(tuple(layers), tuple(names))


def _xavier(key: Array, shape: tuple[int, ...], fan_in: int, fan_out: int, dtype: str) -> Array:
    limit = math.sqrt(6 / (fan_in + fan_out))
    return jax.random.uniform(key, shape, jnp.dtype(dtype), -limit, limit)
