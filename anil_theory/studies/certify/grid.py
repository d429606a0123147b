"""The cells of `anil-theory certify`: the separable family over a ball, every other one over a box."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from anil_theory._admissible import one_of
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.studies.certify.cells import BallCell, BoxCell, CertifiedCell
from anil_theory.studies.certify.settings import CertifySettings
from anil_theory.studies.inner_steps import runnable
from anil_theory.tasks import FAMILIES, SeparableFamily


def cells_of(asked: CertifySettings) -> Iterator[CertifiedCell]:
    """The cells of every family."""
    for name in asked.family:
        kind = FAMILIES[one_of("family", name, tuple(FAMILIES))]
        if kind is SeparableFamily:
            yield from _over_balls(asked)
        else:
            yield from _over_boxes(asked, name)


def _every_constants(asked: CertifySettings) -> list[Constants]:
    """Those of the geometries that were asked for; the nonconvex one has the same L, rho, tau, M."""
    convex = Constants(asked.mu, asked.L, asked.rho, asked.tau, asked.M)
    return [convex if each is Geometry.STRONGLY_CONVEX else replace(convex, mu=None) for each in asked.geometry]


def _over_balls(asked: CertifySettings) -> Iterator[CertifiedCell]:
    steps = runnable(asked.inner_steps or (1, 3, 5, 10))
    for constants in _every_constants(asked):
        for N in steps:
            yield BallCell(
                constants=constants,
                schedule=Schedule.paper(constants, N, c=asked.c),
                n_w=asked.n_w,
                n_phi=asked.n_phi,
                tasks=asked.tasks,
                query=asked.query,
                samples=asked.samples,
                longest=max(steps),
                **_search(asked),
            )


def _over_boxes(asked: CertifySettings, name: str) -> Iterator[CertifiedCell]:
    own = not FAMILIES[name].takes_constants
    for constants in (None,) if own else _every_constants(asked):
        for N in asked.inner_steps or (1, 3):
            yield BoxCell(
                family=name,
                inner_steps=N,
                constants=constants,
                n_w=asked.n_w,
                n_phi=asked.n_phi,
                query=asked.query,
                c=asked.c,
                **_search(asked),
            )


def _search(asked: CertifySettings) -> dict[str, Any]:
    """How hard to search, and where; what was left out has the default of the cell."""
    optional = {"radius": asked.radius, "gap": asked.gap}
    always = {"operations": asked.operations, "seconds": asked.seconds, "seed": asked.seed}
    return {name: value for name, value in optional.items() if value is not None} | always
