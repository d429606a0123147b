"""What `anil-theory certify` does: blocks enclosed from both sides, judged, kept as records, drawn and printed.

The certificates hold for the tasks drawn and over the ball stated: CONFIRMED says that the bound holds there, with
proof. The factor bound/truth lies between bound/upper and bound/lower.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from anil_theory._admissible import InvalidParameter, count, one_of, positive, within
from anil_theory._admissible import seed as admissible_seed
from anil_theory._memory import FLOAT64, require_memory
from anil_theory._plain import to_plain
from anil_theory.certify import Certificate, certify_blocks
from anil_theory.certify.branch_and_bound import CEILING, Ended, Progress
from anil_theory.certify.proof import Proof
from anil_theory.certify.witness import replay_witness
from anil_theory.certify.work import OPERATIONS
from anil_theory.checks import SEVERITY
from anil_theory.constants import Constants, Geometry, Region
from anil_theory.estimators.extremes import MIN_TAIL, extrapolate_supremum, sample_block_norms
from anil_theory.record import RecordStore, encode_floats
from anil_theory.report.certificates import print_certificates, print_samples
from anil_theory.report.certify_plots import plot_certificates
from anil_theory.schedule import Schedule
from anil_theory.statements import Claim, Kind, statement_about
from anil_theory.study import Display, Ending, Hand, Job, Result, run_jobs
from anil_theory.tasks import SeparableFamily, TaskSet
from anil_theory.verdict import Outcome, Verdict, judge, with_replay
from anil_theory.verification.family_cells import FamilyCell
from anil_theory.verification.inner_steps import runnable

JUDGED = (Kind.EXPLICIT, Kind.REFINED)


@dataclass(frozen=True)
class CertifyCell:
    """One population and one N: everything that defines a record.

    radius         of the ball of z that is certified;
    gap            relative width to reach;
    operations     the work allowed per block (`certify.work`);
    seconds        a ceiling on the time of all blocks of the cell;
    samples        block norms at random points of the ball, extrapolated beside the enclosure; 0 leaves them out;
    longest        the N that the samples are compiled for.

    Raises InvalidParameter on construction when no task has these constants.
    """

    constants: Constants
    schedule: Schedule
    n_w: int = 2
    n_phi: int = 2
    tasks: int = 4
    query: str = "sine"
    seed: int = 0
    radius: float = 4.0
    gap: float = 0.05
    operations: float = OPERATIONS
    seconds: float = CEILING
    samples: int = 1000
    longest: int = 1
    check: str = "certificate"

    def __post_init__(self) -> None:
        count("tasks", self.tasks)
        admissible_seed("seed", self.seed)
        positive("radius", self.radius)
        within("gap", self.gap, 0.0, 1.0, "in [0, 1]")
        positive("operations", self.operations)
        positive("seconds", self.seconds)
        if count("samples", self.samples, minimum=0) and self.samples <= 2 * MIN_TAIL:
            raise InvalidParameter("samples", f"0 (none), or more than {2 * MIN_TAIL}", self.samples)
        self.family.checked_tasks(self.tasks)
        numbers = self.samples * (self.n_w + self.n_phi)
        sizes = {"samples": self.samples, "n_w": self.n_w, "n_phi": self.n_phi}
        # A point and two directions.
        require_memory("the samples", FLOAT64 * 3 * numbers, sizes)

    @cached_property
    def family(self) -> SeparableFamily:
        """The family that the tasks are drawn from."""
        return SeparableFamily(self.constants, self.n_w, self.n_phi, query=self.query)

    outside, where = 0.0, ""
    """These tasks have their constants on the whole space, and are named by their statement."""

    def sample(self) -> TaskSet:
        """The tasks that are certified."""
        return self.family.sample(jax.random.key(self.seed), self.tasks)

    def certificates(self, tasks: TaskSet, on_progress: Callable[[str, Progress], None]) -> dict[str, Certificate]:
        """Every block over the ball."""
        return certify_blocks(
            self.family,
            tasks,
            self.schedule,
            region=Region(self.radius),
            gap=self.gap,
            operations=self.operations,
            seconds=self.seconds,
            on_progress=on_progress,
        )


Cell = CertifyCell | FamilyCell


def certify_cells(
    constants: Constants, geometries: tuple[Geometry, ...], inner_steps: tuple[int, ...], c: float = 0.7, **options: Any
) -> list[CertifyCell]:
    """One cell for each geometry (the nonconvex one with the same L, rho, tau, M) and each N, at the paper's alpha."""
    runnable(inner_steps)
    cells = []
    for geometry in geometries:
        convex = Geometry(one_of("geometry", geometry, tuple(Geometry))) is Geometry.STRONGLY_CONVEX
        each = constants if convex else replace(constants, mu=None)
        for N in inner_steps:
            schedule = Schedule.strongly_convex(each, N) if convex else Schedule.nonconvex(each, N, c=c)
            cells.append(CertifyCell(each, schedule, longest=max(inner_steps), **options))
    return cells


