"""Unroll or solve: what a way costs, where solving is better, and that rounding is not drawn."""

from typing import Any

import numpy as np
import pytest

from anil_theory import Constants, Schedule
from anil_theory.report import plot_hypergradients
from anil_theory.report.hypergradient_plot import LEAST, WAYS, first_solved
from anil_theory.statements import STATEMENTS
from tests.report.figure_examples import hypergradient_rows


def points_of(rows: list[dict[str, Any]], colour: str) -> list[tuple[float, float]]:
    """The marked points of a way in the left upper panel."""
    figure = plot_hypergradients(rows)
    assert figure is not None
    marked = [
        line for line in figure.axes[0].get_lines() if line.get_linestyle() == "None" and line.get_color() == colour
    ]
    return [(float(x), float(y)) for line in marked for x, y in np.asarray(line.get_xydata())]


def test_a_conjugate_gradient_step_less_fits_into_the_same_products() -> None:
    rows = hypergradient_rows()
    by_title = {way.title: points_of(rows, way.style["color"]) for way in WAYS}
    xs = [[x for x, _ in points] for points in by_title.values()]
    assert xs == [[1, 4], [1, 4], [2, 5]]


def test_what_is_below_its_rounding_is_not_drawn() -> None:
    rows = hypergradient_rows()
    assert all(y > LEAST for way in WAYS for _, y in points_of(rows, way.style["color"]))
    for row in rows:
        row["verdicts"] = [{"slack": 1.0}]
    assert not any(points_of(rows, way.style["color"]) for way in WAYS)


def test_the_first_number_of_products_at_which_the_series_is_better() -> None:
    """Of the examples, whose unrolled bound grows with N and whose implicit one does not; without rows it is none."""
    assert first_solved(hypergradient_rows()) == {0.1: 20, 0.3: 20}
    assert first_solved([row for row in hypergradient_rows() if row["cell"]["schedule"]["inner_steps"] < 5]) == {
        0.1: None,
        0.3: None,
    }


@pytest.mark.parametrize(("mu", "first"), [(0.1, 17), (0.3, 5)])
def test_the_numbers_of_the_page_are_those_of_the_bounds(mu: float, first: int) -> None:
    constants = Constants(mu, 1.0, 1.0, 0.5, 1.0)

    def bounds(N: int) -> tuple[float, float]:
        names = (("unrolled", "started"), ("implicit", "neumann started"))
        claims = [next(c for c in STATEMENTS[name].given(d0=1.0).claims if c.block == block) for name, block in names]
        unrolled, implicit = (claim.evaluate(constants, Schedule(1.0, N)).value for claim in claims)
        return unrolled, implicit

    better = [N for N in range(1, 60) if bounds(N)[1] < bounds(N)[0]]
    assert better == list(range(first, 60))
