"""`anil-theory saturation`: curves of the meta-gradient against N, and the N from which on they are flat."""

import json
import math
from pathlib import Path

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

from anil_theory import Constants
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.cli import app
from anil_theory.report.saturation_plot import saturation_words
from anil_theory.studies.saturation.curves import SaturationCell, trace_saturation

CELL = SaturationCell(
    constants=Constants(0.3, 1.0, 1.0, 0.5, 1.0),
    inner_steps=(1, 2, 4, 8, 16, 32, 64),
    n_w=2,
    n_phi=1,
    tasks=3,
    points=2,
    seeds=4,
    seed=0,
)


def test_a_curve_is_the_mean_of_norms_of_meta_gradients() -> None:
    """Computed again task by task, with a loop that is as long as its N."""
    traced = trace_saturation(CELL)
    problem = CELL.family.problem(tasks=12, seed=0)
    points = problem.points(np.random.default_rng(0), (12, 2))
    gradient = jax.jit(
        lambda z, data: tuple(meta_gradient(problem.tasks.losses, *problem.split(z), data, UnrolledLoop(0.3, 8)))
    )
    norms = np.empty((12, 2, 2))
    for task in range(12):
        for point in range(2):
            parts = gradient(points[task, point], problem.tasks.task(task))
            norms[task, point] = [np.linalg.norm(part) for part in parts]
    by_seed = norms.reshape(4, 6, 2).mean(axis=1)
    for part, name in enumerate(("w", "phi")):
        measured = [curve[traced["N"].index(8)] for curve in traced[name]["curves"]]
        assert measured == pytest.approx(by_seed[:, part], rel=1e-10)


def test_the_w_part_decays_no_slower_than_the_contraction_allows() -> None:
    traced = trace_saturation(CELL)
    assert traced["longest"] == pytest.approx(-1 / math.log(1 - 0.3 * 0.3))
    fit = traced["w"]["fit"]
    assert fit["resolved"] and fit["length"] < traced["longest"] and abs(fit["level"]) < 0.02 * fit["drop"]
    assert fit["length_interval"]["low"] <= fit["length"] <= fit["length_interval"]["high"]


def test_a_fit_that_is_not_resolved_is_said_so() -> None:
    flat = {"fit": {"resolved": False}}
    words = saturation_words({"constants": {"mu": 0.1}, "longest": 99.5, "w": flat, "phi": flat})
    assert words == [f"mu = 0.1, {part} part: no exponential saturation on this grid of N" for part in ("w", "phi")]


def test_the_command_keeps_a_record_for_each_mu_and_draws(tmp_path: Path) -> None:
    small = ["--inner-steps", "1", "2", "4", "8", "--tasks", "2", "--points", "1", "--seeds", "2"]
    done = CliRunner().invoke(app, ["saturation", "--mu", "0.3", "0.5", *small, "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    assert [one["constants"]["mu"] for one in json.loads(done.stdout)["traced"]] == [0.3, 0.5]
    assert len(list((tmp_path / "records").glob("*.json"))) == 2
    assert (tmp_path / "saturation.png").is_file()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--inner-steps", "1", "2", "3"], "inner_steps must be at least 4 different values"),
        (["--inner-steps", "1", "2", "3", "3"], "inner_steps must be at least 4 different values"),
        (["--seeds", "1"], "seeds must be"),
        (["--points", "0"], "points must be"),
        (["--tasks", "0"], "num_tasks must be"),
        (["--mu", "1.5"], "mu must be"),
    ],
)
def test_bad_settings_are_named(extra: list[str], words: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["saturation", *extra, "--out", str(tmp_path)])
    assert done.exit_code == 2 and words in " ".join(done.output.split()), done.output
