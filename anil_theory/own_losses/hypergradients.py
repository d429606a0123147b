"""Hypergradients of own losses, certified beside the bounds of statements C, D and E, and with a lam those of F.

The ball of phi, in F that of w_0, is that of the outer iterates; w* is enclosed over it, and how far it goes. Where
that is beyond the ball on which the constants were audited, the rows say by how much.
"""

from dataclasses import replace

from anil_theory.certify.bilevel_measurements import enclose_errors, enclose_proximal
from anil_theory.checks import MEASUREMENTS, Row
from anil_theory.checks.checking import check_by
from anil_theory.estimators import Effort
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS

SHARE = 0.25
"""d_0 of the errors that are enclosed from a distance, in radii of the ball of the outer iterates."""

OF_ERRORS = ("unrolled", "implicit")
OF_OBJECTIVE = "bilevel_smoothness"
OF_PROXIMAL = "imaml"


def study_hypergradients(problem: Problem, schedule: Schedule, radius: float, *, seed: int) -> tuple[list[Row], str]:
    """The certified rows, as `checks.check` gives them; and why there are none of a kind.

    problem   with its audited constants, on the ball where they hold; its points are drawn in the one of this radius.
    """
    kinds = [_bilevel] if problem.n_phi else []
    kinds += [_proximal] if schedule.lam is not None else []
    rows, remarks = [], []
    for of_kind in kinds:
        of_this, remark = of_kind(problem, schedule, radius, seed=seed)
        rows += of_this
        remarks += [remark] if remark else []
    return rows, "; ".join(remarks)


def _proximal(problem: Problem, schedule: Schedule, radius: float, *, seed: int) -> tuple[list[Row], str]:
    """Those of iMAML."""
    measurement = MEASUREMENTS["enclosed-imaml"]
    reason = measurement.why_not(problem, schedule)
    if reason:
        return [], f"no enclosure of iMAML: {reason}"
    distance = SHARE * radius
    at_distance = replace(
        measurement,
        measure=lambda problem, schedule, effort: enclose_proximal(problem, schedule, distance),
        units={"d": distance, "slope": 1.0},
    )
    effort = Effort(seed=seed)
    return check_by(STATEMENTS[OF_PROXIMAL], at_distance, problem, schedule, effort=effort, regime="as studied"), ""


def _bilevel(problem: Problem, schedule: Schedule, radius: float, *, seed: int) -> tuple[list[Row], str]:
    """Those of the exact bilevel objective."""
    objective, errors = MEASUREMENTS["enclosed-objective"], MEASUREMENTS["enclosed-hypergradients"]
    reason = objective.why_not(problem, schedule)
    if reason:
        return [], f"no enclosure of the hypergradients: {reason}"
    distance = SHARE * radius
    errors = replace(
        errors,
        measure=lambda problem, schedule, effort: enclose_errors(problem, schedule, distance),
        units={"d0": distance},
    )
    effort = Effort(seed=seed)
    findings = errors.run(problem, schedule, effort)
    rows = []
    for name in OF_ERRORS:
        rows += check_by(
            STATEMENTS[name], errors, problem, schedule, effort=effort, regime="as studied", findings=lambda: findings
        )
    return [*check_by(STATEMENTS[OF_OBJECTIVE], objective, problem, schedule, effort=effort), *rows], ""
