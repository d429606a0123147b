"""What a measurement must keep."""

import math

from anil_theory._registry import NotOfTheKind
from anil_theory.checks.checking import with_facts
from anil_theory.constants import Constants
from anil_theory.estimators import Budget, Effort, Estimate, Finding, Measurement
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.rates import step_sizes
from anil_theory.tasks import ExtremalFamily, SeparableFamily
from anil_theory.verdict import Outcome, judge

CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
LITTLE = Effort(seeds=2, budget=Budget(pairs=2, points=2, lanczos_steps=2, starts=1, iterations=2))

PROVED = (Kind.IDENTITY, Kind.EXPLICIT, Kind.REFINED, Kind.SHARP, Kind.CERTIFIED, Kind.DECLARED)
"""The kinds of claims that nothing may refute: orders hide a factor, and conjectures may be false."""


def conforms_measurement(
    measurement: Measurement, problem: Problem | None = None, schedule: Schedule | None = None
) -> None:
    """A measurement can be made of a problem, returns what it promises, twice the same, and refutes nothing proved.

    A lower estimate above a proved bound shows one of the two to be wrong; so does an exact value.

    problem, schedule   where it is made; default: the separable family in 1 + 1 dimensions (the extremal task for a
                        measurement of witnesses), N = 2.
    """
    assert isinstance(measurement, Measurement), f"{measurement!r} is not a Measurement"
    where = f"measurement {measurement.name!r}"
    if schedule is None:
        schedule = Schedule.paper(CONSTANTS, 2, batch=2, outer_steps=3, lam=0.5)
        schedule = step_sizes(CONSTANTS, schedule, CONSTANTS.geometry, Kind.EXPLICIT)
    if problem is None:
        family = ExtremalFamily(CONSTANTS, schedule) if measurement.of_witness else SeparableFamily(CONSTANTS, 1, 1)
        problem = family.problem(tasks=2)
    reason = measurement.why_not(problem, schedule)
    assert not reason, f"{where} cannot be made of {problem.name}: {reason}"
    try:
        first = measurement.run(problem, schedule, LITTLE)
        second = measurement.run(problem, schedule, LITTLE)
    except NotOfTheKind as error:
        raise AssertionError(str(error)) from error
    assert first, f"{where} returns nothing"
    for quantity, finding in first.items():
        assert finding.estimates or finding.remark, f"{where}: neither an estimate of {quantity} nor a remark"
        values = [estimate.value for estimate in finding.estimates]
        assert not any(map(math.isnan, values)), f"{where}: {quantity} is NaN"
        again = [estimate.value for estimate in second[quantity].estimates]
        assert again == values, f"{where}: {quantity} is {values} and, from the same seed, {again}"
        for part in finding.by_point():
            for estimate in part.estimates:
                _refutes_nothing(measurement, part, estimate, problem, schedule)


def _refutes_nothing(
    measurement: Measurement, finding: Finding, estimate: Estimate, problem: Problem, schedule: Schedule
) -> None:
    constants = problem.constants
    for statement in STATEMENTS.values():
        if statement.geometry not in (None, constants.geometry):
            continue
        if all(claim.quantity != estimate.quantity for claim in statement.claims):
            continue
        for claim in with_facts(statement, measurement, problem, schedule, LITTLE, finding).claims:
            if claim.quantity == estimate.quantity and claim.kind in PROVED:
                verdict = judge(claim, constants, schedule, estimate)
                refuted = verdict.outcome is Outcome.REFUTED
                text = f"measurement {measurement.name!r}: {estimate.value:.6g} refutes {claim.name}, which is proved"
                assert not refuted, f"{text} ({verdict.reason})"
