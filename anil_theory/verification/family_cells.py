"""Cells of `anil-theory certify --family`: the losses people train, enclosed by the arithmetic for any losses.

One task of a family whose constants hold on the ball |z| <= R, in the smallest dimension that the family has. The box
of z that is certified lies in the ball of radius R/2; the bounds of Propositions 2 and 3 with the family's constants
apply to it as long as the inner iterates stay in the larger ball, which is enclosed too (`outside`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anil_theory._admissible import one_of, positive, within
from anil_theory._admissible import seed as admissible_seed
from anil_theory.algorithm import inner_loop
from anil_theory.certify import Certificate, certify_hessian_blocks_general
from anil_theory.certify.general_blocks import PARTS, subdivided
from anil_theory.certify.intervals.arrays import summed
from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.proof import Proof
from anil_theory.certify.search.branch_and_bound import CEILING, Boxes, Progress
from anil_theory.certify.search.work import OPERATIONS
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks import FAMILIES, TaskSet
from anil_theory.verification.inner_steps import runnable


def ball_families() -> tuple[str, ...]:
    """The families whose constants hold on a ball only."""
    return tuple(name for name, family in FAMILIES.items() if family.on_ball)


@dataclass(frozen=True)
class FamilyCell:
    """One family and one N.

    radius         R, of the ball where the family's constants hold;
    c              of alpha = c/(N L) where the family has no mu; otherwise alpha = mu/L^2;
    gap            relative width to reach;
    operations     the work allowed per block (`certify.work`);
    seconds        a ceiling on the time of all blocks.

    Raises InvalidParameter on construction for an unknown family and for what the family refuses.
    """

    name: str
    inner_steps: int
    c: float = 0.7
    seed: int = 0
    radius: float = 1.0
    gap: float = 0.05
    operations: float = OPERATIONS
    seconds: float = CEILING
    check: str = "family certificate"

    samples = 0
    """Nothing is extrapolated beside these."""

    def __post_init__(self) -> None:
        one_of("family", self.name, ball_families())
        runnable([self.inner_steps])
        admissible_seed("seed", self.seed)
        positive("radius", self.radius)
        within("gap", self.gap, 0.0, 1.0, "in [0, 1]")
        positive("operations", self.operations)
        positive("seconds", self.seconds)
        _ = self.schedule

    @cached_property
    def family(self) -> Any:
        """The family in its smallest size."""
        return FAMILIES[self.name].smallest(radius=self.radius)

    @property
    def constants(self) -> Constants:
        """What the family declares on its ball."""
        return self.family.constants

    @property
    def n_w(self) -> int:
        return self.family.n_w

    @cached_property
    def schedule(self) -> Schedule:
        """The paper's step size."""
        if self.constants.mu is not None:
            return Schedule.strongly_convex(self.constants, self.inner_steps)
        return Schedule.nonconvex(self.constants, self.inner_steps, c=self.c)

    @cached_property
    def box(self) -> tuple[list[float], list[float]]:
        """A cube inside the ball of radius R/2."""
        n = self.family.n_w + self.family.n_phi
        half = self.radius / 2 / math.sqrt(n) * (1 - 1e-12)
        return [-half] * n, [half] * n

    def sample(self) -> TaskSet:
        """The one task that is certified."""
        return self.family.sample(jax.random.key(self.seed), 1)

    def certificates(
        self,
        tasks: TaskSet,
        on_progress: Callable[[str, Progress], None] = lambda block, progress: None,
        proof: Proof | None = None,
    ) -> dict[str, Certificate]:
        """Every block over the box; `proof` takes what the search has enclosed."""
        return certify_hessian_blocks_general(
            tasks.losses,
            tasks.task(0),
            self.schedule,
            *self.box,
            n_w=self.n_w,
            gap=self.gap,
            operations=self.operations,
            seconds=self.seconds,
            on_progress=on_progress,
            proof=proof,
            subject=f"{self.where}one task drawn with seed {self.seed}",
        )

    @cached_property
    def outside(self) -> float:
        """By how much, at most, an inner iterate leaves the ball from a start in the box."""
        tasks = self.sample()

        def iterates(z: Any) -> Any:
            w, phi = z[: self.n_w], z[self.n_w :]
            loop = {"alpha": self.schedule.one_alpha, "inner_steps": self.schedule.inner_steps}
            adapted = inner_loop(tasks.support, w, phi, tasks.task(0), **loop)
            w_m = jnp.concatenate([adapted.iterates, adapted.final[None]])
            return jnp.concatenate([w_m, jnp.broadcast_to(phi, (len(w_m), phi.size))], axis=1)

        boxes = subdivided(Boxes.of(*self.box), PARTS)
        program = jax.make_jaxpr(iterates)(jax.ShapeDtypeStruct((boxes.lower.shape[1],), np.float64))
        (points,) = run_intervals(program, [Intervals(boxes.lower, boxes.upper)])
        assert isinstance(points, Intervals)
        norms = summed(points.squared(), 2).sqrt().hi
        reach = float(np.max(np.where(np.isnan(norms), math.inf, norms)))
        return max(0.0, reach - self.radius)

    @property
    def where(self) -> str:
        """The family, for a heading."""
        return f"{self.name}, "
