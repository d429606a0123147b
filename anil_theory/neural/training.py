"""Meta-training: Algorithm 1 with a network, its history, its checkpoints, and how it ended."""

import math
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import jax
import numpy as np
from jaxtyping import PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory._plain import to_plain
from anil_theory.neural.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from anil_theory.neural.program import Accuracy, Program

EXPLOSION = 100.0
"""A training loss beyond this many times log(ways), the loss of guessing, counts as divergence, as NaN and inf do."""


class RunState(StrEnum):
    """How a training run ended."""

    TRAINED = "trained"
    DIVERGED = "diverged"


@dataclass
class History:
    """Per iteration: mean query loss and accuracy at w_N, norms of both blocks of the meta-gradient, seconds.

    `probes` has one entry for each number of iterations at which `train` was asked to look closer.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    norm_w: list[float] = field(default_factory=list)
    norm_phi: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=list)

    def append(self, loss: float, accuracy: float, norm_w: float, norm_phi: float) -> None:
        """The readings of one more iteration."""
        self.loss.append(loss)
        self.accuracy.append(accuracy)
        self.norm_w.append(norm_w)
        self.norm_phi.append(norm_phi)

    @classmethod
    def kept(cls, plain: Any, iterations: int) -> Self:
        """The history in a checkpoint after this many iterations. Raises InvalidParameter for anything else."""
        names = {f.name for f in fields(cls)}
        if not isinstance(plain, dict) or plain.keys() != names or not all(isinstance(v, list) for v in plain.values()):
            raise InvalidParameter("checkpoint", f"one with the lists {', '.join(sorted(names))}", type(plain).__name__)
        lengths = {name: len(plain[name]) for name in names - {"probes"}}
        if set(lengths.values()) != {iterations}:
            raise InvalidParameter("checkpoint", f"one with the readings of {iterations} iterations", lengths)
        return cls(**plain)


@dataclass
class TrainingRun:
    """One run: status, the iteration at which it diverged (or -1), history, accuracies, the last (w, phi)."""

    status: RunState
    diverged_at: int
    history: History
    validation: Accuracy | None
    test: Accuracy | None
    params: tuple[PyTree, PyTree]


def train(
    program: Program,
    *,
    inner_steps: int,
    seed: int,
    checkpoints: Path | None = None,
    resume: bool = False,
    every: int = 100,
    evaluate: bool = True,
    on_iteration: Callable[[int, float], None] = lambda iteration, loss: None,
    probe: Callable[[tuple[PyTree, PyTree]], dict[str, Any]] | None = None,
    probe_at: Sequence[int] = (),
) -> TrainingRun:
    """Train one seed with N = inner_steps and measure its accuracies.

    checkpoints  folder, or None;  every  iterations between them;  resume  go on from the newest one;
    on_iteration called with the number of iterations done and the last loss;
    probe        called with (w, phi) after each number of iterations in `probe_at`; kept in the history.

    A run whose loss or gradient is not finite, or whose loss exceeds EXPLOSION log(ways), ends with the status
    DIVERGED and the iteration; (w, phi) are then those after the dispatch it was in. Raises InvalidParameter for N
    outside 1..max_inner_steps and foreign checkpoints.
    """
    settings = program.settings
    N = count("inner_steps", inner_steps)
    if settings.max_inner_steps < N:
        raise InvalidParameter("inner_steps", f"at most max_inner_steps = {settings.max_inner_steps}", N)
    configuration = to_plain(settings) | {"inner_steps": N, "seed": seed}
    configuration |= {"dataset": program.data.name, "images": program.fingerprint}
    if program.per_part:
        sizes = jax.tree.leaves(program.alpha)
        configuration |= {"step_sizes": zlib.crc32(b"".join(np.asarray(leaf).tobytes() for leaf in sizes))}
    del configuration["iterations"]  # a longer run may go on from a shorter one
    state = program.initial_state(seed)
    history = History()
    start = 0
    checkpoint = load_checkpoint(checkpoints, configuration, state) if checkpoints is not None and resume else None
    if checkpoint is not None:
        start = checkpoint.iteration
        state = checkpoint.state
        history = History.kept(checkpoint.history, checkpoint.iteration)
    limit = EXPLOSION * math.log(settings.ways)

    def look(done: int) -> None:
        if probe is not None and done in probe_at:
            history.probes.append({"iteration": done} | probe(state.params))

    iteration = start
    while iteration < settings.iterations:
        look(iteration)
        # To the next iteration at which something besides training happens, and no further than one dispatch.
        stops = [settings.iterations, iteration + settings.dispatch_size, *(k for k in probe_at if k > iteration)]
        stops += [iteration - iteration % every + every] if checkpoints is not None else []
        steps = min(stops) - iteration
        began = time.perf_counter()
        state, readings = program.advance(state, seed, iteration, N, steps)
        history.seconds += [(time.perf_counter() - began) / steps] * steps
        for row in readings:
            history.append(*map(float, row))
            iteration += 1
            on_iteration(iteration, history.loss[-1])
            if not (np.all(np.isfinite(row)) and history.loss[-1] <= limit):
                del history.seconds[iteration:]
                return TrainingRun(RunState.DIVERGED, iteration - 1, history, None, None, state.params)
        if checkpoints is not None and iteration % every == 0:
            save_checkpoint(checkpoints, configuration, Checkpoint(iteration, state, to_plain(history)))
    look(settings.iterations)
    splits = ("validation", "test") if evaluate else ()
    measured = [program.accuracy(state.params, split, seed, N) for split in splits] or [None, None]
    return TrainingRun(RunState.TRAINED, -1, history, measured[0], measured[1], state.params)
