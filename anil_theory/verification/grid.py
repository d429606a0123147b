"""Grids: the axes a user can set, and the cells they make."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory.checks import MEASUREMENTS, measurements_of
from anil_theory.checks.rate_terms import contracts
from anil_theory.constants import Constants, Geometry
from anil_theory.estimators import Budget, Measurement
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.rates import step_sizes
from anil_theory.tasks import FAMILIES, ExtremalFamily, SeparableFamily
from anil_theory.verification.cells import Cell, Regime

SAMPLED = (SeparableFamily.name,)
"""The families of a grid that names none, and beside them, where they exist:"""

WITNESSES = (ExtremalFamily.name,)
"""the tasks that are made to attain a constant."""


@dataclass(frozen=True)
class Axes:
    """The values of every axis of a grid; the grid is their product.

    mu                strong convexity constants (strongly convex cells only);
    L, rho, tau, M    the other constants; families with constants of their own have those instead;
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
                found += self.settings_of(Constants(mu, L, rho, tau, M))
        return found

    def settings_of(self, constants: Constants) -> list[tuple[Constants, Schedule, Regime]]:
        """The settings at given constants."""
        if constants.geometry not in self.geometries:
            return []
        return [(constants, s, r) for N in self.inner_steps for s, r in self._schedules(constants, N)]

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


class _Reasons(dict[str, str]):
    """Why a statement has no cell in a grid: the last reason there was."""


def grid_cells(
    axes: Axes,
    statements: Iterable[str] | None = None,
    *,
    families: Iterable[str] = SAMPLED,
    measurements: Iterable[str] | None = None,
) -> list[Cell]:
    """The product of axes, families and statements, each statement with every measurement of its quantities.

    statements, families, measurements   names in the registries; default all statements and all measurements.

    A measurement is made once for each value of what it depends on. Cells that share a compilation are neighbours.
    Raises InvalidParameter for an unknown name, an empty grid, and constants that no task of a family has (a family
    that is a witness is left out there), and Unmeasured for a statement that nothing measures.
    """
    chosen = tuple(STATEMENTS if statements is None else statements)
    reasons = _Reasons()
    cells = _product(axes, chosen, tuple(families), measurements, reasons)
    if not cells:
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise InvalidParameter("grid", f"at least one cell ({why or 'it has no settings'})", chosen)
    return cells


def _product(
    axes: Axes,
    statements: tuple[str, ...],
    families: tuple[str, ...],
    measurements: Iterable[str] | None,
    reasons: _Reasons,
) -> list[Cell]:
    for name in statements:
        one_of("statement", name, tuple(STATEMENTS))
    serving = {name: measurements_of(STATEMENTS[name]) for name in statements}
    allowed = set(MEASUREMENTS if measurements is None else measurements)
    cells: dict[Hashable, Cell] = {}
    for family in families:
        for shape, (constants, schedule, regime) in _settings(axes, family):
            for name in statements:
                geometry = STATEMENTS[name].geometry
                if geometry not in (None, constants.geometry):
                    reasons.setdefault(name, f"it is about the {geometry} geometry")
                    continue
                for measurement in serving[name]:
                    if measurement.name not in allowed:
                        continue
                    for run in _runs(axes, constants, schedule, measurement):
                        cell = _cell(axes, family, shape, constants, run, regime, name, measurement)
                        if cell is None:
                            reasons[name] = f"no task of {family} exists there"
                            continue
                        key = (name, measurement.name, family, *_parts(cell, measurement))
                        if key in cells:
                            continue
                        reason = measurement.why_not(cell.problem, run)
                        if reason:
                            reasons[name] = reason
                            continue
                        cells[key] = cell
    return list(cells.values())


def _settings(axes: Axes, family: str) -> Iterator[tuple[tuple[int, int], tuple[Constants, Schedule, Regime]]]:
    """Dimensions and settings of a family: those of the axes, or its own."""
    source = FAMILIES[one_of("family", family, tuple(FAMILIES))]
    if source.takes_constants:
        yield from product(axes.shapes, axes.settings())
    else:
        own = source.smallest()
        yield from product([(own.n_w, own.n_phi)], axes.settings_of(own.constants))


def _cell(
    axes: Axes,
    family: str,
    shape: tuple[int, int],
    constants: Constants,
    schedule: Schedule,
    regime: Regime,
    statement: str,
    measurement: Measurement,
) -> Cell | None:
    """The cell, with the dimensions that the family has there; None where a witness does not exist."""
    witness = FAMILIES[family].is_witness
    try:
        cell = Cell(
            measurement=measurement.name,
            statement=statement,
            constants=constants,
            schedule=schedule,
            regime=regime,
            n_w=shape[0],
            n_phi=shape[1],
            tasks=1 if witness else axes.tasks,
            query=axes.query,
            seed=axes.seed,
            max_inner_steps=max(axes.inner_steps),
            seeds=axes.seeds,
            budget=axes.budget,
            family=family,
        )
    except InvalidParameter:
        if witness:
            return None
        raise
    dimensions = (cell.source.n_w, cell.source.n_phi)
    return cell if dimensions == shape else replace(cell, n_w=dimensions[0], n_phi=dimensions[1])


