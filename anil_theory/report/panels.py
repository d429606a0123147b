"""The axes that a plot draws into, a user's own or those of a new figure, and ticks that can be read on each.

This module imports matplotlib; the plot functions import this module when they have something to draw. A figure made
here is unknown to `pyplot`: no backend is chosen, nothing has to be closed, and a notebook shows what is returned.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import Formatter, Locator, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from anil_theory._admissible import InvalidParameter
from anil_theory.report.house_style import DOUBLE, DPI, MARKERS, SINGLE, STYLE

GivenAxes = Axes | Sequence[Axes] | np.ndarray | None
"""What a plot function takes as `axes`: one, several, an array as `subplots` returns it; or None for a new figure."""

MOST_DECADES = 200
"""A logarithmic axis that ends further than this many decades from 1 has limits set here."""
FIRST_DECADE = -323.3
"""The logarithm of the least number of float64."""
LAST_DECADE = 308.0
LETTERS_AN_INCH = 15
"""Letters of a title to an inch, at its size in the house style."""
LINE = 0.16
"""Height of a line of a title or of a legend, in inches."""
LEGEND_KEY = 0.45
"""Width of an entry of a legend without its label, in inches."""
LEGEND_LETTER = 0.056
"""Width of a letter of such a label, in inches."""


@dataclass(frozen=True)
class Panels:
    """The axes of one plot.

    figure   the figure they stand in;
    axes     an array of shape (lines, columns);
    own      whether the figure was made here. A user's figure keeps its title and the room beside its axes.
    """

    figure: Figure
    axes: np.ndarray
    own: bool

    def title(self, text: str) -> None:
        """Write `text` over the whole figure, if it was made here."""
        if self.own:
            lines = _wrapped(text, int(LETTERS_AN_INCH * self.figure.get_figwidth()))
            self.grow(LINE * len(lines))
            self.figure.suptitle("\n".join(lines))

    def grow(self, height: float) -> None:
        """Make a figure that was made here higher by this many inches, for what stands beside the panels."""
        if not self.own:
            return
        self.figure.set_figheight(self.figure.get_figheight() + height)

    def legend(self, handles: Mapping[str, Any], *, columns: int, recolour: str | None = None) -> None:
        """One legend for all panels, by label: below them, or inside the first of a user's own axes.

        recolour   the colour of every entry, where the panels differ in colour and share the styles.
        """
        if not handles:
            return
        if self.own:
            fitting = min(columns, columns_in(self.figure.get_figwidth(), handles))
            self.grow(LINE * math.ceil(len(handles) / fitting))
            legend = self.figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=fitting)
        else:
            legend = self.axes.flat[0].legend(handles.values(), handles.keys())
        for handle in filter(None, legend.legend_handles) if recolour else ():
            handle.set(color=recolour)


@contextmanager
def house_figure(*, width: float, height: float) -> Iterator[Figure]:
    """An empty figure of this size in inches, which lays out its own parts, in the house style while it is drawn."""
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), dpi=DPI, layout="constrained")


@contextmanager
def panels(
    lines: int,
    columns: int,
    axes: GivenAxes = None,
    *,
    panel_height: float,
    width: float | None = None,
    sharex: bool = False,
    sharey: bool = False,
) -> Iterator[Panels]:
    """Panels to draw into: `axes`, one per panel, line by line; or those of a new figure in the house style.

    panel_height   of a new figure, in inches, with the labels of a panel;
    width          of a new figure, in inches; left out: a column of a paper for one column of panels, or else the page.

    Raises InvalidParameter where `axes` are not as many as there are panels.
    """
    if axes is not None:
        grid = _given(axes, lines, columns)
        yield Panels(grid.flat[0].get_figure(root=True), grid, own=False)
        return
    if width is None:
        width = SINGLE if columns == 1 else DOUBLE
    with house_figure(width=width, height=0.2 + panel_height * lines) as figure:
        grid = figure.subplots(lines, columns, squeeze=False, sharex=sharex, sharey=sharey)
        yield Panels(figure, grid, own=True)


def columns_in(width: float, labels: Iterable[str]) -> int:
    """How many columns of a legend with these labels fit into a width in inches."""
    longest = max(_letters(line) for label in labels for line in label.splitlines())
    return max(1, int(width / (LEGEND_KEY + LEGEND_LETTER * longest)))


def _letters(text: str) -> int:
    """How many letters a reader sees: a command of mathematics, as \\varphi, is one, and its marks are none."""
    return len(re.sub(r"[${}_^]", "", re.sub(r"\\[A-Za-z]+", "x", text)))


def _wrapped(text: str, most: int) -> list[str]:
    """The words of a text in lines of at most `most` letters; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _letters(longer) <= most:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def legend_below(axes: Axes, *, columns: int = 1, entries: Mapping[str, Any] | None = None) -> None:
    """The legend of one panel below its x-label, where it hides no data: `entries`, or what has a label."""
    if entries is None:
        artists, labels = axes.get_legend_handles_labels()
    else:
        artists, labels = list(entries.values()), list(entries)
    if not labels:
        return
    below = ScaledTranslation(0.0, -0.36, axes.figure.dpi_scale_trans)
    axes.legend(
        artists,
        labels,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=axes.transAxes + below,
        ncols=columns,
        frameon=False,
    )


