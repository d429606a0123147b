"""Batches without replacement as an axis of `verify` and an option of `rates` and `advise`."""

import math
from typing import Any

import pytest

from anil_theory import Constants, InvalidParameter
from anil_theory.studies.rates.cells import Curve, CurveCell
from anil_theory.studies.rates.curves import trace
from anil_theory.studies.rates.grid import cells_of
from anil_theory.studies.rates.settings import RatesSettings
from anil_theory.studies.verify.grid import grid_cells
from anil_theory.studies.verify.settings import Axes
from anil_theory.study.empty_grid import EmptyGrid

CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
AXES: dict[str, Any] = {"mu": (0.3,), "inner_steps": (2,), "family": ("separable",)}


def test_the_grid_is_the_product_with_both_and_a_cell_has_the_tasks_of_its_population() -> None:
    cells = grid_cells(Axes(batch=(1, 3), population=(3, 6), **AXES), ("thm1",))
    assert [(c.schedule.batch, c.schedule.population, c.tasks) for c in cells] == [
        (1, 3, 3),
        (1, 6, 6),
        (3, 3, 3),
        (3, 6, 6),
    ]
    assert len({c.compiled_shape for c in cells}) == 4
    assert "B=3 of T=6" in cells[-1].describe()
    independent = grid_cells(Axes(batch=(1, 3), **AXES), ("thm1",))
    assert {(c.schedule.population, c.tasks) for c in independent} == {(None, 4)}
    assert "of T" not in independent[0].describe()


def test_what_does_not_draw_batches_is_measured_once_and_with_the_tasks_asked_for() -> None:
    cells = grid_cells(Axes(population=(3, 6), batch=(2,), n_w=(2,), **AXES), ("prop2", "table2"))
    assert {(c.schedule.population, c.tasks) for c in cells} == {(None, 4)}


def test_more_than_all_tasks_are_refused_everywhere() -> None:
    words = "batch must be at most T = 4, of which it is drawn without replacement; got 8"
    with pytest.raises(InvalidParameter, match=words):
        grid_cells(Axes(batch=(8,), population=(4,), **AXES), ("thm1",))
    with pytest.raises(InvalidParameter, match=words):
        list(cells_of(RatesSettings(batch=(2, 8), population=4)))
    with pytest.raises(InvalidParameter, match="population must be"):
        grid_cells(Axes(population=(0,), **AXES), ("thm1",))


def test_a_family_with_a_number_of_tasks_of_its_own_says_so() -> None:
    axes = Axes(batch=(2,), population=(6,), rho=(0.0,), tau=(0.0,), **{**AXES, "family": ("decay",)})
    with pytest.raises(EmptyGrid, match="decay has 1 tasks, and the population is to be of T = 6"):
        grid_cells(axes, ("thm1",))


def test_the_curves_of_rates_draw_so_where_they_are_asked_to() -> None:
    cells = list(cells_of(RatesSettings(batch=(2, 4), population=4)))
    assert {c.tasks for c in cells} == {4} and all(c.without_replacement for c in cells)
    assert {c.schedule(1, 4).sampling_factor for c in cells} == {0.0}
    assert {c.batch for c in cells if c.study is not Curve.FLOOR} == {(4,)}


@pytest.mark.slow
def test_the_floor_of_all_tasks_at_once_has_no_noise_to_be_bounded_by() -> None:
    cell = CurveCell(
        Curve.FLOOR, CONSTANTS, (1,), batch=(1, 3), tasks=3, outer_steps=60, seeds=2, without_replacement=True
    )
    traced = trace(cell)
    for curve in traced["curves"]:
        assert curve["bound"][0] > 0 and math.isnan(curve["bound"][1])
        assert curve["slope"] == "no slope: fewer than two batches with noise"
    assert "(B/f)^slope at f = (T - B)/(T - 1), T = 3" in traced["notes"][0]
