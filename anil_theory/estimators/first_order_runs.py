"""The average squared meta-gradient over runs of first-order ANIL: what statement B bounds."""

from dataclasses import replace

from anil_theory.estimators.algorithm_runs import averaged_runs, without_steps
from anil_theory.estimators.base import Direction
from anil_theory.estimators.measurement import OF_ALGORITHM_1, Effort, Finding, Measurement
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

QUANTITY = "first_order_average/weighted"


def measure_first_order_runs(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, Finding]:
    """The average in the norm of the steps; without an estimate where a seed diverged, and then with its step."""
    _, averages = averaged_runs(problem, schedule, effort, first_order=True)
    estimate = averages.estimates.get("weighted")
    estimates = () if estimate is None else (replace(estimate, quantity=QUANTITY),)
    return {QUANTITY: Finding(estimates, averages.reason)}


MEASUREMENT = Measurement(
    name="first-order-rate",
    quantities=(QUANTITY,),
    direction=Direction.MEAN,
    measure=measure_first_order_runs,
    refusal=without_steps,
    depends_on=OF_ALGORITHM_1,
    costly=True,
)
