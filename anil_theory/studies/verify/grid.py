"""Grids: the cells that axes make, for the statements and the measurements of their quantities."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from anil_theory._admissible import InvalidParameter, count, one_of
from anil_theory._admissible import seed as admissible_seed
from anil_theory._options import settings_from
from anil_theory.checks import MEASUREMENTS, measurements_of
from anil_theory.checks.rate_terms import contracts
from anil_theory.constants import Constants, Geometry
from anil_theory.estimators import Budget, Measurement
from anil_theory.experiments.files import packaged
from anil_theory.schedule import Schedule
from anil_theory.statements import PAPERS, STATEMENTS, Kind
from anil_theory.statements.rates import step_sizes
from anil_theory.studies.inner_steps import runnable
from anil_theory.studies.verify.cells import Cell, Regime
from anil_theory.studies.verify.settings import Axes, VerifySettings
from anil_theory.study.empty_grid import EmptyGrid
from anil_theory.tasks import FAMILIES, ExtremalFamily, SeparableFamily

SAMPLED = (SeparableFamily.name,)
"""The families of a grid that names none."""

WITNESSES = (ExtremalFamily.name,)
"""The families that stand beside those, where they exist: their tasks are made to attain a constant."""

SettingOfGrid = tuple[Constants, Schedule, Regime]


FEW_STEPS = (1, 3, 10)
"""The values of N of a grid in which only the families are named."""

CONSTANTS = ("mu", "L", "rho", "tau", "M")


class _Reasons(dict[str, str]):
    """Why a statement has no cell in a grid: the last reason there was."""


def grid_cells(axes: Axes, statements: Iterable[str] | None = None, *, seed: int = 0) -> list[Cell]:
    """The product of axes, families and statements, each statement with every measurement of its quantities.

    statements   names in the registry; default all.

    A measurement is made once for each value of what it depends on. Raises InvalidParameter for an unknown name and for
    constants that no task of a family has (a family that is a witness is left out there), EmptyGrid where no cell is
    left, and Unmeasured for a statement that nothing measures.
    """
    chosen = tuple(STATEMENTS if statements is None else statements)
    reasons = _Reasons()
    cells = _product(axes, chosen, seed, reasons)
    if not cells:
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise EmptyGrid(why or "it has no settings", chosen)
    return cells


def cells_of_all(grids: Iterable[Axes], statements: Iterable[str], *, seed: int = 0) -> list[Cell]:
    """The cells of several grids, one after the other; a grid may have none."""
    chosen = tuple(statements)
    return [cell for axes in grids for cell in _product(axes, chosen, seed, _Reasons())]


def _product(axes: Axes, statements: tuple[str, ...], seed: int, reasons: _Reasons) -> list[Cell]:
    for name in statements:
        one_of("statement", name, tuple(STATEMENTS))
    runnable(axes.inner_steps)
    for name in ("batch", "population", "outer_steps"):
        for value in getattr(axes, name):
            count(name, value)
    serving = {name: measurements_of(STATEMENTS[name]) for name in statements}
    allowed = _allowed(axes)
    cells: dict[Hashable, Cell] = {}
    for family in axes.family or (*WITNESSES, *SAMPLED):
        for shape, (constants, schedule, regime) in _settings(axes, family):
            for name in statements:
                geometry = STATEMENTS[name].geometry
                if geometry not in (None, constants.geometry):
                    reasons.setdefault(name, f"it is about the {geometry} geometry")
                    continue
                for measurement in serving[name]:
                    if measurement.name not in allowed:
                        continue
                    for run in _runs(axes, constants, schedule, measurement, phi=shape[1] > 0):
                        cell = _cell(axes, family, shape, constants, run, regime, name, measurement, seed)
                        if isinstance(cell, InvalidParameter):
                            reasons[name] = f"no task of {family} exists there: {cell}"
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


def _allowed(axes: Axes) -> set[str]:
    """The measurements of a grid. Raises InvalidParameter for a name that no measurement has."""
    for name in (*axes.measurements, *axes.without):
        one_of("measurement", name, tuple(MEASUREMENTS))
    return set(axes.measurements or MEASUREMENTS) - set(axes.without)


def _settings(axes: Axes, family: str) -> Iterator[tuple[tuple[int, int], SettingOfGrid]]:
    """Dimensions and settings of a family: those of the axes, or its own."""
    source = FAMILIES[one_of("family", family, tuple(FAMILIES))]
    if source.takes_constants:
        yield from product(axes.shapes, settings_of_axes(axes))
        return
    own = source.smallest()
    if own.constants.geometry in axes.geometry:
        yield from product([(own.n_w, own.n_phi)], _inner_loops(axes, own.constants))


def settings_of_axes(axes: Axes) -> list[SettingOfGrid]:
    """Every (constants, schedule, regime) of a grid, one geometry after the other."""
    return [setting for constants in _constants(axes) for setting in _inner_loops(axes, constants)]


def _constants(axes: Axes) -> Iterator[Constants]:
    """Every combination of constants, one geometry after the other."""
    for geometry in axes.geometry:
        every_mu = axes.mu if geometry is Geometry.STRONGLY_CONVEX else (None,)
        for L, mu, rho, tau, M in product(axes.L, every_mu, axes.rho, axes.tau, axes.M):
            yield Constants(mu, L, rho, tau, M)


def _inner_loops(axes: Axes, constants: Constants) -> list[SettingOfGrid]:
    """The settings at given constants."""
    return [(constants, s, regime) for N in axes.inner_steps for s, regime in _schedules(axes, constants, N)]


def _schedules(axes: Axes, constants: Constants, N: int) -> list[tuple[Schedule, Regime]]:
    if constants.mu is None:
        fixed = [(Schedule(alpha, N), Regime.FIXED) for alpha in axes.alpha or (0.1 / constants.L,)]
        return fixed + [(Schedule.nonconvex(constants, N, c), Regime.SCALED) for c in axes.c]
    if not axes.alpha:
        return [(Schedule.strongly_convex(constants, N), Regime.STRONGLY_CONVEX)]
    # An explicit alpha above 1/L is allowed here: its verdict is NOT_APPLICABLE, with the amount.
    return [(Schedule(alpha, N), Regime.FIXED) for alpha in axes.alpha]


def _cell(
    axes: Axes,
    family: str,
    shape: tuple[int, int],
    constants: Constants,
    schedule: Schedule,
    regime: Regime,
    statement: str,
    measurement: Measurement,
    seed: int,
) -> Cell | InvalidParameter:
    """The cell, with the dimensions that the family has there; why a witness does not exist, where that is so."""
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
            tasks=1 if witness else schedule.population or axes.tasks,
            query=axes.query,
            seed=seed,
            max_inner_steps=max(axes.inner_steps),
            seeds=axes.seeds,
            budget=Budget(axes.pairs, axes.points, axes.lanczos_steps, axes.starts, axes.iterations),
            family=family,
        )
    except InvalidParameter as refusal:
        if witness:
            return refusal
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
        "population": schedule.population,
        "outer_steps": schedule.outer_steps,
        "beta": (schedule.beta_w, schedule.beta_phi),
        "lam": schedule.lam,
        "shape": (cell.n_w, cell.n_phi),
    }
    return tuple(values[name] for name in measurement.depends_on)


def _runs(
    axes: Axes, constants: Constants, schedule: Schedule, measurement: Measurement, *, phi: bool
) -> list[Schedule]:
    """The schedule for every B, T, K, lam and beta that the measurement depends on; `phi` is false where phi is empty.

    Explicit limits of the step sizes are below the refined ones, so both bounds apply. Without a contraction factor
    there are no limits, and no runs.
    """
    depends = measurement.depends_on
    batches = axes.batch if "batch" in depends else (schedule.batch,)
    lengths = axes.outer_steps if "outer_steps" in depends else (schedule.outer_steps,)
    populations = (axes.population or (None,)) if "population" in depends else (schedule.population,)
    weights = axes.lam if "lam" in depends else (None,)
    runs = [
        replace(schedule, batch=B, population=T, outer_steps=K, lam=weight)
        for B, T, K, weight in product(batches, populations, lengths, weights)
    ]
    if "beta" not in depends:
        return runs
    if not contracts(constants, schedule):
        return []
    schedules = []
    for run in runs:
        if not axes.beta:
            schedules.append(step_sizes(constants, run, constants.geometry, Kind.EXPLICIT, phi=phi))
        schedules += [replace(run, beta_w=beta, beta_phi=beta if phi else None) for beta in axes.beta]
    return schedules


def quick_statements() -> tuple[str, ...]:
    """The statements that `--quick` runs when none is named: compiling Algorithm 1 alone would take its time."""
    return tuple(
        name
        for name, statement in STATEMENTS.items()
        if not any(measurement.costly for measurement in measurements_of(statement))
    )


def cells_of(asked: VerifySettings) -> Sequence[Cell]:
    """The cells of the grids, or of the default grids where no axis was given."""
    seed = admissible_seed("seed", asked.seed)
    statements, grids_asked = _sorted_names(asked)
    # The command line takes the second of a list for a statement.
    further = tuple(name for name in statements if asked.paper and name in PAPERS and name not in STATEMENTS)
    statements = tuple(name for name in statements if name not in further)
    for name in statements:
        one_of("statement", name, tuple(STATEMENTS))
    statements = _of_papers((*asked.paper, *further), statements)
    if not grids_asked:
        known = packaged("verify_quick" if asked.quick else "verify")
        grids = settings_from(VerifySettings, known.settings).grids
        chosen = statements or (quick_statements() if asked.quick else tuple(STATEMENTS))
        return cells_of_all(grids, chosen, seed=seed)
    chosen = statements or tuple(STATEMENTS)
    if len(grids_asked) == 1:
        return grid_cells(_with_few_steps(_without_constants(grids_asked[0])), chosen, seed=seed)
    return cells_of_all(grids_asked, chosen, seed=seed)


def _of_papers(papers: Sequence[str], statements: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the named statements, or of all, that are of some papers. Raises InvalidParameter where none is."""
    if not papers:
        return statements
    known = dict.fromkeys(statement.paper for statement in STATEMENTS.values())
    for paper in papers:
        one_of("paper", paper, tuple(known))
    chosen = tuple(name for name in statements or STATEMENTS if STATEMENTS[name].paper in papers)
    if not chosen:
        raise InvalidParameter("paper", f"of one of the statements {', '.join(statements)}", ", ".join(papers))
    return chosen


