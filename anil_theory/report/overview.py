"""A line for each statement of a run: the worst verdict, where it is tightest, and where it would notice least."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anil_theory.report.mathematics import plain_formula
from anil_theory.report.rows import SEVERITY, Row, weakest_rows
from anil_theory.schedule import sampling_factor
from anil_theory.statements import STATEMENTS

NOT_JUDGED = "order"
"""The kind of claim that is shown and never judged: a printed order hides a factor."""

DECLARED = "declared"
"""The kind of claim that a family makes about itself; a guarantee is something else."""


@dataclass(frozen=True)
class StatementLine:
    """One statement of a run.

    worst      the most severe outcome of its rows, `counts` how many rows have each;
    tightest   the row with the largest measured/bound; None where no row has such a quotient;
    weakest    the row with the least power; None where no row has one;
    formula, printed   the claim and the printed order of the tightest row (of the first row, where there is none), in
               LaTeX; empty where it has none;
    drawn      what stands for the B of the formula where that row's tasks are drawn without replacement; else empty.
    """

    name: str
    title: str
    source: str
    worst: str
    counts: Mapping[str, int]
    rows: int
    tightest: Row | None
    weakest: Row | None
    formula: str
    printed: str
    printed_value: float | None
    drawn: str


def overview(rows: Iterable[Row]) -> list[StatementLine]:
    """A line for each statement of the rows: those of the paper in its order, then those of plug-ins."""
    grouped: dict[str, list[Row]] = {name: [] for name in STATEMENTS}
    for row in rows:
        grouped.setdefault(row["statement"], []).append(row)
    grouped = {name: members for name, members in grouped.items() if members}
    return [_line(name, members) for name, members in grouped.items()]


def _line(name: str, rows: Sequence[Row]) -> StatementLine:
    known = STATEMENTS.get(name)
    counts = {outcome: sum(row["outcome"] == outcome for row in rows) for outcome in SEVERITY}
    tightest = tightest_row(rows)
    shown = tightest or rows[0]
    return StatementLine(
        name=name,
        title="" if known is None else known.title,
        source="" if known is None else known.source,
        worst=next(outcome for outcome, number in counts.items() if number),
        counts={outcome: number for outcome, number in counts.items() if number},
        rows=len(rows),
        tightest=tightest,
        weakest=next(iter(weakest_rows(rows)), None),
        formula=latex_of(shown, judged_kind(shown)),
        printed=latex_of(shown, NOT_JUDGED),
        printed_value=shown["bounds"].get(NOT_JUDGED),
        drawn=_drawn(shown),
    )


def tightest_row(rows: Iterable[Row]) -> Row | None:
    """The row with the largest measured/bound; None where no row has such a quotient."""
    known = [row for row in rows if not math.isnan(row["tightness"])]
    return max(known, key=lambda row: row["tightness"], default=None)


def judged_kind(row: Row) -> str:
    """The kind of the smallest bound that was judged; empty where there is none."""
    if row.get("powered"):
        return row["powered"]
    judged = {kind: value for kind, value in row["bounds"].items() if kind != NOT_JUDGED}
    return min(judged, key=lambda kind: judged[kind], default="")


def latex_of(row: Row, kind: str) -> str:
    """The formula of the claim of one kind that the row was judged by; empty where it has none."""
    for verdict in row["verdicts"]:
        if verdict.get("claim", "").endswith(f"/{kind}"):
            return verdict.get("latex", "")
    return ""


def _drawn(row: Row) -> str:
    """What the B of a row's formula is, where its batches are drawn without replacement."""
    schedule = row.get("cell", {}).get("schedule", {})
    T = schedule.get("population")
    if T is None or not re.search(r"(?<![A-Za-z])B(?![A-Za-z])", latex_of(row, judged_kind(row))):
        return ""
    B = schedule["batch"]
    f = sampling_factor(B, T)
    return f"B in it is B/f, f = (T - B)/(T - 1): without replacement, at B = {B} of T = {T} f is {f:.4g}"


def bounded(row: Row) -> str:
    """What the row bounds, in words for a terminal: the left side of its formula, or the name of its block."""
    latex = latex_of(row, judged_kind(row))
    plain = plain_formula(latex)
    for relation in (" = ", " <= "):
        left, separator, _ = plain.partition(relation)
        if separator:
            return left
    return str(row["block"])


def guarantee(rows: Sequence[Row]) -> Row | None:
    """The row whose guarantee a run ends with: a refuted one, or the tightest that is more than a declaration."""
    refuted = [row for row in rows if row["outcome"] == "REFUTED" and not math.isnan(row["tightness"])]
    claimed = [row for row in rows if DECLARED not in row["bounds"]]
    return tightest_row(refuted) or tightest_row(claimed) or tightest_row(rows)


@dataclass(frozen=True)
class CountedEntry:
    """One line of Table 2 at one setting: what was counted of ANIL and of MAML, beside the formulas.

    formulas   in LaTeX, by method;
    outcomes   by method.
    """

    name: str
    counted: Mapping[str, str]
    formulas: Mapping[str, str]
    outcomes: Mapping[str, str]


METHODS = ("anil", "maml")


def counted_entries(rows: Iterable[Row]) -> dict[str, list[CountedEntry]]:
    """Table 2 from its rows, by setting: a line for each number, a column for each method."""
    settings: dict[str, dict[str, dict[str, Row]]] = {}
    for row in rows:
        if row["statement"] == "table2":
            method, _, name = row["block"].partition("_")
            settings.setdefault(row["setting"], {}).setdefault(name, {})[method] = row
    return {setting: [_counted(name, both) for name, both in names.items()] for setting, names in settings.items()}


def _counted(name: str, both: Mapping[str, Row]) -> CountedEntry:
    return CountedEntry(
        name=name.replace("_", " "),
        counted={method: _count_of(row) for method, row in both.items()},
        formulas={method: latex_of(row, "identity") for method, row in both.items()},
        outcomes={method: row["outcome"] for method, row in both.items()},
    )


def _count_of(row: Mapping[str, Any]) -> str:
    """The number that a run counted: the row itself holds by how much it differs from the formula."""
    remark = row["reason"].rsplit("; ", 1)[-1]
    words = remark.removeprefix("counted ").split(", ")
    return words[0] if remark.startswith("counted ") else "-"
