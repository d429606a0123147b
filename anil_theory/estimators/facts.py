"""Facts of a problem that a bound may need beside constants and schedule: dimensions, and the initial gap D0."""

from collections.abc import Callable

import numpy as np

from anil_theory.estimators._average_gradient import initial_gap
from anil_theory.estimators.base import Estimate
from anil_theory.estimators.not_finite import NotFinite
from anil_theory.problem import Problem, UnknownFact
from anil_theory.schedule import Schedule


def measured_gap(problem: Problem, schedule: Schedule) -> Estimate:
    """An upper bound of L_meta(z_0) - inf L_meta, up to its rounding. Raises NotFinite where nothing bounds it."""
    if not np.isfinite(np.asarray(problem.query_infimum(problem.tasks.data))).all():
        raise NotFinite(f"the query loss of {problem.name} has no finite infimum: nothing bounds the initial gap D0")
    w, phi = problem.split(problem.start)
    return initial_gap(problem, problem.tasks, schedule, w, phi)


def _initial_gap(problem: Problem, schedule: Schedule) -> float:
    gap = measured_gap(problem, schedule)
    return gap.value + gap.rounding


FACTS: dict[str, Callable[[Problem, Schedule], float | int]] = {
    "n_w": lambda problem, schedule: problem.n_w,
    "n_phi": lambda problem, schedule: problem.n_phi,
    "D0": _initial_gap,
}
"""What is computed when it is asked for."""


def fact(problem: Problem, name: str, schedule: Schedule) -> float | int:
    """One fact: the problem's own number where it has one, or else what FACTS computes.

    Raises UnknownFact for a fact that neither knows, and NotFinite for D0 where it is infinite.
    """
    if name in problem.facts:
        return problem.facts[name]
    if name not in FACTS:
        known = ", ".join([*FACTS, *problem.facts])
        raise UnknownFact(
            f"{name!r} is not among the facts of {problem.name}, which are {known}: pass it to the problem"
        )
    return FACTS[name](problem, schedule)
