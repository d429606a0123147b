"""The left-hand side of Theorem I and the population's numbers on its right: runs watched for leaving a region.

Pilots with seeds of their own find the region, a box (`estimators.visited_box`). On it lam, V and D0 are certified
where n_w + n_phi is small (`population`), or else estimated at points (`estimators.population_form`). Runs with other
seeds are then measured, and every iterate of theirs is compared with the box.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from anil_theory.algorithm.population import meta_loss
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.certify.certificate import BoxRegion
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.population import CertifiedPopulation, certify_population
from anil_theory.estimators.algorithm_runs import averaged_runs, without_steps
from anil_theory.estimators.base import Direction
from anil_theory.estimators.measurement import OF_ALGORITHM_1, Effort, Finding, Measurement
from anil_theory.estimators.population_form import DENSE, population_form
from anil_theory.estimators.visited_box import Corners, distance_outside, expected_box, visited_box
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

QUANTITY = "average_in_region"

SMALL = 3
"""Up to this many entries of (w, phi) the numbers are certified: the boxes of a search grow as 4^n."""

PILOTS = 8
"""Pilots, each of as many runs as are measured, where their box is what numbers are certified on; one elsewhere."""

OPERATIONS = 1e9
"""For the three searches together: enough for six tasks in two dimensions at N = 4."""

GAP = 0.02

POINTS = 256
FEW_POINTS = 8
"""At which numbers are estimated: the start, and random points of the box. Few where points are large."""


class Numbers(NamedTuple):
    """What Theorem I needs, on the box R; `certified` is None where the numbers are estimates, and `why_not` says why.

    curvature, second_moment   in the norm of the steps.
    """

    curvature: float
    second_moment: float
    local_gap: float
    region: BoxRegion
    certified: CertifiedPopulation | None
    why_not: str

    @property
    def facts(self) -> dict[str, float]:
        """The facts of the statement `population`."""
        return {
            "curvature": self.curvature,
            "second_moment": self.second_moment,
            "local_gap": self.local_gap,
            "enclosed": float(self.certified is not None),
        }

    @property
    def remark(self) -> str:
        """On what the numbers rest, in words."""
        if self.certified is None:
            return f"lam, V and D0 are estimated at points: {self.why_not}"
        stays = "no step leaves it" if self.certified.stays else "checked along the run"
        return f"lam, V and D0 are enclosed on {self.region} ({stays})"


@lru_cache(maxsize=16)
def numbers_of(problem: Problem, schedule: Schedule, effort: Effort) -> Numbers:
    """The numbers at one schedule, on the box of the pilots.

    Raises NotFinite where a pilot diverges.
    """
    small = problem.n_w + problem.n_phi <= SMALL
    corners = expected_box(
        problem,
        schedule,
        pilots=[effort.seed + further for further in range(1, 1 + (PILOTS if small else 1))],
        seeds=effort.seeds,
        max_inner_steps=effort.max_inner_steps,
    )
    why_not = f"n_w + n_phi = {problem.n_w + problem.n_phi} is more than {SMALL}"
    if small:
        try:
            certified = certify_population(
                problem.tasks,
                schedule,
                np.asarray(problem.start),
                *corners,
                n_w=problem.n_w,
                gap=GAP,
                operations=OPERATIONS,
            )
        except (NoEnclosure, Undecided) as refusal:
            why_not = str(refusal)
        else:
            why_not = certified.why_not
            if not why_not:
                return Numbers(
                    curvature=certified.curvature.high,
                    second_moment=certified.second_moment.high,
                    local_gap=max(certified.D0.high, 0.0),
                    region=certified.region,
                    certified=certified,
                    why_not="",
                )
    return _estimated(problem, schedule, corners, why_not, effort.seed)


def _estimated(problem: Problem, schedule: Schedule, corners: Corners, why_not: str, seed: int) -> Numbers:
    """The numbers at random points of the box and at the start."""
    generator = np.random.default_rng([seed, 17])
    start = np.asarray(problem.start)
    lower, upper = corners
    n = len(start)
    share = generator.uniform(size=((POINTS if n <= DENSE else FEW_POINTS) - 1, n))
    points = np.vstack([start, lower + share * (upper - lower)])
    beta_w, beta_phi = schedule.beta_w, schedule.beta_phi
    assert beta_w is not None
    form = population_form(problem, schedule, points, beta_w=beta_w, beta_phi=beta_phi or 0.0)
    w, phi = problem.split(jnp.asarray(start))
    at_start = float(meta_loss(problem.tasks, w, phi, UnrolledLoop.of_schedule(schedule)))
    return Numbers(
        curvature=form.curvature,
        second_moment=form.second_moment,
        local_gap=max(at_start - form.lowest, 0.0),
        region=BoxRegion(tuple(lower.tolist()), tuple(upper.tolist())),
        certified=None,
        why_not=why_not,
    )


def measure_in_region(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, Finding]:
    """The averages of the squared block norms, with how far an iterate left the region; as `measure_average_gradient`.

    Raises NotFinite where a pilot diverges.
    """
    numbers = numbers_of(problem, schedule, effort)
    return watched_averages(problem, schedule, effort, numbers.region, numbers.remark)


def watched_averages(
    problem: Problem, schedule: Schedule, effort: Effort, region: BoxRegion, remark: str, average: str | None = None
) -> dict[str, Finding]:
    """The averages of runs with a remark, and how far an iterate left a box; `average` as in `outer_loop`."""
    run, averages = averaged_runs(problem, schedule, effort, average=average)
    around = np.array(region.lower), np.array(region.upper)
    outside = distance_outside(visited_box(run), around)
    rows = ("weighted", "w", "phi") if problem.n_phi else ("weighted", "w")
    findings = {}
    for row in rows:
        estimates = ()
        if row in averages.estimates:
            estimate = averages.estimates[row]
            quantity = f"{QUANTITY}/{row}"
            estimates = (replace(estimate, quantity=quantity, outside=outside, region=str(region)),)
        findings[f"{QUANTITY}/{row}"] = Finding(estimates, averages.reason or remark)
    return findings


def facts_of(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, float]:
    """The facts of the statement `population`."""
    return numbers_of(problem, schedule, effort).facts


def _refusal(problem: Problem, schedule: Schedule) -> str:
    low, high = schedule.alpha_range
    if low != high:
        return "parts of w have inner step sizes of their own"
    return without_steps(problem, schedule)


MEASUREMENT = Measurement(
    name="population",
    quantities=(f"{QUANTITY}/",),
    direction=Direction.MEAN,
    measure=measure_in_region,
    refusal=_refusal,
    depends_on=OF_ALGORITHM_1,
    costly=True,
    facts=facts_of,
)
