"""The content of a page as plain values, which its template lays out. The only HTML made here is that of formulas."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anil_theory.record import Record
from anil_theory.report.mathematics import UnreadableFormula, mathml
from anil_theory.report.overview import (
    CountedEntry,
    StatementLine,
    bounded,
    counted_entries,
    guarantee,
    judged_kind,
    latex_of,
    overview,
)
from anil_theory.report.rows import (
    BLOCK_LABELS,
    BOUND_KINDS,
    Row,
    bound,
    marked,
    number,
    power,
    tightest_rows,
    tightness,
)
from anil_theory.results.base import Results
from anil_theory.results.page.figures import Picture, of_statement, of_study

QUIET = ("CONFIRMED", "CONSISTENT")
"""Outcomes that need no word of explanation."""

_NUMBER = re.compile(r"(?<![<>])= -?\d[\d.]*(e[+-]?\d+)?")
"""A number of one setting in the words of a hypothesis, as in beta_w <= 1/Lam_w (c = 0.32)."""

UNREPORTED = ("started", "finished")
DEFINITIONS = r",\quad "
"""What stands between a claim and the definitions that it needs."""

MOST_FINDINGS = 20
"""Remarks of one statement that are listed."""

HIDDEN = ("study", "record", "rounding_kind", "first_dropped", "query", "max_inner_steps", "measurement")
"""Columns of a study's rows that a page leaves to the exported files."""


@dataclass(frozen=True)
class Formula:
    """One claim: what it is called, and its formula as MathML, a line for each definition; empty where not readable."""

    name: str
    latex: str
    lines: list[str]


@dataclass(frozen=True)
class HypothesisLine:
    """One hypothesis of a statement: its least margin, in how many rows it holds, and where the margin is least."""

    condition: str
    margin: str
    holds: int
    rows: int
    where: str


@dataclass(frozen=True)
class StatementSection:
    """Everything the page says of one statement."""

    line: StatementLine
    tightest: str
    tightest_in: str
    notices: str
    formulas: list[Formula]
    printed: list[Formula]
    hypotheses: list[HypothesisLine]
    rows: list[dict[str, str]]
    counts: dict[str, list[CountedEntry]]
    symbols: dict[str, str]
    picture: Picture | None
    findings: list[str]


@dataclass(frozen=True)
class StudySection:
    """What the page says of a study other than verify: its rows as a table, its figures, its findings in words."""

    name: str
    columns: list[str]
    rows: list[list[str]]
    pictures: list[Picture]
    findings: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Content:
    """The page.

    guarantees   two lines, measured and claimed; empty where nothing was measured beside a bound;
    commands     what was typed, by run;
    origin       versions, sources and machine of the records;
    broken       for each block whose bounds a run halved on purpose, how many records are of such runs.
    """

    title: str
    guarantees: list[str]
    statements: list[StatementSection]
    rows: list[dict[str, str]]
    studies: list[StudySection]
    commands: list[str]
    origin: dict[str, str]
    records: int
    broken: dict[str, int]


def content_of(results: Results) -> Content:
    """The content of the page of some results."""
    rows = results.verdict_rows()
    others = [_study(name, results) for name in results.studies if name != "verify"]
    records = [record for members in results.studies.values() for record in members]
    return Content(
        title=results.folder.resolve().name,
        guarantees=_guarantees(rows),
        statements=[_section(line, rows) for line in overview(rows)],
        rows=[_shown(row) for row in rows],
        studies=others,
        commands=list(dict.fromkeys(note.command for _, note in results.notes)),
        origin=_origin(records),
        records=len(records),
        broken=dict(Counter(record.cell["broken"] for record in records if record.cell.get("broken"))),
    )


def formula(name: str, latex: str) -> Formula:
    """A formula as MathML, or as the LaTeX that it is."""
    try:
        return Formula(name, latex, [mathml(part) for part in latex.split(DEFINITIONS)])
    except UnreadableFormula:
        return Formula(name, latex, [])


def _section(line: StatementLine, every: Sequence[Row]) -> StatementSection:
    rows = [row for row in every if row["statement"] == line.name]
    return StatementSection(
        line=line,
        tightest="-" if line.tightest is None else tightness(line.tightest),
        tightest_in="-" if line.tightest is None else _label(line.tightest),
        notices="-" if line.weakest is None else power(line.weakest),
        formulas=_formulas(rows),
        printed=_printed(rows),
        hypotheses=_hypotheses(rows),
        rows=[_shown(row) | {"verdict_text": _counts(row)} for row in tightest_rows(rows)],
        counts=counted_entries(rows),
        symbols=_symbols(rows),
        picture=of_statement(rows, line.name),
        findings=_findings(rows),
    )


