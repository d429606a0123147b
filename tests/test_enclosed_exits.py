"""Iterates and the region of the constants: a failed hypothesis needs one that left, and not an enclosure alone."""

from dataclasses import replace

from anil_theory.constants import Constants, Region
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.statements.base import Kind
from anil_theory.verdict import Outcome, judge


def test_an_enclosure_that_reaches_beyond_the_region_proves_no_exit() -> None:
    """An upper estimate of how far iterates go is not a failed hypothesis; a point that left is one."""
    claim = STATEMENTS["prop2"].select(Kind.EXPLICIT)[0]
    constants = Constants(0.5, 1.0, 0.0, 0.0, 1.0, region=Region(1.0))
    estimate = Estimate(claim.quantity, 1e-9, Direction.UPPER, "branch and bound", outside=0.25)
    enclosed = judge(claim, constants, Schedule(0.5, 2), replace(estimate, outside_direction=Direction.UPPER))
    assert enclosed.outcome is Outcome.INCONCLUSIVE
    assert enclosed.reason.startswith("not proved: every iterate stays in the ball of radius 1")
    left = judge(claim, constants, Schedule(0.5, 2), replace(estimate, outside_direction=Direction.LOWER))
    assert left.outcome is Outcome.NOT_APPLICABLE and "fails by 0.25" in left.reason
