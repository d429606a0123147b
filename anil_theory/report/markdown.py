"""Rows as a Markdown report."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from anil_theory._printable import as_code, in_markdown
from anil_theory.record import Record
from anil_theory.report.files import write_report
from anil_theory.report.overview import METHODS, bounded, counted_entries, guarantee, judged_kind, latex_of, overview
from anil_theory.report.rows import (
    BLOCK_LABELS,
    BOUND_KINDS,
    Row,
    all_rows,
    bound,
    left_out,
    number,
    power,
    rounding,
    tightest_rows,
    tightness,
)

READING = """\
*measured* is the largest value that any search found: a lower bound of the true constant. CONSISTENT means that no
point exceeds the bound (a search can refute a bound, never confirm it); REFUTED that what was measured does, by more
than its error; CONFIRMED that a certified upper bound, an exact value, or a mean over seeds with four standard errors
lies below it; INCONCLUSIVE that the estimate cannot tell; NOT_APPLICABLE that a hypothesis fails, with the amount.
*tightness* is measured/smallest bound. *notices x f* is the power of a row: had its smallest bound been f times what it
is, or less, the row would say REFUTED; of an identity there is no such factor. *order* is the printed order with its
hidden factor poly(L, M, rho, tau) set to 1: for comparison, never judged. Blocks of Propositions 2 and 3 are judged by
the worst instance known, *sampled* is what the tasks of the row's own population reach. *rounding* says what the
rounding in the slack is: *derived* from the program that was measured, to first order and doubled, or a *heuristic*, a
count of roundings that knows nothing of the loss and is no bound; a dash where there is none (an exact number, a
certificate). *left out* counts the samples that are not finite."""

UNREPORTED = ("started", "finished")


def write_markdown(path: Path, records: Sequence[Record], command: str, plots: Sequence[Path] = ()) -> None:
    """Write the report of a run: how to read it, the tightest row of each statement and block, every row, origin."""
    rows = all_rows(records)
    lines = ["# Verification report", "", as_code(command), "", *_overview(rows)]
    lines += ["## How to read it", "", READING, ""]
    for plot in plots:
        lines += [f"![{plot.stem.replace('_', ' ')}]({quote(plot.name)})", ""]
    lines += _statements(rows)
    lines += _paper_tables(rows)
    lines += ["## Every setting", "", *_table(rows, counts=False), ""]
    judged = [row for row in rows if row["outcome"] not in ("CONSISTENT", "CONFIRMED")]
    reasons = sorted({f"- {row['outcome']}: {in_markdown(row['reason'])}" for row in judged})
    if reasons:
        lines += ["## Reasons", "", *reasons, ""]
    remarks = dict.fromkeys(filter(None, map(left_out, rows)))
    if remarks:
        lines += ["## Samples left out", "", *(f"- {in_markdown(remark)}" for remark in remarks), ""]
    if records:
        origin = {name: str(value) for name, value in records[-1].provenance.items()}
        lines += ["## Provenance", ""]
        lines += [f"- {name}: {in_markdown(text)}" for name, text in origin.items() if name not in UNREPORTED]
        lines += [f"- records: {len(records)}, one file per cell beside this report", ""]
    write_report("\n".join(lines), path)


def _overview(rows: Sequence[Row]) -> list[str]:
    """A line for each statement, with a link to its section, and the guarantees measured and claimed."""
    table = [
        "| statement | worst verdict | rows | tightest | at | notices | least at |",
        "|---|---|---:|---:|---|---:|---|",
    ]
    for line in overview(rows):
        worst = ", ".join(f"{outcome} x{number}" for outcome, number in line.counts.items())
        tightest = ["-", "-"] if line.tightest is None else [tightness(line.tightest), _where(line.tightest)]
        weakest = ["-", "-"] if line.weakest is None else [power(line.weakest), _where(line.weakest)]
        cells = [f"[{in_markdown(line.name)}](#{quote(line.name)})", worst, str(line.rows), *tightest, *weakest]
        table.append("| " + " | ".join(cells) + " |")
    last = guarantee(rows)
    if last is None:
        return [*table, ""]
    measured = f"{bounded(last)} = {number(last['measured'])}, {last['direction']}: {last['statement']}, {_where(last)}"
    kind = judged_kind(last)
    return [
        *table,
        "",
        f"- measured guarantee: {in_markdown(measured)}",
        f"- claimed guarantee: {in_markdown(bounded(last))} <= {number(last['bounds'][kind])} ({in_markdown(kind)})",
        "",
    ]


def _where(row: Row) -> str:
    return in_markdown(f"{BLOCK_LABELS.get(row['block'], row['block'])} at {row['setting']}")


def _statements(rows: Sequence[Row]) -> list[str]:
    """A section for each statement: what it is in the paper, its formula, its printed order, its tightest rows."""
    lines: list[str] = []
    for line in overview(rows):
        members = [row for row in rows if row["statement"] == line.name]
        what = in_markdown(f"{line.name}: {line.source}. {line.title}") if line.title else in_markdown(line.name)
        lines += [f"## {in_markdown(line.name)}", "", f"- {what}"]
        lines += [f"- formula: ${line.formula}$"] if line.formula else []
        lines += [f"- {line.drawn}"] if line.drawn else []
        lines += [f"- printed order: ${line.printed}$"] if line.printed else []
        lines += ["", "### The tightest setting of each block", ""]
        lines += [*_table(tightest_rows(members), counts=True), ""]
    return lines


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
            setting = in_markdown(setting)
            lines += [f"## {title}", "", setting, ""] if members is next(iter(settings.values())) else [setting, ""]
            lines += [*_symbols(name, members), ""]
    return lines


def _symbols(name: str, members: Sequence[Row]) -> list[str]:
    if name == "table2":
        return _counts(members)
    table = ["| term | symbol | order | explicit | refined | measured | verdict |", "|---|---|---:|---:|---:|---:|---|"]
    for row in members:
        numbers = " | ".join(
            [*(bound(row, kind) for kind in ("order", "explicit", "refined")), number(row["measured"])]
        )
        table.append(f"| {row['block']} | ${latex_of(row, 'order')}$ | {numbers} | {row['outcome']} |")
    return table


def _counts(members: Sequence[Row]) -> list[str]:
    """Table 2 at one setting: a line for each number, what was counted and its formula for both methods."""
    table = [
        "| numbers of | ANIL, counted | formula | verdict | MAML, counted | formula | verdict |",
        "|---|---:|---|---|---:|---|---|",
    ]
    for (entries,) in [counted_entries(members).values()]:
        for entry in entries:
            cells = [in_markdown(entry.name)]
            for method in METHODS:
                formula = entry.formulas.get(method, "")
                cells += [entry.counted.get(method, "-"), f"${formula}$" if formula else "-"]
                cells.append(entry.outcomes.get(method, "-"))
            table.append("| " + " | ".join(cells) + " |")
    return table


def _table(rows: Sequence[Row], counts: bool) -> list[str]:
    head = [
        "statement",
        "block",
        "regime",
        "setting",
        "method",
        "measured",
        "sampled",
        "sharp",
        "refined",
        "explicit",
        "order",
        "tightness",
        "notices",
        "rounding",
        "left out",
        "verdict",
    ]
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * 5 + "---:|" * 8 + "---|---:|---|"]
    for row in rows:
        verdict = row["outcome"]
        if counts:
            verdict = ", ".join(f"{outcome} x{n}" for outcome, n in row["counts"].items())
        words = [
            row["statement"] + (" (attained)" if row["check"] == "attained" else ""),
            BLOCK_LABELS.get(row["block"], row["block"]),
            row["regime"],
            row["setting"],
            row["method"],
        ]
        cells = [
            *(in_markdown(word) for word in words),
            number(row["measured"]),
            number(row.get("sampled")),
            *(bound(row, kind) for kind in BOUND_KINDS),
            tightness(row),
            power(row),
            rounding(row),
            str(row.get("dropped", 0)),
            verdict,
        ]
        table.append("| " + " | ".join(cells) + " |")
    return table
