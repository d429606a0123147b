"""Theorems 1 and 2 and Tables 1 and 2, measured: runs of Algorithm 1, terms of the rates, counted oracle calls."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array

from anil_theory.algorithm.oracle_count import OracleCounts, as_maml, count_outer_step
from anil_theory.algorithm.outer_loop import outer_loop
from anil_theory.algorithm.outer_run import OuterRun
from anil_theory.estimators import Direction, Estimate, largest, measure_block_lipschitz
from anil_theory.estimators.average_gradient import average_gradient, initial_gap
from anil_theory.estimators.base import leading_kind
from anil_theory.estimators.gradient_size import measure_gradient_size
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind, table2_cost_comparison, thm1_strongly_convex, thm2_nonconvex
from anil_theory.statements.rates import ingredients
from anil_theory.tasks import Family, TaskSet
from anil_theory.tasks.separable_frame import separable_frames
from anil_theory.verification.cells import Cell
from anil_theory.verification.measured import Measured

THEOREMS = {"thm1": thm1_strongly_convex.theorem_claims, "thm2": thm2_nonconvex.theorem_claims}


def start_of(family: Family, seed: int) -> tuple[Array, Array]:
    """The common start z_0 of all seeds, a random point of the family's own scale."""
    return family.split(family.points(np.random.default_rng([seed, 7]), ()))


class StartedRun(NamedTuple):
    """A run of Algorithm 1 and D0 at its start.

    D0 is an upper bound of the initial gap up to its rounding, which is added to it; `gap_rounding` says what that is
    (`Estimate.rounding_kind`), and so of what kind every bound is that D0 enters.
    """

    run: OuterRun
    D0: float
    gap_rounding: str


def run_algorithm(
    family: Family, tasks: TaskSet, schedule: Schedule, *, seed: int, seeds: int, **options: Any
) -> StartedRun:
    """A run of Algorithm 1 on the population from `start_of`.

    Raises NotFinite where the loss overflows at the start.
    """
    w, phi = start_of(family, seed)
    run = outer_loop(tasks, schedule, w, phi, seed=seed, seeds=seeds, frames=separable_frames(tasks), **options)
    gap = initial_gap(family, tasks, schedule, w, phi)
    return StartedRun(run, gap.value + gap.rounding, gap.rounding_kind)


def measure_rate(cell: Cell, tasks: TaskSet) -> dict[str, Measured]:
    """The averages of the squared block norms over a run, with the claims for that run's own initial gap."""
    run, D0, _ = run_algorithm(
        cell.family,
        tasks,
        cell.schedule,
        seed=cell.seed,
        seeds=cell.seeds,
        records=20,
        max_inner_steps=cell.max_inner_steps,
    )
    found = average_gradient(run)
    claims = THEOREMS[cell.statement](D0)
    rows = ("weighted", "w", "phi") if cell.n_phi else ("weighted", "w")
    remark = found.reason
    if found.diverged:
        remark += f"; first at step {int(run.diverged_at[run.diverged].min())}"
    estimates = {row: [found.estimates[row]] if row in found.estimates else [] for row in rows}
    return {row: Measured(estimates[row], [c for c in claims if c.block == row], remark) for row in rows}


