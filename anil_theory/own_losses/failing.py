"""Which assumption fails first along the run, and where: a jump of a derivative, or a value beyond a constant."""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from anil_theory.estimators import NotFinite
from anil_theory.estimators.jump_search import find_jump
from anil_theory.estimators.trajectory_audit import TrajectoryAudit, audit_trajectory
from anil_theory.own_losses.admission import Admitted
from anil_theory.own_losses.auditing import FLAT
from anil_theory.own_losses.effort import DENSE, StudyEffort
from anil_theory.own_losses.following import Followed, probes
from anil_theory.problem import Loss, Problem

JUMPS = {
    "gradient": "A1: L-smoothness",
    "Hessian": "A2: D_w D L_S is Lipschitz",
}
"""The assumption that a jump of a derivative contradicts."""
LEAST_POINTS = 256
"""Random points at which a small loss has to be finite."""
SHOWN_ENTRIES = 6
"""The most entries of a point that a message shows."""


def require_finite(problem: Problem, admitted: Admitted, run: Followed, effort: StudyEffort, seed: int) -> None:
    """Raise NotFinite where a loss or its gradient is not finite at a random point of the ball of the constants.

    The message gives the nearest such point and its distance from the start. Finding none proves nothing.
    """
    P = max(effort.samples, LEAST_POINTS if problem.n_w + problem.n_phi <= DENSE else len(problem.tasks))
    points, which = probes(problem, run.reach, P, seed)
    losses = (problem.tasks.support, problem.tasks.query)
    finite = np.asarray(_finite_at(losses, problem.n_w, problem.tasks.data, points, which))
    bad = np.flatnonzero(~finite.all(axis=1))
    if not len(bad):
        return
    away = np.linalg.norm(np.asarray(points), axis=1)
    nearest = bad[np.argmin(away[bad])]
    loss = ("support", "query")[int(np.argmin(finite[nearest]))]
    place = admitted.start + np.asarray(points)[nearest]
    entries = [f"{x:.4g}" for x in place[:SHOWN_ENTRIES]] + ["..."] * (len(place) > SHOWN_ENTRIES)
    raise NotFinite(
        f"the {loss} loss or its gradient is not finite on part of the ball of radius {run.reach:.4g} about the start, "
        f"where constants would have to hold: {len(bad)} of {P} random points, the nearest of them at (w, phi) = "
        f"({', '.join(entries)}) in task {int(which[nearest])}, {away[nearest]:.4g} from the start. "
        "A smaller `region=`, or smaller step sizes, may help"
    )


@partial(jax.jit, static_argnums=(0, 1))
def _finite_at(
    losses: tuple[Loss, Loss], n_w: int, data: PyTree, points: Float[Array, "P n"], which: Int[Array, " P"]
) -> Bool[Array, "P 2"]:
    """Whether the value and the gradient of both losses are finite at each point, in its task."""

    def at(z: Array, index: Array) -> Array:
        task = jax.tree.map(lambda leaf: leaf[index], data)
        flags = []
        for loss in losses:
            value, slope = jax.value_and_grad(lambda z, loss=loss: loss(z[:n_w], z[n_w:], task))(z)
            flags.append(jnp.isfinite(value) & jnp.isfinite(slope).all())
        return jnp.stack(flags)

    return jax.vmap(at)(points, which)


def look_for_jump(problem: Problem, admitted: Admitted, run: Followed, effort: StudyEffort, seed: int) -> dict | None:
    """A jump of a derivative in the ball of the inner iterates, in plain words; None where none was found.

    The segments are the first inner moves of the run, and random ones across the ball.
    """
    P = effort.segments
    starts, which = probes(problem, run.reach, P, seed)
    ends = np.stack([np.asarray(starts), -np.asarray(starts)], axis=1)
    points = run.trajectory.points
    moves = points[: P // 2, 0, [0, -2]]
    ends[: len(moves)] = moves
    tasks = np.asarray(which).copy()
    tasks[: len(moves)] = run.trajectory.tasks[: P // 2, 0]
    jump = find_jump(problem, problem.tasks, ends, tasks, seed=seed)
    if jump is None:
        return None
    return {**asdict(jump), "assumption": JUMPS[jump.derivative], "made_by": list(admitted.kinked[jump.loss])}


def describe_jump(jump: dict[str, Any]) -> str:
    """The jump as a sentence."""
    made = f"; it may be made by {', '.join(jump['made_by'][:3])}" if jump["made_by"] else ""
    derivative = "gradient" if jump["derivative"] == "gradient" else "second derivative in w"
    return (
        f"{jump['assumption']} fails: the {derivative} of the {jump['loss']} loss jumps by {jump['change']:.3g} within "
        f"{jump['distance']:.1e}, in task {jump['task']}{made}. The loss is not twice differentiable, no finite "
        "constants exist, and no bound of the paper applies"
    )


def along_the_run(problem: Problem, run: Followed, seed: int) -> TrajectoryAudit:
    """The audit of the run at the problem's constants; without mu, at one so small that it hardly asks for convexity.

    Second derivatives are matrices for small points, and products for large ones.
    """
    constants = problem.constants
    if constants.mu is None:
        constants = replace(constants, mu=FLAT * constants.L)
    n = problem.n_w + problem.n_phi
    return audit_trajectory(problem, run.schedule, constants=constants, seed=seed, products=None if n <= DENSE else 8)


def first_of(audit: TrajectoryAudit, *, convex: bool) -> dict[str, Any] | None:
    """The first failure of the assumptions that are made. Strong convexity is one only where `convex` says so."""
    made = [each for name, each in audit.failures.items() if convex or name != "curvature_min"]

    def place(failure: dict[str, Any]) -> tuple[int, float]:
        inner = failure["inner_step"]
        return failure["iteration"], np.inf if inner is None else float(inner)

    return min(made, key=place, default=None)


def describe_failure(failure: dict[str, Any]) -> str:
    """The first failure as a sentence."""
    inner = failure["inner_step"]
    where = "between outer iterates" if inner is None else f"at inner step {inner}"
    place = f"at outer step {failure['iteration']}, {where}, in task {failure['task']}"
    return (
        f"{failure['assumption']} fails first {place}: "
        f"{failure['quantity']} is {failure['value']:.4g}, and {failure['declared']:.4g} is what the constants say"
    )
