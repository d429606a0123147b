"""The blocks of the meta-gradient of own losses, measured and, for a small problem, enclosed, beside their bounds.

Measured blocks are suprema over the ball that the outer iterates of the run need; their bounds hold because the inner
iterates stay in the larger ball where the constants were audited. Enclosed blocks are bounded over that ball, in every
task. How far inner iterates may leave the larger ball is enclosed too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from anil_theory.certify import Certificate, certify_hessian_blocks_general
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.reach import enclosed_reach
from anil_theory.certify.search.branch_and_bound import Boxes
from anil_theory.checks import Row
from anil_theory.checks.checking import check_by
from anil_theory.constants import Region
from anil_theory.estimators import (
    MEASUREMENTS,
    Direction,
    Effort,
    Estimate,
    Finding,
    Measurement,
    largest,
    measure_block_lipschitz,
)
from anil_theory.estimators.fields import live_blocks
from anil_theory.estimators.region_exit import farthest_iterates
from anil_theory.own_losses.effort import DENSE, StudyEffort
from anil_theory.own_losses.following import PROBES, probes
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import statement_about

QUANTITY = "meta_gradient_lipschitz"
AROUND = 1 + 1e-12
"""Keeps a ball inside the one that is searched, whatever the rounding."""

REACH_ROUNDING = 1e-9
"""Sampled iterates leave a ball where they go beyond it by this share of its radius; rounding is far below."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """What was measured of each block, and the rows in which it stands beside its bounds.

    measured   the best lower estimate, by block;
    enclosed   the proved bound over the ball, by block; empty where nothing was certified;
    rows       as `checks.check` gives them: measured ones, then enclosed ones;
    remark     why nothing was enclosed.
    """

    measured: dict[str, Estimate]
    enclosed: dict[str, Estimate]
    rows: tuple[Row, ...]
    remark: str


def study_blocks(
    problem: Problem, schedule: Schedule, radius: float, *, certify: bool, effort: StudyEffort, seed: int
) -> Blocks:
    """Measure the blocks on the ball of this radius, and judge the bounds at the constants of the problem.

    problem   with its audited constants, on the ball where they hold; its points are drawn in the smaller one;
    certify   whether the blocks are enclosed as well.
    """
    estimates = measure_block_lipschitz(
        problem, problem.tasks, schedule, seed=seed, budget=effort.blocks, region=Region(radius)
    )
    if problem.n_w + problem.n_phi > DENSE:
        # A replay in ball arithmetic is for small points: without a witness none is tried.
        estimates = {b: {m: replace(e, witness=None) for m, e in by.items()} for b, by in estimates.items()}
    measured = {block: largest(by_method) for block, by_method in estimates.items()}
    by_block = {block: tuple(by_method.values()) for block, by_method in estimates.items()}
    rows = _rows(problem, schedule, MEASUREMENTS["blocks"], by_block, seed)
    enclosed: dict[str, Estimate] = {}
    remark = ""
    if certify:
        try:
            enclosed = _enclosed(problem, schedule, radius, effort)
        except (NoEnclosure, Undecided) as refusal:
            remark = f"no enclosure of the blocks: {refusal}"
    if enclosed:
        proofs = {block: (estimate,) for block, estimate in enclosed.items()}
        rows += _rows(problem, schedule, _enclosing(tuple(proofs)), proofs, seed)
    return Blocks(measured, enclosed, tuple(rows), remark)


def _rows(
    problem: Problem,
    schedule: Schedule,
    measurement: Measurement,
    by_block: Mapping[str, tuple[Estimate, ...]],
    seed: int,
) -> list[Row]:
    """The rows of the proposition about this geometry."""
    statement = statement_about(f"{QUANTITY}/ww", problem.constants.geometry)
    by_quantity = {f"{QUANTITY}/{block}": Finding(estimates) for block, estimates in by_block.items()}
    return check_by(
        statement,
        measurement,
        problem,
        schedule,
        effort=Effort(seed=seed),
        regime="as studied",
        findings=lambda: by_quantity,
    )


def _enclosing(blocks: tuple[str, ...]) -> Measurement:
    """Certificates as a measurement: upper estimates of the blocks."""
    return Measurement(
        name="enclosed",
        quantities=tuple(f"{QUANTITY}/{block}" for block in blocks),
        direction=Direction.UPPER,
        measure=lambda problem, schedule, effort: {},
    )


def _enclosed(problem: Problem, schedule: Schedule, radius: float, effort: StudyEffort) -> dict[str, Estimate]:
    """The largest proved bound of each block over all tasks, over the ball of the outer iterates.

    Inner loops from the ball have to stay where the constants hold: enclosed from above, unless sampled ones leave.
    """
    n = problem.n_w + problem.n_phi
    half = radius * AROUND
    corners = [-half] * n, [half] * n
    worst: dict[str, Certificate] = {}
    outside = 0.0
    for task in range(len(problem.tasks)):
        reach = enclosed_reach(problem.tasks, task, schedule, Boxes.of(*corners), problem.n_w, within=half)
        outside = max(outside, reach - problem.constants.region.radius)
        certificates = certify_hessian_blocks_general(
            problem.tasks.losses,
            problem.tasks.task(task),
            schedule,
            *corners,
            n_w=problem.n_w,
            operations=effort.operations,
            seconds=effort.seconds,
            within=half,
        )
        for block, each in certificates.items():
            if block not in worst or each.upper > worst[block].upper:
                worst[block] = replace(each, task=task)
    beyond = min(max(outside, 0.0), float(np.finfo(float).max))
    direction = Direction.UPPER
    starts, which = probes(problem, radius, PROBES, seed=0)
    sampled = farthest_iterates(problem.tasks, schedule, problem.n_w, starts, which)
    left = float(np.max(np.where(np.isnan(sampled), np.inf, sampled))) - problem.constants.region.radius
    if left > REACH_ROUNDING * problem.constants.region.radius:
        beyond = min(left, float(np.finfo(float).max))
        direction = Direction.LOWER
    return {
        block: replace(worst[block].estimate, outside=beyond, outside_direction=direction)
        for block in live_blocks(problem.n_phi)
    }
