"""Certified estimates for statements C to F: upper ones, with which `check` and `verify` can say CONFIRMED.

They hold for the tasks of the problem and over a ball of phi: of SPREAD length scales, as wide as points are drawn,
about the origin where the constants hold on a ball, about the start elsewhere. Those of F hold over such a ball of w_0,
with phi held at its centre. Whether every w that is looked at lies
where the constants hold is enclosed too: `Estimate.outside`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from anil_theory.certify.exact_objective import certify_exact_objective
from anil_theory.certify.hypergradient_errors import certify_hypergradient_errors
from anil_theory.certify.phi_search import BilevelCertificate, PhiBall
from anil_theory.certify.proximal import QUANTITIES, certify_implicit_maml
from anil_theory.estimators.base import Direction
from anil_theory.estimators.hypergradients import ERRORS, SMOOTHNESS, without_minimum
from anil_theory.estimators.imaml import not_convex
from anil_theory.estimators.measurement import Effort, Finding, Found, Measurement
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

SPREAD = 4.0
"""Radius of the ball of phi, in length scales."""

LARGEST = 3
"""n_w + n_phi at most: boxes grow exponentially."""

LARGEST_W = 1
"""n_w at most in F, where w_0 is searched over."""

DISTANCE = 0.25
"""d_0 of the errors that are measured from a distance: the balls of the families have no room for 1."""

GAP = 0.25
"""A bound within a quarter of the truth decides as well as a closer one."""

WORK = 2e7
"""Operations for each quantity of a task."""

SECONDS = 60.0

OfTask = Callable[[int, PhiBall, list[float]], Mapping[str, BilevelCertificate]]
"""The certificates of one task: its number, the ball, and where the search for w* starts."""


def ball_of(problem: Problem) -> PhiBall:
    """The ball of phi over which a problem is certified."""
    return PhiBall(tuple(_centre(problem)[problem.n_w :]), SPREAD * problem.length_scale)


def _centre(problem: Problem) -> np.ndarray:
    """(w, phi): the origin where the constants hold on a ball, the start elsewhere."""
    start = np.asarray(problem.start)
    return start if math.isinf(problem.constants.region.radius) else np.zeros_like(start)


def findings_over_tasks(problem: Problem, of_task: OfTask, ball: PhiBall | None = None) -> dict[str, Finding]:
    """The largest upper bounds over all tasks; no estimate, and why, where one of them has none.

    ball   that of the search; left out: `ball_of(problem)`.
    """
    ball = ball_of(problem) if ball is None else ball
    start = _centre(problem)[: problem.n_w]
    every: dict[str, list[BilevelCertificate]] = {}
    for task in range(len(problem.tasks)):
        for quantity, certificate in of_task(task, ball, start.tolist()).items():
            every.setdefault(quantity, []).append(replace(certificate, task=task))
    return {quantity: _finding(problem, certificates) for quantity, certificates in every.items()}


def _finding(problem: Problem, certificates: list[BilevelCertificate]) -> Finding:
    radius = problem.constants.region.radius
    for each in certificates:
        if math.isinf(each.upper):
            return Finding((), f"task {each.task}: {each.reason}")
        if math.isinf(each.reach) and not math.isinf(radius):
            return Finding((), f"task {each.task}: how far w goes was not enclosed ({each.reason})")
    worst = max(certificates, key=lambda each: each.upper)
    lower = max(each.lower for each in certificates)
    outside = 0.0
    direction = Direction.UPPER
    if math.isfinite(radius):
        outside = max(0.0, *(each.reach - radius for each in certificates))
        if max(each.reached for each in certificates) > radius:
            # A point that is proved to lie beyond the ball: the hypothesis fails.
            direction = Direction.LOWER
    samples = sum(each.boxes for each in certificates)
    remark = f"the largest value lies in [{lower:.4g}, {worst.upper:.4g}] for {worst.region}"
    estimate = replace(worst.estimate, outside=outside, outside_direction=direction, samples=samples)
    return Finding((estimate,), remark)


def enclose_objective(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    """The largest ||D^2 Phi|| over the ball, in all tasks: at least the truth."""

    def of_task(task: int, ball: PhiBall, start: list[float]) -> dict[str, BilevelCertificate]:
        certificate = certify_exact_objective(
            problem.tasks.losses,
            problem.tasks.task(task),
            ball,
            n_w=problem.n_w,
            start=start,
            operations=WORK,
            seconds=SECONDS,
        )
        return {SMOOTHNESS: certificate}

    return findings_over_tasks(problem, of_task)


def enclose_errors(problem: Problem, schedule: Schedule, distance: float = DISTANCE) -> Found:
    """The largest errors over the ball, in all tasks: at least the truth."""

    def of_task(task: int, ball: PhiBall, start: list[float]) -> dict[str, BilevelCertificate]:
        return certify_hypergradient_errors(
            problem.tasks.losses,
            problem.tasks.task(task),
            schedule,
            ball,
            n_w=problem.n_w,
            L=problem.constants.L,
            distance=distance,
            start=start,
            gap=GAP,
            operations=WORK,
            seconds=SECONDS,
        )

    return findings_over_tasks(problem, of_task)


def enclose_proximal(problem: Problem, schedule: Schedule, distance: float = DISTANCE) -> Found:
    """The errors and the curvature of iMAML over a ball of w_0, in all tasks: at least the truth."""
    if schedule.proximal_weight + problem.constants.lowest_curvature <= 0:
        return not_convex(QUANTITIES, problem, schedule)
    centre = _centre(problem)
    ball = PhiBall(tuple(centre[: problem.n_w]), SPREAD * problem.length_scale, "w_0")

    def of_task(task: int, ball: PhiBall, start: list[float]) -> dict[str, BilevelCertificate]:
        return certify_implicit_maml(
            problem.tasks.losses,
            problem.tasks.task(task),
            schedule,
            ball,
            phi=centre[problem.n_w :].tolist(),
            L=problem.constants.L,
            distance=distance,
            gap=GAP,
            operations=WORK,
            seconds=SECONDS,
        )

    return findings_over_tasks(problem, of_task, ball)


def _refusal_of_proximal(problem: Problem, schedule: Schedule) -> str:
    if schedule.lam is None:
        return "the schedule has no lam, the weight of iMAML's proximal term"
    low, high = schedule.alpha_range
    if low != high:
        return "parts of w have inner step sizes of their own"
    large = problem.n_w > LARGEST_W
    return _joints(problem) or (f"enclosures of iMAML are for n_w <= {LARGEST_W}" if large else "")


def _joints(problem: Problem) -> str:
    return "its losses are pieces with joints, where enclosures stay undecided" if problem.in_pieces else ""


def _refusal(problem: Problem, schedule: Schedule) -> str:
    large = problem.n_w + problem.n_phi > LARGEST
    return (
        without_minimum(problem)
        or _joints(problem)
        or (f"enclosures are for n_w + n_phi <= {LARGEST}" if large else "")
    )


OBJECTIVE_MEASUREMENT = Measurement(
    name="enclosed-objective",
    quantities=(SMOOTHNESS,),
    direction=Direction.UPPER,
    measure=enclose_objective,
    refusal=_refusal,
    depends_on=("constants", "shape"),
    needs_phi=True,
    costly=True,
)

ERROR_MEASUREMENT = Measurement(
    name="enclosed-hypergradients",
    quantities=ERRORS,
    direction=Direction.UPPER,
    measure=lambda problem, schedule, effort: enclose_errors(problem, schedule),
    refusal=_refusal,
    needs_phi=True,
    costly=True,
    units={"d0": DISTANCE},
)

PROXIMAL_MEASUREMENT = Measurement(
    name="enclosed-imaml",
    quantities=QUANTITIES,
    direction=Direction.UPPER,
    measure=lambda problem, schedule, effort: enclose_proximal(problem, schedule),
    refusal=_refusal_of_proximal,
    depends_on=("constants", "alpha", "inner_steps", "shape", "lam"),
    costly=True,
    units={"d": DISTANCE, "slope": 1.0},
)
