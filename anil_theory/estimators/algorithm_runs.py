"""The left-hand side of Theorems 1 and 2: averages over runs of Algorithm 1 from the problem's start."""

from dataclasses import replace
from typing import Any

from anil_theory.algorithm._outer_loop import outer_loop, usual_average
from anil_theory.algorithm.outer_run import OuterRun
from anil_theory.estimators._average_gradient import AverageGradient, average_gradient
from anil_theory.estimators.base import Direction
from anil_theory.estimators.measurement import OF_ALGORITHM_1, Effort, Finding, Measurement
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.separable_frame import is_separable, separable_frames

QUANTITY = "average_squared_gradient"

STRATA = 20
"""Steps at which a sampled average looks."""


def run_algorithm(problem: Problem, schedule: Schedule, *, seed: int, seeds: int, **options: Any) -> OuterRun:
    """Runs of Algorithm 1 on the problem's population, all from its start."""
    w, phi = problem.split(problem.start)
    frames = separable_frames(problem.tasks) if is_separable(problem.tasks) else None
    return outer_loop(problem.tasks, schedule, w, phi, seed=seed, seeds=seeds, frames=frames, **options)


def averaged_runs(
    problem: Problem, schedule: Schedule, effort: Effort, *, average: str | None = None, first_order: bool = False
) -> tuple[OuterRun, AverageGradient]:
    """Runs at an effort and their averages, whose reason names the first step at which a seed diverged.

    average, first_order   as in `outer_loop`.
    """
    if average is None:
        average = usual_average(schedule, first_order=first_order)
        # With more draws than tasks a step evaluates every task anyway, and the exact norms cost nothing more.
        if schedule.population is None and schedule.batch > len(problem.tasks) and not first_order:
            average = "every"
    run = run_algorithm(
        problem,
        schedule,
        seed=effort.seed,
        seeds=effort.seeds,
        # Of averages that are not sampled the sums alone are read: exact norms in between would be wasted.
        records=STRATA if average == "sampled" else 1,
        average=average,
        max_inner_steps=effort.max_inner_steps,
        first_order=first_order,
    )
    averages = average_gradient(run)
    if averages.diverged:
        first = int(run.diverged_at[run.diverged].min())
        averages = replace(averages, reason=f"{averages.reason}; first at step {first}")
    return run, averages


def measure_average_gradient(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, Finding]:
    """The averages of the squared block norms; without an estimate where a seed diverged, and then with its step."""
    _, averages = averaged_runs(problem, schedule, effort)
    findings = {}
    for row in ("weighted", "w", "phi") if problem.n_phi else ("weighted", "w"):
        estimates = (averages.estimates[row],) if row in averages.estimates else ()
        findings[f"{QUANTITY}/{row}"] = Finding(estimates, averages.reason)
    return findings


def without_steps(problem: Problem, schedule: Schedule) -> str:
    """Why Algorithm 1 cannot be run at a schedule; empty where it can."""
    needed = ("beta_w", "beta_phi") if problem.n_phi else ("beta_w",)
    missing = [name for name in needed if getattr(schedule, name) is None]
    if missing:
        return f"the schedule has no {' and no '.join(missing)}"
    T = schedule.population
    if T is not None and len(problem.tasks) != T:
        return f"{problem.name} has {len(problem.tasks)} tasks, and the population is to be of T = {T}"
    return ""


MEASUREMENT = Measurement(
    name="rate",
    quantities=(f"{QUANTITY}/",),
    direction=Direction.MEAN,
    measure=measure_average_gradient,
    refusal=without_steps,
    depends_on=OF_ALGORITHM_1,
    costly=True,
)
