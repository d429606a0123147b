"""A task with many data points, and the memory that one meta-gradient of it takes.

Two measurements, both in bytes: the temporary buffers that XLA plans for the compiled computation, and the growth of
the resident high-water mark of a process that does nothing else. Run as a script, `peak_memory.py METHOD N POINTS`
prints the second for one method as JSON; `resident_growth` does so in a fresh process.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Lowered
from jaxtyping import Array, Float
from measure import output_of

from anil_theory import Losses, enable_float64, meta_gradient

INPUTS, FEATURES, CLASSES = 10, 20, 5
N_W = FEATURES * CLASSES


class LabelledPoints(NamedTuple):
    """Inputs and one-hot labels of one task."""

    inputs: Float[Array, "points inputs"]
    labels: Float[Array, "points classes"]


def softmax_head_loss(
    w: Float[Array, "features classes"], phi: Float[Array, "inputs features"], data: LabelledPoints
) -> Float[Array, ""]:
    """Cross entropy of a linear head w on the features tanh(x phi), plus (0.05) |w|^2: strongly convex in w."""
    logits = jnp.tanh(data.inputs @ phi) @ w
    return -jnp.mean(jnp.sum(data.labels * jax.nn.log_softmax(logits), axis=1)) + 0.05 * jnp.sum(w * w)


def softmax_head_task(points: int) -> tuple[Array, Array, LabelledPoints]:
    """(w, phi, data) with normal inputs and uniform labels, from a fixed seed."""
    generator = np.random.default_rng(0)
    labels = np.eye(CLASSES)[generator.integers(CLASSES, size=points)]
    data = LabelledPoints(jnp.asarray(generator.standard_normal((points, INPUTS))), jnp.asarray(labels))
    w = jnp.asarray(0.1 * generator.standard_normal((FEATURES, CLASSES)))
    return w, jnp.asarray(0.3 * generator.standard_normal((INPUTS, FEATURES))), data


def lowered_meta_gradient(method: str, inner_steps: int, points: int) -> Lowered:
    """One meta-gradient of the task, traced; nothing is run or kept from an earlier call."""
    losses = Losses(softmax_head_loss, softmax_head_loss)

    def compute(w: Array, phi: Array, data: LabelledPoints):
        return meta_gradient(losses, w, phi, data, alpha=0.1, inner_steps=inner_steps, method=method)

    return jax.jit(compute).lower(*softmax_head_task(points))


def planned_bytes(method: str, inner_steps: int, points: int) -> int:
    """The temporary buffers of the compiled meta-gradient, arguments and results excluded."""
    analysis = lowered_meta_gradient(method, inner_steps, points).compile().memory_analysis()
    if analysis is None:
        raise RuntimeError("this JAX backend does not report the memory of a compiled computation")
    return analysis.temp_size_in_bytes


def resident_growth(method: str, inner_steps: int, points: int) -> dict[str, int]:
    """Growth of the high-water mark in a fresh process: {"with_compilation": bytes, "run": bytes}."""
    return json.loads(output_of(Path(__file__), method, str(inner_steps), str(points)))


def _high_water() -> int:
    """The resident high-water mark of this process in bytes.

    VmHWM belongs to the program that runs. ru_maxrss, the fallback, outlives exec: a process that a large one starts
    begins with the mark of its parent on Linux.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Print how far the high-water mark rose above imports and data, and above compilation."""
    enable_float64()
    method, inner_steps, points = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    arguments = jax.block_until_ready(softmax_head_task(points))
    before = _high_water()
    compiled = lowered_meta_gradient(method, inner_steps, points).compile()
    after_compilation = _high_water()
    jax.block_until_ready(compiled(*arguments))
    end = _high_water()
    print(json.dumps({"with_compilation": end - before, "run": end - after_compilation}))


if __name__ == "__main__":
    main()
