"""Compilations of a grid grow with the shapes in it, not with its cells."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import pytest
from jax import monitoring

from anil_theory.studies.verify.cells import Cell, job_of
from anil_theory.studies.verify.grid import grid_cells
from anil_theory.studies.verify.settings import Axes
from anil_theory.study import run_jobs

COMPILED = "/jax/core/compile/backend_compile_duration"
"""JAX's event of a program that goes to the compiler, or is taken from its cache on disk."""


class Compilations:
    """How many programs JAX asked its compiler for since `start`."""

    def __init__(self) -> None:
        self.number = 0
        self.counting = True

    def __call__(self, event: str, duration_secs: float, **kwargs: Any) -> None:
        self.number += self.counting and event == COMPILED


@contextmanager
def counted() -> Iterator[Compilations]:
    """Counts while it is open; the listener itself cannot be taken back."""
    found = Compilations()
    monitoring.register_event_duration_secs_listener(found)
    try:
        yield found
    finally:
        found.counting = False


@pytest.fixture(autouse=True)
def cheap_machine_code() -> Iterator[None]:
    """As `verify --quick` has it."""
    switch = "jax_disable_most_optimizations"
    before = jax.config.read(switch)
    jax.config.update(switch, True)
    yield
    jax.config.update(switch, before)


def grid(mu: tuple[float, ...], rho: tuple[float, ...], N: tuple[int, ...], n_phi: int = 1) -> list[Cell]:
    """Cells compiled for N = 4, with a search that is over in no time."""
    axes = Axes(
        mu=mu,
        rho=rho,
        inner_steps=(*N, 4),
        n_w=(1,),
        n_phi=(n_phi,),
        tasks=2,
        family=("separable",),
        measurements=("constants", "identity", "blocks"),
        pairs=2,
        points=2,
        lanczos_steps=2,
        starts=1,
        iterations=2,
    )
    return grid_cells(axes, ("assumptions", "prop1", "prop2", "prop3"))


def compilations_of(cells: list[Cell], folder: Path) -> int:
    with counted() as found:
        summary = run_jobs([job_of(cell) for cell in cells], None)
    assert summary.failure is None and len(summary.records) == len(cells)
    return found.number


@pytest.mark.slow
def test_compilations_grow_with_shapes_and_not_with_cells(tmp_path: Path) -> None:
    """Alone and in groups, full ones and others: after the few cells, the many of the same shapes compile nothing."""
    few = grid((0.3, 0.5), (1.0,), (1,))
    many = grid((0.2, 0.3, 0.4, 0.5, 0.6), (0.5, 1.0), (1, 2, 3))
    shapes = {cell.compiled_shape for cell in few}
    assert {cell.compiled_shape for cell in many} == shapes and len(many) > 4 * len(few)
    first = compilations_of(few, tmp_path)
    assert first >= len(shapes), "the counter counts"
    assert compilations_of(many, tmp_path) == 0
    another = compilations_of(grid((0.3, 0.5), (1.0,), (1,), n_phi=2), tmp_path)
    assert another >= len(shapes), "a shape of its own"
