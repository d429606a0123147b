"""Grids: the axes a user can set, and the cells they make."""

from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry
from anil_theory.estimators import Budget
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.contraction import step_margin
from anil_theory.statements.rates import step_sizes
from anil_theory.tasks import ExtremalFamily
from anil_theory.verification.cells import Cell, Check, Regime

SUPPORTED = tuple(STATEMENTS)
SMOOTHNESS = ("assumptions", "prop1", "prop2", "prop3")
PROPOSITION = {Geometry.STRONGLY_CONVEX: "prop2", Geometry.NONCONVEX: "prop3"}
THEOREM = {Geometry.STRONGLY_CONVEX: "thm1", Geometry.NONCONVEX: "thm2"}


@dataclass(frozen=True)
class Axes:
    """The values of every axis of a grid; the grid is their product.

    mu                strong convexity constants (strongly convex cells only);
    L, rho, tau, M    the other constants;
    inner_steps       N;
    shapes            pairs (n_w, n_phi);
    alpha             inner step sizes; None stands for the paper's mu/L^2 (strongly convex) and for 0.1/L (nonconvex);
    c                 c of alpha = c/(N L) (nonconvex);
    batch, outer_steps, beta   B, K and both outer step sizes (theorems and Table 2 only); beta None stands for the
                      largest that the explicit bounds allow;
    geometries        which geometries to cover.
    """

    mu: tuple[float, ...] = (0.1, 0.5)
    L: tuple[float, ...] = (1.0,)
    rho: tuple[float, ...] = (1.0,)
    tau: tuple[float, ...] = (0.5,)
    M: tuple[float, ...] = (1.0,)
    inner_steps: tuple[int, ...] = (1, 2, 5, 10, 20, 30)
    shapes: tuple[tuple[int, int], ...] = ((2, 2),)
    alpha: tuple[float | None, ...] = (None,)
    c: tuple[float, ...] = (0.7,)
    geometries: tuple[Geometry, ...] = (Geometry.STRONGLY_CONVEX, Geometry.NONCONVEX)
    batch: tuple[int, ...] = (4,)
    outer_steps: tuple[int, ...] = (1000,)
    beta: tuple[float | None, ...] = (None,)
    tasks: int = 4
    seeds: int = 32
    query: str = "sine"
    seed: int = 0
    budget: Budget = field(default_factory=Budget)

    def settings(self) -> list[tuple[Constants, Schedule, Regime]]:
        """Every (constants, schedule, regime), the geometries one after the other."""
        found: list[tuple[Constants, Schedule, Regime]] = []
        for geometry in self.geometries:
            convex = geometry is Geometry.STRONGLY_CONVEX
            for L, mu, rho, tau, M in product(self.L, self.mu if convex else (None,), self.rho, self.tau, self.M):
                constants = Constants(mu, L, rho, tau, M)
                for N in self.inner_steps:
                    found += [(constants, s, r) for s, r in self._schedules(constants, N)]
        return found

    def _schedules(self, constants: Constants, N: int) -> list[tuple[Schedule, Regime]]:
        if constants.mu is not None:
            # An explicit alpha above 1/L is allowed here: its verdict is NOT_APPLICABLE, with the amount.
            return [
                (Schedule.strongly_convex(constants, N), Regime.STRONGLY_CONVEX)
                if alpha is None
                else (Schedule(alpha, N), Regime.FIXED)
                for alpha in self.alpha
            ]
        fixed = [(Schedule(0.1 / constants.L if a is None else a, N), Regime.FIXED) for a in self.alpha]
        return fixed + [(Schedule.nonconvex(constants, N, c), Regime.SCALED) for c in self.c]


def grid_cells(axes: Axes, statements: tuple[str, ...] = SUPPORTED) -> list[Cell]:
    """The cells of a grid for the given statements, ordered so that cells that share a compilation are neighbours.

    Raises InvalidParameter for an unknown statement, an empty grid, and constants that no task has.
    """
    for name in statements:
        if name not in SUPPORTED:
            raise InvalidParameter("statement", "one of " + ", ".join(SUPPORTED), name)
    settings = axes.settings()
    longest = max(axes.inner_steps, default=0)
    cells: list[Cell] = []
    for n_w, n_phi in axes.shapes:
        audited: set[Constants] = set()
        counted: set[int] = set()
        for constants, schedule, regime in settings:
            common: dict[str, Any] = {
                "constants": constants,
                "schedule": schedule,
                "regime": regime,
                "n_w": n_w,
                "n_phi": n_phi,
                "tasks": axes.tasks,
                "query": axes.query,
                "seed": axes.seed,
                "seeds": axes.seeds,
                "budget": axes.budget,
                "max_inner_steps": longest,
            }
            if "assumptions" in statements and constants not in audited:
                cells.append(Cell(Check.CONSTANTS, "assumptions", **common))
                audited.add(constants)
            if "prop1" in statements:
                cells.append(Cell(Check.IDENTITY, "prop1", **common))
            proposition, theorem = PROPOSITION[constants.geometry], THEOREM[constants.geometry]
            if proposition in statements:
                cells.append(Cell(Check.BLOCKS, proposition, **common))
            if "table1" in statements and n_phi > 0 and constants_fit(constants, schedule):
                cells.append(Cell(Check.TERMS, "table1", **common))
            if theorem in statements and constants_fit(constants, schedule):
                runs = _runs(axes, constants, schedule)
                cells += [replace(Cell(Check.RATE, theorem, **common), schedule=run) for run in runs]
            if "table2" in statements and n_phi > 0 and schedule.inner_steps not in counted:
                counted.add(schedule.inner_steps)
                batches = [replace(schedule, batch=B) for B in axes.batch]
                cells += [replace(Cell(Check.COUNT, "table2", **common), schedule=run) for run in batches]
    if not cells:
        raise InvalidParameter("grid", "at least one cell (does the geometry match the statement?)", statements)
    return cells


