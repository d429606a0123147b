"""Meta-gradients of CNN4 on the card against the CPU: three geometries, N = 1, 5, 10.

The reference is another formulation in another place: autodiff through the inner loop, in float64, on the CPU. The
card runs the recursion of the package in float64, which must agree to 1e-10, and in float32 and TF32, whose errors are
stated. Errors are relative, in the Euclidean norm, the largest over the arrays of parameters; a convolution's bias has
gradient zero and is left out.
"""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anil_theory.neural.data import sample_episodes
from anil_theory.neural.networks import Block, cnn
from anil_theory.neural.objective import Objective
from anil_theory.neural.settings import Settings
from anil_theory.neural.split import split_model
from experiments.gpu_steps.card import Card
from experiments.gpu_steps.expected import COMPILE, CPU_RATE, Size, iteration_operations, iteration_seconds
from experiments.gpu_steps.our_side import products_in
from experiments.gpu_steps.pieces import Clock, Piece, Plain
from experiments.speed.plain_program import noise_dataset

GEOMETRIES = ("strongly-convex", "nonconvex", "maml")
STEPS = (1, 5, 10)
TOLERANCE = 1e-10
ALPHA = 0.02
"""Stable for a linear head: with 0.1 rounding errors grow with every inner step, on any machine."""


@dataclass(frozen=True)
class Problem:
    """One task of one geometry, and what is differentiated."""

    geometry: str
    image_shape: tuple[int, int, int]
    width: int
    blocks: int
    method: str

    def gradients(self, dtype: str) -> list[Any]:
        """The meta-gradient at each N of STEPS, as one network, in `dtype` on the default device."""
        hidden = (self.width,) if self.geometry == "nonconvex" else ()
        sizes: dict[str, Any] = {"ways": 5, "width": self.width, "hidden": hidden, "blocks": self.blocks}
        network = cnn(jax.random.key(1), self.image_shape, dtype="float64", **sizes)
        network = jax.tree.map(lambda x: x.astype(dtype), network)
        model = split_model(network, self.geometry)
        w, phi = model.split(network)
        images = jnp.asarray(noise_dataset(self.image_shape).train.images)
        episodes = sample_episodes(jax.random.key(2), images, ways=5, shots=5, queries=5, count=1)
        objective = Objective(model, 5, 0.0, max(STEPS), self.method)
        compiled = jax.jit(objective.meta_sum)
        found = []
        for N in STEPS:
            total = compiled(w, phi, episodes, jnp.asarray(ALPHA, dtype), jnp.asarray(N, jnp.int32))
            found.append(jax.tree.map(np.asarray, eqx.combine(total.w, total.phi)))
        return found


def relative_error(network: Any, reference: Any) -> float:
    """The largest over the arrays of parameters; NaN where one has a number that is not finite."""
    errors = []
    for mine, other in zip(network.layers, reference.layers, strict=True):
        names = ("kernel", "scale", "offset") if isinstance(other, Block) else ("kernel", "bias")
        for name in names:
            a, b = (np.asarray(getattr(layer, name), np.float64) for layer in (mine, other))
            errors.append(float(np.linalg.norm(a - b) / np.linalg.norm(b)))
    return float(np.max(errors))


def correctness_pieces(card: Card) -> list[Piece]:
    """One piece for each geometry."""
    image_shape, width, blocks = ((4, 4, 3), 2, 1) if card.toy else ((32, 32, 3), 64, 4)
    found = []
    for geometry in GEOMETRIES:
        settings = Settings(geometry, tasks=1, width=width, blocks=blocks, chunk=1)
        size = Size.of(settings, image_shape)
        on_the_cpu = sum(iteration_operations(settings, size, N) for N in STEPS) / CPU_RATE
        on_the_card = sum(iteration_seconds(settings, size, N, "float64") for N in STEPS)
        expected = 4 * COMPILE["program"] / 2 + on_the_cpu + 3 * on_the_card
        found.append(Piece(geometry, expected, _compared(geometry, image_shape, width, blocks, card.toy)))
    return found


def _compared(geometry: str, image_shape: tuple[int, int, int], width: int, blocks: int, toy: bool) -> Any:
    kinds = {"float64": ("float64", "float32"), "float32": ("float32", "float32")}
    if not toy:  # on a CPU there is no TF32
        kinds["tensorfloat32"] = ("float32", "tensorfloat32")

    def measure(clock: Clock) -> Plain:
        with jax.default_device(jax.devices("cpu")[0]), products_in("float32"):
            reference = Problem(geometry, image_shape, width, blocks, "autodiff").gradients("float64")
        ours = Problem(geometry, image_shape, width, blocks, "recursion")
        found: Plain = {"N": list(STEPS), "tolerance": TOLERANCE}
        for name, (dtype, precision) in kinds.items():
            if found.keys() >= {"float64"} and clock.over():
                return found | {"shortened": f"without {name}: the time was up"}
            with products_in(precision):
                gradients = ours.gradients(dtype)
            found[name] = [relative_error(a, b) for a, b in zip(gradients, reference, strict=True)]
        found["agrees"] = bool(np.max(found["float64"]) <= TOLERANCE)
        return found

    return measure
