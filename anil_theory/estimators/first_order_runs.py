"""The average squared meta-gradient over runs of first-order ANIL: what statement B bounds."""

from dataclasses import replace

from anil_theory.estimators._average_gradient import average_gradient
from anil_theory.estimators.algorithm_runs import OF_ALGORITHM_1, STRATA, run_algorithm, without_steps
from anil_theory.estimators.base import Direction
from anil_theory.estimators.measurement import Effort, Finding, Measurement
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

QUANTITY = "first_order_average/weighted"


def measure_first_order_runs(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, Finding]:
    """The average in the norm of the steps; without an estimate where a seed diverged, and then with its step."""
    run = run_algorithm(
        problem,
        schedule,
        seed=effort.seed,
        seeds=effort.seeds,
        records=STRATA,
        max_inner_steps=effort.max_inner_steps,
        first_order=True,
    )
    average = average_gradient(run)
    remark = average.reason
    if average.diverged:
        remark += f"; first at step {int(run.diverged_at[run.diverged].min())}"
    estimates = average.estimates.get("weighted")
    return {QUANTITY: Finding(() if estimates is None else (replace(estimates, quantity=QUANTITY),), remark)}


MEASUREMENT = Measurement(
    name="first-order-rate",
    quantities=(QUANTITY,),
    direction=Direction.MEAN,
    measure=measure_first_order_runs,
    refusal=without_steps,
    depends_on=OF_ALGORITHM_1,
    costly=True,
)
