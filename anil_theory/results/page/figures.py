"""The figures of a page, drawn from records into the page itself."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from anil_theory.record import Record
from anil_theory.report import (
    bench_runs,
    plot_blocks,
    plot_certificates,
    plot_convergence,
    plot_cost,
    plot_finding,
    plot_floor,
    plot_reached,
    plot_training,
)
from anil_theory.report.rows import Row
from anil_theory.report.shares_plot import plot_shares
from anil_theory.study.ending import described

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[], "Figure | None"]


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    address   an image as a data address, or empty where the figure could not be drawn;
    text      what the figure is, for those who cannot see it; or why it is missing.
    """

    address: str
    text: str


def picture(draw: Draw, text: str) -> Picture | None:
    """What `draw` draws, as an image in the page; None where it has nothing. A failure costs the figure alone."""
    try:
        figure = draw()
        return None if figure is None else Picture(_address_of(figure), text)
    except Exception as error:
        return Picture("", f"{text}: not drawn ({described(error)})")


def _address_of(figure: "Figure") -> str:
    """An SVG image as a data address. Its date is left out: the same records make the same page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def of_statement(rows: Sequence[Row], name: str) -> Picture | None:
    """A proposition's block constants beside their bounds; any other statement's measured values over its bounds."""
    blocks = picture(partial(plot_blocks, rows), f"{name}: measured constants beside their bounds, against N")
    return blocks or picture(partial(plot_shares, rows), f"{name}: measured values over their bounds")


def of_study(study: str, records: Sequence[Record]) -> list[Picture]:
    """The figures of a study other than verify."""
    drawn = [picture(draw, text) for text, draw in _draws(study, records).items()]
    return [each for each in drawn if each is not None]


def _draws(study: str, records: Sequence[Record]) -> dict[str, Draw]:
    rows = [dict(row) for record in records for row in record.verdicts]
    if study == "certify":
        return {"enclosed constants beside their bounds": partial(plot_certificates, rows)}
    if study == "tightness":
        reached = [row for record in records for row in record.measurements["rows"]]
        return {"what is reached of the refined bound": partial(plot_reached, reached)}
    if study == "rates":
        return {
            "averages against outer steps": partial(plot_convergence, _curves(records, "convergence")),
            "floors against the batch size": partial(plot_floor, _curves(records, "floor")),
            "cost of an accuracy against N": partial(plot_cost, _curves(records, "cost")),
        }
    if study == "audit":
        findings = [dict(record.measurements) for record in records]
        return {finding["title"]: partial(plot_finding, finding) for finding in findings}
    if study == "bench":
        runs = bench_runs(records)
        geometries = dict.fromkeys(run["geometry"] for run in runs)
        return {f"training loss, {geometry}": partial(plot_training, runs, geometry) for geometry in geometries}
    return {}


def _curves(records: Sequence[Record], study: str) -> list[dict]:
    measured = [record.measurements for record in records if record.measurements["study"] == study]
    return [curve for each in measured for curve in each["curves"]]
