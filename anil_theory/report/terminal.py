"""Rows as a table on a terminal."""

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory._printable import printable
from anil_theory.report.overview_table import print_guarantees, print_overview, print_table_2
from anil_theory.report.rows import (
    BLOCK_LABELS,
    OTHER_KINDS,
    STYLES,
    Row,
    heuristic_legend,
    left_out,
    marked,
    number,
    power,
    tightest_rows,
    tightness,
    weakest_rows,
)
from anil_theory.report.tables import print_whole

FEW_ROWS = 12
"""The most rows that are printed one by one where nothing was asked for."""

WIDE = 100
"""Columns from which the table shows three bounds and the power, in place of two bounds."""

BOUNDS = ("sharp", "refined", *OTHER_KINDS, "explicit")
"""The kinds of bounds that a table shows, the smallest first."""


def _parts(row: Row) -> dict[str, str]:
    """The setting of a row, by name."""
    cell, extremal = row["cell"], row["check"] == "attained"
    constants, schedule = cell["constants"], cell["schedule"]
    parts = {n: f"{n}={constants[n]:g}" for n in ("mu", "L", "rho", "tau", "M") if constants[n] is not None}
    if row["check"] == "rate":
        parts |= {"B": f"B={schedule['batch']}", "K": f"K={schedule['outer_steps']}"}
    if schedule.get("lam") is not None:
        parts["lam"] = f"lam={schedule['lam']:g}"
    if " N=" in row["setting"]:
        parts |= {"alpha": _step_size(row), "N": f"N={schedule['inner_steps']}"}
    size, family = f"{cell['n_w']}+{cell['n_phi']}", cell.get("family", "separable")
    size = size if family == "separable" else f"{family} {size}"
    parts["size"] = "extremal" if extremal else size
    return parts


def _step_size(row: Row) -> str:
    schedule, L = row["cell"]["schedule"], row["cell"]["constants"]["L"]
    if row["regime"] == "alpha = c/(N L)":
        return f"c={schedule['alpha'] * schedule['inner_steps'] * L:.3g}"
    return f"alpha={schedule['alpha']:.3g}"


def print_rows(console: Console, rows: list[Row], title: str) -> None:
    """One line per row: block, setting, measured, bounds, tightness (measured/smallest bound), verdict, by statement.

    A tilde behind a measured number says that its rounding is a heuristic (the summary says it in words).
    Of the kinds of bounds that the rows have, the two smallest are shown. A wide terminal shows three, and the power:
    the factor below which a wrong bound would be noticed.

    What all rows of a heading share stands beside it once; the settings in the lines are what differs.
    """
    if not rows:
        return
    console.print(Text(title, style="italic"))
    for heading, members in groupby(rows, key=_heading):
        group = list(members)
        each = [_parts(row) for row in group]
        shared = {name: text for name, text in each[0].items() if all(p.get(name) == text for p in each)}
        console.print(Text.assemble((heading, "bold cyan"), f"   {' '.join(shared.values())}"))
        differing = [" ".join(text for name, text in parts.items() if name not in shared) for parts in each]
        print_whole(console, _table(list(zip(group, differing, strict=True)), wide=console.width >= WIDE))


def _heading(row: Row) -> str:
    """What the rows of one table have in common by kind."""
    parts = [row["statement"], row["geometry"], *([] if row["regime"] == "-" else [row["regime"]])]
    return ", ".join([*parts, "extremal task"] if row["check"] == "attained" else parts)


def _table(rows: list[tuple[Row, str]], wide: bool) -> Table:
    # Least widths, so that the tables of all headings line up; what is left of the terminal goes to the settings.
    table = Table(header_style="dim", padding=(0, 1), box=None, expand=True)
    widest = max(len(str(BLOCK_LABELS.get(row["block"], row["block"]))) for row, _ in rows)
    table.add_column("block", overflow="fold", width=min(max(8, widest), 17))
    table.add_column("setting", overflow="fold", ratio=1)
    kinds = _kinds([row for row, _ in rows], 3 if wide else 2)
    notices = [("notices", 7)] if wide else []
    for name, width in (("measured", 9), *((kind, 8) for kind in kinds), ("tightness", 9), *notices):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    table.add_column("verdict", no_wrap=True, min_width=15)
    for row, setting in rows:
        of = f" x{row['rows']}" if row.get("rows", 1) > 1 else ""
        table.add_row(
            BLOCK_LABELS.get(row["block"], row["block"]),
            setting,
            marked(number(row["measured"]), row),
            *(number(row["bounds"].get(kind)) for kind in kinds),
            tightness(row),
            *([power(row)] if wide else []),
            Text(row["outcome"] + of, style=STYLES[row["outcome"]]),
        )
    return table


