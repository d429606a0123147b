"""Shares of bounds: what is far below all others does not hide them."""

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from anil_theory.report.shares_plot import LEAST, plot_shares
from tests.report.figure_examples import block_row


def drawn(*values: float) -> tuple[Axes, list[Any], list[str]]:
    """The axes, the points of their lines, and the words of the legend."""
    rows = [block_row(1, 1.0, block=block) | {"tightness": v} for block, v in zip(("w", "phi"), values, strict=True)]
    figure = plot_shares(rows)
    assert figure is not None
    (axis,) = figure.axes
    points = [np.asarray(line.get_xydata()).tolist() for line in axis.lines]
    return axis, points, [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_share_of_a_rounding_stands_at_the_end_with_a_marker_of_its_own() -> None:
    axis, points, words = drawn(0.5, 3e-15)
    assert LEAST / 2 < axis.get_ylim()[0] < LEAST
    assert points[:2] == [[[0.0, 0.5]], [[1.0, LEAST]]]
    assert words == ["strongly-convex", "smaller than $10^{-6}$"]


@pytest.mark.parametrize("least", [1e-5, LEAST])
def test_what_is_not_below_is_drawn_where_it_is(least: float) -> None:
    axis, points, words = drawn(0.5, least)
    assert axis.get_ylim()[0] == pytest.approx(least / 1.5)
    assert points[0] == [[0.0, 0.5], [1.0, least]]
    assert words == ["strongly-convex"]
