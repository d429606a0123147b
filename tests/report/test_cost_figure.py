"""The figure of costs: bars of uncertainty, minima marked, step sizes typeset; and dashes in legends of findings."""

import math
from typing import Any

import pytest
from matplotlib.figure import Figure

from anil_theory.report import plot_cost, plot_finding
from tests.report.figure_examples import finding

CURVE: dict[str, Any] = {
    "geometry": "nonconvex",
    "label": "ANIL, alpha = c/(N L)",
    "N": [1, 3, 10],
    "iterations": [600.0, 500.0, 900.0],
    "iterations_interval": [[550.0, 640.0], [480.0, 530.0], [800.0, math.inf]],
    "calls": [12_000.0, 20_000.0, 90_000.0],
    "calls_interval": [[11_000.0, 12_800.0], [19_200.0, 21_200.0], [80_000.0, math.inf]],
    "predicted": [2.04e7, 3e7, math.inf],
}


def drawn(**changes: Any) -> Figure:
    figure = plot_cost([CURVE | changes])
    assert figure is not None
    return figure


def bars(axes: Any) -> list[tuple[float, float]]:
    """Lower and upper ends of all vertical bars."""
    segments = [segment for each in axes.collections for segment in each.get_segments()]
    return [(float(segment[0][1]), float(segment[1][1])) for segment in segments if len(segment)]


def test_bars_end_where_the_interval_ends_and_an_open_end_is_an_arrow() -> None:
    above, below = drawn().axes
    ends = {end for bar in bars(above) for end in bar}
    assert {550.0, 640.0, 480.0, 530.0, 800.0} <= ends and math.inf not in ends
    # Carets of errorbar are numbers, every other marker is a letter.
    carets = [line for line in above.get_lines() if isinstance(line.get_marker(), int)]
    assert len([line for line in carets if len(line.get_xdata())]) == 1  # pyright: ignore[reportArgumentType]
    shares = {end for bar in bars(below) for end in bar}
    assert {11_000 / 12_000, 12_800 / 12_000} <= shares


def test_records_without_intervals_have_no_bars() -> None:
    curve = {name: value for name, value in CURVE.items() if not name.endswith("_interval")}
    figure = plot_cost([curve])
    assert figure is not None and not bars(figure.axes[0])


def rings(axes: Any) -> list[tuple[float, ...]]:
    """Where the rings of a panel stand: the largest markers there are."""
    return [tuple(map(float, line.get_xydata()[0])) for line in axes.get_lines() if line.get_markersize() == 9]


def test_the_minima_are_ringed() -> None:
    above, below = drawn().axes
    assert rings(above) == [(3.0, 500.0)]
    assert rings(below) == [(1.0, 1.0), (1.0, 1.0)]


@pytest.mark.parametrize(
    ("label", "typeset"),
    [
        ("ANIL, alpha = c/(N L)", r"ANIL, $\alpha=c/(NL)$"),
        ("ANIL, alpha = mu/L^2", r"ANIL, $\alpha=\mu/L^2$"),
        ("MAML, alpha = 0.1", r"MAML, $\alpha=0.1$"),
        ("my $ method", r"my \$ method"),
    ],
)
def test_labels_are_typeset_and_minima_are_plain_numbers(label: str, typeset: str) -> None:
    legend = drawn(label=label).axes[1].get_legend()
    assert legend is not None
    (text,) = legend.get_texts()
    assert text.get_text().splitlines() == [typeset, r"minimum: 12,000 measured, $2.0\times10^{7}$ bound"]


def test_a_curve_that_never_reached_eps_says_so() -> None:
    never = {"iterations": [None] * 3, "calls": [math.inf] * 3, "predicted": [math.inf] * 3}
    legend = drawn(**never).axes[1].get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text().splitlines()[1] == r"did not reach $\epsilon$"


def test_every_dashed_entry_of_a_findings_legend_begins_with_a_dash_and_has_its_own_marker() -> None:
    """The second dashed line begins with a gap where it is drawn, so that equal bounds are both seen."""
    figure = plot_finding(finding())
    assert figure is not None
    axes = figure.axes[0]
    legend = axes.get_legend()
    assert legend is not None
    lines = {line.get_marker(): line for line in axes.get_lines()}
    handles = dict(zip([text.get_text() for text in legend.get_texts()], legend.get_lines(), strict=True))
    dashed = [handles["explicit"], handles["refined"]]
    # Of a line: where its pattern of dashes begins, and the pattern.
    assert {handle._unscaled_dash_pattern[0] for handle in dashed} == {0}  # pyright: ignore[reportAttributeAccessIssue]
    assert lines[dashed[1].get_marker()]._unscaled_dash_pattern[0] > 0  # pyright: ignore[reportAttributeAccessIssue]
    assert len({str(handle.get_marker()) for handle in handles.values()}) == len(handles)
