"""The settings of `anil-theory tightness` as cells: their product, in both geometries."""

from collections.abc import Iterator
from itertools import product

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.studies.inner_steps import runnable
from anil_theory.studies.tightness.rows import TightnessCell
from anil_theory.studies.tightness.settings import TightnessSettings


def cells_of(asked: TightnessSettings) -> Iterator[TightnessCell]:
    """Every setting, at alpha = mu/L^2 (strongly convex) or c/(N L) (nonconvex)."""
    runnable(asked.inner_steps)
    for geometry in asked.geometry:
        every_mu = asked.mu if geometry is Geometry.STRONGLY_CONVEX else (None,)
        for mu, rho, tau, N in product(every_mu, asked.rho, asked.tau, asked.inner_steps):
            constants = Constants(mu, asked.L, rho, tau, asked.M)
            schedule = Schedule.paper(constants, N, c=asked.c)
            yield TightnessCell(constants, schedule, longest=max(asked.inner_steps), seed=asked.seed)