def certify_cell(
    cell: Cell,
    on_progress: Callable[[str, Progress], None] = lambda block, progress: None,
    proof: Proof | None = None,
) -> list[dict[str, Any]]:
    """One row per block: the enclosure, both bounds, how far they are from the truth, and the verdict."""
    tasks = cell.sample()
    if isinstance(cell, FamilyCell):
        certificates = cell.certificates(tasks, on_progress, proof)
    else:
        certificates = cell.certificates(tasks, on_progress)
    rows = []
    for block, certificate in certificates.items():
        statement = statement_about(certificate.estimate.quantity, cell.constants.geometry)
        claims = [claim for claim in statement.claims if claim.block == block and claim.kind in JUDGED]
        rows.append({"statement": statement.name, **_row(cell, tasks, certificate, claims)})
    return rows


def _row(cell: Cell, tasks: TaskSet, certificate: Certificate, claims: list[Claim]) -> dict[str, Any]:
    verdicts = [judge_certificate(cell, tasks, certificate, claim) for claim in claims]
    worst = min(verdicts, key=lambda v: (SEVERITY.index(v.outcome), v.bound.value if v.bound else math.inf))
    bounds = {v.kind.value: v.bound.value for v in verdicts if v.bound is not None}
    searched = to_plain(certificate)
    searched["reason_of_search"] = searched.pop("reason")
    return {
        "geometry": cell.constants.geometry.value,
        "N": cell.schedule.inner_steps,
        **searched,
        "region": f"{cell.where}{certificate.region}",
        "width": certificate.width,
        "bounds": bounds,
        "factors": {kind: [_ratio(b, certificate.upper), _ratio(b, certificate.lower)] for kind, b in bounds.items()},
        "outcome": worst.outcome.value,
        "rounding_kind": worst.estimate.rounding_kind,
        "reason": worst.reason,
        "sampled": _sampled(cell, tasks, certificate) if isinstance(cell, CertifyCell) and cell.samples else None,
    }


def _sampled(cell: CertifyCell, tasks: TaskSet, certificate: Certificate) -> dict[str, Any]:
    """What random points of the same ball and tasks show: a sampled supremum and its extrapolation, or the refusal.

    meets   whether the extrapolated interval and the certified one have a point in common; None when refused.
    """
    norms = sample_block_norms(
        cell.family,
        tasks,
        cell.schedule,
        block=certificate.block,
        samples=cell.samples,
        seed=cell.seed,
        region=Region(cell.radius),
        max_inner_steps=cell.longest,
    )
    found = extrapolate_supremum(norms, seed=cell.seed)
    meets = None
    if found.low is not None and found.high is not None:
        meets = found.low <= certificate.upper and certificate.lower <= found.high
    return {**to_plain(found), "meets": meets}


