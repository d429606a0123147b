"""Curvature and noise at once, with rho, tau > 0: how far a mirrored pair of ANIL tasks reaches Theorem J.

Claim: at lam = 1 and large B a run reaches at least 0.88 of the weighted row wherever the small-noise limit does, and
at short steps it reaches the exact trade F_1 (`statements.joint_trade`) at B = 1 as well. D0 is left out on both sides:
the first steps are skipped, and the bound has K so large that its decay does not count.

    python experiments/curvature_and_noise.py
"""

from dataclasses import replace

from anil_theory import Constants, enable_float64
from anil_theory.estimators.local_population import best_pair, linear_floor, run_pair
from anil_theory.schedule import Schedule
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.joint_trade import joint_trade
from anil_theory.statements.rates import sharp_step

CONSTANTS = ((0.2, 1.0, 1.0, 0.5, 1.0), (0.13, 1.7, 0.6, 2.3, 0.9), (0.9, 1.0, 5.0, 0.1, 3.0))
LOOPS = (1, 4)
ENDLESS = 10**15
"""K of the bound."""

STEPS_OF_RUN = 300
CHAINS = 1000
LONG = ((1.0, 2**16), (1.0, 2**22))
SHORT = ((1 / 64, 1), (1 / 1024, 1), (1 / 16384, 1))
"""lam and B of the runs; those of short steps take 8/lam steps each, at one N of two constants."""


def setting(numbers: tuple[float, ...], convex: bool, N: int) -> tuple[Constants, Schedule, float]:
    """Constants, the inner loop (alpha = mu/L^2 or 0.5/(N L)), and the step at which lam = 1."""
    mu, L, rho, tau, M = numbers
    constants = Constants(mu if convex else None, L, rho, tau, M)
    schedule = Schedule(mu / L**2 if convex else 0.5 / (N * L), N)
    return constants, schedule, sharp_step(constants, schedule, constants.geometry)


def floor_of_J(constants: Constants, schedule: Schedule) -> float:
    """Theorem J's weighted row without its decay, times B."""
    endless = replace(schedule, outer_steps=ENDLESS)
    return JointRate(constants, endless, constants.geometry, 0.0).bound("weighted").value * schedule.batch


def limit(constants: Constants, schedule: Schedule, beta: float, lam: float) -> float:
    """Small noise over Theorem J, at steps of lam and endless batches."""
    steps = replace(schedule, beta_w=lam * beta, beta_phi=lam * beta, batch=2**40)
    return linear_floor(best_pair(constants, steps), lam * beta, lam * beta) / floor_of_J(constants, steps)


def run(constants: Constants, schedule: Schedule, beta: float, lam: float, B: int) -> str:
    """Measured over Theorem J, with its standard error; the offsets stay where the Hessians keep to the constants."""
    length = max(STEPS_OF_RUN, int(4 / lam))
    steps = replace(schedule, beta_w=lam * beta, beta_phi=lam * beta, batch=B, outer_steps=length)
    first = run_pair(best_pair(constants, steps), steps, chains=CHAINS, skipped=length)
    radius = 1.3 * first.farthest
    if 2 * radius * (constants.rho + constants.tau) >= constants.L - constants.lowest_curvature:
        return "-"
    pair = best_pair(constants, steps, radius)
    measured = run_pair(
        pair, steps, chains=CHAINS, skipped=length, seed=1, cut=0.5 * radius * constants.L / constants.M
    )
    if measured.farthest > radius:
        return "left"
    joint = floor_of_J(constants, steps)
    return f"{measured.value * B / joint:.3f} +- {measured.stderr * B / joint:.3f}"


def main() -> None:
    """Print the tables."""
    enable_float64()
    print("| (mu, L, rho, tau, M), geometry, N | lam = 1 | 0.1 | 0.01 | F_1/F_0 |")
    print("|---|---|---|---|---|")
    every = [(numbers, convex, N) for numbers in CONSTANTS for convex in (True, False) for N in LOOPS]
    for numbers, convex, N in every:
        constants, schedule, beta = setting(numbers, convex, N)
        shares = [f"{limit(constants, schedule, beta, lam):.3f}" for lam in (1.0, 0.1, 0.01)]
        exact = "-"
        if convex:
            trade = joint_trade(constants, replace(schedule, beta_w=beta, beta_phi=beta))
            exact = f"{trade.together / trade.apart:.3f}"
        geometry = "convex" if convex else "nonconvex"
        print(f"| {numbers}, {geometry}, {N} | {' | '.join(shares)} | {exact} |", flush=True)
    table(LONG, every)
    table(SHORT, [(numbers, True, 1) for numbers in CONSTANTS[:2]])


def table(runs: tuple[tuple[float, int], ...], settings: list[tuple[tuple[float, ...], bool, int]]) -> None:
    """The runs of some settings."""
    heads = " | ".join(f"lam = {lam:.2g}, B = {B}" for lam, B in runs)
    print(f"\n| runs | {heads} |")
    print("|---" * (1 + len(runs)) + "|")
    for numbers, convex, N in settings:
        cells = [run(*setting(numbers, convex, N), lam, B) for lam, B in runs]
        geometry = "convex" if convex else "nonconvex"
        print(f"| {numbers}, {geometry}, {N} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
