"""What `anil-theory ledger` does: run the proofs with progress, print them by section, say whether any failed."""

from collections import Counter
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory._admissible import one_of
from anil_theory._plain import to_plain
from anil_theory.ledger import FACTS, SECTIONS, Entry, Status, enter
from anil_theory.ledger.base import Fact
from anil_theory.study import Display, Ending, Hand, Job, Result, run_jobs

STYLES = {Status.PROVED: "bold green", Status.CHECKED: "cyan", Status.FAILED: "bold red"}


def run_ledger(
    *, sections: tuple[str, ...] = (), controls: bool = False, console: Console
) -> tuple[int, dict[str, Any]]:
    """Prove the facts of the given sections (all, if none is given); exit status and plain values for --json.

    controls   also run each proof on the wrong formulas that come with its fact, and count as failed a fact whose
               proof accepts one.

    Exit status 0, or 1 when a proof failed. Raises InvalidParameter for a section that the ledger does not have.
    """
    for section in sections:
        one_of("section", section, tuple(SECTIONS))
    chosen = [fact for fact in FACTS.values() if not sections or fact.section in sections]
    proved: dict[str, Entry] = {}
    accepted: list[str] = []

    def job(fact: Fact) -> Job:
        def measure(hand: Hand) -> Result:
            proved[fact.name] = enter(fact)
            if controls:
                accepted.extend(_accepted(fact))
            return Result()

        return Job(cell={"fact": fact.name, "controls": controls}, measure=measure, name=fact.name)

    summary = run_jobs([job(fact) for fact in chosen], None, display=Display("proving", "facts"))
    done = [fact for fact in chosen if fact.name in proved]
    entries = [proved[fact.name] for fact in done]
    ending = Ending()
    ending.attempt("the facts were not printed", lambda: _print(console, entries))
    counts = Counter(entry.status for entry in entries)
    seconds = sum(entry.seconds for entry in entries)
    tallies = [
        Text.assemble((status.value, STYLES[status]), f" {counts[status]}") for status in Status if counts[status]
    ]
    console.print(Text.assemble(f"{len(entries)} facts in {seconds:.1f} s:  ", Text("   ").join(tallies)))
    if controls:
        tried = sum(len(fact.controls) for fact in done)
        console.print(f"{tried - len(accepted)} of {tried} wrong formulas refused")
        for fault in accepted:
            console.print(Text(f"accepted, though wrong: {fault}", style="bold red"))
    failed = counts[Status.FAILED] + len(accepted)
    report = {
        "entries": to_plain(entries),
        "counts": {status.value: counts[status] for status in Status},
        "accepted_wrong_formulas": accepted,
    }
    if summary.interrupted or summary.failure is not None:
        return ending.close(console, summary, noun="facts", refuted=failed > 0), report
    return ending.status(refuted=failed > 0), report


def _accepted(fact: Fact) -> list[str]:
    """The wrong formulas that the proof of a fact accepts."""
    found = {fault: enter(fact.claiming(wrong)).status for fault, wrong in fact.controls.items()}
    return [f"{fact.name}: {fault}" for fault, status in found.items() if status is not Status.FAILED]


def _print(console: Console, entries: list[Entry]) -> None:
    ordered = sorted(entries, key=lambda entry: entry.section)
    for section, members in groupby(ordered, key=lambda entry: entry.section):
        title = f"section {section}: {SECTIONS[section]}"
        table = Table(title=title, title_style="bold cyan", title_justify="left", box=None, padding=(0, 1))
        for name, ratio in (("statement", 5), ("assumption used", 3), ("how proved", 2)):
            table.add_column(name, overflow="fold", ratio=ratio, header_style="dim")
        table.add_column("status", no_wrap=True, width=8, header_style="dim")
        table.expand = True
        for entry in members:
            table.add_row(
                Text(entry.statement),
                Text("; ".join(entry.assumptions), style="dim"),
                Text(entry.method),
                Text(entry.status.value, style=STYLES[entry.status]),
            )
            if entry.status is Status.FAILED:
                table.add_row(Text(f"{entry.name}: {entry.detail}", style="red"), "", "", "")
        console.print(table)
