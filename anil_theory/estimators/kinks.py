"""Kinks along a training run, and difference quotients over shrinking distances.

A loss with ReLU is smooth on pieces: inside one piece the signs of its pre-activations stay, and on a kink one of them
changes. Automatic differentiation sees the pieces and never the kinks. A pattern function names the piece of a point,
so that a run can be searched for the first kink that it crosses. Direction of the quotients: lower.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from anil_theory.estimators.trajectory import Trajectory, derivatives
from anil_theory.problem import TaskSet
from anil_theory.problem.flat import FlatLoss

Pattern = Callable[[PyTree, PyTree, PyTree], Bool[Array, "..."]]
"""`pattern(w, phi, data) -> array of Booleans`, constant on every piece where L_S is smooth; takes what L_S takes."""

DISTANCES = tuple(10.0**-j for j in range(1, 10))
QUOTIENTS = ("gradient_quotient", "rho_quotient", "tau_quotient")
JUMP = 1e-8
"""A change of this share of what is declared (at least of 1) across the nearest points is no rounding."""
BISECTIONS = 60
"""Halvings of a move, after which its two ends differ by rounding only."""


class Kink(NamedTuple):
    """The inner move of a run that crosses a kink first, and the flat point at which it does."""

    iteration: int
    batch_index: int
    inner_step: int
    point: Float[np.ndarray, " n"]


def block_norms(matrices: Float[np.ndarray, "*batch x y"]) -> Float[np.ndarray, "*batch"]:
    """Spectral norms of a stack of matrices; 0 where they have no entries (an empty phi)."""
    if 0 in matrices.shape[-2:]:
        return np.zeros(matrices.shape[:-2])
    return np.linalg.norm(matrices, ord=2, axis=(-2, -1))


def first_kink(tasks: TaskSet, trajectory: Trajectory, n_w: int, pattern: Pattern) -> Kink | None:
    """The first inner move on which the pattern changes, by outer step, then inner step; None if it never does.

    A change that is undone within the same move is not seen.
    """
    of_the_loss = _as_the_loss_takes_it(pattern, tasks)
    points = trajectory.points[:, :, :-1]
    patterns = np.asarray(_patterns(of_the_loss, n_w, tasks.data, points, trajectory.tasks))
    crossed = (patterns[:, :, 1:] != patterns[:, :, :-1]).any(axis=-1)
    if not crossed.any():
        return None
    k, m, b = (int(i) for i in np.argwhere(np.swapaxes(crossed, 1, 2))[0])
    start = trajectory.points[k, b, m]
    move = trajectory.points[k, b, m + 1] - start
    task = trajectory.tasks[k : k + 1, b : b + 1]
    low = 0.0
    high = 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        there = (start + middle * move)[None, None, None]
        same = (np.asarray(_patterns(of_the_loss, n_w, tasks.data, there, task)) == patterns[k, b, m]).all()
        if same:
            low = middle
        else:
            high = middle
    return Kink(iteration=k, batch_index=b, inner_step=m, point=start + (low + high) / 2 * move)


def shrinking_quotients(tasks: TaskSet, trajectory: Trajectory, n_w: int, kink: Kink | None) -> dict[str, Any]:
    """Difference quotients across one point, along the inner move through it, over shrinking distances.

    The point is the kink, or the middle of the first inner step where there is none. Returns lists "distance" and
    QUOTIENTS, the place ("iteration", "inner_step", "task"), and "kink": whether the point is one.
    """
    if kink is None:
        middle = (trajectory.points[0, 0, 0] + trajectory.points[0, 0, 1]) / 2
        kink_or_first = Kink(iteration=0, batch_index=0, inner_step=0, point=middle)
    else:
        kink_or_first = kink
    k, b, m, middle = kink_or_first
    unit = _direction(trajectory.points[k, b, m + 1] - trajectory.points[k, b, m])
    sides = np.array([[middle - d / 2 * unit, middle + d / 2 * unit] for d in DISTANCES])
    # One pair per distance, as a trajectory of one outer step with those points as its batch.
    indices = np.full((1, len(DISTANCES)), trajectory.tasks[k, b])
    local = derivatives(tasks, n_w, Trajectory(sides[None], indices))
    slope = np.linalg.norm(local.gradient[0, :, 1] - local.gradient[0, :, 0], axis=-1)
    curved = local.hessian[0, :, 1] - local.hessian[0, :, 0]
    distances = np.array(DISTANCES)
    return {
        "distance": list(DISTANCES),
        "gradient_quotient": (slope / distances).tolist(),
        "rho_quotient": (block_norms(curved[:, :n_w, :n_w]) / distances).tolist(),
        "tau_quotient": (block_norms(curved[:, n_w:, :n_w]) / distances).tolist(),
        "iteration": k,
        "inner_step": m,
        "task": int(indices[0, 0]),
        "kink": kink is not None,
    }


def jumps(quotients: list[float], declared: float) -> bool:
    """Whether what the quotients divide stays, over three decades, as DISTANCES shrink: there is no Lipschitz constant.

    A heuristic: a change that goes on shrinking below the nearest distance would pass for a jump.
    """
    far = quotients[-4] * DISTANCES[-4]
    near = quotients[-1] * DISTANCES[-1]
    return near > JUMP * max(1.0, declared) and near > far / 2


def _direction(move: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The unit vector of a move; the first coordinate's where the inner loop stands still."""
    length = np.linalg.norm(move)
    return move / length if length > 0 else np.eye(move.size)[0]


def _as_the_loss_takes_it(pattern: Pattern, tasks: TaskSet) -> Pattern:
    """The pattern over flat w and phi: losses over trees are asked with trees."""
    support = tasks.support
    return FlatLoss(pattern, support.w, support.phi) if isinstance(support, FlatLoss) else pattern


@partial(jax.jit, static_argnums=(0, 1))
def _patterns(
    pattern: Pattern,
    n_w: int,
    data: PyTree,
    points: Float[Array, "K B places n"],
    indices: Int[Array, "K B"],
) -> Bool[Array, "K B places signs"]:
    """The patterns at points, of the tasks with the indices."""

    def at(z: Float[Array, " n"], task: PyTree) -> Bool[Array, " signs"]:
        return jnp.ravel(pattern(z[:n_w], z[n_w:], task))

    def along(points: Float[Array, "places n"], index: Int[Array, ""]) -> Bool[Array, "places signs"]:
        task = jax.tree.map(lambda leaf: leaf[index], data)
        return jax.vmap(at, in_axes=(0, None))(points, task)

    return jax.vmap(jax.vmap(along))(points, indices)
