"""A cell of `anil-theory rates`: one curve with everything that defines it, and its schedules."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from anil_theory._admissible import InvalidParameter, count, positive
from anil_theory.algorithm._outer_loop import check_run_size
from anil_theory.constants import Constants, Geometry
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind
from anil_theory.statements.rates import step_sizes
from anil_theory.tasks import SeparableFamily

BATCH = 8
"""B of the curves against K and N."""

COMPILED_STEPS = 30
"""Curves with N up to this share one compilation."""


class Curve(StrEnum):
    """What a curve shows."""

    CONVERGENCE = "convergence"
    FLOOR = "floor"
    COST = "cost"


class StepRule(StrEnum):
    """How alpha depends on N."""

    PAPER = "paper"
    """mu/L^2 in the strongly convex geometry, 0.7/(N L) in the nonconvex one"""
    FIXED = "fixed"
    """one alpha for both geometries and every N"""


@dataclass(frozen=True)
class CurveCell:
    """One curve: a study in one geometry, with everything that defines it.

    inner_steps   the values of N (one for CONVERGENCE and FLOOR);
    batch         the values of B (one for CONVERGENCE and COST);
    alpha         the fixed inner step size, for StepRule.FIXED;
    eps           the accuracy of COST, as a fraction of the larger squared block norm at the start;
    maml          adapt everything (COST only);
    without_replacement   draw the tasks of a step so from the population, all of whose T tasks are then B at most.
    """

    study: Curve
    constants: Constants
    inner_steps: tuple[int, ...]
    batch: tuple[int, ...] = (BATCH,)
    outer_steps: int = 2000
    rule: StepRule = StepRule.PAPER
    alpha: float = 0.1
    eps: float = 0.25
    n_w: int = 3
    n_phi: int = 3
    tasks: int = 4
    seeds: int = 16
    seed: int = 0
    maml: bool = False
    query: str = field(default="sine")
    without_replacement: bool = False

    def __post_init__(self) -> None:
        for name in ("inner_steps", "batch"):
            values = getattr(self, name)
            if not values:
                raise InvalidParameter(name, "at least one value", values)
            for value in values:
                count(name, value)
        count("outer_steps", self.outer_steps)
        count("seeds", self.seeds, minimum=2)
        positive("eps", self.eps)
        positive("alpha", self.alpha)
        if self.maml and self.study is not Curve.COST:
            raise InvalidParameter("maml", "False except in the study of cost", True)
        self.family.checked_tasks(self.tasks)
        shared = 1 if self.study is Curve.COST else COMPILED_STEPS
        longest = max(*self.inner_steps, shared)
        largest = replace(self._counted(max(self.batch)), inner_steps=longest)
        check_run_size(largest, inner_steps=longest, seeds=self.seeds, tasks=self.tasks, n_w=self.n_w)

    def _counted(self, B: int) -> Schedule:
        """A schedule with the B, K and T of the curve. Raises InvalidParameter for B > T."""
        T = self.tasks if self.without_replacement else None
        return Schedule(1.0, 1, batch=B, outer_steps=self.outer_steps, population=T)

    @property
    def family(self) -> SeparableFamily:
        """The family that the population is drawn from."""
        return SeparableFamily(self.constants, self.n_w, self.n_phi, query=self.query)

    @cached_property
    def problem(self) -> Problem:
        """The finite population, its T tasks drawn once, and the start of all runs."""
        return self.family.problem(tasks=self.tasks, seed=self.seed)

    def schedule(self, N: int, B: int) -> Schedule:
        """Inner and outer step sizes at N, B: outer ones at 1/lam_1 of the joint form."""
        if self.rule is StepRule.FIXED:
            inner = Schedule(self.alpha, N)
        elif self.maml:
            inner = Schedule.nonconvex(self.constants, N)
        else:
            inner = Schedule.paper(self.constants, N)
        inner = replace(self._counted(B), alpha=inner.alpha, inner_steps=N)
        if self.maml:
            # Everything is adapted, so only the whole curvature -L..L is known of the inner loss.
            return step_sizes(self._unconvex(), inner, Geometry.NONCONVEX, Kind.SHARP, phi=False)
        return step_sizes(self.constants, inner, self.constants.geometry, Kind.SHARP)

    def _unconvex(self) -> Constants:
        return replace(self.constants, mu=None)

    def __str__(self) -> str:
        return f"{self.study}, {self.label()}"

    def label(self) -> str:
        """A name for legends."""
        method = "MAML" if self.maml else "ANIL"
        if self.rule is StepRule.FIXED:
            return f"{method}, alpha = {self.alpha:g}"
        return f"{method}, alpha = {'c/(N L)' if self.maml or self.constants.mu is None else 'mu/L^2'}"
