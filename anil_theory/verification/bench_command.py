"""What `anil-theory bench` does: train every N and seed of every geometry, keep records, draw figures, judge claims."""

import hashlib
import importlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from anil_theory._admissible import InvalidParameter, count
from anil_theory._plain import to_plain
from anil_theory.neural.allocator import keep_freed_memory
from anil_theory.neural.data import ImageDataset, load_dataset
from anil_theory.neural.needs import require_memory_for
from anil_theory.neural.probe import CurvatureProbe, probe_points
from anil_theory.neural.program import Program, check_episode
from anil_theory.neural.settings import Settings
from anil_theory.neural.training import RunState, train
from anil_theory.record import Record, RecordStore, Status, encode_floats, key
from anil_theory.report.curvature_plot import curvature_points, plot_curvature, print_curvature
from anil_theory.report.neural_plots import bench_runs, plot_training
from anil_theory.report.tables import print_whole
from anil_theory.study import Display, Ending, Hand, Job, Plot, Result, Stopped, run_jobs
from anil_theory.verification.curvature_prediction import predict, predicted_logs
from anil_theory.verification.figure_claims import FigureVerdict, judge_figures
from anil_theory.verification.inner_steps import runnable

QUICK_CURVATURE = 2
"""Points at which --quick looks at the curvature, the start and the end."""

MOST_RUNS = 100_000
"""Runs of one command: each takes seconds to hours."""

QUICK: dict[str, Any] = {"width": 8, "tasks": 4, "iterations": 200, "eval_tasks": 60, "beta_w": 3e-3, "beta_phi": 3e-3}
"""What --quick changes in the settings where nothing else is asked for; it also takes 2 seeds."""

FIGURES = {"strongly-convex": "figure1_strongly_convex.png", "nonconvex": "figure2_nonconvex.png"}
"""The figures of the paper; another geometry's is called after it."""

STRONG_CONVEXITY = 0.01
"""Default lambda of the strongly convex geometry; the paper's value is not known. Elsewhere the default is 0."""


@dataclass(frozen=True)
class Bench:
    """Which runs: every geometry, number of inner steps and seed; `settings` holds everything else.

    l2 is None for the default of each geometry; curvature is the number of points along the runs of the first seed at
    which Hessian blocks and constants are measured (not for MAML, which has no blocks). Raises InvalidParameter for
    empty lists, N < 1 and counts below their least.
    """

    dataset: str
    folder: Path | None
    geometries: tuple[str, ...]
    inner_steps: tuple[int, ...]
    seeds: int
    settings: Settings
    l2: float | None = None
    curvature: int = 0

    def __post_init__(self) -> None:
        if not self.geometries or not self.inner_steps:
            raise InvalidParameter("geometry and inner_steps", "not empty", (self.geometries, self.inner_steps))
        runnable(self.inner_steps)
        runs = len(self.geometries) * len(self.inner_steps) * count("seeds", self.seeds)
        if runs > MOST_RUNS:
            raise InvalidParameter("seeds", f"such that there are at most {MOST_RUNS} runs in all", self.seeds)
        count("curvature", self.curvature, 0)

    def of(self, geometry: str) -> Settings:
        """The settings of one geometry; the compiled inner loop is as long as the largest N."""
        l2 = (STRONG_CONVEXITY if geometry == "strongly-convex" else 0.0) if self.l2 is None else self.l2
        return replace(self.settings, geometry=geometry, l2=l2, max_inner_steps=max(self.inner_steps))


