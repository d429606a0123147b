"""What `anil-theory bench` does: train every N and seed of every geometry, keep records, draw figures, judge claims."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from anil_theory._admissible import InvalidParameter, count
from anil_theory._plain import to_plain
from anil_theory.neural.allocator import keep_freed_memory
from anil_theory.neural.data import ImageDataset, load_dataset
from anil_theory.neural.probe import CurvatureProbe, probe_points
from anil_theory.neural.program import Program
from anil_theory.neural.settings import Settings
from anil_theory.neural.training import RunState, train
from anil_theory.provenance import provenance
from anil_theory.record import Record, RecordStore, Status, encode_floats, key
from anil_theory.report.curvature_plot import curvature_points, plot_curvature, print_curvature
from anil_theory.report.neural_plots import bench_runs, plot_training
from anil_theory.verification.curvature_prediction import predict, predicted_logs
from anil_theory.verification.figure_claims import FigureVerdict, judge_figures
from anil_theory.verification.runner import same_origin

QUICK_CURVATURE = 2
"""Points at which --quick looks at the curvature, the start and the end."""

QUICK: dict[str, Any] = {"width": 8, "tasks": 4, "iterations": 200, "eval_tasks": 60, "beta_w": 3e-3, "beta_phi": 3e-3}
"""What --quick changes in the settings where nothing else is asked for; it also takes 2 seeds."""

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
        for N in self.inner_steps:
            count("inner_steps", N)
        count("seeds", self.seeds)
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
    console: Console,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[int, dict[str, Any]]:
    """Train, keep one record per run, draw the figures, print a table and verdicts; exit status and plain values.

    stop   asked after every dispatch; true ends the run as Ctrl-C does.

    Exit status 0, or 130 after Ctrl-C (finished runs are kept as records, the one in hand as a checkpoint). A run that
    diverges, or for which the memory does not suffice, is a record with that status. Raises InvalidParameter for bad
    input. A refuted claim about a figure is a finding on this data set and does not change the exit status. Without
    matplotlib there are no figures, and a line says so.
    """
    for geometry in bench.geometries:
        bench.of(geometry)
    data = load_dataset(bench.dataset, bench.folder)
    if jax.default_backend() == "cpu":
        keep_freed_memory()
    store = RecordStore(out / "records")
    records: list[Record] = []
    interrupted = False
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
        *(TextColumn("left"), TimeRemainingColumn()),
    )
    total = len(bench.geometries) * len(bench.inner_steps) * bench.seeds * bench.settings.iterations
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("training", total=total)
        try:
            for geometry in bench.geometries:
                records += _run_geometry(bench, geometry, data, store, out, resume, progress, bar, stop)
        except KeyboardInterrupt:
            interrupted = True
            records = [record for record in store if record.cell.get("study") == "bench"]
    runs = bench_runs(records)
    verdicts = judge_figures(runs)
    points = curvature_points(records)
    drawn = _draw_figures(bench.geometries, runs, points, out) if matplotlib_is_there() else []
    _print(console, records, verdicts)
    print_curvature(console, points)
    figures = ", ".join(map(str, drawn)) if matplotlib_is_there() else "no figures: matplotlib is not installed"
    console.print(f"{len(records)} runs; {figures}", highlight=False, soft_wrap=True)
    if interrupted:
        console.print(f"interrupted: finished runs are kept in {store.folder}; --resume goes on", style="yellow")
        return 130, {}
    plain = [{**to_plain(record.cell), **record.measurements, "status": record.status} for record in records]
    return 0, encode_floats(to_plain({"runs": plain, "verdicts": verdicts}))


def matplotlib_is_there() -> bool:
    """Whether figures can be drawn: a machine that is lent for its accelerator may have no matplotlib."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def _draw_figures(
    geometries: Sequence[str], runs: Sequence[dict[str, Any]], points: Sequence[dict[str, Any]], out: Path
) -> list[Path]:
    """Figures 1 and 2 and those of the curvature, where there are runs for them; the files that were written."""
    names = {"strongly-convex": "figure1_strongly_convex.png", "nonconvex": "figure2_nonconvex.png"}
    drawn = []
    for geometry in geometries:
        path = out / names.get(geometry, f"{geometry}.png")
        if plot_training(runs, geometry, path):
            drawn.append(path)
    for geometry in geometries:
        path = out / f"curvature_{geometry.replace('-', '_')}.png"
        if plot_curvature(points, (geometry,), path):
            drawn.append(path)
    return drawn


def _run_geometry(
    bench: Bench,
    geometry: str,
    data: ImageDataset,
    store: RecordStore,
    out: Path,
    resume: bool,
    progress: Any,
    bar: Any,
    stop: Callable[[], bool],
) -> list[Record]:
    settings, done = bench.of(geometry), []
    program: Program | None = None
    probe: CurvatureProbe | None = None
    points = probe_points(bench.curvature, settings.iterations) if geometry != "maml" else ()
    # Seeds outermost: a run that is stopped early has compared all N.
    for seed in range(bench.seeds):
        for N in bench.inner_steps:
            cell = {
                **{"study": "bench", "dataset": data.name, "settings": to_plain(settings)},
                **{"inner_steps": N, "seed": seed, "images": [len(s.images) for s in _splits(data)]},
            }
            closer = points if seed == 0 else ()
            if closer:
                cell["curvature"] = closer
            name = key(cell)
            if resume and name in store and same_origin(store.get(name)):
                done.append(store.get(name))
                progress.advance(bar, settings.iterations)
                continue
            progress.update(bar, description=f"{geometry}, N = {N}, seed {seed}: compiling")
            if program is None:
                program = _compiled(settings, data)
            if closer and probe is None:
                with memory_advice(settings):
                    probe = CurvatureProbe(program)
            folder = out / "checkpoints" / name
            done.append(_run(program, probe, cell, N, seed, folder, resume, progress, bar, stop))
            store.put(done[-1])
            shutil.rmtree(folder, ignore_errors=True)
    return done


def _run(
    program: Program,
    probe: CurvatureProbe | None,
    cell: dict[str, Any],
    N: int,
    seed: int,
    folder: Path,
    resume: bool,
    progress: Any,
    bar: Any,
    stop: Callable[[], bool],
) -> Record:
    started, begun = datetime.now(UTC), progress.tasks[bar].completed
    heading = f"{program.settings.geometry}, N = {N}, seed {seed}"

    every = min(100, max(10, program.settings.iterations // 10))

    def report(iteration: int, loss: float) -> None:
        progress.update(bar, completed=begun + iteration, description=f"{heading}: loss {loss:.3f}")
        if stop():
            raise KeyboardInterrupt

    with memory_advice(program.settings):
        run = train(
            *(program,),
            **{"inner_steps": N, "seed": seed, "checkpoints": folder, "every": every, "resume": resume},
            on_iteration=report,
            probe=probe.at(N) if probe is not None else None,
            probe_at=cell.get("curvature", ()),
        )
        untrained = program.accuracy(program.initial_state(seed).params, "test", seed, N)
    progress.update(bar, completed=begun + program.settings.iterations)
    settings = program.settings
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
    return Record(cell, to_plain(verdicts), measured, provenance(started), status, reason)


def _compiled(settings: Settings, data: ImageDataset) -> Program:
    with memory_advice(settings):
        return Program(settings, data)


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
    console.print(table)
    for one in verdicts:
        text = f"{one.outcome:13} {one.geometry} on {one.dataset}: {one.claim} ({one.reason})"
        console.print(text, highlight=False, soft_wrap=True)
