"""What `anil-theory constants` does: constants of bounded-region families certified on a ball, and those on paper.

One task of each family, in the smallest dimension that the family has: the number of boxes grows exponentially with it.
CONFIRMED says that the declared constant holds for this task on this ball, with proof.
"""

import math
from functools import partial
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory._admissible import one_of, positive, within
from anil_theory._admissible import seed as admissible_seed
from anil_theory._plain import to_plain
from anil_theory.certify.family_constants import CertifiedConstant, certify_constants
from anil_theory.certify.search.branch_and_bound import CEILING
from anil_theory.constants import Constants, Knowledge
from anil_theory.record import RecordStore, encode_floats
from anil_theory.report.rows import heuristic_legend, marked, number
from anil_theory.report.tables import print_whole
from anil_theory.report.terminal import STYLES, print_heuristics
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.study import Display, Ending, Hand, Job, Result, run_jobs
from anil_theory.tasks import FAMILIES
from anil_theory.verdict import judge
from anil_theory.verification.certify_command import say_clock
from anil_theory.verification.family_cells import ball_families

OPERATIONS = 1e8
"""Operations allowed for each constant unless told otherwise: some ten seconds on a busy core."""

CLAIMS = {claim.block: claim for claim in STATEMENTS["assumptions"].claims}


def run_constants(
    names: tuple[str, ...],
    *,
    out: Path,
    console: Console,
    radius: float = 1.0,
    gap: float = 0.1,
    operations: float = OPERATIONS,
    seconds: float = CEILING,
    seed: int = 0,
    resume: bool = False,
    workers: int = 1,
) -> tuple[int, dict[str, Any]]:
    """Certify every family named (all, if none is), keep a record of each, print; exit status and plain values.

    workers   families at a time.

    Raises InvalidParameter for an unknown family, a radius, operations or seconds that are not finite and positive, a
    gap outside [0, 1], a negative seed, and a folder that cannot be written.
    """
    for name in names:
        one_of("family", name, ball_families())
    positive("radius", radius)
    positive("operations", operations)
    positive("seconds", seconds)
    within("gap", gap, 0.0, 1.0, "in [0, 1]")
    admissible_seed("seed", seed)
    store = RecordStore(out / "records")
    chosen = names or ball_families()
    jobs = [_job(name, radius=radius, gap=gap, operations=operations, seconds=seconds, seed=seed) for name in chosen]
    summary = run_jobs(jobs, store, resume=resume, workers=workers, display=Display("certifying", "families"))
    ending = Ending()
    report = {record.cell["family"]: [dict(row) for row in record.verdicts] for record in summary.records}
    for record in summary.records:
        heading = record.measurements["heading"]
        ending.attempt("a table was not printed", partial(_print, console, heading, report[record.cell["family"]]))
    every = [row for rows in report.values() for row in rows]
    print_heuristics(console, heuristic_legend(every, "name", noun="constants found"))
    say_clock(console, [row["ended_by"] for row in every])
    if any(row["known"] != Knowledge.ESTIMATED for row in every):
        console.print(
            "The analytic bound is proved on paper, so the better of the two holds; verdicts use the certified one."
        )
    code = ending.close(console, summary, store, noun="families")
    return code, {"constants": encode_floats(to_plain(report))}


def _job(name: str, *, radius: float, gap: float, operations: float, seconds: float, seed: int) -> Job:
    family: Any = FAMILIES[name].smallest(radius=radius)
    settings = {"radius": radius, "gap": gap, "operations": operations, "seconds": seconds, "seed": seed}

    def measure(hand: Hand) -> Result:
        hand.report(0.0, name)
        tasks = family.sample(jax.random.key(seed), 1)
        found = certify_constants(family, tasks, gap=gap, operations=operations, seconds=seconds)
        heading = f"{name}, n = {family.n_w} + {family.n_phi}, {family.constants.region}"
        rows = [_row(row, family.constants) for row in found.values()]
        return Result(verdicts=rows, measurements={"heading": heading})

    sizes = {"n_w": family.n_w, "n_phi": family.n_phi}
    return Job(cell={"check": "constants", "family": name, **sizes, **settings}, measure=measure, name=name)


def _row(found: CertifiedConstant, declared: Constants) -> dict[str, Any]:
    """The enclosure beside the analytic bound; a certified mu is a lower bound, and has no verdict of its own."""
    outcome = None
    if found.name != "mu":
        # Of the schedule this claim asks nothing.
        verdict = judge(CLAIMS[found.name], declared, Schedule(1.0, 1), found.estimate)
        outcome = verdict.outcome.value
    better = {"best": found.best, "best_from": found.best_from}
    return {**to_plain(found), **better, "region": str(found.region), "outcome": outcome}


def _print(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    console.print(Text(title, style="bold cyan"))
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("constant", no_wrap=True)
    for name in ("found", "certified", "analytic", "analytic/certified", "better", "search"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        verdict = Text("-") if row["outcome"] is None else Text(row["outcome"], style=STYLES[row["outcome"]])
        # Of a certified mu that is not positive nothing can be said in quotients.
        share = row["analytic"] / row["upper"] if row["upper"] > 0 else math.nan
        known = "-" if math.isnan(share) else f"{share:.3g}"
        analytic = "-" if math.isnan(row["analytic"]) else number(row["analytic"])
        sign = ">=" if row["name"] == "mu" else "<="
        table.add_row(
            row["name"],
            marked(number(row["lower"]), row),
            f"{sign} {number(row['upper'])}",
            analytic,
            known,
            row["best_from"],
            row["status"],
            verdict,
        )
    print_whole(console, table)
