"""mu, L, rho, tau and M of own losses on a ball about the start, each with how it is known.

    declared    the user says so; the audit looks for a point that contradicts it;
    certified   branch and bound over the whole ball, in every task: a proof, where it comes within a factor of 2 of
                what a point shows;
    estimated   the largest value found (by ascents, at random points, along the run), or the upper end of an
                extrapolation from the random points where that is larger. No bound: verdicts say so.

A declared value goes before a certified one, and that before an estimated one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.family_constants import certify_constants
from anil_theory.constants import Constants, Knowledge, Region
from anil_theory.estimators import Direction, Estimate, Witness, audit_constants, extrapolate_supremum
from anil_theory.estimators.base import COUNTED
from anil_theory.estimators.constant_samples import constants_at
from anil_theory.estimators.constants_audit import CURVATURE_RANGE
from anil_theory.estimators.extremes import MIN_TAIL
from anil_theory.own_losses.admission import UnusableLoss
from anil_theory.own_losses.effort import CERTIFIED, StudyEffort
from anil_theory.own_losses.following import Followed
from anil_theory.problem import Problem, TaskSet

NAMES = ("mu", "L", "rho", "tau", "M")
CLOSE = 2.0
"""A certificate is taken when it is within this factor of what a point shows."""
FLAT = 1e-10
"""A smallest curvature below this share of L counts as none: the geometry is then nonconvex."""


@dataclass(frozen=True)
class AuditedConstant:
    """One constant and how it is known.

    value      what bounds are evaluated at; None for a mu that is not there;
    direction  "declared", "certified" or "estimated";
    extreme    what a point shows: the constant is at least that (mu: at most);
    where      what showed it: "ascent", "points" or "run";
    interval   the extrapolation from random points, at level 95 % under a model of the tail, cut to what a point shows
               and what is certified; None where it is refused;
    certified  the proved bound, if there is one;
    declared   what the user said, if they did;
    remark     why there is no interval or no certificate.
    """

    name: str
    value: float | None
    direction: str
    extreme: float
    where: str
    interval: tuple[float, float] | None
    certified: float | None
    declared: float | None
    remark: str


@dataclass(frozen=True, eq=False)
class Audit:
    """The constants by name, as `Constants` on the ball, and the estimates that stand behind them.

    estimates   by name of the claim ("L - mu" for mu): what a point shows;
    proofs      the certified ones, of every constant that has one.
    """

    constants: Constants
    by_name: dict[str, AuditedConstant]
    estimates: dict[str, Estimate]
    proofs: dict[str, Estimate]


@dataclass(frozen=True)
class _Extreme:
    value: float
    where: str
    witness: Witness | None


def audit(
    problem: Problem,
    run: Followed,
    declared: Mapping[str, float],
    *,
    certify: bool | None,
    effort: StudyEffort,
    seed: int,
) -> Audit:
    """The constants on the ball that the run needs.

    certify   None: where n_w + n_phi is at most 3.

    Raises UnusableLoss for losses without any curvature and slope, and NotFinite for a constant that is finite nowhere.
    """
    tasks = problem.tasks
    extremes, samples = _sampled(problem, run, effort, seed)
    rough = _as_constants({name: each.value for name, each in extremes.items()}, run.reach)
    rough_problem = replace(problem, constants=rough)
    searched = audit_constants(
        rough_problem,
        tasks,
        seed=seed,
        starts=effort.starts,
        iterations=effort.iterations,
        region=Region(run.reach),
    )
    for name, estimate in searched.items():
        key = "mu" if name == CURVATURE_RANGE else name
        value = rough.L - estimate.value if key == "mu" else estimate.value
        if _beyond(key, value, extremes[key].value):
            extremes[key] = _Extreme(value, "ascent", estimate.witness)
    n = problem.n_w + problem.n_phi
    proofs: dict[str, float] = {}
    why_not = f"not tried: n_w + n_phi = {n} is more than {CERTIFIED}"
    if certify or (certify is None and n <= CERTIFIED):
        proofs, why_not = _certified(replace(problem, constants=rough), tasks, effort)
    by_name = {
        name: _settled(
            name,
            extremes,
            samples,
            declared.get(name),
            proofs.get(name),
            why_not,
            radius=run.reach,
            seed=seed,
        )
        for name in NAMES
        if name in extremes
    }
    constants = _constants_of(by_name, run.reach)
    return Audit(constants, by_name, _estimates(extremes, constants, effort, seed), _proof_estimates(proofs, constants))


def _sampled(
    problem: Problem, run: Followed, effort: StudyEffort, seed: int
) -> tuple[dict[str, _Extreme], dict[str, np.ndarray]]:
    """The extreme over random points of the ball and over the run; and the random samples."""
    generator = np.random.default_rng([seed, 3])
    tasks = problem.tasks
    P = max(effort.samples, len(tasks))
    places = {
        "points": (problem.points(generator, (P,)), generator.integers(0, len(tasks), P)),
        "run": _along(run, P),
    }
    extremes: dict[str, _Extreme] = {}
    samples: dict[str, np.ndarray] = {}
    for where, (points, which) in places.items():
        sizes = constants_at(problem, tasks, jnp.asarray(points), jnp.asarray(which), steps=effort.steps, seed=seed)
        if where == "points":
            samples = sizes
        for name, values in sizes.items():
            finite = np.where(np.isfinite(values), values, np.inf if name == "mu" else -np.inf)
            i = int(np.argmin(finite) if name == "mu" else np.argmax(finite))
            value = float(finite[i])
            if np.isfinite(value) and (name not in extremes or _beyond(name, value, extremes[name].value)):
                witness = Witness({"z": np.asarray(points[i]).tolist()}, int(which[i]))
                extremes[name] = _Extreme(value, where, witness)
    unusable = [f"{name} is finite at no point of the region" for name in sizes if name not in extremes]
    unusable += [f"{name} is 0 in the region" for name in ("L", "M") if name in extremes and extremes[name].value <= 0]
    if unusable:
        raise UnusableLoss(f"the constants of these losses cannot be measured: {'; '.join(unusable)}")
    return extremes, samples


def _along(run: Followed, P: int) -> tuple[np.ndarray, np.ndarray]:
    """P iterates of the run, evenly, with their tasks."""
    points = run.trajectory.points[:, :, :-1]
    K, B, places, n = points.shape
    chosen = np.linspace(0, K * B * places - 1, P).round().astype(int)
    tasks = np.repeat(run.trajectory.tasks.reshape(-1), places)
    return points.reshape(-1, n)[chosen], tasks[chosen]


def _beyond(name: str, value: float, known: float) -> bool:
    """Whether a value goes beyond the one known so far: a larger norm, or a smaller curvature."""
    return value < known if name == "mu" else value > known


def _as_constants(values: Mapping[str, float], reach: float) -> Constants:
    """The measured numbers as constants, without mu."""
    return Constants(
        None,
        values["L"],
        max(values["rho"], 0.0),
        max(values.get("tau", 0.0), 0.0),
        values["M"],
        region=Region(reach),
        known=Knowledge.ESTIMATED,
    )


def _certified(problem: Problem, tasks: TaskSet, effort: StudyEffort) -> tuple[dict[str, float], str]:
    """Proved bounds over all tasks, by name; and why others have none."""
    proved: dict[str, float] = {}
    try:
        for task in range(len(tasks)):
            table = certify_constants(
                problem, tasks, task, operations=effort.operations, seconds=effort.seconds, starts=1
            )
            for name, each in table.items():
                worse = min if name == "mu" else max
                proved[name] = each.upper if name not in proved else worse(proved[name], each.upper)
    except NoEnclosure as refusal:
        return {}, f"no certificate: {refusal}"
    return {name: bound for name, bound in proved.items() if math.isfinite(bound)}, "no finite certificate"


def _settled(
    name: str,
    extremes: Mapping[str, _Extreme],
    samples: Mapping[str, np.ndarray],
    declared: float | None,
    proved: float | None,
    why_not: str,
    *,
    radius: float,
    seed: int,
) -> AuditedConstant:
    """The constant: declared, or else certified, or else estimated."""
    seen = extremes[name]
    interval, remark = _interval(name, samples[name], seen.value, proved, seed)
    closed = proved is not None and (proved >= seen.value / CLOSE if name == "mu" else proved <= CLOSE * seen.value)
    # Of a quadratic a point shows rho = 0, and no factor times that is a width that a search can reach.
    vanishes = proved is not None and name in ("rho", "tau") and proved <= FLAT * extremes["L"].value / radius
    closed = closed or vanishes
    if proved is not None and not closed:
        why_not = f"the certificate {'>=' if name == 'mu' else '<='} {proved:.4g} did not close"
    value: float | None
    if declared is not None:
        value, direction = declared, "declared"
    elif closed:
        value, direction = proved, "certified"
    else:
        end = seen.value if interval is None else interval[0 if name == "mu" else 1]
        value, direction = end, "estimated"
        remark = "; ".join(filter(None, (remark, why_not)))
    if name == "mu" and direction != "declared" and (value is None or value <= FLAT * extremes["L"].value):
        value = None
    return AuditedConstant(
        name=name,
        value=value,
        direction=direction,
        extreme=seen.value,
        where=seen.where,
        interval=interval,
        certified=proved,
        declared=declared,
        remark=remark,
    )


def _interval(
    name: str, samples: np.ndarray, seen: float, proved: float | None, seed: int
) -> tuple[tuple[float, float] | None, str]:
    """The extrapolated interval of the supremum (mu: infimum), cut to what is seen and proved; or why there is none."""
    finite = samples[np.isfinite(samples)]
    if len(finite) <= MIN_TAIL:
        return None, f"no interval: {len(finite)} finite samples are too few"
    upwards = -finite if name == "mu" else finite
    result = extrapolate_supremum(upwards, bootstrap=99, seed=seed)
    if result.low is None or result.high is None:
        return None, f"no interval: {result.refused}"
    low, high = (-result.high, -result.low) if name == "mu" else (result.low, result.high)
    if _beyond(name, seen, low if name == "mu" else high):
        return None, f"no interval: a search went beyond the extrapolated [{low:.4g}, {high:.4g}]"
    limit = proved if proved is not None else (-math.inf if name == "mu" else math.inf)
    least, most = sorted((seen, limit))
    # Rounding may put a proof just short of what a point shows.
    return (min(max(low, least), most), max(min(high, most), least)), ""


def _constants_of(by_name: Mapping[str, AuditedConstant], reach: float) -> Constants:
    """The constants that bounds are evaluated at. Together they are known as well as the least known of them."""
    kinds = {each.direction for each in by_name.values() if each.value is not None}
    known = Knowledge.CERTIFIED
    if "declared" in kinds:
        known = Knowledge.UPPER_BOUND
    if "estimated" in kinds:
        known = Knowledge.ESTIMATED
    values = {name: each.value for name, each in by_name.items()}
    L = values["L"]
    M = values["M"]
    assert L is not None and M is not None
    mu = values["mu"]
    if mu is not None and mu > L and by_name["mu"].direction != "declared":
        # A quadratic has mu = L, and each is found up to its own error; and mu <= L whatever L was declared.
        mu = L
    rho = max(values["rho"] or 0.0, 0.0)
    tau = max(values.get("tau") or 0.0, 0.0)
    return Constants(mu, L, rho, tau, M, region=Region(reach), known=known)


def _estimates(
    extremes: Mapping[str, _Extreme], constants: Constants, effort: StudyEffort, seed: int
) -> dict[str, Estimate]:
    """What points show, as lower estimates of what the claims of the assumptions bound."""
    return {
        key: Estimate(
            f"constants/{key}",
            value,
            Direction.LOWER,
            each.where,
            rounding=1e-12 * (abs(value) + constants.L),
            rounding_kind=COUNTED,
            samples=effort.samples,
            seed=seed,
            witness=each.witness,
        )
        for name, each in extremes.items()
        for key, value in [_claimed(name, each.value, constants)]
    }


def _proof_estimates(proofs: Mapping[str, float], constants: Constants) -> dict[str, Estimate]:
    """The certified bounds as upper estimates of what the claims bound."""
    estimates = {}
    for name, bound in proofs.items():
        key, value = _claimed(name, bound, constants)
        # One more unit in the last place pays for the subtraction of mu.
        above = math.nextafter(value, math.inf)
        estimates[key] = Estimate(f"constants/{key}", above, Direction.UPPER, "branch and bound")
    return estimates


def _claimed(name: str, value: float, constants: Constants) -> tuple[str, float]:
    """The block of the claim that a constant belongs to, and the number that it bounds."""
    return (CURVATURE_RANGE, constants.L - value) if name == "mu" else (name, value)


def plain(each: AuditedConstant) -> dict[str, Any]:
    """The constant as plain values."""
    return {**each.__dict__, "interval": None if each.interval is None else list(each.interval)}
