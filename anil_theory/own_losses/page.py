"""A study of own losses as text and as HTML: constants and how they are known, verdicts, the first failure, advice."""

import html
import io
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory._printable import printable
from anil_theory.report.rows import BLOCK_LABELS, number
from anil_theory.report.tables import print_whole
from anil_theory.report.terminal import STYLES

Study = dict[str, Any]
"""What `LossStudy.to_dict` gives."""

Lines = list[list[str]]
"""A table: a heading and rows."""


SIGNS = {"upper": "<=", "mean": ""}
HOW = {"upper": "enclosed", "mean": "run"}
"""How the value of a row is meant, by its direction; what is not listed is the largest that was found."""


def constants_table(study: Study) -> Lines:
    """Each constant: what bounds use, how it is known, what a point shows, the interval, the certificate."""
    rows = [["constant", "value", "known", "a point shows", "extrapolated", "certified"]]
    for name, each in study["audited"].items():
        sign, proved = ("<=", ">=") if name == "mu" else (">=", "<=")
        interval = "-" if each["interval"] is None else " .. ".join(map(number, each["interval"]))
        certified = "-" if each["certified"] is None else f"{proved} {number(each['certified'])}"
        value = "none" if each["value"] is None else number(each["value"])
        known = "-" if each["value"] is None else each["direction"]
        rows.append([name, value, known, f"{sign} {number(each['extreme'])} ({each['where']})", interval, certified])
    return rows


def verdicts_table(study: Study) -> Lines:
    """Each row: what was measured or enclosed, the bounds, the outcome."""
    rows = [["statement", "block", "how", "value", "sharp", "explicit", "outcome"]]
    for row in study["rows"]:
        bounds = row["bounds"]
        kinds = ("sharp", "refined", "declared", "certified", "estimated")
        tightest = next((bounds[kind] for kind in kinds if kind in bounds), None)
        sign = SIGNS.get(row["direction"], ">=")
        rows.append(
            [
                row["statement"],
                str(BLOCK_LABELS.get(row["block"], row["block"])),
                HOW.get(row["direction"], "found"),
                f"{sign} {number(row['measured'])}".strip(),
                number(tightest),
                number(bounds.get("explicit")),
                row["outcome"],
            ]
        )
    return rows


def reasons(study: Study) -> Iterator[str]:
    """Why rows are NOT_APPLICABLE or INCONCLUSIVE: each reason once, with the rows that it is about."""
    about: dict[tuple[str, str], list[str]] = {}
    for row in study["rows"]:
        if row["outcome"] in ("NOT_APPLICABLE", "INCONCLUSIVE"):
            block = BLOCK_LABELS.get(row["block"], row["block"])
            where = f"{row['statement']} ({block}, {HOW.get(row['direction'], 'found')})"
            about.setdefault((row["outcome"], row["reason"]), []).append(where)
    for (outcome, reason), rows in about.items():
        yield f"{outcome}, {'; '.join(rows)}: {reason}"


def advice_table(study: Study) -> Lines:
    """The settings: guaranteed by a theorem, those of Theorem I, and those that the measured blocks suggest."""
    advice = study["advice"]
    guaranteed = None if advice["guaranteed"] is None else advice["guaranteed"]["anil"]
    practical = advice["practical"]
    own = advice.get("population")
    # One length of the steps, at the alpha and N as studied.
    same = None if own is None else {**practical, "beta_w": own["beta"], "batch": own["batch"]}
    if own is not None and same is not None:
        beta_phi = None if practical["beta_phi"] is None else own["beta"]
        same |= {"beta_phi": beta_phi, "outer_steps": own["outer_steps"]}
    rows = [["", "guaranteed", "Theorem I", "practical"]]
    for name, label in (
        ("alpha", "alpha"),
        ("beta_w", "beta_w"),
        ("beta_phi", "beta_phi"),
        ("inner_steps", "N"),
        ("batch", "B"),
        ("outer_steps", "K"),
    ):
        settings = (guaranteed, same, practical)
        rows.append([label, *("-" if each is None else number(each[name]) for each in settings)])
    return rows


