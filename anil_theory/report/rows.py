"""The rows of records, and how numbers and names are written in every report."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from anil_theory.record import Record

Row = dict[str, Any]
"""One line of a report, as `checks.Row` lays it out, with the record's cell under "cell"."""

BLOCK_LABELS = {"ww": "w, w", "wphi": "w, phi", "phiw": "phi, w", "phiphi": "phi, phi"}
BOUND_KINDS = ("sharp", "refined", "explicit", "order")
OTHER_KINDS = ("declared", "conjectured", "identity", "certified", "estimated")
"""The kinds of which a row has one alone."""
LEAST_POWER = 0.01
"""Below this three decimals say too little of a power."""
MARK = "~"
"""The sign behind a number or a verdict that rests on a heuristic rounding."""
STYLES = {
    "CONFIRMED": "bold green",
    "CONSISTENT": "green",
    "REFUTED": "bold red",
    "INCONCLUSIVE": "yellow",
    "NOT_APPLICABLE": "dim",
}
"""How a terminal shows each outcome."""
SEVERITY = ("REFUTED", "INCONCLUSIVE", "NOT_APPLICABLE", "CONSISTENT", "CONFIRMED")


def all_rows(records: Iterable[Record]) -> list[Row]:
    """Every row of every record."""
    return [dict(row) | {"cell": record.cell} for record in records for row in record.verdicts]


def tightest_rows(rows: Iterable[Row]) -> list[Row]:
    """One row per statement, block, regime, check and family: the tightest of those with the most severe outcome.

    Rows of the extremal task are all kept: it attains its bound for every N, and each N is a result. The row's "rows"
    says how many it stands for, "counts" their outcomes.
    """
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        each = row["cell"]["schedule"]["inner_steps"] if row["check"] == "attained" else None
        family = row["cell"].get("family")
        key = (row["statement"], row["geometry"], row["regime"], row["check"], row["block"], family, each)
        groups.setdefault(key, []).append(row)
    tightest = []
    for members in groups.values():
        first = min(members, key=lambda r: (SEVERITY.index(r["outcome"]), -_or(r["tightness"], r["measured"])))
        counts = {s: n for s in SEVERITY if (n := sum(r["outcome"] == s for r in members))}
        tightest.append(first | {"rows": len(members), "counts": counts})
    return sorted(tightest, key=lambda r: (r["statement"], r["geometry"], r["regime"], r["check"]))


def _or(value: float, other: float) -> float:
    return other if math.isnan(value) else value


def number(value: float | None) -> str:
    """Four significant digits; a dash for a number that does not exist. Integers may be beyond float64."""
    if value is None or value != value:
        return "-"
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        return f"{Decimal(value):.3e}"
    return f"{value:.4g}"


def tightness(row: Row) -> str:
    """measured/bound, six decimals close to 1 and three otherwise; an identity has measured/rounding and a star."""
    value = row["tightness"]
    if math.isnan(value):
        slack = max((v["slack"] for v in row["verdicts"]), default=0.0)
        return f"{row['measured'] / slack:.0e}*" if slack > 0 else "-"
    return f"{value:.6f}" if 0.999 < value < 1.001 else f"{value:.3f}"


def power(row: Row) -> str:
    """The factor below which a wrong bound would have been noticed, rounded down; a dash where there is none."""
    value = row.get("power", math.nan)
    if math.isnan(value):
        return "-"
    if value == 0:
        return "x0"
    if value < LEAST_POWER:
        unit = 10.0 ** (math.floor(math.log10(value)) - 1)
        return f"x{math.floor(value / unit) * unit:.1e}"
    return f"x{math.floor(value * 1000) / 1000:.3f}"


def is_heuristic(row: Mapping[str, Any]) -> bool:
    """Whether the rounding in the slack of a row is a heuristic (counted or chosen), which is no bound of the error."""
    return row.get("rounding_kind", "").startswith("heuristic")


def marked(text: str, row: Mapping[str, Any]) -> str:
    """`text` with a tilde behind it where the row rests on a heuristic rounding: every report marks it so."""
    return f"{text}{MARK}" if is_heuristic(row) else text


def heuristic_legend(rows: Sequence[Mapping[str, Any]], names: str, *, noun: str = "rows") -> str:
    """What the tilde says, how many of the rows carry it and which: `names` is the entry that names a row.

    Empty where no row carries it.
    """
    guessed = [row for row in rows if is_heuristic(row)]
    if not guessed:
        return ""
    which = ", ".join(dict.fromkeys(str(row[names]) for row in guessed))
    count = f"{len(guessed)} of {len(rows)} {noun} ({which})"
    return f"{MARK} {count}: the rounding of the estimate is a heuristic, no bound"


def rounding(row: Row) -> str:
    """What the rounding of a row's estimate is: derived from its program, a heuristic, or absent (a dash)."""
    if is_heuristic(row):
        return "heuristic"
    return "derived" if row.get("rounding_kind") else "-"


def left_out(row: Row) -> str:
    """How many samples were left out because they are not finite, and the first of them; empty where none was."""
    if not row.get("dropped"):
        return ""
    where = f"{row['statement']}/{row['block']} at {row['setting']}"
    return f"{where}: {row['dropped']} samples left out as not finite; the first: {row['first_dropped']}"


def weakest_rows(rows: Iterable[Row]) -> list[Row]:
    """The row of each statement with the least power, among those that have one."""
    weakest: dict[str, Row] = {}
    for row in rows:
        value = row.get("power", math.nan)
        if not math.isnan(value) and value < weakest.get(row["statement"], {"power": math.inf})["power"]:
            weakest[row["statement"]] = row
    return list(weakest.values())


def bound(row: Row, kind: str) -> str:
    """One bound of a row; where the refined one is not there, one of OTHER_KINDS in its place, with its name."""
    bounds = row["bounds"]
    if kind == "refined" and kind not in bounds:
        for other in OTHER_KINDS:
            if other in bounds:
                return f"{number(bounds[other])} ({other})"
    return number(bounds.get(kind))
