"""How far inner iterates go from a box of starts, enclosed: what a claim about constants on a ball needs."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.certify.general_blocks import PARTS, subdivided
from anil_theory.certify.intervals.arrays import summed
from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.search.branch_and_bound import Boxes
from anil_theory.problem import TaskSet
from anil_theory.schedule import Schedule


def enclosed_reach(tasks: TaskSet, task: int, schedule: Schedule, boxes: Boxes, n_w: int) -> float:
    """At least |(w_m, phi)| for m = 0..N and every start in a box; inf where nothing bounds it.

    Raises NoEnclosure for a support loss without one.
    """
    data = tasks.task(task)

    def iterates(z: Array) -> Array:
        w, phi = z[:n_w], z[n_w:]
        adapted = inner_loop(tasks.support, w, phi, data, alpha=schedule.one_alpha, inner_steps=schedule.inner_steps)
        w_m = jnp.concatenate([adapted.iterates, adapted.final[None]])
        return jnp.concatenate([w_m, jnp.broadcast_to(phi, (len(w_m), phi.size))], axis=1)

    parts = subdivided(boxes, PARTS)
    program = jax.make_jaxpr(iterates)(jax.ShapeDtypeStruct((parts.lower.shape[1],), np.float64))
    (points,) = run_intervals(program, [Intervals(parts.lower, parts.upper)])
    assert isinstance(points, Intervals)
    norms = summed(points.squared(), 2).sqrt().hi
    return float(np.max(np.where(np.isnan(norms), math.inf, norms)))
