"""Cells of `anil-theory certify`: a population at one N, and the region over which its blocks are enclosed.

The separable family is certified over a whole ball, any number of tasks at a time. Every other family is certified by
the arithmetic for any losses: one task, over a box. Where its constants hold on the ball |z| <= R only, the box lies in
the ball of radius R/2, and it is enclosed by how much the inner iterates leave the larger ball (`outside`).
"""

import abc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax

from anil_theory._admissible import InvalidParameter, count, one_of, positive, within
from anil_theory._admissible import seed as admissible_seed
from anil_theory._memory import FLOAT64, require_memory
from anil_theory._plain import to_plain
from anil_theory.certify import Certificate, certify_blocks, certify_hessian_blocks_general
from anil_theory.certify.proof import Proof
from anil_theory.certify.reach import enclosed_reach
from anil_theory.certify.search.branch_and_bound import CEILING, Boxes, Progress
from anil_theory.certify.search.work import OPERATIONS
from anil_theory.constants import Constants, Region
from anil_theory.estimators.extremes import MIN_TAIL, extrapolate_supremum, sample_block_norms
from anil_theory.schedule import Schedule
from anil_theory.studies.inner_steps import runnable
from anil_theory.tasks import FAMILIES, Family, SeparableFamily, TaskSet

INSIDE = 1 - 1e-12
"""Keeps a box inside its ball whatever the rounding of its corners."""

OnProgress = Callable[[str, Progress], None]


def _silent(block: str, progress: Progress) -> None:
    """Shows nothing."""


@dataclass(frozen=True, kw_only=True)
class CertifiedCell(abc.ABC):
    """What every cell has, whatever arithmetic encloses it.

    radius         of the ball that the region is, or lies in;
    gap            relative width to reach;
    operations     the work allowed per block (`certify.work`);
    seconds        a ceiling on the time of all blocks;
    seed           of the tasks.
    """

    radius: float
    gap: float
    seed: int = 0
    operations: float = OPERATIONS
    seconds: float = CEILING

    def __post_init__(self) -> None:
        admissible_seed("seed", self.seed)
        positive("radius", self.radius)
        within("gap", self.gap, 0.0, 1.0, "in [0, 1]")
        positive("operations", self.operations)
        positive("seconds", self.seconds)

    def __str__(self) -> str:
        return f"{self.where}{self.source.constants.geometry.value}, N = {self.at.inner_steps}"

    @property
    @abc.abstractmethod
    def source(self) -> Family:
        """The family that the tasks are drawn from."""

    @property
    @abc.abstractmethod
    def at(self) -> Schedule:
        """The inner loop."""

    @property
    @abc.abstractmethod
    def population(self) -> int:
        """How many tasks are certified."""

    @abc.abstractmethod
    def certificates(
        self, tasks: TaskSet, on_progress: OnProgress = _silent, proof: Proof | None = None
    ) -> dict[str, Certificate]:
        """Every block over the region; `proof` takes what the search has enclosed."""

    def draw(self) -> TaskSet:
        """The tasks that are certified."""
        return self.source.sample(jax.random.key(self.seed), self.population)

    @property
    def outside(self) -> float:
        """By how much, at most, an inner iterate leaves the region where the constants hold."""
        return 0.0

    @property
    def where(self) -> str:
        """What comes before the region in a heading."""
        return ""

    @property
    def has_proof(self) -> bool:
        """Whether the boxes of the search can be written down for the independent checker."""
        return False

    def sampled(self, tasks: TaskSet, certificate: Certificate) -> Mapping[str, Any] | None:
        """What random points show beside an enclosure; None where none are taken."""
        return None


