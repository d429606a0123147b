"""Plot functions: into axes of a user's own or a new figure, no file, no state of matplotlib, and all can be read."""

import doctest
import importlib
import pkgutil
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import anil_theory.report
from anil_theory import InvalidParameter, report
from anil_theory.estimators.base import BLOCKS
from anil_theory.report import all_rows, house_style, plot_blocks, plot_tightness, save_figure
from tests.report.figure_examples import EXAMPLES, Example, block_row, block_rows, cost_curves

each_name = pytest.mark.parametrize("name", EXAMPLES)
each = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())


def report_modules() -> list[Any]:
    names = [module.name for module in pkgutil.iter_modules(anil_theory.report.__path__)]
    return [importlib.import_module(f"anil_theory.report.{name}") for name in names]


def drawn(example: Example, axes: Any = None) -> Figure:
    """The figure of an example, drawn by Agg with every warning an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = example.draw(axes)
        assert figure is not None
        FigureCanvasAgg(figure).draw()
    return figure


def test_every_plot_function_has_an_example_here_and_is_exported() -> None:
    modules = report_modules()
    found = {name for module in modules for name, value in vars(module).items() if name.startswith("plot_")}
    assert found == EXAMPLES.keys()
    assert {name for name in anil_theory.report.__all__ if name.startswith("plot_")} == found


@each
def test_it_draws_into_axes_of_a_users_own_and_leaves_the_rest_alone(example: Example) -> None:
    mine = Figure(figsize=(12, 12))
    mine.suptitle("mine")
    first, *rest = mine.subplots(1, example.panels + 1)
    assert example.draw(rest) is mine
    assert mine.get_suptitle() == "mine" and not mine.legends
    assert not first.has_data() and first.get_title() == ""
    assert all(axis.has_data() or axis.texts for axis in rest)
    assert any(axis.get_legend() for axis in rest)


@each
def test_one_axes_too_few_and_what_is_no_axes_are_refused(example: Example) -> None:
    axes = Figure().subplots(1, example.panels, squeeze=False)
    for wrong in (axes[0][:-1], [], ["axes"] * example.panels):
        with pytest.raises(InvalidParameter, match=f"axes must be {example.panels} matplotlib Axes, one per panel"):
            example.draw(wrong)


def test_axes_of_a_subfigure_belong_to_the_figure_around_it() -> None:
    mine = Figure()
    left, right = mine.subfigures(1, 2)  # pyright: ignore[reportGeneralTypeIssues]
    assert plot_blocks([block_row(3, 1.0)], axes=right.subplots()) is mine
    assert not left.axes


@each_name
def test_a_new_figure_leaves_no_file_and_no_setting_behind(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = dict(matplotlib.rcParams)
    figure = EXAMPLES[name].draw()
    assert figure is not None and figure.dpi == house_style.DPI and figure.get_suptitle()
    assert len(figure.axes) == EXAMPLES[name].panels
    assert dict(matplotlib.rcParams) == before
    assert not list(tmp_path.iterdir())


def test_a_figure_is_saved_in_the_format_of_its_name_and_png_without_one(tmp_path: Path) -> None:
    figure = EXAMPLES["plot_tightness"].draw()
    assert figure is not None
    for name, begins in (("figure.png", b"\x89PNG"), ("figure.pdf", b"%PDF"), ("figure", b"\x89PNG")):
        save_figure(figure, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begins)
    assert len(list(tmp_path.iterdir())) == 3


@each
def test_nothing_to_draw_is_none(example: Example) -> None:
    assert example.nothing() is None


def test_no_source_chooses_a_backend_or_uses_pyplot() -> None:
    root = Path(__file__).parents[2]
    sources = [
        path for folder in ("anil_theory", "experiments", "paper_figures") for path in (root / folder).rglob("*.py")
    ]
    wrong = ("matplotlib.use", "import matplotlib.pyplot", "from matplotlib import pyplot")
    assert len(sources) > 200
    assert not [path for path in sources if any(word in path.read_text(encoding="utf-8") for word in wrong)]


def labels_on(axis: Any) -> list[Any]:
    """The boxes of the labels of an axis that are seen, in the order of the axis."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() + axis.get_minor_ticks() if low <= tick.get_loc() <= high]
    shown = [tick.label1 for tick in ticks if tick.label1.get_visible() and tick.label1.get_text()]
    return [label.get_window_extent() for label in shown]


