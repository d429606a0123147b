"""Boxes of iterates: the one that runs visit, and one that further runs are expected to stay in."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float

from anil_theory.algorithm.outer_run import OuterRun
from anil_theory.estimators.algorithm_runs import run_algorithm
from anil_theory.estimators.not_finite import NotFinite
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

MARGIN = 0.15
"""How far, in its own widths, a box is enlarged on every side."""

Corners = tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]
"""The lowest and the highest value of every coordinate."""


def visited_box(run: OuterRun) -> Corners:
    """The smallest box that holds the iterates of all seeds from which a step was taken, as flat points."""
    lower, upper = (
        np.concatenate([np.asarray(leaf).reshape(len(run.status), -1) for leaf in jax.tree.leaves(end)], axis=1)
        for end in (run.lowest, run.highest)
    )
    return lower.min(axis=0), upper.max(axis=0)


def expected_box(
    problem: Problem,
    schedule: Schedule,
    *,
    pilots: Sequence[int],
    seeds: int,
    max_inner_steps: int | None = None,
) -> Corners:
    """The box that pilots visit, enlarged by MARGIN on every side; as it is where all runs are equal.

    pilots   the seed of each pilot, of `seeds` runs; only the first is made where all runs are equal.

    It depends on the pilots alone, so that runs with other seeds are tested and not fitted: they can leave it. Raises
    NotFinite where a run of a pilot diverged.
    """
    equal = is_deterministic(problem, schedule)
    boxes = []
    for seed in pilots[:1] if equal else pilots:
        # All of one shape, and of that of what is measured: they share a compilation.
        pilot = run_algorithm(problem, schedule, seed=seed, seeds=seeds, records=20, max_inner_steps=max_inner_steps)
        if pilot.diverged.any():
            step = int(pilot.diverged_at[pilot.diverged].min())
            number = int(pilot.diverged.sum())
            raise NotFinite(f"no box holds the iterates: {number} of {seeds} runs of a pilot diverged, first at {step}")
        boxes.append(visited_box(pilot))
    lower = np.min([low for low, _ in boxes], axis=0)
    upper = np.max([high for _, high in boxes], axis=0)
    widths = 0.0 * lower if equal else upper - lower
    return lower - MARGIN * widths, upper + MARGIN * widths


def is_deterministic(problem: Problem, schedule: Schedule) -> bool:
    """Whether every run is the same: there is one task, or a step takes all of them."""
    T = len(problem.tasks)
    return T == 1 or (schedule.population is not None and schedule.batch == T)


def distance_outside(box: Corners, around: Corners) -> float:
    """How far the first box reaches beyond the second, as the norm of what each coordinate is beyond; 0 inside."""
    below = np.maximum(around[0] - box[0], 0.0)
    above = np.maximum(box[1] - around[1], 0.0)
    return float(np.linalg.norm(np.maximum(below, above)))
