"""The figures of the documentation and of a paper: from which records each is drawn, by what, and its caption.

A figure is data: a name, the records that it needs, and two functions. `anil-theory figures` draws them; nothing here
computes. A record that is missing is named with the command that writes it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anil_theory.errors import AnilTheoryError
from anil_theory.record import Record, RecordStore
from anil_theory.report import captions
from anil_theory.report.audit_figures import plot_finding
from anil_theory.report.certify_plots import plot_certificates
from anil_theory.report.cost_plot import plot_cost
from anil_theory.report.curvature_plot import curvature_points, plot_curvature
from anil_theory.report.hypergradient_plot import plot_hypergradients
from anil_theory.report.neural_plots import bench_runs, plot_training
from anil_theory.report.operations_plot import plot_operations
from anil_theory.report.plots import plot_blocks
from anil_theory.report.rate_plots import plot_convergence, plot_floor
from anil_theory.report.rates_table import curves_of
from anil_theory.report.rows import all_rows
from anil_theory.report.saturation_plot import plot_saturation
from anil_theory.report.savings_plot import plot_savings
from anil_theory.report.share_map import plot_share_map
from anil_theory.report.tightness_plot import plot_reached

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Records = Mapping[str, Sequence[Record]]
"""The records of a figure, by the names of their sources."""

COMMANDS = {
    "block_constants": "anil-theory run experiments/block_constants.toml",
    "bounds": "anil-theory bounds",
    "block_certificates": "anil-theory run experiments/block_certificates.toml",
    "share_map": "anil-theory run experiments/share_map.toml",
    "tightness": "anil-theory tightness",
    "rates": "anil-theory rates",
    "saturation": "anil-theory saturation",
    "unroll_or_solve": "anil-theory run experiments/unroll_or_solve.toml",
    "compiler_cost": "python experiments/compiler_cost.py",
    "bench": "anil-theory bench --quick --curvature 5",
    "audit": "anil-theory audit",
}
"""The sources of records, by the name of their folder, each with the command that writes it."""


class MissingRecords(AnilTheoryError, LookupError):
    """A figure cannot be drawn: records that it needs are not there. The message names the command that writes them."""


@dataclass(frozen=True)
class PaperFigure:
    """One figure.

    sources   the names of the records that it needs, of `COMMANDS`;
    draw      records -> the figure, or None where they hold nothing to draw;
    caption   records -> what the figure shows, in words.
    """

    name: str
    sources: tuple[str, ...]
    draw: Callable[[Records], "Figure | None"]
    caption: Callable[[Records], str]


def records_in(results: Path, source: str) -> list[Record]:
    """The records of a source below a folder of results: in SOURCE/records, or in SOURCE itself. Empty without any."""
    for place in (results / source / "records", results / source):
        if place.is_dir():
            records = list(RecordStore(place))
            if records:
                return records
    return []


def records_for(figure: PaperFigure, results: Path) -> Records:
    """What a figure is drawn from. Raises MissingRecords where a source has no record."""
    by_source = {source: records_in(results, source) for source in figure.sources}
    missing = [source for source, stored in by_source.items() if not stored]
    if missing:
        commands = " and ".join(COMMANDS[source] for source in missing)
        places = ", ".join(str(results / source) for source in missing)
        raise MissingRecords(f"{figure.name}: no records in {places}; run {commands} first")
    return by_source


def drawn(figure: PaperFigure, records: Records) -> "Figure":
    """The figure. Raises MissingRecords where its records hold nothing to draw."""
    drawing = figure.draw(records)
    if drawing is None:
        commands = " and ".join(COMMANDS[source] for source in figure.sources)
        raise MissingRecords(f"{figure.name}: its records hold nothing to draw; run {commands} first")
    return drawing


def _blocks(records: Records) -> "Figure | None":
    rows = all_rows(records["block_constants"])
    return plot_blocks(rows, curves=_measured(records["bounds"]), certificates=_certificates(records))


def _certificates(records: Records) -> list[dict[str, Any]]:
    """The rows of the certificates, each with the setting of its record."""
    rows = []
    for record in records["block_certificates"]:
        setting = {"constants": record.cell["constants"], "alpha": record.cell["schedule"]["alpha"]}
        rows += [{**row, **setting} for row in record.verdicts]
    return rows


def _measured(records: Sequence[Record]) -> list[Any]:
    return [record.measurements for record in records]


def _sound_rows(records: Records) -> list[dict[str, Any]]:
    """The rows of `tightness` in which no bound was broken on purpose."""
    sound = [record for record in records["tightness"] if not record.cell["broken"]]
    return [row for record in sound for row in record.measurements["rows"]]


def _rate_curves(records: Records, study: str) -> list[Any]:
    """The curves of one study of `rates`, in the order of their labels."""
    return sorted(curves_of(_measured(records["rates"]), study), key=lambda curve: str(curve.get("label", "")))


def _training(records: Records, geometry: str) -> "Figure | None":
    return plot_training(bench_runs(records["bench"]), geometry)


def _finding(records: Records, name: str) -> "Figure | None":
    findings = {record.measurements["name"]: record.measurements for record in records["audit"]}
    return plot_finding(findings[name]) if name in findings else None


FIGURES: dict[str, PaperFigure] = {
    figure.name: figure
    for figure in (
        PaperFigure(
            "block_constants", ("block_constants", "bounds", "block_certificates"), _blocks, captions.block_constants
        ),
        PaperFigure(
            "tightness_map",
            ("share_map",),
            lambda records: plot_share_map(_measured(records["share_map"])),
            captions.tightness_map,
        ),
        PaperFigure(
            "tightness", ("tightness",), lambda records: plot_reached(_sound_rows(records)), captions.tightness
        ),
        PaperFigure(
            "certificates",
            ("block_certificates",),
            lambda records: plot_certificates(_certificates(records)),
            captions.certificates,
        ),
        PaperFigure(
            "cost_to_accuracy", ("rates",), lambda records: plot_cost(_rate_curves(records, "cost")), captions.cost
        ),
        PaperFigure(
            "convergence",
            ("rates",),
            lambda records: plot_convergence(_rate_curves(records, "convergence")),
            captions.convergence,
        ),
        PaperFigure("floor", ("rates",), lambda records: plot_floor(_rate_curves(records, "floor")), captions.floor),
        PaperFigure(
            "saturation",
            ("saturation",),
            lambda records: plot_saturation(_measured(records["saturation"])),
            captions.saturation,
        ),
        PaperFigure(
            "unroll_or_solve",
            ("unroll_or_solve",),
            lambda records: plot_hypergradients(all_rows(records["unroll_or_solve"])),
            captions.unroll_or_solve,
        ),
        PaperFigure(
            "anil_against_maml",
            ("compiler_cost",),
            lambda records: plot_savings(_measured(records["compiler_cost"])),
            captions.anil_against_maml,
        ),
        PaperFigure(
            "compiler_cost",
            ("compiler_cost",),
            lambda records: plot_operations(_measured(records["compiler_cost"])),
            captions.compiler_cost,
        ),
        PaperFigure(
            "figure1_strongly_convex", ("bench",), partial(_training, geometry="strongly-convex"), captions.training
        ),
        PaperFigure("figure2_nonconvex", ("bench",), partial(_training, geometry="nonconvex"), captions.training),
        PaperFigure(
            "curvature",
            ("bench",),
            lambda records: plot_curvature(curvature_points(records["bench"]), ("strongly-convex", "nonconvex")),
            captions.curvature,
        ),
        *(
            PaperFigure(
                f"finding_{name}", ("audit",), partial(_finding, name=name), partial(captions.finding, name=name)
            )
            for name in ("perfect_conditioning", "growth_in_N", "theorem1_phi_rate", "training_trajectory")
        ),
    )
}
"""Every figure, by its name, in the order of the gallery."""
