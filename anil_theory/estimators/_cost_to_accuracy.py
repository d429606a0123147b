"""What it takes to reach accuracy eps: outer iterations, oracle calls, entries computed and seconds, all measured.

A seed has reached eps at the first recorded step from which its measure is below eps in both blocks at once. Two
measures: "average" (the running average that the theorems bound) and "recorded" (the exact squared norms, Definition
1, at single iterates). Steps are known up to the spacing of the records; `resolution` says which. ANIL and MAML run
through the same code; `algorithm.oracle_count.as_maml` gives the second view of the same tasks.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree
from scipy.stats import binom

from anil_theory._admissible import InvalidParameter, one_of, positive, within
from anil_theory.algorithm._outer_loop import outer_loop
from anil_theory.algorithm.oracle_count import OracleCounts, count_outer_step
from anil_theory.algorithm.outer_run import OuterRun
from anil_theory.estimators.rates import Interval
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet

MEASURES = ("average", "recorded")


@dataclass(frozen=True, eq=False)
class CostToAccuracy:
    """What each seed took to reach eps: NaN where K steps did not suffice (a median over the other seeds is no answer).

    steps             (S,) outer iterations;  resolution  the largest gap between records, in iterations;
    diverged          (S,) which seeds diverged: these have not reached eps, whatever they were before;
    per_step          oracle calls of one outer iteration, counted while they ran;
    gradient_entries, second_entries   (S,) entries computed (Table 2) up to the step;
    seconds           (S,) steps times the measured seconds of one iteration of one seed, in a run of all seeds.
    """

    eps: float
    inner_steps: int
    measure: str
    reached: np.ndarray
    diverged: np.ndarray
    steps: np.ndarray
    resolution: int
    per_step: OracleCounts
    gradient_entries: np.ndarray
    second_entries: np.ndarray
    seconds: np.ndarray

    @property
    def median_steps(self) -> float:
        """Median over seeds; seeds that did not reach eps count as infinitely late."""
        return float(np.median(np.where(self.reached, self.steps, np.inf)))

    @property
    def median_interval(self) -> Interval:
        """Where the median over all seeds lies, from the seeds that were run: `median_interval` of the steps."""
        return median_interval(np.where(self.reached, self.steps, np.inf))


def median_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """An interval for the median of what `values` (S,) are drawn from, independently; infinite ends where they are.

    It runs from the k-th smallest to the k-th largest value, with the largest k whose coverage is `level` or more, for
    any distribution: at least 1 - 2 P(Binomial(S, 1/2) < k). `Interval.level` is that coverage; for fewer than six
    values it is below 0.95 even for k = 1. Source: H. A. David, H. N. Nagaraja, Order Statistics, section 7.1.
    """
    level = within("level", level, 1e-6, 1 - 1e-6, "in (0, 1)")
    ordered = np.sort(np.asarray(values, float))
    S = len(ordered)
    # More than half of the values is no interval about the median.
    coverage = {k: 1 - 2 * float(binom.cdf(k - 1, S, 0.5)) for k in range(1, (S + 1) // 2 + 1)}
    k = max((k for k, covered in coverage.items() if covered >= level), default=1)
    return Interval(float(ordered[k - 1]), float(ordered[S - k]), coverage[k])


def first_below(run: OuterRun, eps: float, measure: str = "average") -> np.ndarray:
    """(S,) the first recorded step k >= 0 with both blocks under eps, NaN where there is none or the seed diverged.

    Raises InvalidParameter for eps <= 0, an unknown measure, and running averages of single seeds that are noise
    about the average (average="batch").
    """
    positive("eps", eps)
    one_of("measure", measure, MEASURES)
    if measure == "average" and run.average == "batch":
        raise InvalidParameter("run", "made with average='every' or 'sampled' (pair means can be negative)", "batch")
    blocks = (run.running_w, run.running_phi) if measure == "average" else (run.squared_w, run.squared_phi)
    below = (blocks[0] < eps) & (blocks[1] < eps)
    steps = run.steps[below.argmax(axis=1)].astype(float)
    return np.where(below.any(axis=1) & ~run.diverged, steps, np.nan)


def cost_to_accuracy(
    tasks: TaskSet,
    schedule: Schedule,
    w: PyTree,
    phi: PyTree,
    eps: float,
    *,
    measure: str = "average",
    **options: Any,
) -> CostToAccuracy:
    """Run Algorithm 1 (`options` go to `outer_loop`), find the first step under eps and price it.

    The run is made twice: once to compile, once to be timed. Seconds include what it takes to know the norms: the
    records, and for the measure "average" the population gradient at every step ("recorded" is cheaper to observe).
    """
    positive("eps", eps)
    one_of("measure", measure, MEASURES)
    options = {"average": "every" if measure == "average" else None, **options}
    outer_loop(tasks, schedule, w, phi, **options)
    begun = time.perf_counter()
    run = outer_loop(tasks, schedule, w, phi, **options)
    seconds = (time.perf_counter() - begun) / (schedule.outer_steps * len(run.status))
    steps = first_below(run, eps, measure)
    per_step = count_outer_step(tasks, schedule, w, phi)
    n_w, n_phi = ravel_pytree(w)[0].size, ravel_pytree(phi)[0].size
    return CostToAccuracy(
        eps=eps,
        inner_steps=schedule.inner_steps,
        measure=measure,
        reached=np.isfinite(steps),
        diverged=run.diverged,
        steps=steps,
        resolution=int(np.diff(run.steps).max()),
        per_step=per_step,
        gradient_entries=steps * per_step.gradient_entries(n_w, n_phi),
        second_entries=steps * per_step.second_entries(n_w, n_phi),
        seconds=steps * seconds,
    )


def cost_by_inner_steps(
    tasks: TaskSet,
    schedules: Iterable[Schedule],
    w: PyTree,
    phi: PyTree,
    eps: float,
    **options: Any,
) -> list[CostToAccuracy]:
    """`cost_to_accuracy` for several schedules (one per N, each with its own step sizes); they share a compilation."""
    schedules = list(schedules)
    longest = max((s.inner_steps for s in schedules), default=1)
    return [cost_to_accuracy(tasks, s, w, phi, eps, max_inner_steps=longest, **options) for s in schedules]