def _kinds(rows: Sequence[Row], columns: int) -> list[str]:
    """The kinds of bounds in the columns: the first that a row has, then, if fewer, those that most tables have."""
    present = [kind for kind in BOUNDS if any(kind in row["bounds"] for row in rows)]
    usual = [kind for kind in ("refined", "explicit", "sharp") if kind not in present]
    return sorted([*present, *usual][:columns], key=BOUNDS.index)


def _print_power(console: Console, rows: list[Row]) -> None:
    """Print, for each statement, the factor below which a wrong bound would have been noticed in every row."""
    for row in weakest_rows(rows):
        least = f"{row['statement']} would notice, in every row, {row['powered']} bounds {power(row)} or smaller"
        if row["power"] == 0:
            least = f"{row['statement']} has a row that would notice no wrong bound"
        where = f"least in {BLOCK_LABELS.get(row['block'], row['block'])} at {row['setting']}"
        console.print(printable(f"{least} ({where})"), markup=False, highlight=False)


def _print_roundings(console: Console, rows: list[Row], limit: int = 5) -> None:
    """How many rows rest on a heuristic rounding, and which samples were left out."""
    print_heuristics(console, heuristic_legend(rows, "statement"))
    remarks = list(dict.fromkeys(filter(None, map(left_out, rows))))
    for remark in remarks[:limit]:
        console.print(printable(remark), markup=False, highlight=False)
    if len(remarks) > limit:
        console.print(f"samples were left out of {len(remarks) - limit} more rows", highlight=False)


def print_heuristics(console: Console, legend: str) -> None:
    """What the tildes of a table say (`rows.heuristic_legend`); nothing where there are none."""
    if legend:
        console.print(printable(legend), markup=False, highlight=False)


def print_summary(console: Console, rows: list[Row], refuted_limit: int = 5) -> None:
    """Counts of outcomes, heuristic roundings and samples left out; why rows say nothing or are refuted, with suspects.

    Of every outcome but CONSISTENT and CONFIRMED the reasons of `refuted_limit` settings are shown, how many more there
    are, and the replay of a refutation.
    """
    counts = {outcome: sum(r["outcome"] == outcome for r in rows) for outcome in STYLES}
    parts = [Text.assemble((outcome, STYLES[outcome]), f" {n}") for outcome, n in counts.items() if n]
    console.print(Text.assemble(f"{len(rows)} rows:  ", Text("   ").join(parts)))
    _print_power(console, rows)
    _print_roundings(console, rows)
    for outcome in ("REFUTED", "INCONCLUSIVE", "NOT_APPLICABLE"):
        lines: dict[str, Row] = {}
        for row in rows:
            if row["outcome"] == outcome:
                lines.setdefault(f"{row['statement']}/{row['block']} at {row['setting']}: {row['reason']}", row)
        for line, row in list(lines.items())[:refuted_limit]:
            console.print(Text.assemble((outcome, STYLES[outcome]), " ", printable(line)))
            for verdict in row["verdicts"]:
                if verdict["suspects"]:
                    console.print(Text(f"    suspects: {printable('; '.join(verdict['suspects']))}"))
                    console.print(Text(f"    replay: {printable(verdict['replayed'] or 'not replayed')}"))
                    break
        if len(lines) > refuted_limit:
            more = len(lines) - refuted_limit
            settings = "setting" if more == 1 else "settings"
            console.print(Text(f"{outcome} at {more} more {settings}; the report has every reason"))


def print_verdicts(console: Console, rows: Sequence[Row], shown: str = "auto", opens: str = "report.md") -> None:
    """The overview, the rows that were asked for, Table 2, the summary, and the guarantees measured and claimed.

    shown   "all" rows, the "tightest" of each statement and block, or "auto": all where they are few, or else none;
    opens   the report, in which every statement has a section.
    """
    every = list(rows)
    print_overview(console, every, opens)
    if shown == "all" or (shown == "auto" and len(every) <= FEW_ROWS):
        print_rows(console, every, "every row")
    elif shown == "tightest":
        title = "the tightest row of each statement and block (xN: rows it stands for)"
        print_rows(console, tightest_rows(every), title)
    print_table_2(console, every)
    print_summary(console, every)
    print_guarantees(console, every)


def print_broken(console: Console, rows: Sequence[Row], broken: str) -> None:
    """How many of the bounds that were halved on purpose were refuted."""
    halved = [row for row in rows if row["block"] == broken]
    refuted = sum(row["outcome"] == "REFUTED" for row in halved)
    console.print(f"the bounds of {broken} were halved on purpose: refutations are what should be seen")
    console.print(f"{refuted} of {len(halved)} rows with a halved bound are refuted")
    if not refuted:
        console.print(f"nothing refuted the halved bounds of {broken}", style="bold yellow")