def measure_terms(cell: Cell, tasks: TaskSet) -> dict[str, Measured]:
    """The terms of Table 1 per unit of D0, at c = 1, with measured constants and gradient sizes in place of the bounds.

    The decay terms grow with the block constants, so lower estimates of those give lower estimates of them. The noise
    terms hold the ratio of the two smoothness constants, which a measurement from below does not bound: the ratio is
    taken from the bounds (the smaller of explicit and refined), and the gradient sizes are what is measured.
    """
    options: dict[str, Any] = {"seed": cell.seed, "max_inner_steps": cell.max_inner_steps}
    blocks = measure_block_lipschitz(cell.family, tasks, cell.schedule, budget=cell.budget, **options)
    best = {block: largest(by_method) for block, by_method in blocks.items()}
    sizes = measure_gradient_size(cell.family, tasks, cell.schedule, **options)
    cross = min((best["wphi"], best["phiw"]), key=lambda e: e.value)
    w, phi = (sizes[block].value ** 2 for block in ("w", "phi"))
    ratios = []
    for kind in (Kind.EXPLICIT, Kind.REFINED):
        lam_w, lam_phi = ingredients(cell.constants, cell.schedule, cell.geometry, kind).smoothness(1.0)
        ratios.append(float(lam_w / lam_phi))
    values = {
        "w_decay": 2 * (best["ww"].value + cross.value),
        "w_noise": w + min(ratios) * phi,
        "phi_decay": 2 * (best["phiphi"].value + cross.value),
        "phi_noise": phi + min(1 / r for r in ratios) * w,
    }
    relative = max(e.rounding / e.value for e in (*best.values(), *sizes.values()) if e.value > 0)
    # The largest of the relative roundings, four times: each term holds at most two products of two measured numbers.
    kind = leading_kind(e.rounding_kind for e in (*best.values(), *sizes.values()))
    dropped = [e for e in (*best.values(), *sizes.values()) if e.dropped]
    # The decay terms are proportional to D0, on both sides.
    claims = STATEMENTS["table1"].given(D0=1.0).claims
    return {
        name: Measured(
            [
                Estimate(
                    f"rate_term/{name}",
                    value,
                    Direction.LOWER,
                    method="points",
                    rounding=4 * relative * value,
                    rounding_kind=kind,
                    dropped=sum(e.dropped for e in dropped),
                    first_dropped=dropped[0].first_dropped if dropped else "",
                    samples=best["ww"].samples,
                    seed=cell.seed,
                )
            ],
            [c for c in claims if c.block == name],
        )
        for name, value in values.items()
    }


def counted_entries(tasks: TaskSet, schedule: Schedule, w: Array, phi: Array) -> dict[str, int]:
    """The oracle calls of one outer step of ANIL and of MAML on the same tasks, counted while they run."""
    anil = count_outer_step(tasks, schedule, w, phi)
    maml = count_outer_step(*_maml(tasks, schedule, w, phi))
    return _by_name("anil", anil, w.size, phi.size) | _by_name("maml", maml, w.size + phi.size, 0)


def _maml(tasks: TaskSet, schedule: Schedule, w: Array, phi: Array) -> tuple[TaskSet, Schedule, Any, Any]:
    joint, everything, empty = as_maml(tasks, w, phi)
    return joint, schedule, everything, empty


def _by_name(method: str, counted: OracleCounts, n_w: int, n_phi: int) -> dict[str, int]:
    return {
        f"{method}_gradient_w": counted.gradient_w,
        f"{method}_gradient_phi": counted.gradient_phi,
        f"{method}_hessian_w": counted.second_w,
        f"{method}_mixed": counted.second_mixed,
        f"{method}_gradient_entries": counted.gradient_entries(n_w, n_phi),
        f"{method}_second_order_entries": counted.second_entries(n_w, n_phi),
    }


def measure_counts(cell: Cell, tasks: TaskSet) -> dict[str, Measured]:
    """|counted - formula| for every number of Table 2: exact, and 0 when the table is right."""
    w, phi = start_of(cell.family, cell.seed)
    counted = counted_entries(tasks, cell.schedule, w, phi)
    exact = table2_cost_comparison.exact_counts(cell.schedule, cell.n_w, cell.n_phi)
    claims = {c.block: c for c in table2_cost_comparison.comparison_claims(cell.n_w, cell.n_phi)}
    return {
        name: Measured(
            [Estimate(f"oracle_count/{name}", float(abs(number - exact[name])), Direction.EXACT, method="counted")],
            [claims[name]],
            f"counted {number}, formula {exact[name]}",
        )
        for name, number in counted.items()
    }