def _parts(cell: Cell, measurement: Measurement) -> tuple[Hashable, ...]:
    """The values of what a measurement depends on."""
    schedule = cell.schedule
    values = {
        "constants": cell.constants,
        "alpha": schedule.one_alpha,
        "inner_steps": schedule.inner_steps,
        "batch": schedule.batch,
        "outer_steps": schedule.outer_steps,
        "beta": (schedule.beta_w, schedule.beta_phi),
        "shape": (cell.n_w, cell.n_phi),
    }
    return tuple(values[name] for name in measurement.depends_on)


def _runs(axes: Axes, constants: Constants, schedule: Schedule, measurement: Measurement) -> list[Schedule]:
    """The schedule for every B, K and beta that the measurement depends on.

    Explicit limits of the step sizes are below the refined ones, so both bounds apply. Without a contraction factor
    there are no limits, and no runs.
    """
    depends = measurement.depends_on
    batches = axes.batch if "batch" in depends else (schedule.batch,)
    lengths = axes.outer_steps if "outer_steps" in depends else (schedule.outer_steps,)
    runs = [replace(schedule, batch=B, outer_steps=K) for B, K in product(batches, lengths)]
    if "beta" not in depends:
        return runs
    if not contracts(constants, schedule):
        return []
    found = []
    for run, beta in product(runs, axes.beta):
        if beta is None:
            found.append(step_sizes(constants, run, constants.geometry, Kind.EXPLICIT))
        else:
            found.append(replace(run, beta_w=beta, beta_phi=beta))
    return found


def quick_statements() -> tuple[str, ...]:
    """The statements that `--quick` runs when none is named: compiling Algorithm 1 alone would take its time."""
    return tuple(
        name
        for name, statement in STATEMENTS.items()
        if not any(measurement.costly for measurement in measurements_of(statement))
    )


def default_cells(statements: Iterable[str] | None = None, *, quick: bool = False, seed: int = 0) -> list[Cell]:
    """The grid of `anil-theory verify`: both geometries, N = 1..30, several (mu, rho, tau), blocks of 2 to 50.

    quick   fewer settings and one shape.

    A measurement that no line below names belongs to the first of the grids.
    """
    chosen = tuple(STATEMENTS if statements is None else statements)
    small = Budget(pairs=32, points=16, power_iterations=6, starts=4, iterations=40)
    many = Budget(pairs=128, points=32, power_iterations=10, starts=8, iterations=100)
    few = Budget(pairs=32, points=8, power_iterations=8, starts=3, iterations=60)
    runs = Axes(mu=(0.2,), shapes=((4, 3),), inner_steps=(1, 5, 20), outer_steps=(2000,), tasks=8, seed=seed)
    counts = Axes(mu=(0.2,), shapes=((3, 2),), inner_steps=(1, 5), batch=(2,), seed=seed)
    smoothness = ("constants", "identity", "blocks")
    if quick:
        main = Axes(mu=(0.1, 0.5), inner_steps=(1, 3, 10, 30), budget=small, seed=seed)
        grids = [
            (main, _all_but("rate", "count")),
            (replace(runs, inner_steps=(1, 10), outer_steps=(300,), shapes=((2, 2),)), ("rate",)),
            (replace(counts, inner_steps=(3,)), ("count",)),
        ]
    else:
        pair = Axes(shapes=((2, 2),), budget=many, rho=(0.3, 1.0), tau=(0.0, 0.5, 1.0), seed=seed)
        wide = Axes(mu=(0.1,), shapes=((50, 50),), inner_steps=(1, 5, 30), budget=few, tasks=2, seed=seed)
        grids = [
            (pair, _all_but("rate", "count", "terms")),
            (Axes(shapes=((2, 2),), budget=many, seed=seed), ("terms",)),
            (Axes(shapes=((10, 5),), budget=many, seed=seed), smoothness),
            (wide, smoothness),
            (runs, ("rate",)),
            (counts, ("count",)),
        ]
    reasons = _Reasons()
    witness = Axes(mu=(0.1,), inner_steps=(1, 2, 5, 10, 20, 30), seed=seed)
    cells = _product(witness, chosen, WITNESSES, None, reasons)
    for axes, measurements in grids:
        cells += _product(axes, chosen, SAMPLED, measurements, reasons)
    return cells


def _all_but(*names: str) -> tuple[str, ...]:
    return tuple(name for name in MEASUREMENTS if name not in names)
