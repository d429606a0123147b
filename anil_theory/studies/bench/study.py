"""The runs of `anil-theory bench` as cells, and their page: a table, the figures, the paper's claims on them.

A refuted claim about a figure is a finding on this data set and does not change the exit status.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax

from anil_theory._plain import to_plain
from anil_theory.neural.allocator import keep_freed_memory
from anil_theory.neural.data import load_dataset
from anil_theory.neural.needs import require_memory_for
from anil_theory.neural.program import check_episode
from anil_theory.report.bench_table import print_runs
from anil_theory.report.curvature_plot import curvature_points, plot_curvature, print_curvature
from anil_theory.report.neural_plots import bench_runs, plot_training
from anil_theory.studies.bench.figure_claims import judge_figures
from anil_theory.studies.bench.runs import jobs_of
from anil_theory.studies.bench.settings import BenchSettings
from anil_theory.study import Job, Page, Study

FIGURES = {"strongly-convex": "figure1_strongly_convex.png", "nonconvex": "figure2_nonconvex.png"}
"""The figures of the paper; another geometry's is called after it."""


class BenchStudy(Study[BenchSettings]):
    """Every geometry, number of inner steps and seed. A run that diverges is a record with that status."""

    verb = "training"
    noun = "runs"

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job for each run; the one in hand when a run is interrupted is kept as a checkpoint."""
        bench = self.settings
        every = {geometry: bench.of(geometry) for geometry in bench.geometry}
        data = load_dataset(bench.dataset, bench.data)
        for settings in every.values():
            check_episode(settings, data)
            require_memory_for(settings, data.train.image_shape)
        if jax.default_backend() == "cpu":
            keep_freed_memory()
        return [job for settings in every.values() for job in jobs_of(bench, settings, data, out, resume=resume)]

    def show(self, page: Page) -> dict[str, Any]:
        runs = bench_runs(page.records)
        points = curvature_points(page.records)
        judged = page.ending.attempt("the claims of the figures were not judged", lambda: judge_figures(runs)) or []
        verdicts = to_plain(judged)
        page.show("the runs were", print_runs, page.records, verdicts)
        page.show("the curvature was", print_curvature, points)
        names = self.settings.geometry
        training = {FIGURES.get(name, f"{name}.png"): partial(plot_training, runs, name) for name in names}
        probes = {f"curvature_{name.replace('-', '_')}.png": partial(plot_curvature, points, [name]) for name in names}
        page.draw(training | probes)
        page.refuted = False
        plain = [{**record.cell, **record.measurements, "status": record.status} for record in page.records]
        return {"runs": plain, "verdicts": verdicts}
