"""The assumptions along a training run of ANIL: which one fails first, where, and by how much.

Measured at every iterate of a run, the largest (or smallest) over the batch and the inner steps, beside what is
declared:

    curvature_min, curvature_max   range of the eigenvalues of D_w^2 L_S            mu
    smoothness                     largest norm of D^2 L_S and D^2 L_D               L
    gradient_quotient              |D L_S(z') - D L_S(z)|/|z' - z|                   L
    rho_quotient, tau_quotient     the same of D_w^2 L_S and D_phi D_w L_S           rho, tau
    query_gradient                 |D L_D(w_N, phi)|                                 M
    norm                           |z|                                               radius of the region

with z, z' consecutive iterates of an inner loop, or of the outer loop. Every value is a lower bound of the constant it
belongs to: above the declared value, the assumption fails there; below, nothing follows.

Source of the question: Assumptions 1 and 2 and Definition 2 of Ji, Lee, Liang and Poor, NeurIPS 2020. The losses that
practice trains do not satisfy them by themselves.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory._admissible import ConflictingArguments, InvalidParameter, count
from anil_theory._admissible import seed as admissible_seed
from anil_theory._memory import FLOAT64, require_memory
from anil_theory.constants import Constants
from anil_theory.estimators.kinks import (
    QUOTIENTS,
    Pattern,
    first_kink,
    jumps,
    shrinking_quotients,
)
from anil_theory.estimators.not_finite import NotFinite, explain
from anil_theory.estimators.trajectory import Trajectory, derivatives, train
from anil_theory.estimators.trajectory_matrices import measured_by_matrices
from anil_theory.estimators.trajectory_products import measured_by_products
from anil_theory.problem import Problem, TaskSet
from anil_theory.schedule import Schedule

ASSUMPTIONS = {
    "norm": "the region where the constants hold",
    "smoothness": "A1: L-smoothness",
    "gradient_quotient": "A1: L-smoothness",
    "query_gradient": "A1: L_D is M-Lipschitz",
    "rho_quotient": "A2: D_w^2 L_S is rho-Lipschitz",
    "tau_quotient": "A2: D_phi D_w L_S is tau-Lipschitz",
    "curvature_min": "Definition 2: mu-strong convexity in w",
}
"""Quantities with a declared value, in the order in which failures at the same place are named."""
CONSTANT_OF = {
    "smoothness": "L",
    "gradient_quotient": "L",
    "query_gradient": "M",
    "rho_quotient": "rho",
    "tau_quotient": "tau",
    "curvature_min": "mu",
}
"""The constant that a quantity is a lower bound of (curvature_min: an upper bound)."""
SLACK = 1e-12
"""By this share of what is declared (at least of 1) a value may exceed it: chosen, and not derived from the program."""
CHOSEN = f"heuristic: a share of {SLACK:g} of what is declared, chosen for the whole run"


@dataclass(frozen=True)
class TrajectoryAudit:
    """The result of `audit_trajectory`.

    problem         name of the problem; seed, schedule: what was run;
    quantities      {name: one value per outer step}, see the module docstring;
    declared        {name: declared bound} (a lower one for curvature_min). "norm" is there when the constants hold on a
                    ball, "curvature_min" when mu is declared;
    first_failure   None, or a dict: assumption, quantity, iteration, inner_step (None: between outer iterates), task
                    (its index), value, declared, ratio (value/declared), unbounded (across a kink), also (the other
                    quantities that fail at the same place);
    failures        {quantity: its own first failure};
    shrinking       difference quotients across one point over shrinking distances: lists "distance",
                    "gradient_quotient", "rho_quotient", "tau_quotient"; "iteration", "inner_step", "task", and "kink":
                    whether the point is the first kink crossed or the middle of the first inner step;
    rounding_kind   of the slack that a failure exceeds, in the words of `Estimate`: a heuristic.
    """

    problem: str
    seed: int
    schedule: Schedule
    quantities: dict[str, list[float]]
    declared: dict[str, float]
    first_failure: dict[str, Any] | None
    failures: dict[str, dict[str, Any]]
    shrinking: dict[str, Any]
    rounding_kind: str = CHOSEN


def audit_trajectory(
    problem: Problem,
    schedule: Schedule,
    *,
    constants: Constants | None = None,
    start: Any = None,
    seed: int = 0,
    pattern: Pattern | None = None,
    products: int | None = None,
) -> TrajectoryAudit:
    """Run Algorithm 1 on a problem and compare what is met on the way with the declared constants.

    A value beyond a declared one refutes the declaration at that place. A run without a failure confirms nothing.

    problem     the tasks, from a family (`Family.problem`) or from losses of one's own (`Problem.from_losses`);
    schedule    alpha, N, beta_w, beta_phi, B and K;
    constants   what is declared, if not the constants of the problem;
    start       z_0, flat, of shape (n_w + n_phi,), if not the start of the problem;
    seed        of the batches;
    pattern     for losses with kinks, `pattern(w, phi, data) -> array of Booleans`: which piece a point lies on, such
                as the signs of the pre-activations. Its arguments are those of the losses. The first inner move on
                which it changes crosses a kink, and quotients across the kink that exceed what is declared count as
                failures without a bound. Without it, kinks are not looked for.

    products    Lanczos steps of each norm where second derivatives are products alone (`trajectory_products`), for
                points that are too large for matrices; nothing is looked for across shrinking distances then.

    Without `products` second derivatives are dense: K B (N + 2) matrices of (n_w + n_phi)^2 numbers are held at a time.

    Raises InvalidParameter for a schedule without outer step sizes, a start of another shape or with entries that are
    not finite, and a negative seed; NotEnoughMemory where the second derivatives do not fit into the memory; NotFinite,
    naming the outer step and the task, where the run or a derivative along it is not finite.

    Example, w and phi of dimension 1 with L_S = w^2/2 + w phi/2 and L_D = sin(w):

        problem = Problem.from_losses(
            lambda w, phi, task: w[0] ** 2 / 2 + w[0] * phi[0] / 2,
            lambda w, phi, task: jnp.sin(w[0]),
            {"none": jnp.zeros((1, 1))},
            w=jnp.array([1.0]),
            phi=jnp.array([0.5]),
            constants=Constants(mu=1.0, L=1.21, rho=0.0, tau=0.0, M=1.0),
        )
        schedule = Schedule(0.5, 2, beta_w=0.1, beta_phi=0.1, outer_steps=3)
        assert audit_trajectory(problem, schedule).first_failure is None
    """
    declared_constants = problem.constants if constants is None else constants
    n_w = problem.n_w
    z = _start(problem, start)
    admissible_seed("seed", seed)
    tasks = problem.tasks
    kink = None
    shrinking: dict[str, Any] = {}
    if products is None:
        _require_memory(schedule, z.size)
        trajectory = train(tasks, schedule, z, n_w, seed)
        local = derivatives(tasks, n_w, trajectory)
        _require_finite(tasks, schedule, n_w, trajectory, tuple(local))
        measured = measured_by_matrices(local, trajectory, n_w)
        kink = None if pattern is None else first_kink(tasks, trajectory, n_w, pattern)
        shrinking = shrinking_quotients(tasks, trajectory, n_w, kink)
    else:
        if pattern is not None:
            why = "a pattern needs second derivatives as matrices: leave it or products out"
            raise ConflictingArguments("pattern", why, pattern)
        trajectory = train(tasks, schedule, z, n_w, seed)
        measured = measured_by_products(tasks, n_w, trajectory, count("products", products), seed)
        always = tuple(values for name, values in measured.items() if name not in QUOTIENTS)
        _require_finite(tasks, schedule, n_w, trajectory, always)
        measured["norm"] = np.linalg.norm(trajectory.points[:, :, :-1], axis=-1)
    declared = _declared(declared_constants)
    failures = {name: place for name in declared if (place := _first(name, measured, declared, trajectory))}
    if kink is not None:
        failures = _with_kink(failures, shrinking, declared)
    return TrajectoryAudit(
        problem=problem.name,
        seed=seed,
        schedule=schedule,
        quantities={name: _by_outer_step(name, values) for name, values in measured.items()},
        declared=declared,
        first_failure=_earliest(failures),
        failures=failures,
        shrinking=shrinking,
    )


def _start(problem: Problem, start: Any) -> Array:
    """The flat point where the run starts."""
    chosen = problem.start if start is None else start
    allowed = f"a flat point of n_w + n_phi = {problem.n_w} + {problem.n_phi} finite numbers"
    try:
        z = np.asarray(chosen, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidParameter("start", allowed, chosen) from error
    if z.shape != (problem.n_w + problem.n_phi,) or not np.isfinite(z).all():
        raise InvalidParameter("start", allowed, chosen)
    return jnp.asarray(z)


def _require_memory(schedule: Schedule, n: int) -> None:
    K = schedule.outer_steps
    B = schedule.batch
    N = schedule.inner_steps
    sizes = {"outer_steps": K, "batch": B, "inner_steps": N, "n_w + n_phi": n}
    require_memory("the second derivatives along the run", FLOAT64 * K * B * (N + 2) * n * n, sizes)


def _require_finite(
    tasks: TaskSet, schedule: Schedule, n_w: int, trajectory: Trajectory, measured: tuple[np.ndarray, ...]
) -> None:
    """Refuse a run that is not finite: a NaN exceeds no declared value, and would pass for one that holds."""
    K, B = trajectory.tasks.shape
    parts = (trajectory.points, *measured)
    finite = np.logical_and.reduce([np.isfinite(part).reshape(K, B, -1).all(axis=-1) for part in parts])
    if finite.all():
        return
    k, b = (int(i) for i in np.argwhere(~finite)[0])
    reason = explain(tasks, schedule, n_w, "(w, phi)", int(trajectory.tasks[k, b]), trajectory.points[k, b, 0])
    raise NotFinite(f"the training run is not finite at outer step {k}; {reason}")


def _declared(constants: Constants) -> dict[str, float]:
    """What is declared of each quantity."""
    declared = {
        "smoothness": constants.L,
        "gradient_quotient": constants.L,
        "query_gradient": constants.M,
        "rho_quotient": constants.rho,
        "tau_quotient": constants.tau,
    }
    if math.isfinite(constants.region.radius):
        declared["norm"] = constants.region.radius
    if constants.mu is not None:
        declared["curvature_min"] = constants.mu
    return declared


def _by_outer_step(name: str, values: np.ndarray) -> list[float]:
    """The smallest curvature_min, the largest of every other quantity, of each outer step; NaN where there is none."""
    flat = values.reshape(len(values), -1)
    extreme = np.fmin if name == "curvature_min" else np.fmax
    return extreme.reduce(flat, axis=1).tolist()


def _first(
    name: str, measured: dict[str, np.ndarray], declared: dict[str, float], trajectory: Trajectory
) -> dict[str, Any] | None:
    """The earliest place (iteration, then inner step) at which a quantity is beyond its declared value, or None."""
    values = measured[name]
    bound = declared[name]
    slack = SLACK * max(1.0, abs(bound))
    beyond = values < bound - slack if name == "curvature_min" else values > bound + slack
    if not beyond.any():
        return None
    k, m, b = (int(i) for i in np.argwhere(np.swapaxes(beyond, 1, 2))[0])
    N = trajectory.points.shape[2] - 2
    inner_step = None if name in QUOTIENTS and m == N else m
    if name == "query_gradient":
        # L_D is looked at behind the last inner step only.
        inner_step = N
    return _failure(
        name,
        iteration=k,
        inner_step=inner_step,
        task=int(trajectory.tasks[k, b]),
        value=float(values[k, b, m]),
        declared=bound,
        unbounded=False,
    )


def _failure(
    name: str, *, iteration: int, inner_step: int | None, task: int, value: float, declared: float, unbounded: bool
) -> dict[str, Any]:
    return {
        "assumption": ASSUMPTIONS[name],
        "quantity": name,
        "iteration": iteration,
        "inner_step": inner_step,
        "task": task,
        "value": value,
        "declared": declared,
        "ratio": value / declared if declared != 0 else math.inf,
        "unbounded": unbounded,
    }


def _place(failure: dict[str, Any]) -> tuple[int, float]:
    """Where a failure is, for comparison: the outer move comes after all inner steps."""
    inner = failure["inner_step"]
    return failure["iteration"], math.inf if inner is None else float(inner)


def _with_kink(
    failures: dict[str, dict[str, Any]], shrinking: dict[str, Any], declared: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """Failures with those of the kink: quotients that grow like 1/distance as the points approach it."""
    merged = dict(failures)
    for name in QUOTIENTS:
        if not jumps(shrinking[name], declared[name]):
            continue
        nearest = shrinking[name][-1]
        at_kink = _failure(
            name,
            iteration=shrinking["iteration"],
            inner_step=shrinking["inner_step"],
            task=shrinking["task"],
            value=nearest,
            declared=declared[name],
            unbounded=True,
        )
        if nearest > declared[name] and (name not in merged or _place(at_kink) <= _place(merged[name])):
            merged[name] = at_kink
    return merged


def _earliest(failures: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    if not failures:
        return None
    order = list(ASSUMPTIONS)
    first = min(failures.values(), key=lambda failure: (*_place(failure), order.index(failure["quantity"])))
    also = [name for name, failure in failures.items() if _place(failure) == _place(first) and failure is not first]
    return {**first, "also": also}
