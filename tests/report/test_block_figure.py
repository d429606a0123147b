"""The figure of block constants: curves at every N, turning points, one legend, one style for each kind of bound."""

from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from anil_theory.report import plot_blocks, plot_certificates
from anil_theory.report.block_overlays import legend_names
from anil_theory.report.house_style import BOUNDS, CERTIFIED, MEASURED, TURNING
from tests.report.figure_examples import block_row, certificate_rows, traced_bounds


def certificate(N: int, *, alpha: float = 0.1, mu: float = 0.1) -> dict[str, Any]:
    constants = {"mu": mu, "L": 1.0, "rho": 1.0, "tau": 0.5, "M": 1.0}
    row = {"geometry": "strongly-convex", "block": "ww", "N": N, "lower": 0.9, "upper": 0.91, "bounds": {}}
    return row | {"region": "the ball of radius 4", "constants": constants, "alpha": alpha}


def figure(**more: Any) -> Figure:
    """Sampled tasks at N = 1 and 100, the extremal task, and what `more` has."""
    rows = [block_row(N, 1.02**N, sampled=0.5, check="blocks") for N in (1, 10, 100)]
    rows += [block_row(1, 1.0, check="attained")]
    found = plot_blocks(rows, **more)
    assert found is not None
    return found


def names(drawn: Figure) -> list[str]:
    return [text.get_text() for text in drawn.legends[0].get_texts()]


def line_in(axes: Axes, style: dict[str, Any]) -> Any:
    """The one line of a panel that is drawn in a style of the house."""
    lines = [line for line in axes.get_lines() if same_color(line.get_color(), style["color"])]
    marker = style.get("marker", "None")
    (found,) = (line for line in lines if line.get_marker() == marker and len(line.get_xdata()) != 2)  # pyright: ignore[reportArgumentType]
    return found


def test_curves_stand_at_every_N_and_not_only_where_something_was_measured() -> None:
    drawn = figure(curves=[traced_bounds()])
    for kind in ("order", "explicit", "refined"):
        assert list(line_in(drawn.axes[0], BOUNDS[kind][1]).get_xdata()) == [1, 3, 10, 30, 100]
    assert names(figure())[:2] == ["explicit bound", "refined bound"]


def test_one_legend_names_bounds_turning_point_dots_stars_functions_and_the_band() -> None:
    drawn = figure(curves=[traced_bounds()], certificates=[certificate(1), certificate(10)])
    expected = [name for name, _ in (*BOUNDS.values(), TURNING, *MEASURED.values(), CERTIFIED)]
    # Functions that reach the bounds take the place of the worst instance found.
    expected.remove(MEASURED["worst"][0])
    assert names(drawn) == expected and expected == [name for name in legend_names() if name in expected]
    assert len(drawn.legends) == 1 and not any(axes.get_legend() for axes in drawn.axes)


def test_the_turning_point_is_marked_and_named_and_a_bound_that_does_not_turn_has_none() -> None:
    axes = figure(curves=[traced_bounds()]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["$N=30$"]
    marks: list[Any] = [line for line in axes.get_lines() if line.get_marker() == TURNING[1]["marker"]]
    assert [tuple(map(float, mark.get_xydata()[0])) for mark in marks] == [(30.0, 1.2 * 1.02**30)]
    rising = traced_bounds()
    rising["turning"] = {block: dict.fromkeys(kinds) for block, kinds in rising["turning"].items()}
    drawn = figure(curves=[rising])
    assert not drawn.axes[0].texts and TURNING[0] not in names(drawn)


@pytest.mark.parametrize("change", [{"mu": 0.2}, {"alpha": 0.3}])
def test_certificates_and_curves_of_another_setting_are_not_drawn(change: dict[str, float]) -> None:
    drawn = figure(curves=[traced_bounds(0.2)], certificates=[certificate(1, **change)])
    assert CERTIFIED[0] not in names(drawn) and BOUNDS["order"][0] not in names(drawn)


def test_kinds_of_bounds_differ_in_dashes_as_well_as_in_colour_and_widths() -> None:
    """So that they are told apart in grey, and where they lie over one another."""
    styles = [style for _, style in BOUNDS.values()]
    assert len({style["ls"] for style in styles}) == len({style["color"] for style in styles}) == len(styles)
    assert len({style["lw"] for style in styles}) == len(styles)
    assert len({style["marker"] for _, style in MEASURED.values()}) == len(MEASURED)


def test_a_kind_of_bound_has_one_style_in_every_figure() -> None:
    drawn = plot_certificates(certificate_rows())
    assert drawn is not None
    blocks = figure(curves=[traced_bounds()])
    for kind in ("explicit", "refined"):
        mine = [line_in(each.axes[0], BOUNDS[kind][1]) for each in (blocks,)]
        legend = dict(zip(names(drawn), drawn.legends[0].legend_handles, strict=True))
        handle: Any = legend[BOUNDS[kind][0]]
        assert same_color(handle.get_color(), mine[0].get_color())
        assert handle.get_linestyle() == mine[0].get_linestyle() and handle.get_linewidth() == mine[0].get_linewidth()
