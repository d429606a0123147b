"""How far two mirrored tasks reach the theorems for MAML, with rho > 0.

Claim: with phi empty, the average of ||D L_meta||^2 tends to the bound as B grows, at all constants, N and in both
geometries. At finite B it stays below, because the curvature is at its bound on a short way only.

    python experiments/mirrored_tasks.py [--outer-steps 400] [--seeds 32]
"""

import argparse
from dataclasses import replace

from anil_theory import Constants, enable_float64
from anil_theory.estimators._average_gradient import average_gradient
from anil_theory.estimators.algorithm_runs import run_algorithm
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.rates import Rate, step_sizes
from anil_theory.tasks import MirroredFamily

BATCHES = (1, 4, 16, 64, 256, 1024, 16384)
SETTINGS = (
    (Constants(0.2, 1.0, 1.0, 0.0, 1.0), 1),
    (Constants(0.2, 1.0, 1.0, 0.0, 1.0), 4),
    (Constants(None, 1.0, 1.0, 0.0, 1.0), 4),
    (Constants(0.13, 1.7, 0.6, 0.0, 0.9), 13),
    (Constants(None, 1.7, 0.6, 0.0, 0.9), 13),
    (Constants(0.9, 1.0, 5.0, 0.0, 3.0), 4),
)
"""Constants and N; alpha is mu/L^2, or 0.5/(N L)."""


SHORT = (1.0, 1 / 8, 1 / 128, 1 / 1024, 1 / 8192)
"""lam of the runs at B = 1; each takes 60/lam steps."""


def ratios(constants: Constants, N: int, B: int, outer_steps: int, seeds: int, lam: float = 1.0) -> tuple[float, float]:
    """measured/bound, refined and sharp, at the steps lam/L_ww."""
    alpha = 0.5 / (N * constants.L) if constants.mu is None else constants.mu / constants.L**2
    plain = Schedule(alpha, N, batch=B, outer_steps=outer_steps)
    schedule = step_sizes(constants, plain, constants.geometry, Kind.REFINED, phi=False)
    assert schedule.beta_w is not None
    schedule = replace(schedule, beta_w=lam * schedule.beta_w)
    problem = MirroredFamily(constants, schedule).problem()
    run = run_algorithm(problem, schedule, seed=0, seeds=seeds, records=20, average="every")
    measured = average_gradient(run).estimates["w"].value
    refined = Rate(constants, schedule, constants.geometry, Kind.REFINED, 0.0, phi=False).bound("w").value
    joint = JointRate(constants, schedule, constants.geometry, 0.0, phi=False).bound("w").value
    return measured / refined, measured / joint


def main() -> None:
    """Print the table, measured over the refined bound and over Theorem J in brackets, and that of B = 1 over J."""
    enable_float64()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outer-steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=32)
    asked = parser.parse_args()
    print(f"| (mu, L, rho, M), N | {' | '.join(f'B = {B}' for B in BATCHES)} |")
    print("|---" * (1 + len(BATCHES)) + "|")
    for constants, N in SETTINGS:
        cells = []
        for B in BATCHES:
            refined, joint = ratios(constants, N, B, asked.outer_steps, asked.seeds)
            cells.append(f"{refined:.3f} ({joint:.3f})")
        first = "nonconvex" if constants.mu is None else constants.mu
        print(f"| ({first}, {constants.L}, {constants.rho}, {constants.M}), {N} | {' | '.join(cells)} |", flush=True)
    print(f"\n| B = 1 | {' | '.join(f'lam = {lam:.2g}' for lam in SHORT)} |")
    print("|---" * (1 + len(SHORT)) + "|")
    constants, N = SETTINGS[1]
    cells = []
    for lam in SHORT:
        joint = ratios(constants, N, 1, max(asked.outer_steps, int(60 / lam)), asked.seeds, lam)[1]
        cells.append(f"{joint:.3f}")
    print(f"| ({constants.mu}, {constants.L}, {constants.rho}, {constants.M}), {N} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