def key(**style: Any) -> Line2D:
    """An entry of a legend that explains a style of line or marker, in grey: it belongs to no one curve."""
    entry = Line2D([], [], color="0.3")
    entry.set(**style)
    return entry


def shades(values: Iterable[int]) -> dict[int, Any]:
    """A colour for each value of an ordered quantity, as N is: viridis from dark to light, without its palest end."""
    ordered = sorted(set(values))
    scale = matplotlib.colormaps["viridis"]
    step = 0.85 / max(1, len(ordered) - 1)
    return {value: scale(0.05 + step * i) for i, value in enumerate(ordered)}


def series(values: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Colour and marker for each value of an ordered quantity: the markers tell the shades apart in grey too."""
    markers = cycle(MARKERS)
    return {value: {"color": colour, "marker": next(markers)} for value, colour in shades(values).items()}


def sparse(index: int, points: int, *, markers: int = 6) -> tuple[int, int]:
    """Where a line of many points has its markers, about so many; lines of another `index` have other places."""
    stride = max(1, points // markers)
    return (index * stride // 3 % stride, stride)


def _given(axes: Any, lines: int, columns: int) -> np.ndarray:
    flat = [axes] if isinstance(axes, Axes) else list(np.ravel(np.asarray(axes, dtype=object)))
    if len(flat) != lines * columns or not all(isinstance(axis, Axes) for axis in flat):
        allowed = f"{lines * columns} matplotlib Axes, one per panel ({lines} x {columns} here)"
        raise InvalidParameter("axes", allowed, f"{len(flat)} of {type(flat[0]).__name__ if flat else 'nothing'}")
    grid = np.empty((lines, columns), dtype=object)
    grid.flat[:] = flat
    return grid


STRIDES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500)
"""Decades from one tick to the next. The longest axis of float64 has some 630 decades."""


CROWDED = 2.0
"""A tick is left out where it stands this many times closer to the one before than evenly spread ticks would."""


class LogTicks(Locator):
    """Few ticks on a logarithmic axis, all of them labelled, wherever it ends.

    values   the ticks to choose from, as the N that were run; those too close to the one before are left out. Without
             them: whole decades, then 1, 2 and 5 of each, then round numbers, whichever first gives three;
    most     about how many there may be.
    """

    def __init__(self, values: Iterable[float] = (), *, most: int = 6):
        self.values = sorted(set(values))
        self.most = most

    def __call__(self) -> Sequence[float]:
        if self.axis is None:
            return []
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """The ticks of an axis from `vmin` to `vmax`."""
        low, high = min(vmin, vmax), max(vmin, vmax)
        if not 0 < low < high < math.inf:
            return []
        inside = [value for value in self.values if low <= value <= high]
        if inside:
            return _spread(inside, (math.log10(high) - math.log10(low)) / self.most)
        for marks in ((1.0,), (1.0, 2.0, 5.0)):
            ticks = [tick for tick in _round_ticks(low, high, marks, self.most) if low <= tick <= high]
            if len(ticks) >= 3:
                return ticks
        even = [tick for tick in _even_ticks(low, high, self.most) if low <= tick <= high]
        # Even numbers crowd at the upper end of a logarithmic axis.
        return _spread(even, (math.log10(high) - math.log10(low)) / (CROWDED * self.most)) if len(even) > 2 else even


def _spread(values: Sequence[float], gap: float) -> list[float]:
    """Those of `values` that stand `gap` decades or more behind the one before."""
    kept = [values[0]]
    for value in values[1:]:
        if math.log10(value) - math.log10(kept[-1]) >= gap:
            kept.append(value)
    return kept


def _round_ticks(low: float, high: float, marks: Sequence[float], most: int) -> list[float]:
    """Multiples of powers of ten by `marks`: every power, or every so many where there are more than `most`."""
    first = math.floor(math.log10(low))
    last = math.ceil(math.log10(high))
    stride = 1
    if len(marks) == 1:
        decades = math.log10(high) - math.log10(low)
        stride = next(n for n in STRIDES if n * most >= decades)
    powers = [power for power in range(first, last + 1) if power % stride == 0]
    # Through a decimal string: 1e-5 is then the double that is written so, and 10.0**-5 is not.
    return [float(f"{mark:g}e{power}") for power in powers for mark in marks]


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers at equal distances, for an axis of less than a decade or so."""
    # Scaled to between 1 and 10 and back: MaxNLocator takes an interval of tiny numbers for empty.
    power = math.floor(math.log10(low))
    ends = [10.0 ** (math.log10(end) - power) for end in (low, high)]
    scaled = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(*ends)
    return [float(f"{tick:.15g}e{power}") for tick in scaled]


class LogLabels(Formatter):
    """Plain numbers where all ticks of the axis lie between 0.001 and 99999, and powers of ten on any other axis."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.format_ticks([x])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """The labels of all ticks of one axis."""
        plain = all(1e-3 <= value < 1e5 for value in values)
        labels: list[str] = []
        # Close ticks need more digits to differ.
        for digits in range(3, 18):
            labels = [f"{value:.{digits + 2}g}" if plain else _power(value, digits) for value in values]
            if len(set(labels)) == len(set(values)):
                break
        return labels


def _power(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    factor = mantissa.rstrip("0").rstrip(".")
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if factor == "1" else rf"${factor}\times {power}$"


def log_ticks(axis: Any, values: Iterable[float] = (), *, most: int = 6) -> None:
    """Give `axis` (the xaxis or yaxis of some axes, already logarithmic) ticks that all have a label."""
    axis.set_major_locator(LogTicks(values, most=most))
    axis.set_major_formatter(LogLabels())
    axis.set_minor_locator(NullLocator())


def log_steps(axes: Axes, values: Iterable[float], *, most: int = 6) -> None:
    """Make the x-axis logarithmic, with ticks at `values`, the numbers of steps or tasks that were run."""
    axes.set_xscale("log")
    log_ticks(axes.xaxis, values, most=most)


def log_values(axes: Axes, *, most: int = 6) -> None:
    """Make the y-axis logarithmic, with round ticks, and end it within float64. Call it when all is drawn.

    Bounds at a large N come near the ends of float64, and the margin that matplotlib adds would lie beyond.
    """
    low = axes.dataLim.minposy
    high = axes.dataLim.y1
    if not 0 < low <= high < math.inf:
        axes.text(0.5, 0.5, "no positive value", ha="center", va="center", transform=axes.transAxes)
        axes.set_yticks([])
        return
    first = math.log10(low)
    last = math.log10(high)
    extreme = first < -MOST_DECADES or last > MOST_DECADES
    if extreme:
        # Before anything asks for the limits: matplotlib would compute its own.
        axes.set_autoscaley_on(False)
    axes.set_yscale("log")
    log_ticks(axes.yaxis, most=most)
    if extreme:
        margin = max(0.05 * (last - first), 1.0)
        axes.set_ylim(10.0 ** max(first - margin, FIRST_DECADE), 10.0 ** min(last + margin, LAST_DECADE))