def _formulas(rows: Sequence[Row]) -> list[Formula]:
    """The claim that each block was judged by last: the smallest of its bounds."""
    formulas: dict[str, str] = {}
    for row in rows:
        kind = judged_kind(row)
        latex = latex_of(row, kind)
        if latex:
            formulas.setdefault(f"{_label(row)}, {kind}", latex)
    return [formula(name, latex) for name, latex in formulas.items()]


def _symbols(rows: Sequence[Row]) -> dict[str, str]:
    """The formulas of Table 2 within a line, by their LaTeX."""
    identities = {latex_of(row, "identity") for row in rows if row["statement"] == "table2"}
    return {latex: mathml(latex, display=False) for latex in identities if latex}


def _printed(rows: Sequence[Row]) -> list[Formula]:
    orders = {_label(row): latex for row in rows if (latex := latex_of(row, "order"))}
    return [formula(name, latex) for name, latex in orders.items()]


def _hypotheses(rows: Sequence[Row]) -> list[HypothesisLine]:
    """Every condition with its least margin over all rows."""
    margins: dict[str, list[tuple[float, str]]] = {}
    for row in rows:
        seen: dict[str, float] = {}
        for each in (each for verdict in row["verdicts"] for each in verdict["hypotheses"]):
            general = _NUMBER.sub("= …", each["condition"])
            seen[general] = min(each["margin"], seen.get(general, math.inf))
        for condition, margin in seen.items():
            margins.setdefault(condition, []).append((margin, row["setting"]))
    lines = []
    for condition, places in margins.items():
        least, where = min(places)
        holding = sum(margin >= 0 for margin, _ in places)
        lines.append(HypothesisLine(condition, number(least + 0.0), holding, len(places), where))
    return lines


def _findings(rows: Sequence[Row]) -> list[str]:
    """Why rows are neither CONFIRMED nor CONSISTENT, with the suspects and the replay of a refutation."""
    remarks = []
    for row in rows:
        if row["outcome"] in QUIET:
            continue
        text = f"{row['outcome']}: {_label(row)} at {row['setting']}: {row['reason']}"
        for verdict in row["verdicts"]:
            if verdict.get("suspects"):
                replay = verdict.get("replayed") or "not replayed"
                text += f". Suspects: {'; '.join(verdict['suspects'])}. Replay: {replay}"
                break
        remarks.append(text)
    remarks = list(dict.fromkeys(remarks))
    hidden = len(remarks) - MOST_FINDINGS
    return remarks[:MOST_FINDINGS] + ([f"and {hidden} more, in the table of all rows"] if hidden > 0 else [])


def _shown(row: Row) -> dict[str, str]:
    """A row as the texts of its cells."""
    return {
        "statement": row["statement"],
        "block": _label(row),
        "regime": row["regime"],
        "setting": row["setting"],
        "method": row["method"],
        "measured": marked(number(row["measured"]), row),
        **{kind: bound(row, kind) for kind in BOUND_KINDS},
        "tightness": tightness(row),
        "notices": power(row),
        "outcome": row["outcome"],
    }


def _counts(row: Row) -> str:
    return ", ".join(f"{outcome} x{count}" for outcome, count in row["counts"].items())


def _label(row: Row) -> str:
    return str(BLOCK_LABELS.get(row["block"], row["block"]))


def _guarantees(rows: Sequence[Row]) -> list[str]:
    row = guarantee(rows)
    if row is None:
        return []
    kind = judged_kind(row)
    what = bounded(row)
    where = f"{row['statement']}, {_label(row)}, at {row['setting']}"
    measured = f"measured: {what} = {number(row['measured'])} ({row['direction']}; {where})"
    return [measured, f"claimed: {what} ≤ {number(row['bounds'][kind])} ({kind})"]


def _study(name: str, results: Results) -> StudySection:
    rows = results.rows(name)
    columns = [column for column in dict.fromkeys(key for row in rows for key in row) if column not in HIDDEN]
    used = [column for column in columns if any(row.get(column) not in (None, "") for row in rows)]
    records = results.studies[name]
    findings = [dict(record.measurements) for record in records] if name == "audit" else []
    cells = [[_cell(row.get(column)) for column in used] for row in rows]
    return StudySection(name, used, cells, of_study(name, records), findings)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else str(value)
    return number(value)


def _origin(records: Sequence[Record]) -> dict[str, str]:
    """The origin that the last record with one states. Those of the others may differ, in times at least."""
    if not records:
        return {}
    stated = next((record.provenance for record in reversed(records) if record.provenance), {})
    origin = {name: str(value) for name, value in stated.items() if name not in UNREPORTED}
    differing = [name for name in origin if any(str(record.provenance.get(name)) != origin[name] for record in records)]
    return origin | ({"differs between records": ", ".join(differing)} if differing else {})
