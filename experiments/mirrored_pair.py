"""How far a mirrored pair of tasks with phi, and with rho, tau > 0, reaches Theorem J.

Claim: at the explicit outer steps the share of the weighted row that runs of Algorithm 1 reach grows with B, towards
that of linear SGD on the pair in the last column. D0 = 0, so there is no decay.

    python experiments/mirrored_pair.py [--outer-steps 400] [--seeds 64]
"""

import argparse
from dataclasses import replace

from anil_theory import Constants, enable_float64
from anil_theory.estimators._average_gradient import average_gradient
from anil_theory.estimators.algorithm_runs import run_algorithm
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.rates import step_sizes
from anil_theory.tasks import MirroredPairFamily

CONSTANTS = ((0.2, 1.0, 1.0, 0.5, 1.0), (0.13, 1.7, 0.6, 2.3, 0.9), (0.9, 1.0, 5.0, 0.1, 3.0))
LOOPS = (1, 4)
BATCHES = (1024, 2**15, 2**20)
LIMIT = 2**40
"""B of the limit, where SGD on the pair is linear."""


def setting(numbers: tuple[float, ...], convex: bool, N: int) -> tuple[Constants, Schedule]:
    """Constants, and the schedule with alpha = mu/L^2 or 0.5/(N L) and the explicit outer steps."""
    mu, L, rho, tau, M = numbers
    constants = Constants(mu if convex else None, L, rho, tau, M)
    plain = Schedule(mu / L**2 if convex else 0.5 / (N * L), N)
    return constants, step_sizes(constants, plain, constants.geometry, Kind.EXPLICIT)


def theorem_J(constants: Constants, schedule: Schedule) -> float:
    """Its weighted row at D0 = 0."""
    return JointRate(constants, schedule, constants.geometry, 0.0).bound("weighted").value


def run(constants: Constants, schedule: Schedule, seeds: int) -> str:
    """Measured over Theorem J, with its standard error."""
    problem = MirroredPairFamily(constants, schedule, max(LOOPS)).problem()
    results = run_algorithm(
        problem, schedule, seed=0, seeds=seeds, records=1, average="every", max_inner_steps=max(LOOPS)
    )
    measured = average_gradient(results).estimates["weighted"]
    joint = theorem_J(constants, schedule)
    return f"{measured.value / joint:.3f} ± {measured.stderr / joint:.3f}"


def main() -> None:
    """Print the table."""
    enable_float64()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outer-steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=64)
    asked = parser.parse_args()
    heads = " | ".join(f"B = {B}" for B in BATCHES)
    print(f"| (mu, L, rho, tau, M), geometry, N | {heads} | limit |")
    print("|---" * (2 + len(BATCHES)) + "|")
    for numbers in CONSTANTS:
        for convex in (True, False):
            for N in LOOPS:
                constants, schedule = setting(numbers, convex, N)
                long = replace(schedule, outer_steps=asked.outer_steps)
                cells = [run(constants, replace(long, batch=B), asked.seeds) for B in BATCHES]
                endless = replace(schedule, batch=LIMIT)
                floor = MirroredPairFamily(constants, endless).chosen.floor / LIMIT
                limit = f"{floor / theorem_J(constants, endless):.3f}"
                geometry = "convex" if convex else "nonconvex"
                print(f"| {numbers}, {geometry}, {N} | {' | '.join([*cells, limit])} |", flush=True)


if __name__ == "__main__":
    main()
