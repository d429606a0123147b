"""What `anil-theory tightness` does: settings, searches with progress, records, table, figure."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory._plain import to_plain
from anil_theory.constants import Constants, Geometry
from anil_theory.provenance import provenance
from anil_theory.record import Record, RecordStore, encode_floats, key
from anil_theory.report.tightness_plot import plot_reached
from anil_theory.schedule import Schedule
from anil_theory.verification.runner import same_origin
from anil_theory.verification.tightness import BLOCKS, TightnessCell, check_tightness


def tightness_cells(
    mu: Iterable[float],
    L: float,
    rho: Iterable[float],
    tau: Iterable[float],
    M: float,
    inner_steps: tuple[int, ...],
    geometries: tuple[Geometry, ...],
    c: float,
    seed: int,
) -> list[TightnessCell]:
    """The product of the values, alpha = mu/L^2 (strongly convex) or c/(N L) (nonconvex)."""
    cells = []
    for geometry in geometries:
        for one_mu in tuple(mu) if geometry is Geometry.STRONGLY_CONVEX else (None,):
            for one_rho in rho:
                for one_tau in tau:
                    constants = Constants(one_mu, L, one_rho, one_tau, M)
                    for N in inner_steps:
                        schedule = (
                            Schedule.strongly_convex(constants, N)
                            if one_mu is not None
                            else Schedule.nonconvex(constants, N, c)
                        )
                        cells.append(TightnessCell(constants, schedule, max(inner_steps), seed=seed))
    if not cells:
        raise InvalidParameter("grid", "at least one setting", "an empty grid")
    return cells


def run_tightness(
    cells: list[TightnessCell], *, out: Path, broken: str | None, resume: bool, console: Console
) -> tuple[int, dict[str, Any]]:
    """Check every setting; returns the exit status (1 when a bound is refuted) and the rows as plain values."""
    if broken is not None:
        one_of("break", broken, tuple(BLOCKS))
    store, rows, interrupted = RecordStore(out / "records"), [], False
    columns = (TextColumn("searching"), BarColumn(), MofNCompleteColumn(), TextColumn("settings"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=len(cells))
        try:
            for cell in cells:
                description = to_plain(cell) | {"command": "tightness", "broken": broken}
                name = key(description)
                if resume and name in store and same_origin(store.get(name)):
                    record = store.get(name)
                else:
                    started = datetime.now(UTC)
                    measured = {"rows": check_tightness(cell, broken)}
                    record = Record(cell=description, measurements=measured, provenance=provenance(started))
                    store.put(record)
                rows += record.measurements["rows"]
                progress.advance(bar)
        except KeyboardInterrupt:
            interrupted = True
    figure = out / "tightness.png"
    drawn = [figure] if rows and plot_reached(rows, figure) else []
    _print(console, rows)
    refuted = sum(outcome == "REFUTED" for row in rows for outcome in row["verdicts"].values())
    console.print(f"{len(rows)} rows, {refuted} bounds refuted; {store.folder}" + "".join(f", {p}" for p in drawn))
    if broken is not None:
        console.print(f"the bounds of {broken} were halved on purpose: refutations are what should be seen")
        for row in rows:
            for kind, text in row["replayed"].items():
                console.print(f"- {row['block']} {kind}: {row['reasons'][kind]}; {text}", highlight=False)
    if interrupted:
        console.print(f"interrupted: finished settings are kept in {store.folder}; --resume goes on", style="yellow")
        return 130, {}
    return (1 if refuted else 0), {"rows": encode_floats(to_plain(rows))}


def _print(console: Console, rows: list[dict[str, Any]]) -> None:
    """Shares by geometry, block and N, the smallest of all settings each, and the verdicts."""
    title = "sharp/refined bound, then what is reached of the sharp bound; the smallest of all settings each"
    console.print(Text(title, style="italic"))
    console.print(Text("family: worst task of the separable family/refined bound (lower, searched)", style="italic"))
    grouped = sorted(rows, key=lambda r: (r["geometry"], r["block"], r["N"]))
    for (geometry, block), members in groupby(grouped, key=lambda r: (r["geometry"], r["block"])):
        console.print(Text(f"{geometry}, {block}", style="bold cyan"))
        table = Table(box=None, header_style="dim", padding=(0, 1))
        names = ("N", "of", "sharp/refined", "scalar", "tensors", "choice", "realised", "family", "verdict")
        for name in names:
            table.add_column(name, justify="right", no_wrap=True)
        for N, same in groupby(members, key=lambda r: r["N"]):
            group = list(same)
            shares = [_least([r[name] / r["bounds"]["sharp"] for r in group]) for name in names[3:7]]
            refined = _least([r["bounds"]["sharp"] / r["bounds"]["refined"] for r in group])
            family = _least([r["family"] / r["bounds"]["refined"] for r in group])
            outcomes = sorted({outcome for r in group for outcome in r["verdicts"].values()})
            table.add_row(str(N), str(len(group)), refined, *shares, family, ", ".join(outcomes))
        console.print(table)


def _least(values: list[float]) -> str:
    """The smallest of the values that exist."""
    known = [v for v in values if not math.isnan(v)]
    return f"{min(known):.4f}" if known else "-"
