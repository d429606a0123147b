"""Table 2, measured: the oracle calls of an outer step, counted in the program that runs, beside the formulas."""

from jaxtyping import Array

from anil_theory.algorithm.oracle_count import OracleCounts, as_maml, count_outer_step
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.estimators.measurement import Effort, Finding, Measurement
from anil_theory.problem import Problem, TaskSet
from anil_theory.schedule import Schedule
from anil_theory.statements import table2_cost_comparison


def counted_entries(tasks: TaskSet, schedule: Schedule, w: Array, phi: Array) -> dict[str, int]:
    """The oracle calls of one outer step of ANIL and of MAML on the same tasks, counted while they run."""
    anil = count_outer_step(tasks, schedule, w, phi)
    joint, everything, empty = as_maml(tasks, w, phi)
    maml = count_outer_step(joint, schedule, everything, empty)
    return _by_name("anil", anil, w.size, phi.size) | _by_name("maml", maml, w.size + phi.size, 0)


def _by_name(method: str, counted: OracleCounts, n_w: int, n_phi: int) -> dict[str, int]:
    return {
        f"{method}_gradient_w": counted.gradient_w,
        f"{method}_gradient_phi": counted.gradient_phi,
        f"{method}_hessian_w": counted.second_w,
        f"{method}_mixed": counted.second_mixed,
        f"{method}_gradient_entries": counted.gradient_entries(n_w, n_phi),
        f"{method}_second_order_entries": counted.second_entries(n_w, n_phi),
    }


def measure_counts(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, Finding]:
    """|counted - formula| for every number of Table 2: exact, and 0 when the table is right."""
    w, phi = problem.split(problem.start)
    counted = counted_entries(problem.tasks, schedule, w, phi)
    exact = table2_cost_comparison.exact_counts(schedule, problem.n_w, problem.n_phi)
    estimates = {}
    for name, number in counted.items():
        quantity = f"{table2_cost_comparison.QUANTITY}/{name}"
        estimate = Estimate(quantity, float(abs(number - exact[name])), Direction.EXACT, method="counted")
        estimates[quantity] = Finding((estimate,), f"counted {number}, formula {exact[name]}")
    return estimates


MEASUREMENT = Measurement(
    name="count",
    quantities=(f"{table2_cost_comparison.QUANTITY}/",),
    direction=Direction.EXACT,
    measure=measure_counts,
    depends_on=("inner_steps", "batch", "shape"),
    needs_phi=True,
    costly=True,
)
