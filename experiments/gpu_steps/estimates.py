"""Seconds of the estimators on the card and on two CPU cores: block constants, Hessian blocks, a batch of cells.

block constants   `measure_block_lipschitz` of one task with a softmax head, of 10^5 and of 10^6 parameters;
Hessian blocks    `neural.curvature.block_norms` of CNN4, 64 channels (10^5 parameters) and 192 channels (10^6);
cells             `measure_block_lipschitz` of 10^4 tasks of the separable family at once.

All in float64. The CPU's side is this module as a process on two cores, which runs beside the other steps:
python -m experiments.gpu_steps.estimates toy|full prints one line of JSON for each measurement.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from anil_theory import Budget, Schedule, SeparableFamily, enable_float64, measure_block_lipschitz
from anil_theory.constants import Constants
from anil_theory.neural.curvature import block_norms, meta_hessian
from anil_theory.neural.data import sample_episodes
from anil_theory.neural.networks import cnn
from anil_theory.neural.objective import Objective
from anil_theory.neural.split import split_model
from anil_theory.tasks import SoftmaxHeadFamily
from experiments.gpu_steps.card import Card
from experiments.gpu_steps.expected import COMPILE, RATES, Size, body_operations
from experiments.gpu_steps.pieces import Clock, Piece, Plain, repeat
from experiments.gpu_steps.workers import NoAnswer, Worker
from experiments.speed.plain_program import noise_dataset

ROUNDS = 2
NORM_STEPS = 2
"""Iterations of a Hessian block's norm; each is four products, of nine forward passes."""

SEARCH = Budget(pairs=4, points=2, lanczos_steps=6, starts=1, iterations=6)
SCHEDULE = Schedule(alpha=0.1, inner_steps=5)

HESSIAN_PRODUCTS = (SEARCH.points + SEARCH.starts) * (SEARCH.lanczos_steps + 2)

FIELD_EVALUATIONS = 2 * SEARCH.pairs + 3 * 2 * (HESSIAN_PRODUCTS + 2 * SEARCH.iterations)
"""Meta-gradients that SEARCH takes of one task, a derivative of one counted as two."""


@dataclass(frozen=True)
class Measurement:
    """What it is, its floating point operations, and what makes the action that is timed."""

    name: str
    operations: float
    make: Callable[[], Callable[[], Any]]

    def timed(self, clock: Clock) -> Plain:
        """Median seconds of it, compilation apart."""
        return {"what": self.name, "operations": self.operations} | repeat(self.make(), clock, rounds=ROUNDS)


def measurements(*, toy: bool) -> list[Measurement]:
    """All of them, the smaller first; nothing is allocated yet."""
    heads = [(4, 2)] if toy else [(95, 1000), (995, 1000)]
    widths = (2,) if toy else (64, 192)
    return [
        *(block_constants(inputs, width) for inputs, width in heads),
        *(hessian_blocks(width, (4, 4, 3) if toy else (32, 32, 3), 1 if toy else 4) for width in widths),
        cells(10 if toy else 10_000),
    ]


def block_constants(inputs: int, width: int) -> Measurement:
    """Of one task with 5 classes, 25 support and 25 query points, and width (5 + inputs) parameters."""
    parameters, points = width * (5 + inputs), 25
    passes = 9 * SCHEDULE.inner_steps + 3
    operations = 2.0 * parameters * points * passes * FIELD_EVALUATIONS

    def make() -> Callable[[], Any]:
        family = SoftmaxHeadFamily(classes=5, inputs=inputs, width=width, shots=5)
        tasks = family.sample(jax.random.key(0), 1)
        return lambda: measure_block_lipschitz(family, tasks, SCHEDULE, budget=SEARCH)

    return Measurement(f"block constants, {parameters} parameters", operations, make)


def hessian_blocks(width: int, image_shape: tuple[int, int, int], blocks: int) -> Measurement:
    """Of one episode of 50 images."""
    operations = 4.0 * NORM_STEPS * 9 * 50 * body_operations(Size(image_shape, width, blocks, ways=5))

    def make() -> Callable[[], Any]:
        network = cnn(jax.random.key(0), image_shape, ways=5, width=width, blocks=blocks, dtype="float64")
        model = split_model(network, "strongly-convex")
        objective = Objective(model, ways=5, l2=0.01, inner_steps=SCHEDULE.inner_steps)
        images = jnp.asarray(noise_dataset(image_shape).train.images)
        episodes = sample_episodes(jax.random.key(1), images, ways=5, shots=5, queries=5, count=1)
        product = meta_hessian(objective)
        w, phi = model.split(network)
        loop: dict[str, Any] = {"alpha": SCHEDULE.alpha, "inner_steps": SCHEDULE.inner_steps}
        key = jax.random.key(2)
        return lambda: block_norms(objective, w, phi, episodes, **loop, key=key, steps=NORM_STEPS, product=product)

    return Measurement(f"Hessian blocks, {width} channels", operations, make)


def cells(count: int) -> Measurement:
    """`count` tasks of 4 + 4 dimensions, some 25 operations for each coordinate and gradient."""
    dimension = 8
    operations = 25.0 * dimension * SCHEDULE.inner_steps * FIELD_EVALUATIONS * count

    def make() -> Callable[[], Any]:
        family = SeparableFamily(Constants(mu=0.5, L=2.0, rho=1.0, tau=0.7, M=1.0), 4, 4)
        tasks = family.sample(jax.random.key(0), count)
        return lambda: measure_block_lipschitz(family, tasks, SCHEDULE, budget=SEARCH)

    return Measurement(f"cells, {count} tasks", operations, make)


def estimate_pieces(card: Card, on_the_cpu: Worker) -> list[Piece]:
    """Every measurement on the card, and last what the CPU's process has found by then."""
    found = []
    chosen = measurements(toy=card.toy)
    for measurement in chosen:
        expected = COMPILE["program"] / 2 + (ROUNDS + 1) * measurement.operations / RATES["float64"]
        found.append(Piece(measurement.name, expected, measurement.timed))
    return [*found, Piece("two CPU cores", 0.0, lambda clock: _from_the_cpu(on_the_cpu, clock, len(chosen)))]


def _from_the_cpu(worker: Worker, clock: Clock, count: int) -> Plain:
    """Lines of the process as far as they come in the time that is left, by name."""
    found: Plain = {"measured": {}}
    if worker.process is None:
        worker.start()
    try:
        for _ in range(count):
            line = worker.line(clock)
            found["measured"][line["what"]] = line
    except NoAnswer as error:
        return found | {"shortened": str(error)}
    finally:
        worker.close()
    return found


def main() -> None:
    """Measure all on this process's devices."""
    enable_float64()
    for measurement in measurements(toy=sys.argv[1] == "toy"):
        print(json.dumps(measurement.timed(Clock(600.0))), flush=True)


if __name__ == "__main__":
    main()