def constants_fit(constants: Constants, schedule: Schedule) -> bool:
    """Whether there is a contraction factor, without which no outer step size can be derived."""
    return constants.mu is None or step_margin(schedule.alpha, constants.L) >= 0


def _runs(axes: Axes, constants: Constants, schedule: Schedule) -> list[Schedule]:
    """Runs of Algorithm 1 for every K, B and beta; explicit limits are below the refined ones, so both apply."""
    found = []
    for B, K, beta in product(axes.batch, axes.outer_steps, axes.beta):
        run = replace(schedule, batch=B, outer_steps=K)
        if beta is None:
            run = step_sizes(constants, run, constants.geometry, Kind.EXPLICIT)
        else:
            run = replace(run, beta_w=beta, beta_phi=beta)
        found.append(run)
    return found


def attained_cells(axes: Axes, statements: tuple[str, ...]) -> list[Cell]:
    """The extremal task at every setting of a grid for which it exists."""
    cells = []
    for constants, schedule, regime in axes.settings():
        proposition = PROPOSITION[constants.geometry]
        if proposition in statements and ExtremalFamily.exists(constants, schedule):
            longest = max(axes.inner_steps)
            cells.append(
                Cell(Check.ATTAINED, proposition, constants, schedule, regime, 1, 1, 1, max_inner_steps=longest)
            )
    return cells


def default_cells(statements: tuple[str, ...] = SUPPORTED, *, quick: bool = False, seed: int = 0) -> list[Cell]:
    """The grid of `anil-theory verify`: both geometries, N = 1..30, several (mu, rho, tau), blocks of 2 to 50.

    quick   fewer settings and one shape.
    """
    witness = Axes(mu=(0.1,), inner_steps=(1, 2, 5, 10, 20, 30), seed=seed)
    small = Budget(pairs=32, points=16, power_iterations=6, starts=4, iterations=40)
    many = Budget(pairs=128, points=32, power_iterations=10, starts=8, iterations=100)
    few = Budget(pairs=32, points=8, power_iterations=8, starts=3, iterations=60)
    runs = Axes(mu=(0.2,), shapes=((4, 3),), inner_steps=(1, 5, 20), outer_steps=(2000,), tasks=8, seed=seed)
    counts = Axes(mu=(0.2,), shapes=((3, 2),), inner_steps=(1, 5), batch=(2,), seed=seed)
    if quick:
        main = Axes(mu=(0.1, 0.5), inner_steps=(1, 3, 10, 30), budget=small, seed=seed)
        grids = [
            (main, (*SMOOTHNESS, "table1")),
            (replace(runs, inner_steps=(1, 10), outer_steps=(300,), shapes=((2, 2),)), ("thm1", "thm2")),
            (replace(counts, inner_steps=(3,)), ("table2",)),
        ]
    else:
        pair = Axes(shapes=((2, 2),), budget=many, rho=(0.3, 1.0), tau=(0.0, 0.5, 1.0), seed=seed)
        wide = Axes(mu=(0.1,), shapes=((50, 50),), inner_steps=(1, 5, 30), budget=few, tasks=2, seed=seed)
        grids = [
            (pair, SMOOTHNESS),
            (Axes(shapes=((2, 2),), budget=many, seed=seed), ("table1",)),
            (Axes(shapes=((10, 5),), budget=many, seed=seed), SMOOTHNESS),
            (wide, SMOOTHNESS),
            (runs, ("thm1", "thm2")),
            (counts, ("table2",)),
        ]
    cells = attained_cells(witness, statements)
    for axes, covered in grids:
        chosen = tuple(name for name in covered if name in statements)
        cells += grid_cells(axes, chosen) if chosen else []
    return cells
