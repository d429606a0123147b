"""How close random populations come to the refined theorem, to Theorem J and to Theorem I.

Claim: over random populations measured/bound of Theorem I is at least 0.25 at the median, at every setting, where the
refined theorem and Theorem J stay far below. In the third column the curvature, the
second moment and inf L_meta are estimates from a grid of points about the iterates. D0 is that same estimate in the
first three columns, so that they differ by the theorem alone. In the last column all three numbers are certified on the
box of the pilots (`certify.population_rate`), D0 too; populations whose runs left that box are counted and left out.

    python experiments/population_rates.py [--populations 12]
"""

import argparse
from dataclasses import replace

import numpy as np

from anil_theory import Constants, enable_float64
from anil_theory.certify.population_rate import QUANTITY, measure_in_region, numbers_of
from anil_theory.constants import Geometry, Knowledge
from anil_theory.estimators import Effort
from anil_theory.estimators._average_gradient import average_gradient
from anil_theory.estimators.algorithm_runs import run_algorithm
from anil_theory.estimators.population_form import population_form
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.population_rates import PopulationNumbers, PopulationRate
from anil_theory.statements.rates import Rate, betas_of, sharp_step, step_sizes
from anil_theory.tasks import SeparableFamily

CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
SETTINGS = ((1, 1, "refined"), (1, 8, "refined"), (4, 8, "refined"), (1, 1, "lam = 1"), (4, 8, "lam = 1"))
"""N, B, and which step sizes."""

TASKS = 6
OUTER_STEPS = 300
SEEDS = 200
CERTIFIED_SEEDS = 64
POINTS = 61
"""Of the grid, along each of two axes."""

MARGIN = 1.0
"""How far beyond the largest iterates the grid reaches."""


def grid(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Points of a square grid, (POINTS^2, 2)."""
    axes = [np.linspace(a, b, POINTS) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def ratios(seed: int, N: int, B: int, steps: str) -> tuple[float, float, float, float]:
    """measured/bound of one population's weighted row: refined (NaN where it has no bound), J, I, and I certified.

    The last is NaN where an iterate left the box, and where the numbers are not certified.
    """
    plain = replace(Schedule.paper(CONSTANTS, N), batch=B, outer_steps=OUTER_STEPS)
    if steps == "refined":
        schedule = step_sizes(CONSTANTS, plain, Geometry.STRONGLY_CONVEX)
    else:
        beta = sharp_step(CONSTANTS, plain, Geometry.STRONGLY_CONVEX)
        schedule = replace(plain, beta_w=beta, beta_phi=beta)
    problem = SeparableFamily(CONSTANTS, 1, 1).problem(tasks=TASKS, seed=seed)
    run = run_algorithm(problem, schedule, seed=seed, seeds=SEEDS, records=60)
    measured = average_gradient(run).estimates["weighted"].value

    ends = np.concatenate([np.asarray(run.final_w), np.asarray(run.final_phi)], axis=1)
    visited = np.vstack([problem.start[None], ends])
    low = visited.min(axis=0) - MARGIN
    high = visited.max(axis=0) + MARGIN
    beta_w, beta_phi = betas_of(schedule, phi=True)
    betas = {"beta_w": beta_w, "beta_phi": beta_phi}
    form = population_form(problem, schedule, grid(low, high), **betas)
    wide = population_form(problem, schedule, grid(low - 8, high + 8), **betas)
    start = population_form(problem, schedule, np.asarray(problem.start)[None], **betas).lowest
    D0 = start - min(form.lowest, wide.lowest)

    numbers = PopulationNumbers(form.curvature, form.second_moment, D0, Knowledge.ESTIMATED)
    of_population = PopulationRate(numbers, schedule).bound("weighted").value
    joint = JointRate(CONSTANTS, schedule, Geometry.STRONGLY_CONVEX, D0).bound("weighted").value
    rate = Rate(CONSTANTS, schedule, Geometry.STRONGLY_CONVEX, Kind.REFINED, D0)
    allowed = all(hypothesis.holds for hypothesis in rate.hypotheses())
    refined = rate.bound("weighted").value if allowed else np.nan
    return measured / refined, measured / joint, measured / of_population, certified_ratio(problem, schedule, seed)


def certified_ratio(problem: Problem, schedule: Schedule, seed: int) -> float:
    """measured/bound of the weighted row, with certified numbers; NaN where an iterate left the box."""
    effort = Effort(seed=seed, seeds=CERTIFIED_SEEDS)
    (estimate,) = measure_in_region(problem, schedule, effort)[f"{QUANTITY}/weighted"].estimates
    facts = numbers_of(problem, schedule, effort).facts
    if estimate.outside > 0 or not facts["enclosed"]:
        return np.nan
    numbers = PopulationNumbers(facts["curvature"], facts["second_moment"], facts["local_gap"], Knowledge.CERTIFIED)
    return estimate.value / PopulationRate(numbers, schedule).bound("weighted").value


def main() -> None:
    """Print the table: medians over the populations, with the largest in brackets."""
    enable_float64()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--populations", type=int, default=12)
    populations = parser.parse_args().populations
    print(f"| {CONSTANTS.mu, CONSTANTS.L, CONSTANTS.rho, CONSTANTS.tau, CONSTANTS.M} | refined | J | I | I certified |")
    print("|---|---|---|---|---|")
    for N, B, steps in SETTINGS:
        table = np.array([ratios(seed, N, B, steps) for seed in range(populations)])
        shown = []
        for column in table.T:
            known = column[np.isfinite(column)]
            shown.append(f"{np.median(known):.3f} ({known.max():.3f})" if len(known) else "not applicable")
        left_out = int(np.isnan(table[:, 3]).sum())
        remark = f", {left_out} left out" if left_out else ""
        print(f"| N = {N}, B = {B}, {steps} | {' | '.join(shown)}{remark} |", flush=True)


if __name__ == "__main__":
    main()
