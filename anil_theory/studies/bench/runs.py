"""Training runs as jobs: each with its checkpoints, its accuracies, and the curvature along the first seed's runs."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from anil_theory._plain import to_plain
from anil_theory.errors import MemoryTooSmall
from anil_theory.neural.data import ImageDataset
from anil_theory.neural.probe import CurvatureProbe, probe_points
from anil_theory.neural.program import Program
from anil_theory.neural.settings import Settings
from anil_theory.neural.training import RunState, TrainingRun, train
from anil_theory.record import Status, key
from anil_theory.studies.bench.curvature_prediction import predict, predicted_logs
from anil_theory.studies.bench.settings import BenchSettings
from anil_theory.study import Hand, Job, Result, Stopped


class _Programs:
    """What the runs of one geometry share, made when the first of them asks: the compiled program and the probe."""

    def __init__(self, settings: Settings, data: ImageDataset):
        self.settings, self.data = settings, data

    @cached_property
    def program(self) -> Program:
        with memory_advice(self.settings):
            return Program(self.settings, self.data)

    @cached_property
    def probe(self) -> CurvatureProbe:
        with memory_advice(self.settings):
            return CurvatureProbe(self.program)


@dataclass(frozen=True)
class _Run:
    """One run: what it shares with the others of its geometry, and what is its own."""

    programs: _Programs
    inner_steps: int
    seed: int
    probe_at: tuple[int, ...]
    checkpoints: Path
    resume: bool

    @property
    def heading(self) -> str:
        return f"{self.programs.settings.geometry}, N = {self.inner_steps}, seed {self.seed}"

    def measure(self, hand: Hand) -> Result:
        """Train, and measure the accuracy before and after."""
        settings = self.programs.settings
        hand.report(0.0, f"{self.heading}: compiling an outer step with up to {settings.max_inner_steps} inner steps")
        program = self.programs.program
        with memory_advice(settings):
            run = train(
                program,
                inner_steps=self.inner_steps,
                seed=self.seed,
                checkpoints=self.checkpoints,
                every=min(100, max(10, settings.iterations // 10)),
                resume=self.resume,
                on_iteration=lambda iteration, loss: self._report(hand, iteration, loss),
                probe=self.programs.probe.at(self.inner_steps) if self.probe_at else None,
                probe_at=self.probe_at,
            )
            start = program.initial_state(self.seed).params
            untrained = program.accuracy(start, "test", self.seed, self.inner_steps)
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        return self._result(run, untrained)

    def _report(self, hand: Hand, iteration: int, loss: float) -> None:
        if hand.stopping:
            raise Stopped
        hand.report(iteration, f"{self.heading}: loss {loss:.3f}")

    def _result(self, run: TrainingRun, untrained: Any) -> Result:
        settings, N = self.programs.settings, self.inner_steps
        setting = (settings.geometry, settings.alpha, N)
        looks = run.history.probes
        measured = to_plain(run.history) | {
            "probes": [look | {"predicted": predicted_logs(look, *setting)} for look in looks],
            "compile_seconds": self.programs.program.compile_seconds,
            "validation": to_plain(run.validation),
            "test": to_plain(run.test),
            "untrained": to_plain(untrained),
            "diverged_at": run.diverged_at,
        }
        verdicts = [each.verdict for look in looks for each in predict(look, *setting)]
        if run.status is not RunState.DIVERGED:
            return Result(to_plain(verdicts), measured)
        reason = f"loss or gradient not finite, or far above guessing, at iteration {run.diverged_at}"
        return Result(to_plain(verdicts), measured, Status.DIVERGED, reason)


def jobs_of(bench: BenchSettings, settings: Settings, data: ImageDataset, out: Path, *, resume: bool) -> list[Job]:
    """The runs of one geometry. Seeds are outermost: a command that is stopped early has compared all N."""
    programs = _Programs(settings, data)
    # MAML has no blocks, whose curvature could be measured.
    points = probe_points(bench.curvature, settings.iterations) if settings.geometry != "maml" else ()
    jobs = []
    for seed in range(bench.seeds):
        for N in bench.inner_steps:
            cell: dict[str, Any] = {
                "study": "bench",
                "dataset": data.name,
                "data": _content(data),
                "settings": to_plain(settings),
                "inner_steps": N,
                "seed": seed,
                "images": [len(split.images) for split in _splits(data)],
            }
            probe_at = points if seed == 0 else ()
            if probe_at:
                cell["curvature"] = probe_at
            run = _Run(programs, N, seed, probe_at, out / "checkpoints" / key(cell), resume)
            jobs.append(Job(cell=cell, measure=run.measure, name=run.heading, work=settings.iterations))
    return jobs


@contextmanager
def memory_advice(settings: Settings) -> Iterator[None]:
    """Turns "out of memory" inside the block into an error that names the flags that help."""
    try:
        yield
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise MemoryTooSmall(
            f"the memory does not suffice: a --chunk smaller than {settings.chunk_size} takes less, then a smaller "
            "--width and fewer --tasks"
        ) from error


def _content(data: ImageDataset) -> str:
    """The SHA-256 of all images: two files of one name and size may differ in what they hold."""
    digest = hashlib.sha256()
    for split in _splits(data):
        images = np.ascontiguousarray(split.images)
        digest.update(f"{images.dtype} {images.shape}".encode())
        digest.update(images.data)
    return digest.hexdigest()


def _splits(data: ImageDataset) -> Sequence[Any]:
    return data.train, data.validation, data.test
