"""The assumptions along a real training run: which one fails first, where, and by how much (theory, finding 4).

Two heads on the same few-shot tasks. `softmax`: L2-regularised, strongly convex; its constants hold on a ball, which
training may leave. `relu`: two layers; its constants hold between kinks, which training crosses. Measured at every
recorded iterate, the largest (or smallest) over the batch and the inner steps, beside what is declared:

    curvature_min, curvature_max   range of the eigenvalues of D_w^2 L_S            mu (softmax)
    smoothness                     largest norm of D^2 L_S and D^2 L_D               L
    gradient_quotient              |D L_S(z') - D L_S(z)|/|z' - z|                   L
    rho_quotient, tau_quotient     the same of D_w^2 L_S and D_phi D_w L_S           rho, tau
    query_gradient                 |D L_D(w_N, phi)|                                 M
    norm                           |z|                                               radius of the region

with z, z' consecutive iterates of an inner loop, or of the outer loop. Every value is a lower bound of the constant it
belongs to: above the declared value, the assumption fails there; below, nothing follows.

Source of the question: Assumptions 1 and 2 of the paper; what practice trains does not satisfy them by itself.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anil_theory._admissible import count, one_of
from anil_theory.constants import Constants
from anil_theory.estimators.trajectory import Local, Trajectory, derivatives, train
from anil_theory.schedule import Schedule
from anil_theory.tasks import relu_head
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.few_shot import BoundedFamily
from anil_theory.tasks.softmax_head import SoftmaxHeadFamily
from anil_theory.tasks.two_layer_head import TwoLayerHeadFamily

HEADS = ("softmax", "relu")
SOFTMAX_HEAD: dict[str, Any] = {"classes": 3, "inputs": 4, "width": 3, "shots": 3, "regularisation": 0.1}
RADIUS = 2.0
"""Of the region of the softmax head: a choice, and twice the norm that training starts from."""
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
DISTANCES = tuple(10.0**-j for j in range(1, 10))
SLACK = 1e-12
"""By this share of what is declared (at least of 1) a value may exceed it: chosen, and not derived from the program."""
CHOSEN = f"heuristic: a share of {SLACK:g} of what is declared, chosen for the whole run"


@dataclass(frozen=True)
class TrajectoryAudit:
    """What `audit_trajectory` found.

    quantities      {name: one value per outer step}, see the module docstring;
    declared        {name: declared bound} (a lower one for curvature_min), on the ball of radius declared["norm"];
    first_failure   None, or a dict: assumption, quantity, iteration, inner_step (None: between outer iterates), task
                    (its index), value, declared, ratio (value/declared), unbounded (across a kink), also (the other
                    quantities that fail at the same place);
    failures        {quantity: its own first failure};
    shrinking       difference quotients across one point over shrinking distances: lists "distance",
                    "gradient_quotient", "rho_quotient", "tau_quotient"; "iteration", "inner_step", "task", and "kink":
                    whether the point is the first kink crossed (relu) or the middle of the first inner step;
    rounding_kind   of the slack that a failure exceeds, in the words of `Estimate`: a heuristic.
    """

    head: str
    seed: int
    steps: int
    inner_steps: int
    alpha: float
    quantities: dict[str, list[float]]
    declared: dict[str, float]
    first_failure: dict[str, Any] | None
    failures: dict[str, dict[str, Any]]
    shrinking: dict[str, Any]
    rounding_kind: str = CHOSEN


def audit_trajectory(head: str, *, seed: int = 0, steps: int = 60, inner_steps: int = 5) -> TrajectoryAudit:
    """Train a small head by Algorithm 1 and compare local quantities with what is declared.

    Training starts at half the radius of the region, in a random direction.

    head    "softmax" or "relu"; steps, inner_steps: K and N.

    Raises InvalidParameter for another head, a negative seed, steps or inner_steps below 1.
    """
    one_of("head", head, HEADS)
    count("seed", seed, minimum=0)
    family, constants, tasks, schedule = _setting(head, seed, count("steps", steps), count("inner_steps", inner_steps))
    start = np.random.default_rng(seed).standard_normal(family.n_w + family.n_phi)
    start *= family.radius / (2 * np.linalg.norm(start))
    trajectory = train(tasks, schedule, jnp.asarray(start), family.n_w, seed)
    measured = _quantities(derivatives(tasks, family.n_w, trajectory), trajectory, family.n_w)
    declared = {
        **{"norm": constants.region.radius, "smoothness": constants.L, "gradient_quotient": constants.L},
        **{"query_gradient": constants.M, "rho_quotient": constants.rho, "tau_quotient": constants.tau},
    }
    if constants.mu is not None:
        declared["curvature_min"] = constants.mu
    shrinking = _shrinking(head, tasks, trajectory, family.n_w)
    failures = {name: place for name in declared if (place := _first(name, measured, declared, trajectory))}
    if shrinking["kink"]:
        failures = _with_kink(failures, shrinking, declared)
    summary = {n: (np.nanmin if n == "curvature_min" else np.nanmax)(v, axis=(1, 2)) for n, v in measured.items()}
    return TrajectoryAudit(
        head=head,
        seed=seed,
        steps=steps,
        inner_steps=inner_steps,
        alpha=schedule.alpha,
        quantities={name: values.tolist() for name, values in summary.items()},
        declared=declared,
        first_failure=_earliest(failures),
        failures=failures,
        shrinking=shrinking,
    )


def _setting(head: str, seed: int, K: int, N: int) -> tuple[BoundedFamily, Constants, TaskSet, Schedule]:
    key = jax.random.key(seed)
    rest: dict[str, Any] = {"beta_w": 1.0, "beta_phi": 1.0, "batch": 2, "outer_steps": K}
    if head == "softmax":
        family = SoftmaxHeadFamily(**SOFTMAX_HEAD, radius=RADIUS)
        constants = family.constants
        # The largest step size of the strongly convex geometry.
        return family, constants, family.sample(key, 8), Schedule(1 / constants.L, N, **rest)
    family = TwoLayerHeadFamily(classes=3, inputs=4, width=3, hidden=4, shots=3, radius=4.0)
    tasks = TaskSet(relu_head.support_loss, relu_head.query_loss, family.sample(key, 8).data)
    constants = relu_head.piecewise_constants(width=3, hidden=4, radius=4.0)
    return family, constants, tasks, Schedule(0.1, N, **rest)


def _norms(matrices: np.ndarray) -> np.ndarray:
    return np.linalg.norm(matrices, ord=2, axis=(-2, -1))


def _quotient(change: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """change/distance; NaN where the points are too near for a difference to mean anything."""
    near = distance < np.sqrt(np.finfo(float).eps)
    return np.where(near, np.nan, change / np.where(near, 1.0, distance))


def _quantities(local: Local, trajectory: Trajectory, n_w: int) -> dict[str, np.ndarray]:
    """{name: (K, B, places)}: places are inner steps 0..N, or moves m -> m + 1 and last the outer move."""
    z = trajectory.points
    inner = local.hessian[:, :, :-1]
    eigenvalues = np.linalg.eigvalsh(inner[..., :n_w, :n_w])
    smooth = _norms(inner)
    smooth[:, :, -1] = np.maximum(smooth[:, :, -1], _norms(local.query_hessian))
    # Moves: w_m -> w_{m+1}, and from the start of this outer step to that of the next.
    here = np.r_[: z.shape[2] - 2, 0]
    there = np.r_[1 : z.shape[2] - 1, z.shape[2] - 1]
    distance = np.linalg.norm(z[:, :, there] - z[:, :, here], axis=-1)
    curved = local.hessian[:, :, there] - local.hessian[:, :, here]
    slope = np.linalg.norm(local.gradient[:, :, there] - local.gradient[:, :, here], axis=-1)
    return {
        "norm": np.linalg.norm(z[:, :, :-1], axis=-1),
        "smoothness": smooth,
        "gradient_quotient": _quotient(slope, distance),
        "query_gradient": np.linalg.norm(local.query_gradient, axis=-1)[..., None],
        "rho_quotient": _quotient(_norms(curved[..., :n_w, :n_w]), distance),
        "tau_quotient": _quotient(_norms(curved[..., n_w:, :n_w]), distance),
        "curvature_min": eigenvalues[..., 0],
        "curvature_max": eigenvalues[..., -1],
    }


def _first(name: str, measured: dict, declared: dict, trajectory: Trajectory) -> dict[str, Any] | None:
    """The earliest place (iteration, then inner step) at which a quantity is beyond its declared value, or None."""
    values, bound = measured[name], declared[name]
    slack = SLACK * max(1.0, abs(bound))
    beyond = values < bound - slack if name == "curvature_min" else values > bound + slack
    if not beyond.any():
        return None
    k, m, b = np.argwhere(np.swapaxes(beyond, 1, 2))[0]
    moves, N = name.endswith("_quotient"), trajectory.points.shape[2] - 2
    # L_D is looked at behind the last inner step only.
    inner = None if moves and m == N else N if name == "query_gradient" else int(m)
    return _failure(name, int(k), inner, int(trajectory.tasks[k, b]), float(values[k, b, m]), bound, False)


def _failure(name: str, k: int, m: int | None, task: int, value: float, bound: float, unbounded: bool) -> dict:
    return {
        **{"assumption": ASSUMPTIONS[name], "quantity": name, "iteration": k, "inner_step": m, "task": task},
        **{"value": value, "declared": bound, "ratio": value / bound, "unbounded": unbounded},
    }


def _place(failure: dict[str, Any]) -> tuple[int, float]:
    inner = failure["inner_step"]
    return failure["iteration"], float("inf") if inner is None else float(inner)


def _with_kink(failures: dict, shrinking: dict, declared: dict) -> dict:
    """Failures with those of the kink: quotients that grow without bound as the points approach it."""
    merged = dict(failures)
    for name in ("gradient_quotient", "rho_quotient", "tau_quotient"):
        nearest = shrinking[name][-1]
        where = (shrinking["iteration"], shrinking["inner_step"], shrinking["task"])
        found = _failure(name, *where, nearest, declared[name], unbounded=True)
        if nearest > declared[name] and (name not in merged or _place(found) <= _place(merged[name])):
            merged[name] = found
    return merged


def _earliest(failures: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    if not failures:
        return None
    order = list(ASSUMPTIONS)
    first = min(failures.values(), key=lambda f: (*_place(f), order.index(f["quantity"])))
    also = [n for n, f in failures.items() if _place(f) == _place(first) and f is not first]
    return {**first, "also": also}


def _shrinking(head: str, tasks: TaskSet, trajectory: Trajectory, n_w: int) -> dict[str, Any]:
    """Difference quotients over shrinking distances, across the first kink (relu) or inside the first inner step."""
    found = _first_kink(tasks, trajectory, n_w) if head == "relu" else None
    k, b, m = found[0] if found else (0, 0, 0)
    z, z_next = trajectory.points[k, b, m : m + 2]
    middle = found[1] if found else (z + z_next) / 2
    unit = (z_next - z) / np.linalg.norm(z_next - z)
    sides = np.array([[middle - d / 2 * unit, middle + d / 2 * unit] for d in DISTANCES])
    # One pair per distance, as a trajectory of one outer step with those points as its batch.
    indices = np.full((1, len(DISTANCES)), trajectory.tasks[k, b])
    local = derivatives(tasks, n_w, Trajectory(sides[None], indices))
    slope = np.linalg.norm(local.gradient[0, :, 1] - local.gradient[0, :, 0], axis=-1)
    curved = local.hessian[0, :, 1] - local.hessian[0, :, 0]
    return {
        **{"distance": list(DISTANCES), "gradient_quotient": (slope / DISTANCES).tolist()},
        "rho_quotient": (_norms(curved[:, :n_w, :n_w]) / DISTANCES).tolist(),
        "tau_quotient": (_norms(curved[:, n_w:, :n_w]) / DISTANCES).tolist(),
        **{"iteration": k, "inner_step": m, "task": int(indices[0, 0]), "kink": found is not None},
    }


def _first_kink(tasks: TaskSet, trajectory: Trajectory, n_w: int) -> tuple[tuple[int, int, int], np.ndarray] | None:
    """The first inner move (k, b, m) on which a pre-activation changes sign, and the point where one does, bisected."""
    classes = tasks.data.support_targets.shape[-1]

    @jax.jit
    def signs(z: Any, index: Any) -> Any:
        return relu_head.preactivations(z[:n_w], z[n_w:], tasks.data.support_inputs[index], classes) > 0

    over_points = jax.vmap(signs, in_axes=(0, None))
    patterns = np.asarray(jax.vmap(jax.vmap(over_points))(trajectory.points[:, :, :-1], trajectory.tasks))
    crossed = (patterns[:, :, 1:] != patterns[:, :, :-1]).any(axis=(-2, -1))
    if not crossed.any():
        return None
    k, m, b = (int(i) for i in np.argwhere(np.swapaxes(crossed, 1, 2))[0])
    z, move = trajectory.points[k, b, m], trajectory.points[k, b, m + 1] - trajectory.points[k, b, m]
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        same = bool((np.asarray(signs(z + middle * move, trajectory.tasks[k, b])) == patterns[k, b, m]).all())
        low, high = (middle, high) if same else (low, middle)
    return (k, b, m), z + (low + high) / 2 * move