def judge_certificate(cell: Cell, tasks: TaskSet, certificate: Certificate, claim: Claim) -> Verdict:
    """CONFIRMED by the certified upper bound, or else REFUTED by the witness (replayed), or else INCONCLUSIVE."""
    above, found = (replace(e, outside=cell.outside) for e in (certificate.estimate, certificate.lower_estimate))
    verdict = judge(claim, cell.constants, cell.schedule, above)
    if verdict.outcome is not Outcome.INCONCLUSIVE:
        return verdict
    below = judge(claim, cell.constants, cell.schedule, found)
    if below.outcome is not Outcome.REFUTED:
        return verdict
    enclosure = replay_witness(tasks, cell.schedule, found, cell.n_w)
    return with_replay(below, enclosure.low, enclosure.high)


def _ratio(bound: float, truth: float) -> float:
    return bound / truth if truth > 0 else math.inf


def run_certify(
    cells: Sequence[Cell],
    *,
    out: Path,
    resume: bool = False,
    proof: Path | None = None,
    workers: int = 1,
    console: Console,
) -> tuple[int, dict[str, Any]]:
    """Certify every cell, keep each as a record when it is done, print and draw; exit status and plain values.

    proof     a file for the boxes of every search, each with its bound (`certify.proof`);
    workers   cells at a time.

    Exit status: `study.ending`; 1 when a bound was refuted by a witness. Raises InvalidParameter for a folder that
    cannot be written, and for a proof of tasks whose search is of another kind or is taken from a record.
    """
    if proof is not None and not all(isinstance(cell, FamilyCell) for cell in cells):
        raise InvalidParameter("--proof", "asked of --family softmax-head, two-layer-head or linear-body", "separable")
    if proof is not None and resume:
        raise InvalidParameter("--proof", "asked without --resume: a record does not keep the boxes", str(proof))
    if proof is not None and not proof.parent.is_dir():
        raise InvalidParameter("--proof", "a file in a folder that is there", str(proof))
    store = RecordStore(out / "records")
    kept = None if proof is None else Proof()
    jobs = [_job(cell, kept) for cell in cells]
    summary = run_jobs(jobs, store, resume=resume, workers=workers, display=Display("certifying", "cells"))
    rows = [dict(row) for record in summary.records for row in record.verdicts]
    ending = Ending()
    ending.attempt("the certificates were not printed", lambda: print_certificates(console, rows))
    ending.attempt("the samples were not printed", lambda: print_samples(console, rows))
    say_clock(console, [row["ended_by"] for row in rows])
    drawn = ending.draw({out / "certificates.png": lambda: plot_certificates(rows)})
    if kept is not None and proof is not None:
        drawn += ending.write(proof, partial(kept.write, proof))
        say_proof(console, proof, kept)
    code = ending.close(console, summary, store, written=drawn, refuted=summary.refuted > 0)
    return code, {"certificates": encode_floats(rows)}


def say_proof(console: Console, path: Path, proof: Proof) -> None:
    """Say what a proof is of: the tasks drawn and not their families."""
    if proof.problems:
        console.print(
            f"the proof is of {len(proof.problems)} tasks as drawn, whose data are in the file, over the boxes stated, "
            f"and not of their families; `anil-theory check {path}` checks it",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def say_clock(console: Console, ends: Sequence[str]) -> None:
    """Say how many searches the clock ended: those alone may end elsewhere in another run."""
    by_clock = sum(end == Ended.CLOCK for end in ends)
    if by_clock:
        console.print(
            f"{by_clock} of {len(ends)} searches were ended by the clock and not by the work allowed: what they prove "
            "depends on the machine and its load; --seconds raises the ceiling, --operations lowers the work.",
            style="yellow",
            highlight=False,
        )


def _job(cell: Cell, proof: Proof | None) -> Job:
    def measure(hand: Hand) -> Result:
        return Result(verdicts=certify_cell(cell, lambda block, now: hand.report(0.0, _state(block, now)), proof))

    name = f"{cell.where}{cell.constants.geometry.value}, N = {cell.schedule.inner_steps}"
    return Job(cell=to_plain(cell), measure=measure, name=name)


def _state(block: str, now: Progress) -> str:
    return f"{block} in [{now.low:.4g}, {now.high:.4g}], {now.boxes} boxes"
