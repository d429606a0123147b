"""A cell: everything that defines one check, as plain values, so that a record can name it and repeat it."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from anil_theory._admissible import InvalidParameter, count
from anil_theory._admissible import seed as admissible_seed
from anil_theory.algorithm.outer_loop import check_run_size
from anil_theory.constants import Constants, Geometry
from anil_theory.estimators import Budget
from anil_theory.schedule import Schedule
from anil_theory.tasks import ExtremalFamily, Family, SeparableFamily


class Check(StrEnum):
    """What a cell measures."""

    CONSTANTS = "constants"
    """the declared L, M, L - mu, rho, tau against an audit of the family"""
    IDENTITY = "identity"
    """Proposition 1"""
    BLOCKS = "blocks"
    """Propositions 2 and 3 on sampled tasks"""
    ATTAINED = "attained"
    """the `ww` constant on the extremal task"""
    RATE = "rate"
    """Theorems 1 and 2: Algorithm 1 on a finite population"""
    TERMS = "terms"
    """Table 1: the terms of the rates, with measured constants and variances in them"""
    COUNT = "count"
    """Table 2: the oracle calls of an outer step, counted in the program that runs"""


class Regime(StrEnum):
    """How the inner step size is chosen; a label for reports, the number itself is in the schedule."""

    STRONGLY_CONVEX = "alpha = mu/L^2"
    FIXED = "alpha fixed"
    SCALED = "alpha = c/(N L)"


@dataclass(frozen=True)
class Cell:
    """One check of one setting.

    statement        the statement's name in the registry;
    constants, schedule, regime   the setting;
    n_w, n_phi, tasks, query, seed   the population (ignored by the extremal task);
    seeds            runs of Algorithm 1;
    max_inner_steps  the N that the computation is compiled for, shared by the cells of a grid;
    budget           how hard to search.

    Raises InvalidParameter on construction when no task has these constants, and NotEnoughMemory where the tasks or
    the run do not fit into the memory: before any work is done.
    """

    check: Check
    statement: str
    constants: Constants
    schedule: Schedule
    regime: Regime
    n_w: int = 2
    n_phi: int = 2
    tasks: int = 4
    query: str = "sine"
    seed: int = 0
    max_inner_steps: int = 1
    seeds: int = 16
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        count("tasks", self.tasks)
        admissible_seed("seed", self.seed)
        count("seeds", self.seeds, minimum=2)
        if self.max_inner_steps < self.schedule.inner_steps:
            raise InvalidParameter("max_inner_steps", f"at least N = {self.schedule.inner_steps}", self.max_inner_steps)
        if isinstance(self.family, SeparableFamily):
            self.family.checked_tasks(self.tasks)
        if self.check is Check.RATE:
            check_run_size(
                self.schedule, inner_steps=self.max_inner_steps, seeds=self.seeds, tasks=self.tasks, n_w=self.n_w
            )

    @cached_property
    def family(self) -> Family:
        """The family that the cell draws its tasks from."""
        if self.check is Check.ATTAINED:
            return ExtremalFamily(self.constants, self.schedule, self.max_inner_steps)
        return SeparableFamily(self.constants, self.n_w, self.n_phi, query=self.query)

    @property
    def geometry(self) -> Geometry:
        return self.constants.geometry

    @property
    def compiled_shape(self) -> tuple:
        """Cells that agree in this share one compilation."""
        shape = (self.check, self.n_w, self.n_phi, self.tasks, self.query, self.max_inner_steps, self.budget)
        return (*shape, self.schedule.batch, self.seeds) if self.check is Check.RATE else shape

    def describe(self) -> str:
        """The setting in one line."""
        c, s = self.constants, self.schedule
        mu = "" if c.mu is None else f"mu={c.mu:g} "
        text = f"{mu}L={c.L:g} rho={c.rho:g} tau={c.tau:g} M={c.M:g}"
        if self.check is Check.CONSTANTS:
            return f"{text} dim {self.n_w}+{self.n_phi}"
        size = "extremal 1+1" if self.check is Check.ATTAINED else f"{self.n_w}+{self.n_phi}"
        text = f"{text} alpha={s.alpha:.3g} N={s.inner_steps} dim {size}"
        return f"{text} B={s.batch} K={s.outer_steps}" if self.check is Check.RATE else text