def _sorted_names(asked: VerifySettings) -> tuple[tuple[str, ...], tuple[Axes, ...]]:
    """The statements and the grids.

    The command line cannot know the families of a plug-in, and takes the second of a list for a statement.
    """
    grids = asked.grids
    if len(grids) != 1 or not grids[0].family:
        return asked.statements, grids
    axes = grids[0]
    families = tuple(name for name in asked.statements if name in FAMILIES and name not in STATEMENTS)
    statements = tuple(name for name in asked.statements if name not in families)
    return statements, (replace(axes, family=(*axes.family, *families)),)


def _with_few_steps(axes: Axes) -> Axes:
    """The axes, with a few N where nothing but families was named."""
    return replace(axes, inner_steps=FEW_STEPS) if axes == Axes(family=axes.family) else axes


def _without_constants(axes: Axes) -> Axes:
    """The axes. Raises InvalidParameter where constants are given and every family has its own."""
    kinds = [FAMILIES[one_of("family", name, tuple(FAMILIES))] for name in axes.family]
    if kinds and not any(kind.takes_constants for kind in kinds):
        for name in CONSTANTS:
            if getattr(axes, name) != getattr(Axes(), name):
                allowed = f"left out: {', '.join(axes.family)} has constants of its own"
                raise InvalidParameter(name, allowed, list(getattr(axes, name)))
    return axes
