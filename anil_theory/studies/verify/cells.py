"""A cell: everything that defines one check, as plain values, so that a record can name it and repeat it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, partial

from anil_theory._admissible import InvalidParameter, count, one_of
from anil_theory._admissible import seed as admissible_seed
from anil_theory._plain import to_plain
from anil_theory.algorithm._outer_loop import check_run_size
from anil_theory.checks import MEASUREMENTS, Row, check_by, describe
from anil_theory.constants import Constants, Geometry
from anil_theory.estimators import Budget, Effort, Finding, Measurement
from anil_theory.estimators.measurement import MOST_TOGETHER, Case
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.study import Batch, Hand, Job, Measure, Result
from anil_theory.tasks import FAMILIES, Family, SeparableFamily


class Regime(StrEnum):
    """How the inner step size is chosen; a label for reports, the number itself is in the schedule."""

    STRONGLY_CONVEX = "alpha = mu/L^2"
    FIXED = "alpha fixed"
    SCALED = "alpha = c/(N L)"


@dataclass(frozen=True)
class Cell:
    """One statement checked by one measurement of one family at one setting.

    measurement, statement, family   names in the registries;
    constants, schedule, regime      the setting; a family with constants of its own has these;
    n_w, n_phi, tasks, query, seed   the population, as far as the family leaves a choice;
    seeds            runs of Algorithm 1;
    max_inner_steps  the N that the computation is compiled for, shared by the cells of a grid;
    budget           how hard to search.

    Raises InvalidParameter on construction for names that no registry has, and when no task has these constants, and
    NotEnoughMemory where the tasks or the run do not fit into the memory: before any work is done.
    """

    measurement: str
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
    family: str = SeparableFamily.name

    def __post_init__(self) -> None:
        one_of("measurement", self.measurement, tuple(MEASUREMENTS))
        one_of("family", self.family, tuple(FAMILIES))
        count("tasks", self.tasks)
        admissible_seed("seed", self.seed)
        count("seeds", self.seeds, minimum=2)
        if self.max_inner_steps < self.schedule.inner_steps:
            raise InvalidParameter("max_inner_steps", f"at least N = {self.schedule.inner_steps}", self.max_inner_steps)
        if isinstance(self.source, SeparableFamily):
            self.source.checked_tasks(self.tasks)
        if self.by.costly:
            check_run_size(
                self.schedule, inner_steps=self.max_inner_steps, seeds=self.seeds, tasks=self.tasks, n_w=self.n_w
            )

    @cached_property
    def source(self) -> Family:
        """The family that the cell draws its tasks from."""
        return FAMILIES[self.family].at(
            self.constants,
            self.schedule,
            n_w=self.n_w,
            n_phi=self.n_phi,
            query=self.query,
            max_inner_steps=self.max_inner_steps,
        )

    @cached_property
    def problem(self) -> Problem:
        """What is measured; its tasks are drawn when they are first looked at."""
        return self.source.problem(tasks=self.tasks, seed=self.seed)

    @property
    def by(self) -> Measurement:
        """The measurement."""
        return MEASUREMENTS[self.measurement]

    @property
    def effort(self) -> Effort:
        """How hard to measure."""
        return Effort(self.seed, self.seeds, self.budget, self.max_inner_steps)

    @property
    def geometry(self) -> Geometry:
        return self.constants.geometry

    @property
    def compiled_shape(self) -> tuple:
        """Cells that agree in this share one compilation."""
        population = (self.family, self.n_w, self.n_phi, self.tasks, self.query)
        shape = (self.measurement, *population, self.max_inner_steps, self.budget.shapes)
        if not self.by.runs_outer_loop:
            return shape
        return (*shape, self.schedule.batch, self.schedule.population, self.seeds)

    def describe(self) -> str:
        """The setting in one line."""
        return describe(self.problem, self.schedule, self.by)


def check_cell(
    cell: Cell, broken: str | None = None, findings: Callable[[], dict[str, Finding]] | None = None
) -> list[Row]:
    """All rows of one cell.

    broken   a block whose bounds are halved on purpose, to show that the checker can fail;
    findings returns, or raises, what was measured; default: the measurement is made here.
    """
    return check_by(
        STATEMENTS[cell.statement],
        cell.by,
        cell.problem,
        cell.schedule,
        effort=cell.effort,
        broken=broken,
        regime=cell.regime.value,
        findings=findings,
    )


def job_of(cell: Cell, broken: str | None = None) -> Job:
    """The cell as a job of the engine; the block that was broken on purpose is part of what defines its record."""
    plain = to_plain(cell)
    return Job(
        cell=plain | {"broken": broken} if broken else plain,
        measure=lambda hand: result_of(cell, broken),
        name=f"{cell.statement} ({cell.measurement}) at {cell.describe()}",
        shape=cell.compiled_shape,
        batch=_batch(cell, broken),
    )


def result_of(cell: Cell, broken: str | None, findings: Callable[[], dict[str, Finding]] | None = None) -> Result:
    """What the record of a cell says beside the cell; arguments as those of `check_cell`."""
    return Result(verdicts=to_plain(check_cell(cell, broken, findings)))


def _batch(cell: Cell, broken: str | None) -> Batch | None:
    """How the cell is measured together with others, where its measurement can do that."""
    if cell.by.together is None:
        return None

    def together(cells: Sequence[Cell]) -> list[Measure]:
        results = cell.by.run_together([Case(each.problem, each.schedule) for each in cells], cell.effort)
        return [partial(_measured, each, broken, result) for each, result in zip(cells, results, strict=True)]

    # The steps beyond N are skipped for a whole call, or not at all.
    key = (cell.compiled_shape, cell.schedule.inner_steps, cell.effort)
    return Batch(key, cell, together, most=MOST_TOGETHER)


def _measured(cell: Cell, broken: str | None, findings: Callable[[], dict[str, Finding]], hand: Hand) -> Result:
    return result_of(cell, broken, findings)
