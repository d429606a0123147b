"""Two small populations that attain Theorem I: the noise term, and the decay.

One pair (w, phi) and the losses of `orthogonal_noise`, within the range where they are quadratics. Then lam, V and D0
over a box can be enclosed, and are those of the run: lam is constant, and

    pair-noise   two mirrored tasks from their common minimum. D0 = 0, and V is the noise of a task and what the
                 iterates add to it, which a large batch keeps small. As K grows and (1/B)(reach/deviation)^2 falls the
                 average is lam a^2/(B (2 - lam)), the right-hand side;
    pair-decay   one task that starts inside the range. The squared gradients are a geometric series with the limit
                 2 D0/(2 - lam), reached where (1 - lam)^(2 K) is small and B is so large that the bound expects no
                 noise.

Constants: exact, with rho = tau = 0. Source: derived for this project; docs/theorem_bounds.md.
"""

from dataclasses import replace
from typing import ClassVar

import jax.numpy as jnp

from anil_theory.constants import Constants
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Setting
from anil_theory.tasks.orthogonal_noise import DecayFamily, OrthogonalNoiseFamily

INSIDE = 0.9
"""Where pair-decay starts, as a share of where the loss stops being a quadratic: a box about its path is inside too."""

SMALLEST = Constants(0.2, 1.0, 0.0, 0.0, 1.0)


class PairNoiseFamily(OrthogonalNoiseFamily):
    """Two mirrored tasks with one pair (w, phi), which start at their common minimum."""

    name: ClassVar[str] = "pair-noise"

    def __init__(self, constants: Constants, schedule: Schedule):
        super().__init__(constants, schedule, copies=1)

    @classmethod
    def smallest(cls, **options: object) -> "PairNoiseFamily":
        """The tasks at mu = 1/5 and one inner step."""
        return cls(SMALLEST, replace(Schedule(0.2, 1, batch=64), beta_w=0.5, beta_phi=0.5))

    @classmethod
    def made_for(cls, setting: Setting) -> "PairNoiseFamily":
        """The family at the constants and the schedule of the setting, with its own dimensions and query loss."""
        return cls(setting.constants, setting.schedule)


class PairDecayFamily(DecayFamily):
    """One quadratic task that starts INSIDE times as far out as it is one."""

    name: ClassVar[str] = "pair-decay"

    @classmethod
    def smallest(cls, **options: object) -> "PairDecayFamily":
        """The task at mu = 1/5 and one inner step."""
        return cls(SMALLEST, replace(Schedule(0.2, 1, batch=4), beta_w=0.5, beta_phi=0.5))

    def problem(self, *, tasks: int = 1, seed: int = 0) -> Problem:
        """The problem, with its initial gap M^2 INSIDE^2/(2 L)."""
        start = self.constants.M / self.constants.L * INSIDE * self.reach
        gap = (self.constants.M * INSIDE) ** 2 / (2 * self.constants.L)
        return replace(super().problem(tasks=1, seed=seed), start=jnp.asarray(start), facts={"D0": gap})