@dataclass(frozen=True, kw_only=True)
class BallCell(CertifiedCell):
    """Tasks of the separable family over a ball.

    samples   block norms at random points of the ball, extrapolated beside the enclosure; 0 leaves them out;
    longest   the N that the samples are compiled for.

    Raises InvalidParameter on construction when no task has these constants.
    """

    constants: Constants
    schedule: Schedule
    n_w: int = 2
    n_phi: int = 2
    tasks: int = 4
    query: str = "sine"
    radius: float = 4.0
    gap: float = 0.01
    samples: int = 1000
    longest: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        count("tasks", self.tasks)
        if count("samples", self.samples, minimum=0) and self.samples <= 2 * MIN_TAIL:
            raise InvalidParameter("samples", f"0 (none), or more than {2 * MIN_TAIL}", self.samples)
        self.source.checked_tasks(self.tasks)
        numbers = self.samples * (self.n_w + self.n_phi)
        sizes = {"samples": self.samples, "n_w": self.n_w, "n_phi": self.n_phi}
        # A point and two directions.
        require_memory("the samples", FLOAT64 * 3 * numbers, sizes)

    @cached_property
    def source(self) -> SeparableFamily:
        return SeparableFamily(self.constants, self.n_w, self.n_phi, query=self.query)

    @property
    def at(self) -> Schedule:
        return self.schedule

    @property
    def population(self) -> int:
        return self.tasks

    def certificates(
        self, tasks: TaskSet, on_progress: OnProgress = _silent, proof: Proof | None = None
    ) -> dict[str, Certificate]:
        return certify_blocks(
            self.source,
            tasks,
            self.schedule,
            region=Region(self.radius),
            gap=self.gap,
            operations=self.operations,
            seconds=self.seconds,
            on_progress=on_progress,
        )

    def sampled(self, tasks: TaskSet, certificate: Certificate) -> Mapping[str, Any] | None:
        """A sampled supremum over the same ball and tasks with its extrapolation, or why there is none.

        meets   whether the extrapolated interval and the certified one have a point in common; None when refused.
        """
        if not self.samples:
            return None
        norms = sample_block_norms(
            self.source,
            tasks,
            self.schedule,
            block=certificate.block,
            samples=self.samples,
            seed=self.seed,
            region=Region(self.radius),
            max_inner_steps=self.longest,
        )
        supremum = extrapolate_supremum(norms, seed=self.seed)
        meets = None
        if supremum.low is not None and supremum.high is not None:
            meets = supremum.low <= certificate.upper and certificate.lower <= supremum.high
        return {**to_plain(supremum), "meets": meets}


@dataclass(frozen=True, kw_only=True)
class BoxCell(CertifiedCell):
    """One task of any family, over a box.

    family      its name; a family on a ball has constants of its own there, and is taken in its smallest size;
    constants   of a family that takes them;
    c           of alpha = c/(N L) where there is no mu; otherwise alpha = mu/L^2.

    Raises InvalidParameter on construction for an unknown family and for what the family refuses.
    """

    family: str
    inner_steps: int
    constants: Constants | None = None
    n_w: int = 2
    n_phi: int = 2
    query: str = "sine"
    c: float = 0.7
    radius: float = 1.0
    gap: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("family", self.family, tuple(FAMILIES))
        runnable([self.inner_steps])
        _ = self.at

    @cached_property
    def source(self) -> Family:
        kind = FAMILIES[self.family]
        if kind.on_ball:
            return kind.smallest(radius=self.radius)
        if self.constants is None:
            return kind.smallest()
        schedule = Schedule.paper(self.constants, self.inner_steps, c=self.c)
        return kind.at(self.constants, schedule, n_w=self.n_w, n_phi=self.n_phi, query=self.query)

    @cached_property
    def at(self) -> Schedule:
        return Schedule.paper(self.source.constants, self.inner_steps, c=self.c)

    @property
    def population(self) -> int:
        return 1

    @property
    def has_proof(self) -> bool:
        return True

    @property
    def where(self) -> str:
        return f"{self.family}, "

    @cached_property
    def box(self) -> tuple[list[float], list[float]]:
        """The corners of a cube inside the ball of radius R, and of R/2 where the constants hold on the ball only."""
        n = self.source.n_w + self.source.n_phi
        radius = self.radius / 2 if self.source.on_ball else self.radius
        half = radius / math.sqrt(n) * INSIDE
        return [-half] * n, [half] * n

    def certificates(
        self, tasks: TaskSet, on_progress: OnProgress = _silent, proof: Proof | None = None
    ) -> dict[str, Certificate]:
        return certify_hessian_blocks_general(
            tasks.losses,
            tasks.task(0),
            self.at,
            *self.box,
            n_w=self.source.n_w,
            gap=self.gap,
            operations=self.operations,
            seconds=self.seconds,
            on_progress=on_progress,
            proof=proof,
            subject=f"{self.where}one task drawn with seed {self.seed}",
        )

    @cached_property
    def outside(self) -> float:
        if math.isinf(self.source.constants.region.radius):
            return 0.0
        reach = enclosed_reach(self.draw(), 0, self.at, Boxes.of(*self.box), self.source.n_w)
        return max(0.0, reach - self.source.constants.region.radius)
