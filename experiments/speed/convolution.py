"""The three convolutions of `neural.convolution`, layer by layer at FC100 size, forward and with both gradients.

50 images (one task of 25 + 25), 64 channels, float32, one process. Claim, on a CPU: for every layer of CNN4 the one
that `fastest` takes needs at most 1.1 times as long as the best of the three, forward and backward pass together.

The first layer's input needs no gradient, as in a network.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from matplotlib.figure import Figure
from measure import Claim, Outcome, options, publish, side_by_side

from anil_theory import enable_float64
from anil_theory.neural.allocator import keep_freed_memory
from anil_theory.neural.convolution import direct, fastest, unrolled, winograd

WAYS = {f.__name__: f for f in (direct, unrolled, winograd)}
LAYERS = ((32, 3), (16, 64), (8, 64), (4, 64))
IMAGES, CHANNELS, ROUNDS = 50, 64, 15


def passes(convolution: Callable[[Array, Array], Array], first: bool) -> Callable[[Array, Array, Array], Any]:
    """Output and gradients of one convolution, compiled."""

    def run(x: Array, kernel: Array, g: Array) -> Any:
        if first:
            y, pull = jax.vjp(lambda kernel: convolution(x, kernel), kernel)
        else:
            y, pull = jax.vjp(convolution, x, kernel)
        return y, pull(g)

    return jax.jit(run)


def layer(side: int, channels: int, images: int, width: int, rounds: int) -> dict[str, Any]:
    """Median seconds of each way on one layer, forward and both passes, and which one the package takes."""
    generator = np.random.default_rng(0)

    def draw(*shape: int) -> Array:
        return jnp.asarray(generator.standard_normal(shape), jnp.float32)

    x, kernel, g = draw(images, side, side, channels), draw(3, 3, channels, width), draw(images, side, side, width)
    actions = {}
    for name, way in WAYS.items():
        forward, both = jax.jit(way), passes(way, side == LAYERS[0][0])
        actions[f"{name} forward"] = lambda f=forward: jax.block_until_ready(f(x, kernel))
        actions[f"{name} both"] = lambda f=both: jax.block_until_ready(f(x, kernel, g))
    timed = side_by_side(actions, rounds)
    taken = fastest(x, kernel).__name__
    best = min(WAYS, key=lambda name: timed.median(f"{name} both"))
    return {
        "side": side,
        "channels": channels,
        "seconds": {name: timed.median(name) for name in actions},
        "taken": taken,
        "best": best,
        "ratio": timed.ratio(f"{taken} both", f"{best} both"),
    }


def outcome(tiny: bool) -> Outcome:
    """Every layer, as claims and lines of the table."""
    keep_freed_memory()
    images, width, rounds = (2, 8, 1) if tiny else (IMAGES, CHANNELS, ROUNDS)
    found = [layer(side, channels, images, width, rounds) for side, channels in LAYERS]
    lines = ["ms, forward / with gradients   " + "".join(f"{name:>16}" for name in WAYS)]
    for one in found:
        ms = {name: 1e3 * s for name, s in one["seconds"].items()}
        cells = "".join(f"{ms[f'{name} forward']:>8.2f} /{ms[f'{name} both']:>6.2f}" for name in WAYS)
        lines.append(f"{one['side']:>3} x {one['side']:<3} {one['channels']:>3} channels ({one['taken']:<8}) {cells}")
    claims = [
        Claim(f"{o['side']} x {o['side']}: {o['taken']} / the best, {o['best']}", o["ratio"], 1.1, "x") for o in found
    ]
    return Outcome(claims, lines, {"layers": found})


def draw(numbers: dict[str, Any], figure: Figure) -> None:
    """Time with gradients over that of the library's convolution."""
    axes = figure.subplots()
    for name in WAYS:
        ratios = [o["seconds"][f"{name} both"] / o["seconds"]["direct both"] for o in numbers["layers"]]
        axes.plot(range(len(ratios)), ratios, "o-", label=name)
    axes.set_xticks(range(len(LAYERS)), labels=[f"{side} x {side} x {channels}" for side, channels in LAYERS])
    axes.set(yscale="log", xlabel="input of the layer", ylabel="forward and backward pass / the library's")
    axes.legend()


def main() -> None:
    """Measure, print, write."""
    enable_float64()
    given = options(__doc__, "two images and 8 channels").parse_args()
    started = datetime.now(UTC)
    found = outcome(given.tiny)
    publish("convolution", found, partial(draw, found.numbers), given, started)


if __name__ == "__main__":
    main()