def run_bench(
    bench: Bench,
    *,
    out: Path,
    resume: bool,
    workers: int = 1,
    console: Console,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[int, dict[str, Any]]:
    """Train, keep one record per run, draw the figures, print a table and verdicts; exit status and plain values.

    workers   runs at a time, each with its own network in memory;
    stop      asked again and again; true ends the run as Ctrl-C does.

    Exit status: `study.ending`; after Ctrl-C finished runs are kept as records, the one in hand as a checkpoint. A run
    that diverges is a record with that status. Raises InvalidParameter for bad input. A refuted claim about a figure is
    a finding on this data set and does not change the exit status. Without matplotlib there are no figures, and a line
    says so.
    """
    for geometry in bench.geometries:
        bench.of(geometry)
    data = load_dataset(bench.dataset, bench.folder)
    for geometry in bench.geometries:
        check_episode(bench.of(geometry), data)
        require_memory_for(bench.of(geometry), data.train.image_shape)
    if jax.default_backend() == "cpu":
        keep_freed_memory()
    store = RecordStore(out / "records")
    jobs = [job for geometry in bench.geometries for job in _jobs_of(bench, geometry, data, out, resume)]
    display = Display("training", "runs")
    summary = run_jobs(jobs, store, resume=resume, workers=workers, display=display, stop=stop)
    ending, records = Ending(), summary.records
    runs = bench_runs(records)
    points = curvature_points(records)
    verdicts = ending.attempt("the claims of the figures were not judged", lambda: judge_figures(runs)) or []
    ending.attempt("the runs were not printed", lambda: _print(console, records, verdicts))
    ending.attempt("the curvature was not printed", lambda: print_curvature(console, points))
    if matplotlib_is_there():
        drawn = ending.draw(_plots(bench.geometries, runs, points, out))
    else:
        drawn = []
        console.print("no figures: matplotlib is not installed")
    code = ending.close(console, summary, store, noun="runs", written=drawn)
    plain = [{**to_plain(record.cell), **record.measurements, "status": record.status} for record in records]
    return code, encode_floats(to_plain({"runs": plain, "verdicts": verdicts}))


def matplotlib_is_there() -> bool:
    """Whether figures can be drawn: a machine with an accelerator may have no matplotlib, or half of it."""
    try:
        importlib.import_module("matplotlib")
    except ImportError:
        return False
    return True


def _plots(
    geometries: Sequence[str], runs: Sequence[dict[str, Any]], points: Sequence[dict[str, Any]], out: Path
) -> dict[Path, Plot]:
    """Figures 1 and 2 and those of the curvature by their paths."""
    plots: dict[Path, Plot] = {}
    for geometry in geometries:
        path = out / FIGURES.get(geometry, f"{geometry}.png")
        plots[path] = partial(plot_training, runs, geometry)
    for geometry in geometries:
        path = out / f"curvature_{geometry.replace('-', '_')}.png"
        plots[path] = partial(plot_curvature, points, (geometry,))
    return plots


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


def _jobs_of(bench: Bench, geometry: str, data: ImageDataset, out: Path, resume: bool) -> list[Job]:
    settings = bench.of(geometry)
    programs = _Programs(settings, data)
    points = probe_points(bench.curvature, settings.iterations) if geometry != "maml" else ()
    jobs = []
    # Seeds outermost: a run that is stopped early has compared all N.
    for seed in range(bench.seeds):
        for N in bench.inner_steps:
            cell = {
                "study": "bench",
                "dataset": data.name,
                "data": _content(data),
                "settings": to_plain(settings),
                "inner_steps": N,
                "seed": seed,
                "images": [len(split.images) for split in _splits(data)],
            }
            if points and seed == 0:
                cell["curvature"] = points
            folder = out / "checkpoints" / key(cell)
            jobs.append(_job(programs, cell, N, seed, folder, resume))
    return jobs


def _job(programs: _Programs, cell: dict[str, Any], N: int, seed: int, folder: Path, resume: bool) -> Job:
    heading = f"{programs.settings.geometry}, N = {N}, seed {seed}"

    def measure(hand: Hand) -> Result:
        hand.report(0.0, f"{heading}: compiling")
        result = _run(programs, cell, N, seed, folder, resume, hand, heading)
        shutil.rmtree(folder, ignore_errors=True)
        return result

    return Job(cell=cell, measure=measure, name=heading, work=programs.settings.iterations)


def _run(
    programs: _Programs,
    cell: dict[str, Any],
    N: int,
    seed: int,
    folder: Path,
    resume: bool,
    hand: Hand,
    heading: str,
) -> Result:
    program, settings = programs.program, programs.settings
    points = cell.get("curvature", ())

    def report(iteration: int, loss: float) -> None:
        if hand.stopping:
            raise Stopped
        hand.report(iteration, f"{heading}: loss {loss:.3f}")

    with memory_advice(settings):
        run = train(
            program,
            inner_steps=N,
            seed=seed,
            checkpoints=folder,
            every=min(100, max(10, settings.iterations // 10)),
            resume=resume,
            on_iteration=report,
            probe=programs.probe.at(N) if points else None,
            probe_at=points,
        )
        untrained = program.accuracy(program.initial_state(seed).params, "test", seed, N)
    looks = run.history.probes
    verdicts = [one.verdict for look in looks for one in predict(look, settings.geometry, settings.alpha, N)]
    looks = [look | {"predicted": predicted_logs(look, settings.geometry, settings.alpha, N)} for look in looks]
    measured = to_plain(run.history) | {
        "probes": looks,
        "compile_seconds": program.compile_seconds,
        "validation": to_plain(run.validation),
        "test": to_plain(run.test),
        "untrained": to_plain(untrained),
        "diverged_at": run.diverged_at,
    }
    diverged = run.status is RunState.DIVERGED
    reason = f"loss or gradient not finite, or far above guessing, at iteration {run.diverged_at}" if diverged else ""
    status = Status.DIVERGED if diverged else Status.COMPLETE
    return Result(to_plain(verdicts), measured, status, reason)


def _content(data: ImageDataset) -> str:
    """The SHA-256 of all images: two files of one name and size may differ in what they hold."""
    digest = hashlib.sha256()
    for split in _splits(data):
        images = np.ascontiguousarray(split.images)
        digest.update(f"{images.dtype} {images.shape}".encode())
        digest.update(images.data)
    return digest.hexdigest()


class memory_advice:
    """Turns "out of memory" of the device inside the block into bad input that names the flags that help."""

    def __init__(self, settings: Settings):
        self.settings = settings

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        exhausted = isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)
        if exhausted or isinstance(error, MemoryError):
            allowed = "smaller: the memory does not suffice (then --width and --tasks)"
            raise InvalidParameter("--chunk", allowed, self.settings.chunk_size) from error


def _splits(data: ImageDataset) -> Sequence[Any]:
    return data.train, data.validation, data.test


def _print(console: Console, records: Sequence[Record], verdicts: Sequence[FigureVerdict]) -> None:
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in ("geometry", "N", "seed", "status", "loss", "ms", "untrained %", "test %"):
        table.add_column(name, justify="left" if name == "geometry" else "right", no_wrap=True)
    for record in records:
        m, test = record.measurements, record.measurements["test"]
        tail = max(1, len(m["loss"]) // 4)
        table.add_row(
            record.cell["settings"]["geometry"],
            str(record.cell["inner_steps"]),
            str(record.cell["seed"]),
            str(record.status),
            f"{sum(m['loss'][-tail:]) / tail:.4g}",
            f"{1e3 * sorted(m['seconds'])[len(m['seconds']) // 2]:.1f}",
            f"{100 * m['untrained']['mean']:.1f}",
            "-" if test is None else f"{100 * test['mean']:.1f} +- {100 * test['half_width']:.1f}",
        )
    print_whole(console, table)
    for one in verdicts:
        text = f"{one.outcome:13} {one.geometry} on {one.dataset}: {one.claim} ({one.reason})"
        console.print(text, highlight=False, soft_wrap=True)
