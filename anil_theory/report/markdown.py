"""Rows as a Markdown report."""

from collections.abc import Sequence
from pathlib import Path

from anil_theory.record import Record
from anil_theory.report.files import write_report
from anil_theory.report.rows import BLOCK_LABELS, BOUND_KINDS, Row, all_rows, bound, number, tightest_rows, tightness

READING = """\
*measured* is the largest value that any search found: a lower bound of the true constant. CONSISTENT means that no
point exceeds the bound (a search can refute a bound, never confirm it); REFUTED that a point does, beyond rounding;
CONFIRMED that a certified upper bound or an exact value lies below it; INCONCLUSIVE that the estimate cannot tell;
NOT_APPLICABLE that a hypothesis fails, with the amount. *tightness* is measured/smallest bound. *order* is the printed
order with its hidden factor poly(L, M, rho, tau) set to 1: for comparison, never judged."""


def write_markdown(path: Path, records: Sequence[Record], command: str, plots: Sequence[Path] = ()) -> None:
    """Write the report of a run: how to read it, the tightest row of each statement and block, every row, origin."""
    rows = all_rows(records)
    lines = ["# Verification report", "", f"`{command}`", "", READING, ""]
    for plot in plots:
        lines += [f"![{plot.stem.replace('_', ' ')}]({plot.name})", ""]
    lines += ["## The tightest setting of each statement and block", "", *_table(tightest_rows(rows), counts=True), ""]
    lines += _paper_tables(rows)
    lines += ["## Every setting", "", *_table(rows, counts=False), ""]
    reasons = sorted(
        {f"- {r['outcome']}: {r['reason']}" for r in rows if r["outcome"] not in ("CONSISTENT", "CONFIRMED")}
    )
    if reasons:
        lines += ["## Reasons", "", *reasons, ""]
    if records:
        provenance = records[-1].provenance
        lines += ["## Provenance", ""]
        lines += [f"- {name}: {value}" for name, value in provenance.items() if name not in ("started", "finished")]
        lines += [f"- records: {len(records)}, one file per cell beside this report", ""]
    write_report("\n".join(lines), path)


TABLES = {
    "table1": "Table 1: the terms of the rates (at D0 = 1, c = 1)",
    "table2": "Table 2: oracle calls of one outer step",
}


def _paper_tables(rows: Sequence[Row]) -> list[str]:
    """Tables 1 and 2 as the paper lays them out: symbol, numbers of the bounds, measured number, per setting."""
    lines: list[str] = []
    for name, title in TABLES.items():
        settings: dict[str, list[Row]] = {}
        for row in rows:
            if row["statement"] == name:
                settings.setdefault(f"{row['geometry']}, {row['setting']}", []).append(row)
        for setting, members in settings.items():
            lines += [f"## {title}", "", setting, ""] if members is next(iter(settings.values())) else [setting, ""]
            lines += [*_symbols(name, members), ""]
    return lines


def _symbols(name: str, members: Sequence[Row]) -> list[str]:
    if name == "table2":
        table = ["| entry | symbol | discrepancy | counted and formula | verdict |", "|---|---|---:|---|---|"]
        for row in members:
            remark = row["reason"].rsplit("; ", 1)[-1]
            latex = f"${row['verdicts'][0]['latex']}$"
            table.append(f"| {row['block']} | {latex} | {number(row['measured'])} | {remark} | {row['outcome']} |")
        return table
    table = ["| term | symbol | order | explicit | refined | measured | verdict |", "|---|---|---:|---:|---:|---:|---|"]
    for row in members:
        numbers = " | ".join(
            [*(bound(row, kind) for kind in ("order", "explicit", "refined")), number(row["measured"])]
        )
        table.append(f"| {row['block']} | ${row['verdicts'][0]['latex']}$ | {numbers} | {row['outcome']} |")
    return table


def _table(rows: Sequence[Row], counts: bool) -> list[str]:
    head = [
        "statement",
        "block",
        "regime",
        "setting",
        "method",
        "measured",
        "sharp",
        "refined",
        "explicit",
        "order",
        "tightness",
        "verdict",
    ]
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * 5 + "---:|" * 6 + "---|"]
    for row in rows:
        verdict = row["outcome"]
        if counts:
            verdict = ", ".join(f"{outcome} x{n}" for outcome, n in row["counts"].items())
        cells = [
            row["statement"] + (" (attained)" if row["check"] == "attained" else ""),
            BLOCK_LABELS.get(row["block"], row["block"]),
            row["regime"],
            row["setting"],
            row["method"],
            number(row["measured"]),
            *(bound(row, kind) for kind in BOUND_KINDS),
            tightness(row),
            verdict,
        ]
        table.append("| " + " | ".join(cells) + " |")
    return table