def paragraphs(study: Study) -> Iterator[str]:
    """The lines of text: the region, what fails, what the verdicts rest on, what the advice showed."""
    run = study["run"]
    origin = "given" if run["region_given"] else f"found by {run['outer_steps']} outer steps of ANIL"
    yield (
        f"region: |z - start| <= {number(run['reach'])} for the constants, <= {number(run['radius'])} for the "
        f"meta-gradient ({origin}); alpha = {number(study['schedule']['alpha'])}, "
        f"N = {study['schedule']['inner_steps']}"
    )
    yield from study["sentences"]
    if not study["sentences"]:
        yield "no assumption fails along the run"
    if study["rows"] and study["constants"]["known"] == "estimated":
        yield "the constants are estimated: CONSISTENT rests on estimates, and nothing can be CONFIRMED or REFUTED"
        if any("certified" in row["bounds"] for row in study["rows"]):
            yield "Theorem I does not use the constants: its numbers are certified, and its rows may be CONFIRMED"
    yield from study["notes"]


def advice_lines(study: Study) -> Iterator[str]:
    """What the advice is for, and what the short run showed."""
    advice = study["advice"]
    yield (
        f"advice for eps = {number(advice['eps'])} (a squared gradient), with D0 = {number(advice['D0'])} "
        f"({advice['D0_direction']}{': ' if advice.get('D0_reason') else ''}{advice.get('D0_reason', '')})"
    )
    if advice["why_not"]:
        yield f"guaranteed: {advice['why_not']}"
    yield from population_lines(advice)
    yield f"practical: {advice['sentence']}"
    if advice["practical"]["outer_steps"] is None:
        yield "practical: eps was not reached in the short run, so that there is no K"


def population_lines(advice: Study) -> Iterator[str]:
    """The numbers of Theorem I, how they are known, and how many fewer tasks its settings need."""
    own = advice.get("population")
    if own is None:
        if advice.get("population_why"):
            yield f"Theorem I: {advice['population_why']}"
        return
    numbers = f"lam = {number(own['curvature'])}, V = {number(own['second_moment'])}, D0 = {number(own['local_gap'])}"
    why = f": {own['why_not']}" if own["why_not"] else " on the box that the runs visit"
    yield f"Theorem I: {numbers} at steps of length 1 ({own['known']}{why})"
    if own["known"] == "certified":
        yield "Theorem I: its settings reach eps as long as the iterates stay in that box"
    if own["fewer_tasks"] is not None:
        yield f"Theorem I: {number(own['fewer_tasks'])} times fewer tasks K B than Theorem J at this alpha and N"


def print_study(console: Console, study: Study) -> None:
    """Print a study, from its plain form."""
    console.print(Text(printable(_title(study)), style="bold cyan"))
    _print_table(console, constants_table(study))
    for line in paragraphs(study):
        console.print(printable(line), markup=False, highlight=False)
    if study["rows"]:
        _print_table(console, verdicts_table(study))
        for line in reasons(study):
            console.print(printable(line), markup=False, highlight=False)
    if study["advice"] is not None:
        lines = list(advice_lines(study))
        console.print(printable(lines[0]), markup=False, highlight=False)
        _print_table(console, advice_table(study))
        for line in lines[1:]:
            console.print(printable(line), markup=False, highlight=False)


def text_of(study: Study) -> str:
    """The study as plain text of 100 columns."""
    out = io.StringIO()
    print_study(Console(file=out, width=100, no_color=True, force_terminal=False), study)
    return out.getvalue()


def html_of(study: Study) -> str:
    """The study as HTML for a notebook: tables and paragraphs, without scripts or styles of the page."""
    parts = [f"<b>{html.escape(_title(study))}</b>", _html_table(constants_table(study))]
    parts += [f"<p>{html.escape(printable(line))}</p>" for line in paragraphs(study)]
    if study["rows"]:
        parts.append(_html_table(verdicts_table(study)))
        parts += [f"<p>{html.escape(printable(line))}</p>" for line in reasons(study)]
    if study["advice"] is not None:
        lines = [f"<p>{html.escape(printable(line))}</p>" for line in advice_lines(study)]
        parts += [lines[0], _html_table(advice_table(study)), *lines[1:]]
    return f"<div>{''.join(parts)}</div>"


def _title(study: Study) -> str:
    size = f"n_w = {study['n_w']}, n_phi = {study['n_phi']}, {study['tasks']} tasks"
    geometry = "nonconvex" if study["constants"]["mu"] is None else "strongly convex"
    return f"{study['name']}: {size}, {geometry}, {study['seconds']:.0f} s"


def _print_table(console: Console, lines: Lines) -> None:
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False)
    for i, heading in enumerate(lines[0]):
        table.add_column(heading, justify="left" if i < 1 else "right", no_wrap=True)
    for line in lines[1:]:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in line))
    print_whole(console, table)


def _html_table(lines: Lines) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(printable(cell))}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{row(lines[0], 'th')}{''.join(row(line, 'td') for line in lines[1:])}</table>"
