"""What the paper says about its figures 1 and 2, judged on curves of training: claims in words, verdicts in numbers.

Each claim is a difference between two numbers of inner steps, taken seed by seed (seeds share tasks and start), and is
CONFIRMED when mean - k stderr > 0, REFUTED when mean + k stderr < 0, INCONCLUSIVE otherwise; k is Student's quantile
for 95 % and the number of seeds. A claim about several pairs is confirmed when all are and refuted when one is.
Source: section 4 of the paper. The figures there are on FC100 and miniImageNet; verdicts name the data set they are of.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import stdtrit

from anil_theory.estimators.saturation import fit_saturation
from anil_theory.verdict import Outcome

SATURATION = 7
"""The N at which the paper sees the strongly convex curves saturate."""

LEFT = 0.1
""""Nearly saturated": at most this share of the improvement from the smallest to the largest N is left."""

LEVEL = 0.95


@dataclass(frozen=True)
class FigureVerdict:
    """One claim about a figure: outcome, the decisive mean difference with k standard errors, and the reason."""

    claim: str
    geometry: str
    dataset: str
    outcome: Outcome
    mean: float
    margin: float
    reason: str


def judge_figures(runs: Sequence[Mapping[str, Any]]) -> list[FigureVerdict]:
    """Verdicts on the claims of both figures, from runs as `bench_runs` gives them.

    A run has geometry, dataset, N, seed, status, loss and seconds. A geometry without runs gives no verdict. Runs that
    diverged have no final loss: they enter the claim on divergence, and pairs are decided without them.
    """
    verdicts = []
    for dataset in sorted({run["dataset"] for run in runs}):
        mine = [run for run in runs if run["dataset"] == dataset]
        for geometry, judge in (("strongly-convex", _strongly_convex), ("nonconvex", _nonconvex)):
            chosen = [run for run in mine if run["geometry"] == geometry]
            if chosen:
                verdicts += [FigureVerdict(claim, geometry, dataset, *rest) for claim, *rest in judge(chosen)]
    return verdicts


def per_iteration(runs: Sequence[Mapping[str, Any]]) -> dict[int, dict[int, float]]:
    """N -> seed -> mean training loss over the last quarter of the iterations (runs that diverged are left out)."""
    table: dict[int, dict[int, float]] = {}
    for run in runs:
        if run["status"] != "diverged":
            tail = max(1, len(run["loss"]) // 4)
            table.setdefault(run["N"], {})[run["seed"]] = float(np.mean(run["loss"][-tail:]))
    return dict(sorted(table.items()))


def at_equal_time(runs: Sequence[Mapping[str, Any]]) -> dict[int, dict[int, float]]:
    """N -> seed -> mean loss over the last quarter of the time that the quickest run of that seed took in all."""
    table: dict[int, dict[int, float]] = {}
    finished = [run for run in runs if run["status"] != "diverged"]
    for seed in {run["seed"] for run in finished}:
        mine = [run for run in finished if run["seed"] == seed]
        budget = min(sum(run["seconds"]) for run in mine)
        for run in mine:
            clock, loss = np.cumsum(run["seconds"]), np.asarray(run["loss"])
            inside = (clock <= budget * (1 + 1e-9)) & (clock >= 0.75 * budget)
            nearest = int(np.argmin(np.abs(clock - budget)))
            table.setdefault(run["N"], {})[seed] = float(loss[inside].mean() if inside.any() else loss[nearest])
    return dict(sorted(table.items()))


def _strongly_convex(runs: Sequence[Mapping[str, Any]]) -> list[tuple]:
    steps, clock = per_iteration(runs), at_equal_time(runs)
    low = [N for N in steps if N <= SATURATION]
    claims = [
        ("loss per iteration improves with N up to 7", *_ordered(steps, list(pairwise(low)))),
        (f"nearly saturated at N = {SATURATION}", *_saturated(steps)),
    ]
    if len(low) > 1:
        claims.append(("loss at equal time improves up to about N = 7", *_ordered(clock, [(low[0], low[-1])])))
    if steps and max(steps) > SATURATION and low:
        claims.append(("loss at equal time worsens beyond N = 7", *_ordered(clock, [(max(steps), low[-1])])))
    return claims


def _nonconvex(runs: Sequence[Mapping[str, Any]]) -> list[tuple]:
    clock = at_equal_time(runs)
    values = list(clock)
    largest = max(run["N"] for run in runs)
    ends = [run["status"] == "diverged" for run in runs if run["N"] == largest]
    if all(ends):
        outcome = Outcome.CONFIRMED
    elif any(ends):
        outcome = Outcome.INCONCLUSIVE
    else:
        outcome = Outcome.REFUTED
    share = sum(ends) / len(ends)
    reason = f"{sum(ends)} of {len(ends)} seeds diverged (the paper: FC100 at N = 30)"
    return [
        ("N = 1 is fastest in time", *_ordered(clock, [(N, 1) for N in values if N > 1 and 1 in clock])),
        ("loss at equal time worsens as N grows", *_ordered(clock, [(b, a) for a, b in pairwise(values)])),
        (f"training diverges at N = {largest}", outcome, share, 0.0, reason),
    ]


def _ordered(table: Mapping[int, Mapping[int, float]], pairs: Sequence[tuple[int, int]]) -> tuple:
    """(outcome, mean, margin, reason) of `loss(a) > loss(b)` for all pairs (a, b); the weakest pair decides."""
    if not pairs:
        return Outcome.INCONCLUSIVE, math.nan, math.nan, "needs finished runs with two values of N"
    judged = [(*_difference(table[a], table[b]), a, b) for a, b in pairs]
    refuted = [pair for pair in judged if pair[0] + pair[1] < 0]
    open_ = [pair for pair in judged if not pair[0] - pair[1] > 0]
    # A pair without a common seed (NaN) says least of all.
    mean, margin, a, b = min(refuted or open_ or judged, key=lambda pair: -math.inf if math.isnan(pair[0]) else pair[0])
    if refuted:
        outcome = Outcome.REFUTED
    elif open_:
        outcome = Outcome.INCONCLUSIVE
    else:
        outcome = Outcome.CONFIRMED
    holding = len(pairs) - len(open_)
    reason = f"loss at N = {a} minus loss at N = {b}: {mean:.3g} +- {margin:.2g}; {holding} of {len(pairs)} pairs hold"
    return outcome, mean, margin, reason


def _difference(a: Mapping[int, float], b: Mapping[int, float]) -> tuple[float, float]:
    """Mean over the seeds of both of a - b, and k standard errors of it; NaN and inf when no seed is in both."""
    each = np.array([a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())])
    if len(each) < 2:
        return float(each.mean()) if len(each) else math.nan, math.inf
    k = float(stdtrit(len(each) - 1, (1 + LEVEL) / 2))
    return float(each.mean()), k * float(each.std(ddof=1)) / math.sqrt(len(each))


def _saturated(table: Mapping[int, Mapping[int, float]]) -> tuple:
    """Whether at most LEFT of the improvement from the smallest to the largest N is left at N = 7; with the fit."""
    values = list(table)
    if len(values) < 3 or SATURATION not in table or SATURATION in (values[0], values[-1]):
        return Outcome.INCONCLUSIVE, math.nan, math.nan, f"needs N below, at and above {SATURATION}"
    first = table[values[0]]
    last = table[values[-1]]
    middle = table[SATURATION]
    seeds = sorted(first.keys() & last.keys() & middle.keys())
    # LEFT (first - last) - (middle - last) > 0, linear in the losses: no quotient of noisy numbers.
    slack = {s: LEFT * (first[s] - last[s]) for s in seeds}
    mean, margin = _difference(slack, {s: middle[s] - last[s] for s in seeds})
    if mean + margin < 0:
        outcome = Outcome.REFUTED
    elif mean - margin > 0:
        outcome = Outcome.CONFIRMED
    else:
        outcome = Outcome.INCONCLUSIVE
    if not seeds:
        return Outcome.INCONCLUSIVE, math.nan, math.inf, "no seed finished at all three N"
    whole = np.mean([first[s] - last[s] for s in seeds])
    left = np.mean([middle[s] - last[s] for s in seeds]) / whole if whole else math.nan
    return outcome, mean, margin, f"{100 * left:.0f} % of the improvement is left there{_fit(table)}"


def _fit(table: Mapping[int, Mapping[int, float]]) -> str:
    seeds = sorted(set.intersection(*(set(row) for row in table.values())))
    if len(table) < 4 or len(seeds) < 2:
        return ""
    fit = fit_saturation(np.array(list(table)), np.array([[row[s] for row in table.values()] for s in seeds]))
    if not fit.resolved:
        return "; no exponential saturation on these N"
    low, high = fit.point_interval.low, fit.point_interval.high
    return f"; the fit is flat from N = {fit.point:.1f} [{low:.1f}, {high:.1f}]"
