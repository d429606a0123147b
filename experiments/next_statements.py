"""The tables of docs/next_statements.md: what the witnesses of statements A to D, F and G reach, and the forms of E.

Claim: each printed row stands on that page as it is here, up to the last digit of what is measured.

    python experiments/next_statements.py [A B D E F G]
"""

import argparse
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

from anil_theory import Constants, enable_float64
from anil_theory.checks import MEASUREMENTS, Row, check, check_by
from anil_theory.estimators import Effort
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.biased_descent import FirstOrderRun
from anil_theory.statements.forms.names import FIRST_ORDER, FIRST_ORDER_DESCENT, MAML
from anil_theory.tasks import FirstOrderFloor, FirstOrderWitness, HypergradientWitness, MamlWitness, ProximalWitness

LOOPS = (1, 4, 13)
"""N. Everything is compiled for the last one."""

EFFORT = Effort(seeds=2, max_inner_steps=LOOPS[-1])

FIRST = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
SECOND = Constants(0.13, 1.7, 0.6, 2.3, 0.9)
OUTER_STEPS = 20_000
"""K of the runs of first-order MAML."""

SHARES = (1e-3, 0.1, 1.0, 10.0, 1e3)
"""The gradient at the point, as a multiple of the one at which both terms of the general form are equal."""


def line(cells: Sequence[str]) -> str:
    """A row of a table in Markdown."""
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def digits(number: float, significant: int) -> str:
    """The number with so many digits, zeros at its end included."""
    return f"{number:#.{significant}g}".rstrip(".")


def rows(name: str, problem: Problem, schedule: Schedule) -> dict[str, Row]:
    """The rows of a statement, by block."""
    return {row.block: row for row in check(name, problem, schedule, effort=EFFORT)}


def bias() -> Iterator[str]:
    """A: measured/bound of the w row and the phi row, for every N."""
    nonconvex = dataclasses.replace(FIRST, mu=None)
    settings = (
        ("(0.3, 1, 1, 0.5, 1)", "0.7/L", FIRST, 0.7),
        ("(0.13, 1.7, 0.6, 2.3, 0.9)", "0.7/L", SECOND, 0.7 / 1.7),
        ("nonconvex (1, 1, 0.5, 1)", "0.3", nonconvex, 0.3),
    )
    for words, length, constants, alpha in settings:
        cells = []
        for N in LOOPS:
            at = Schedule(alpha, N)
            problem = FirstOrderWitness(constants, at, LOOPS[-1]).problem(tasks=2)
            found = rows(FIRST_ORDER[constants.geometry], problem, at)
            cells.append(f"{found['w'].tightness:.4f}, {found['phi'].tightness:.4f}")
        yield line([words, length, *cells])


def floor() -> Iterator[str]:
    """B: Lambda, the floor, the square of statement A's b, and measured/bound."""
    settings = (
        ("(0.2, 1, 1), 0.7", Constants(0.2, 1.0, 0.0, 0.0, 1.0), 0.7),
        ("(0.13, 1.7, 0.9), 0.7/1.7", Constants(0.13, 1.7, 0.0, 0.0, 0.9), 0.7 / 1.7),
        ("nonconvex (1, 1), 0.3", Constants(None, 1.0, 0.0, 0.0, 1.0), 0.3),
    )
    for words, constants, alpha in settings:
        for N in LOOPS:
            high, low = 1 - alpha * constants.lowest_curvature, 1 - alpha * constants.L
            middle = (high**N + low**N) / 2
            unit = Schedule(alpha, N, beta_w=1.0, batch=2, population=2, outer_steps=OUTER_STEPS)
            curvature = (
                FirstOrderRun(constants.geometry, Kind.REFINED, constants, unit, 0.0, False).loop(high).curvature
            )
            at = dataclasses.replace(unit, beta_w=middle / float(curvature))
            found = rows(FIRST_ORDER_DESCENT[constants.geometry], FirstOrderFloor(constants).problem(tasks=2), at)
            row = found["weighted"]
            lowest = (constants.M * (high**N - low**N) / 2) ** 2
            (bias_of_a_task,) = STATEMENTS[FIRST_ORDER[constants.geometry]].select(Kind.SHARP, "w")
            alone = bias_of_a_task.evaluate(constants, at).value
            first = words if LOOPS[0] == N else ""
            numbers = [digits(number, 3) for number in (middle, lowest, alone**2)]
            yield line([first, str(N), *numbers, f"{row.tightness:.3f}"])


