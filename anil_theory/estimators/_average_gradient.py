"""The left-hand side of Theorems 1 and 2: the average squared block norms over an outer-loop run, with errors.

    (1/K) sum_k E||D_w L_meta(z_k)||^2,  the same in phi,  and their sum weighted by (beta_w, beta_phi)

Also D0, the gap L_meta(z_0) - inf L_meta that the right-hand side needs, bounded from above.
"""

import math
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import PyTree

from anil_theory._precision import gamma, require_float64
from anil_theory.algorithm.outer_run import OuterRun
from anil_theory.algorithm.population import task_losses
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.base import COUNTED, Direction, Estimate, counted_roundings
from anil_theory.estimators.not_finite import NotFinite
from anil_theory.problem import Domain
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet

QUANTITIES = ("w", "phi", "weighted")


@dataclass(frozen=True)
class AverageGradient:
    """The averages of one run, or the reason why there are none.

    estimates   {"w" | "phi" | "weighted": Estimate}; empty when a seed diverged (dropping it would bias the mean) and
                when fewer than two seeds ran (no standard error);
    diverged    how many seeds diverged;
    reason      why there is no estimate, or "".
    """

    estimates: dict[str, Estimate]
    diverged: int
    reason: str


def average_gradient(run: OuterRun) -> AverageGradient:
    """Estimates "average_squared_gradient/w|phi|weighted" of a run: direction MEAN, samples = seeds.

    stderr combines the spread over seeds (divisor S - 1) with the thinning error of "sampled" runs. The phi entry is
    left out when phi is empty. `method` is how the average was formed.
    """
    S, diverged = len(run.status), int(run.diverged.sum())
    if diverged:
        return AverageGradient({}, diverged, f"{diverged} of {S} seeds diverged: no average exists")
    if S < 2:
        return AverageGradient({}, 0, "one seed has no standard error")
    betas = run.schedule.beta_w or 0.0, run.schedule.beta_phi or 0.0
    w, phi = run.running_w[:, -1], run.running_phi[:, -1]
    thinning = run.thinning_stderr
    per_seed = {
        "w": (w, thinning["w"]),
        "phi": (phi, thinning["phi"]),
        # The thinning errors of the blocks share their steps, so in the worst case they add.
        "weighted": (betas[0] * w + betas[1] * phi, betas[0] * thinning["w"] + betas[1] * thinning["phi"]),
    }
    if sum(leaf.size for leaf in jax.tree.leaves(run.final_phi)) == 0:
        del per_seed["phi"]
    estimates = {}
    for name, (values, thinned) in per_seed.items():
        value = float(values.mean())
        estimates[name] = Estimate(
            quantity=f"average_squared_gradient/{name}",
            value=value,
            direction=Direction.MEAN,
            method=run.average,
            rounding=gamma(run.schedule.outer_steps + counted_roundings(0)) * float(np.abs(values).mean()),
            rounding_kind=COUNTED,
            stderr=float(math.hypot(values.std(ddof=1) / math.sqrt(S), thinned)),
            samples=S,
            seed=run.seed,
        )
    return AverageGradient(estimates, 0, "")


def initial_gap(family: Domain, tasks: TaskSet, schedule: Schedule, w: PyTree, phi: PyTree) -> Estimate:
    """D0 <= L_meta(z_0) - mean_i inf L_D^i, with `family.query_infimum`: an upper bound of the initial gap.

    Direction UPPER: the mean of infima is at most inf L_meta, and the value at z_0 is exact for a finite population.
    Raises NotFinite where the loss of a task overflows at z_0.
    """
    require_float64("tasks", tasks.data)
    at_start = np.asarray(task_losses(tasks, w, phi, UnrolledLoop(schedule.alpha, schedule.inner_steps)))
    lowest = np.asarray(family.query_infimum(tasks.data))
    if not np.isfinite(at_start).all():
        task = int(np.flatnonzero(~np.isfinite(at_start))[0])
        raise NotFinite(f"initial_gap is not finite: the adapted query loss of task {task} is {at_start[task]}")
    size = float(np.abs(at_start).max() + np.abs(lowest).max())
    return Estimate(
        quantity="initial_gap",
        value=float(at_start.mean() - lowest.mean()),
        direction=Direction.UPPER,
        method="query infimum",
        rounding=gamma(len(tasks) + counted_roundings(0, schedule.inner_steps)) * size,
        rounding_kind=COUNTED,
        samples=len(tasks),
    )
