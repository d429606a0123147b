"""The reach of inner loops from a box: at least what runs from its corners reach, at most half as much again."""

import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.algorithm import inner_loop
from anil_theory.certify.reach import enclosed_reach
from anil_theory.certify.search.branch_and_bound import Boxes
from anil_theory.problem import TaskSet
from anil_theory.schedule import Schedule


def tasks(curvature: float) -> TaskSet:
    """L_S = curvature w^2/2 - w phi; the inner loop shrinks w or lets it grow."""
    return TaskSet(
        lambda w, phi, task: curvature * w[0] ** 2 / 2 - w[0] * phi[0] + 0 * task,
        lambda w, phi, task: w[0] ** 2,
        jnp.zeros(1),
    )


@pytest.mark.parametrize("curvature", [1.0, -2.0])
def test_the_reach_encloses_runs_from_the_corners(curvature: float) -> None:
    population = tasks(curvature)
    schedule = Schedule(0.5, 2)
    enclosed = enclosed_reach(population, 0, schedule, Boxes.of([-1.0, -1.0], [1.0, 1.0]), 1)
    farthest = 0.0
    for w in (-1.0, 1.0):
        for phi in (-1.0, 1.0):
            run = inner_loop(
                population.support, jnp.array([w]), jnp.array([phi]), population.task(0), alpha=0.5, inner_steps=2
            )
            reached = np.abs(np.concatenate([np.asarray(run.iterates).ravel(), np.asarray(run.final)]))
            farthest = max(farthest, float(np.hypot(reached.max(), phi)))
    # An entry that comes twice in w - alpha (w - phi) widens the enclosure.
    assert farthest <= enclosed <= 1.5 * farthest