def hypergradients() -> Iterator[str]:
    """C and D from a distance of 1: measured over the refined bound, unrolled, Neumann and conjugate gradients."""
    loops = (1, 5, 20, 60)
    effort = Effort(max_inner_steps=loops[-1])
    for rho, tau in ((0.0, 0.0), (0.1, 0.05), (1.0, 0.5)):
        constants = Constants(0.2, 1.0, rho, tau, 1.0)
        for alpha in (0.2, 0.7, 1.0):
            cells = []
            for N in loops:
                at = Schedule(alpha, N)
                problem = HypergradientWitness(constants, at).problem(tasks=3)
                shares = []
                for name, block in (
                    ("unrolled", "started"),
                    ("implicit", "neumann started"),
                    ("implicit", "cg started"),
                ):
                    judged = check_by(STATEMENTS[name], MEASUREMENTS["hypergradient-error"], problem, at, effort=effort)
                    (row,) = (row for row in judged if row.block == block)
                    shares.append(f"{row.measured / row.bounds['refined']:.2f}")
                cells.append(", ".join(shares))
            yield line([f"({rho:g}, {tau:g})" if alpha == 0.2 else "", f"{alpha:g}", *cells])


def objective() -> Iterator[str]:
    """E: the sharp form and that of Ghadimi and Wang."""
    statement = STATEMENTS["bilevel_smoothness"]
    for constants in (FIRST, SECOND):
        numbers = (constants.mu, constants.L, constants.rho, constants.tau, constants.M)
        words = ", ".join(f"{number:g}" for number in numbers if number is not None)
        (sharp,), (explicit,) = (statement.select(kind) for kind in (Kind.SHARP, Kind.EXPLICIT))
        values = [claim.evaluate(constants, Schedule(0.1, 1)).value for claim in (sharp, explicit)]
        yield line([f"({words})", *(digits(value, 4) for value in values)])


def proximal() -> Iterator[str]:
    """F: measured over the best bound of every row, strongly convex and nonconvex."""
    convex = Constants(0.2, 1.0, 1.0, 0.5, 1.0)
    found = []
    for constants, lam in ((convex, 0.5), (dataclasses.replace(convex, mu=None), 2.0)):
        problem = ProximalWitness(constants).problem(tasks=1)
        found.append(rows("imaml", problem, Schedule(0.3, 2, lam=lam)))
    for block in ("slope", "distance", "steps", "neumann", "smoothness"):
        words = f"{block}, refined" if block == "distance" else block
        yield line([words, *(f"{of_geometry[block].power:.6f}" for of_geometry in found)])


def maml() -> Iterator[str]:
    """G: measured/bound by the size of the gradient; in the general form the least of all N."""
    general = (
        ("(L, rho) = (1, 1)", Constants(None, 1.0, 1.0, 0.0, 1.0)),
        ("(1.7, 0.6)", Constants(None, 1.7, 0.6, 0.0, 0.9)),
    )
    for words, constants in general:
        for share_of_limit in (0.3, 1.0):
            cells = []
            for share in SHARES:
                schedules = [Schedule(share_of_limit / constants.L, N) for N in LOOPS]
                least = min(reached(MAML["steps"], constants, at, share)[0] for at in schedules)
                cells.append(f"{least:.3f}")
            setting = f"{words}, alpha = {digits(share_of_limit, 1)}/L"
            yield line(["general", setting, ", ".join(map(str, LOOPS)), *cells])
    convex = (
        ("(mu, L, rho) = (0.3, 1, 1)", Constants(0.3, 1.0, 1.0, 0.0, 1.0)),
        ("(0.13, 1.7, 0.6)", Constants(0.13, 1.7, 0.6, 0.0, 0.9)),
    )
    for words, constants in convex:
        for N in LOOPS:
            at = Schedule(0.7 / constants.L, N)
            cells = []
            for share in SHARES:
                refined, explicit = reached(MAML["convex"], constants, at, share)
                same = f"{refined:.3f}" == f"{explicit:.3f}"
                cells.append(f"{refined:.3f}" if same else f"{refined:.3f} ({explicit:.3f})")
            yield line(["refined (explicit), convex", f"{words}, alpha = 0.7/L", str(N), *cells])


def reached(name: str, constants: Constants, at: Schedule, share: float) -> tuple[float, float]:
    """Measured over the best bound, and over the explicit one (NaN where there is none)."""
    even = MamlWitness(constants, at).gradient_norm
    problem = MamlWitness(constants, at, share * even, LOOPS[-1]).problem(tasks=1)
    (row,) = rows(name, problem, at).values()
    return row.measured / min(row.bounds.values()), row.measured / row.bounds.get("explicit", math.nan)


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "A": bias,
    "B": floor,
    "D": hypergradients,
    "E": objective,
    "F": proximal,
    "G": maml,
}


def main() -> None:
    """Print the tables that are asked for."""
    enable_float64()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("statements", nargs="*", help=f"of {', '.join(TABLES)}; all, if left out")
    asked = parser.parse_args().statements or list(TABLES)
    if not set(asked) <= set(TABLES):
        parser.error(f"statements must be of {', '.join(TABLES)}; they are {' '.join(asked)}")
    for name in asked:
        print(f"\n{name}")
        for printed in TABLES[name]():
            print(printed, flush=True)


if __name__ == "__main__":
    main()