@each_name
def test_every_axis_of_a_new_figure_can_be_read(name: str) -> None:
    """Two labels or more on an axis with labels and data, none on another, and no legend over the edge or the data."""
    figure = drawn(EXAMPLES[name])
    page = figure.bbox.padded(1.0)
    for axes in figure.axes:
        frame = axes.get_window_extent()
        for axis, along in ((axes.xaxis, "x"), (axes.yaxis, "y")):
            boxes = sorted(labels_on(axis), key=lambda box: getattr(box, f"{along}0"))
            labelled = axis.get_tick_params()[f"label{'bottom' if along == 'x' else 'left'}"]
            if labelled and axes.has_data():
                assert len(boxes) >= 2, (axes.get_title(), along)
            for one, other in pairwise(boxes):
                assert getattr(one, f"{along}1") < getattr(other, f"{along}0"), (axes.get_title(), along)
        legend = axes.get_legend()
        if legend is not None:
            box = legend.get_window_extent().padded(-1.0)
            assert page.contains(box.x0, box.y0) and page.contains(box.x1, box.y1), "a legend over the edge"
            assert not box.overlaps(frame), "a legend on data"
        title = axes.title.get_window_extent()
        assert page.contains(title.x0, title.y0) and page.contains(title.x1, title.y1), axes.get_title()
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert page.contains(box.x0, box.y0) and page.contains(box.x1, box.y1), "a legend over the edge"
        assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes), "a legend on data"


@pytest.mark.parametrize("values", [(0.0, 0.0), (1e-307, 5e-324), (1.0, 1.7e308), (1e-250, 1e300), (5e-324, 5e-324)])
def test_constants_near_the_ends_of_float64_are_drawn_without_a_warning(values: tuple[float, float]) -> None:
    """As at N = 10000, where powers of 1 - alpha mu underflow and those of 1 + alpha L overflow."""
    rows = [block_row(N, value, sampled=value) for N, value in zip((1, 10000), values, strict=True)]
    assert len(drawn(Example(lambda axes: plot_tightness(rows), 1, nothing=lambda: None)).axes) == 1
    (axes,) = drawn(Example(lambda axes: plot_blocks(rows), 1, nothing=lambda: None)).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts == (["no positive value"] if values == (0.0, 0.0) else [])


@pytest.mark.parametrize("outcome", ["INCONCLUSIVE", "REFUTED"])
def test_a_share_of_millions_is_drawn_at_once(outcome: str) -> None:
    """A tick for every 0.2 of it would be 15 million ticks."""
    rows = [block_row(1, 0.5), block_row(30, 3e6, tightness=3e6, outcome=outcome)]
    figure = drawn(Example(lambda axes: plot_tightness(rows), 1, nothing=lambda: None))
    highest = figure.axes[0].get_ylim()[1]
    assert highest > 3e6 if outcome == "REFUTED" else highest < 2, "a row that could not tell has no share"


def test_more_curves_than_colours_are_all_drawn() -> None:
    figure = report.plot_cost(cost_curves())
    assert figure is not None and len(house_style.COLOURS) < 10
    legend = figure.axes[3].get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert [label.splitlines()[0] for label in labels] == [f"ANIL, c = {c}" for c in range(10)]


def test_regimes_and_blocks_that_the_house_does_not_know_are_drawn_after_its_own() -> None:
    rows = [block_row(1, 1.0, regime="alpha = 1/$N", block="own"), *block_rows()]
    figure = plot_blocks(rows)
    assert figure is not None
    titles = [axes.get_title() for axes in figure.axes[:5]]
    assert titles == [*house_style.BLOCK_TITLES.values(), "own"]
    assert r"alpha = 1/\$N" in figure.axes[10].get_ylabel()


def test_the_names_of_blocks_are_those_that_are_measured() -> None:
    assert tuple(house_style.BLOCK_TITLES) == BLOCKS == tuple(house_style.BLOCK_COLOURS)
    assert all_rows([]) == []


def test_examples_in_docstrings_run() -> None:
    results = [doctest.testmod(module) for module in report_modules()]
    assert sum(result.attempted for result in results) >= 10
    assert sum(result.failed for result in results) == 0
