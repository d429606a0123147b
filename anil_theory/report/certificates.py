"""Certificates as tables on a terminal: each block enclosed from both sides, beside its bounds."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory.report.rows import BLOCK_LABELS, heuristic_legend, marked, number
from anil_theory.report.tables import print_whole
from anil_theory.report.terminal import STYLES, print_heuristics

CertificateRow = Mapping[str, Any]
"""One block of one cell: "lower", "upper", "width", "bounds", "factors", "outcome", "status" and the setting.

"rounding_kind" is that of the estimate that was judged: empty for a certificate, whose rounding is enclosed."""


COLUMNS = ("N", "witness", "certified", "width", "sharp", "/cert.", "refined", "explicit")


def print_certificates(console: Console, rows: Sequence[CertificateRow]) -> None:
    """One line per block and N: witness, certified upper bound, width, bounds, verdict.

    "/cert." is the sharp bound over the certified upper bound: it exceeds the truth by at least this factor. Those of
    the other bounds are in the records: the table fits into 80 characters.
    """
    for title, members in groupby(rows, key=_heading):
        group = list(members)
        console.print(Text(title, style="bold cyan"))
        # One space between columns and none at the ends: the table fits into 80 characters.
        table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("block", no_wrap=True)
        for name in COLUMNS:
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
        for row in group:
            cells = [number(row["lower"]), number(row["upper"]), f"{100 * row['width']:.3g}%"]
            sharp, refined, explicit = (number(row["bounds"].get(kind)) for kind in ("sharp", "refined", "explicit"))
            cells += [sharp, _factor(row, "sharp"), refined, explicit]
            verdict = Text(marked(row["outcome"], row), style=STYLES[row["outcome"]])
            table.add_row(BLOCK_LABELS[row["block"]], str(row["N"]), *cells, verdict)
        print_whole(console, table)
        for row in group:
            for line in _remarks(row):
                console.print(f"- {BLOCK_LABELS[row['block']]} at N = {row['N']}: {line}", highlight=False)
    print_heuristics(console, heuristic_legend(rows, "statement"))


def print_samples(console: Console, rows: Sequence[CertificateRow]) -> None:
    """What random points show beside the certificate: largest sample, extrapolated interval or why there is none."""
    rows = [row for row in rows if row["sampled"] is not None]
    for title, members in groupby(rows, key=_heading):
        console.print(Text(f"{title}: sampled, extrapolated (no bound), certified", style="bold cyan"))
        table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("block", no_wrap=True)
        for name in ("N", "sampled", "extrapolated", "p of fit", "certified"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("intervals", no_wrap=True)
        for row in members:
            supremum = row["sampled"]
            refused = supremum["low"] is None
            interval = "-" if refused else f"[{number(supremum['low'])}, {number(supremum['high'])}]"
            fit = "-" if math.isnan(supremum["fit_pvalue"]) else f"{supremum['fit_pvalue']:.2g}"
            certified = f"[{number(row['lower'])}, {number(row['upper'])}]"
            meets = "meet" if supremum["meets"] else "differ"
            say = _refusal(supremum["refused"]) if refused else meets
            table.add_row(
                BLOCK_LABELS[row["block"]], str(row["N"]), number(supremum["largest"]), interval, fit, certified, say
            )
        print_whole(console, table)
    claimed = [row["sampled"]["meets"] for row in rows if row["sampled"]["meets"] is not None]
    if rows:
        console.print(
            f"{len(claimed)} of {len(rows)} extrapolated, {sum(claimed)} of these meet the certified interval. No "
            "verdict rests on them: the samples mix tasks, and points moved to the boundary of the ball.",
            highlight=False,
        )


def _refusal(reason: str) -> str:
    """The reason of `estimators.extremes` in a word or two."""
    short = {"the fit": "refused: fit", "the shape": "refused: shape", "the largest": "refused: ties"}
    return next((word for start, word in short.items() if reason.startswith(start)), "refused")


def _heading(row: CertificateRow) -> str:
    return f"{row['statement']}, {row['geometry']}, {row['region']}"


def _factor(row: CertificateRow, kind: str) -> str:
    low, _ = row["factors"].get(kind, (math.inf, math.inf))
    if not 0 < low < math.inf:
        return "-"
    return f"{low:.0f}" if 1000 <= low < 1e6 else f"{low:.3g}"


def _remarks(row: CertificateRow) -> list[str]:
    """What a row has to explain: an enclosure that did not close, a verdict other than CONFIRMED."""
    open_gap = [row["reason_of_search"]] if row["status"] != "CLOSED" else []
    return open_gap + ([row["reason"]] if row["outcome"] != "CONFIRMED" else [])


def print_clock(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print how many searches the clock ended: only these may end elsewhere in another run."""
    ends = [row["ended_by"] for row in rows]
    by_clock = ends.count("clock")
    if by_clock:
        console.print(
            f"{by_clock} of {len(ends)} searches were ended by the clock and not by the work allowed: what they prove "
            "depends on the machine and its load; --seconds raises the ceiling, --operations lowers the work.",
            style="yellow",
            highlight=False,
        )


def print_proof(console: Console, path: Path, tasks: int) -> None:
    """Print what a proof is of: the tasks drawn, and not their families."""
    if tasks:
        noun = "task" if tasks == 1 else "tasks"
        console.print(
            f"the proof is of {tasks} {noun} as drawn, whose data are in the file, over the boxes stated, "
            f"and not of their families; `anil-theory check {path}` checks it",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
