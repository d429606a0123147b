"""Curves behind `anil-theory rates`: averages against K, floors against B, and the cost of eps against N."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory._plain import to_plain
from anil_theory.algorithm.oracle_count import as_maml
from anil_theory.algorithm.outer_run import OuterRun
from anil_theory.estimators._cost_to_accuracy import CostToAccuracy, cost_by_inner_steps
from anil_theory.estimators.algorithm_runs import run_algorithm
from anil_theory.estimators.facts import measured_gap
from anil_theory.estimators.not_finite import NotFinite
from anil_theory.estimators.rates import fit_rate
from anil_theory.record import Status
from anil_theory.statements import Kind
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.plans import Question, plan, recommended_plan
from anil_theory.studies.rates import saturation
from anil_theory.studies.rates.cells import COMPILED_STEPS, Curve, CurveCell, StepRule
from anil_theory.tasks.separable_frame import separable_frames


class _NoAverage(Exception):
    """Seeds of a run diverged, so that no average over its seeds exists; the message says how many and when."""


def trace(cell: CurveCell) -> dict[str, Any]:
    """The curves of a cell as plain values: {"study", "curves": [..], "notes": [..], "status", "reason"}.

    status   of `record.Status`: complete, or diverged, with its reason. Where seeds diverged there is no average over
             seeds and no curve of one (dropping them would bias it); the cost of eps stands, for a seed that diverged
             has not reached eps.

    Every curve has the "rounding_kind" of what its bound was computed with: D0, whose rounding is counted.
    """
    measures = {Curve.CONVERGENCE: _convergence, Curve.FLOOR: _floor, Curve.COST: _cost}
    complete: dict[str, Any] = {"study": cell.study.value, "status": Status.COMPLETE.value, "reason": ""}
    try:
        return complete | measures[cell.study](cell)
    except (_NoAverage, NotFinite) as error:
        reason = f"{cell.study}, {cell.label()}, {cell.constants.geometry}: {error}"
        return complete | {"curves": [], "notes": [], "status": Status.DIVERGED.value, "reason": reason}


def _require_averages(run: OuterRun, setting: str) -> None:
    """Raises _NoAverage where a seed diverged, or where a number of the run is not finite."""
    if run.diverged.any():
        seeds = f"{run.diverged.sum()} of {len(run.status)} seeds diverged at {setting}"
        first = int(run.diverged_at[run.diverged].min())
        raise _NoAverage(f"{seeds}, the first at step {first}: no average exists")
    numbers = (run.running_w, run.running_phi, run.squared_w, run.squared_phi)
    if not all(np.isfinite(each).all() for each in numbers):
        raise _NoAverage(f"a squared norm is not finite at {setting}: no average exists")


def _convergence(cell: CurveCell) -> dict[str, Any]:
    N, B = cell.inner_steps[0], cell.batch[0]
    schedule, geometry = cell.schedule(N, B), cell.constants.geometry
    run = run_algorithm(
        cell.problem,
        schedule,
        seed=cell.seed,
        seeds=cell.seeds,
        records=60,
        max_inner_steps=max(N, COMPILED_STEPS),
    )
    _require_averages(run, f"N = {N}, B = {B}")
    gap = measured_gap(cell.problem, schedule)
    D0, gap_rounding = gap.value + gap.rounding, gap.rounding_kind
    steps = [int(k) for k in run.steps if k > 0]
    curves = []
    for block, running in (("w", run.running_w), ("phi", run.running_phi)):
        values = running[:, run.steps > 0]
        bound = JointRate(cell.constants, schedule, geometry, D0).values(block, steps)
        late = np.asarray(steps) >= 10
        slope = fit_rate(np.asarray(steps)[late], np.maximum(values[:, late], 1e-300), seed=cell.seed)
        curves.append(
            {
                "geometry": geometry.value,
                "block": block,
                "N": N,
                "B": B,
                "K": steps,
                "measured": values.mean(axis=0).tolist(),
                "stderr": (values.std(axis=0, ddof=1) / math.sqrt(len(values))).tolist(),
                "bound": bound,
                "slope": slope.slope,
                "slope_interval": [slope.interval.low, slope.interval.high],
                "diverged": int(run.diverged.sum()),
                "rounding_kind": gap_rounding,
            }
        )
    return {"curves": curves, "notes": []}


def _floor(cell: CurveCell) -> dict[str, Any]:
    """Mean exact squared norm over the second half of the run, for each B.

    The slope is that against B/f, f = (T - B)/(T - 1) without replacement, where the noise is as 1/(B/f); all tasks at
    once have none, and a floor of no height, which is left out of the slope.
    """
    N, geometry = cell.inner_steps[0], cell.constants.geometry
    averages: dict[str, list[np.ndarray]] = {"w": [], "phi": []}
    bounds: dict[str, list[float]] = {"w": [], "phi": []}
    for B in cell.batch:
        schedule = cell.schedule(N, B)
        run = run_algorithm(
            cell.problem,
            schedule,
            seed=cell.seed,
            seeds=cell.seeds,
            records=40,
            max_inner_steps=max(N, COMPILED_STEPS),
        )
        _require_averages(run, f"N = {N}, B = {B}")
        late = run.steps >= cell.outer_steps / 2
        for block, squares in (("w", run.squared_w), ("phi", run.squared_phi)):
            averages[block].append(squares[:, late].mean(axis=1))
            # Without a gap the bound is its noise term.
            noise = JointRate(cell.constants, schedule, geometry, 0.0).bound(block).value
            bounds[block].append(noise if schedule.sampling_factor else math.nan)
    effective = [cell.schedule(N, B).effective_batch for B in cell.batch if cell.schedule(N, B).sampling_factor]
    against = "B^slope"
    if cell.without_replacement:
        against = f"(B/f)^slope at f = (T - B)/(T - 1), T = {cell.tasks}"
    curves, notes = [], []
    for block, columns in averages.items():
        values = np.stack(columns, axis=1)
        text = "no slope: fewer than two batches with noise"
        if len(set(effective)) > 1:
            noisy = [i for i, B in enumerate(cell.batch) if cell.schedule(N, B).sampling_factor]
            fit = fit_rate(np.asarray(effective), values[:, noisy], seed=cell.seed)
            text = f"slope {fit.slope:.2f} [{fit.interval.low:.2f}, {fit.interval.high:.2f}]"
        curves.append(
            {
                "geometry": geometry.value,
                "block": block,
                "N": N,
                "B": list(cell.batch),
                "measured": values.mean(axis=0).tolist(),
                "stderr": (values.std(axis=0, ddof=1) / math.sqrt(len(values))).tolist(),
                "bound": bounds[block],
                "slope": text,
                # The noise term of the bound, which D0 does not enter.
                "rounding_kind": "",
            }
        )
        notes.append(f"{geometry.value}, {block} block, N = {N}: floor ~ {against}, {text} (the bound: -1)")
    return {"curves": curves, "notes": notes}


def _cost(cell: CurveCell) -> dict[str, Any]:
    """Measured and predicted oracle calls to bring both running averages under one eps, for each N."""
    tasks = cell.problem.tasks
    geometry = cell.constants.geometry
    B = cell.batch[0]
    w, phi = cell.problem.split(cell.problem.start)
    one_step = replace(cell, maml=False).schedule(1, B)
    probe = run_algorithm(cell.problem, replace(one_step, outer_steps=1), seed=cell.seed, seeds=2, records=1)
    gap = measured_gap(cell.problem, one_step)
    D0, gap_rounding = gap.value + gap.rounding, gap.rounding_kind
    largest = float(max(probe.squared_w[0, 0], probe.squared_phi[0, 0]))
    if not math.isfinite(largest):
        raise _NoAverage("the squared norm at the start is not finite: there is no accuracy to reach")
    eps = cell.eps * largest
    schedules = [cell.schedule(N, B) for N in cell.inner_steps]
    options: dict[str, Any] = {"seeds": cell.seeds, "seed": cell.seed, "records": 200}
    if cell.maml:
        joint, everything, empty = as_maml(tasks, w, phi)
        costs = cost_by_inner_steps(joint, schedules, everything, empty, eps, **options)
    else:
        costs = cost_by_inner_steps(tasks, schedules, w, phi, eps, frames=separable_frames(tasks), **options)
    calls = [c.median_steps * _calls(c) for c in costs]
    constants = cell.constants
    alpha = cell.alpha if cell.rule is StepRule.FIXED else None
    T = one_step.population
    # What is predicted is what is run: steps of Theorem J, B tasks each.
    question = Question(constants, eps, D0, cell.n_w, cell.n_phi, alpha=alpha, kind=Kind.SHARP, batch=B, population=T)
    question = question.of_maml(alpha) if cell.maml else question
    predicted = [_predicted(question, N) for N in cell.inner_steps]
    predicted_best = recommended_plan(question, 512).schedule.inner_steps
    measured = {
        "iterations": [c.median_steps for c in costs],
        "calls": calls,
        "seconds": [float(np.median(np.where(c.reached, c.seconds, np.inf))) for c in costs],
    }
    best = {unit: _smallest(cell.inner_steps, values) for unit, values in measured.items()}
    steps = np.array([np.where(c.reached, c.steps, np.nan) for c in costs]).T
    cheapest = ", ".join(f"{N if N else 'none reached eps'} in {unit}" for unit, N in best.items())
    setting = f"{cell.label()}, {geometry.value}, eps = {eps:.3g}"
    saturates = cell.constants.mu is not None and not cell.maml
    fit = saturation.fit(cell.inner_steps, steps, seed=cell.seed) if saturates else None
    notes = [f"{setting}: cheapest N {cheapest}; predicted {predicted_best} in calls"]
    notes += saturation.notes(cell.label(), fit)
    curve = {
        "geometry": geometry.value,
        "label": cell.label(),
        "eps": eps,
        "N": list(cell.inner_steps),
        **measured,
        "iterations_interval": [_ends(c) for c in costs],
        "calls_interval": [[end * _calls(c) for end in _ends(c)] for c in costs],
        "interval_level": costs[0].median_interval.level,
        "saturation": None if fit is None else to_plain(fit),
        "entries": [
            float(np.median(np.where(c.reached, c.gradient_entries + c.second_entries, np.inf))) for c in costs
        ],
        "predicted": predicted,
        "best": best,
        "predicted_best": predicted_best,
        "rounding_kind": gap_rounding,
    }
    return {"curves": [curve], "notes": notes, **_how_many_diverged(costs, setting)}


def _calls(cost: CostToAccuracy) -> int:
    """Oracle calls of one outer iteration."""
    return cost.per_step.gradients + cost.per_step.second_order


def _ends(cost: CostToAccuracy) -> list[float]:
    """The ends of the interval of outer iterations that holds the median over all seeds."""
    return [cost.median_interval.low, cost.median_interval.high]


def _how_many_diverged(costs: list[CostToAccuracy], setting: str) -> dict[str, str]:
    """The status of a study of cost: a seed that diverged counts as one that never reaches eps, and is named."""
    diverged = {c.inner_steps: int(c.diverged.sum()) for c in costs if c.diverged.any()}
    if not diverged:
        return {}
    counts = ", ".join(f"{bad} of {costs[0].steps.size} at N = {N}" for N, bad in diverged.items())
    return {"status": Status.DIVERGED.value, "reason": f"cost, {setting}: seeds that diverged, {counts}"}


def _predicted(question: Question, inner_steps: int) -> float:
    """Oracle calls of the plan at N; infinite where its step size, or the number, is beyond float64."""
    try:
        return _real(plan(question, inner_steps).cost)
    except InvalidParameter:
        return math.inf


def _real(number: float) -> float:
    """The number as a float, infinite where an integer is beyond float64."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _smallest(inner_steps: tuple[int, ...], calls: list[float]) -> int | None:
    finite = [(value, N) for value, N in zip(calls, inner_steps, strict=True) if math.isfinite(value)]
    return min(finite)[1] if finite else None
