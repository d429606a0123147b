"""The constants of A1, A2 and Definition 2 on a network, at least: norms of derivatives along inner trajectories.

At one point z = (w, phi), phi the real shared parameters, the Hessian of L_meta depends on the losses through their
derivatives at the point's own inner iterates only. So what is looked for is, over given tasks and over iterates
w_0..w_{N-1} (of L_S) and w_N (of L_D),

    mu                smallest eigenvalue of D_w^2 L_S                   contraction  largest ||I - alpha D_w^2 L_S||
    L                 largest norm of D_z^2 L_S and D_z^2 L_D            smoothness   the latter alone
    rho, tau          largest norm of D_z D_w^2 L_S, D_z D_phi D_w L_S   mixed        largest norm of D_phi D_w L_S
    M                 largest norm of D_z L_D

Matrix-free: Lanczos for second derivatives, alternating maximisation over three unit vectors for third ones.
Norms are found from below and the maximum is over few iterates, so every value is a LOWER bound of its constant (mu: an
upper one). Across a kink of ReLU or pooling D_phi jumps: there no finite L and tau exist, and values say nothing of it.

Everything computes in the type of w. In float32 (a third of the time of float64 in convolutions) norms carry a relative
error of some 1e-5, far below that of the iteration; eigenvalues, small next to the largest one, are found in float64.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from anil_theory._admissible import count
from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.neural.curvature import (
    DENSE_LIMIT,
    Point,
    block_masks,
    dispatched_norm,
    head_eigenvalues,
    norm,
    random_unit,
    require_phi,
    unit,
)
from anil_theory.neural.objective import Objective, Shared, TaskData, general_losses, unit_gauge

PLACES = 2
"""Iterates looked at per task: w_0 and w_{N-1}, the ends of the inner trajectory (one place for N = 1)."""


@dataclass(frozen=True)
class LocalConstants:
    """The constants of the module docstring; `mu` and `contraction` are None where the Hessian in w was too large."""

    mu: float | None
    contraction: float | None
    L: float
    smoothness: float
    mixed: float
    rho: float
    tau: float
    M: float
    tasks: int


class TaskDerivatives:
    """Compiled derivatives of one task's losses; point, task, alpha and N are arguments of each call."""

    def __init__(self, objective: Objective):
        losses, model = general_losses(objective), objective.model

        def second(z: Point, v: Point, support: Array, data: Any) -> tuple[Point, Point]:
            def chosen(z: Point) -> Array:
                # Both losses under one compilation: `support` is 1 for L_S and 0 for L_D.
                return support * losses.support(*z, data) + (1 - support) * losses.query(*z, data)

            return jax.jvp(jax.grad(chosen), (z,), (v,))

        def third(z: Point, a: Point, b: Point, data: Any) -> Point:
            def along(function: Callable[[Point], Array], direction: Point) -> Callable[[Point], Array]:
                return lambda z: jax.jvp(function, (z,), (direction,))[1]

            return jax.grad(along(along(lambda z: losses.support(*z, data), a), b))(z)

        def trajectory(z: Point, data: Any, alpha: Array, active: Array) -> tuple[PyTree, PyTree, Any]:
            (images, labels), (w, phi) = data, z
            phi_body, phi_head = model.split_body(phi)
            features = model.body(phi_body, images)
            shared = Shared(phi_head, features, unit_gauge(alpha.dtype))
            loop = UnrolledLoop(alpha, objective.inner_steps, active)
            adapted = inner_loop(objective.losses.support, w, shared, TaskData(labels, None), loop)
            return adapted.iterates, adapted.final, features

        self.objective = objective
        self.second = jax.jit(second)
        """(z, v, 1 for L_S or 0 for L_D, data) -> gradient and Hessian times v"""
        self.third = jax.jit(third)
        """(z, a, b, data) -> the gradient in z of D^2 L_S[a, b]"""
        self.trajectory = jax.jit(trajectory)
        """(z, data, alpha, N) -> iterates w_0.. (leading axis), w_N, features"""
        self.eigenvalues = head_eigenvalues(objective)


def local_constants(
    derivatives: TaskDerivatives,
    w: PyTree,
    phi: PyTree,
    episodes: Any,
    *,
    alpha: float,
    inner_steps: int,
    key: Array,
    steps: int = 8,
) -> LocalConstants:
    """The constants at (w, phi) over the episodes; `steps` steps of Lanczos or iterations for each norm.

    Raises InvalidParameter for steps < 1 and a cut without shared parameters.
    """
    count("steps", steps)
    require_phi(phi)
    flat = ravel_pytree(w)[0]
    dense = flat.size <= DENSE_LIMIT
    images, labels = derivatives.objective.prepare(episodes, flat.dtype)
    rate, active = jnp.asarray(alpha, flat.dtype), jnp.asarray(inner_steps, jnp.int32)
    places = sorted({round(m) for m in np.linspace(0, inner_steps - 1, PLACES)})
    rows = []
    ends = []
    extremes = []
    tasks = len(episodes.support_labels)
    for task in range(tasks):
        data = jax.tree.map(lambda x, i=task: x[i], (images, labels))
        iterates, final, features = derivatives.trajectory((w, phi), data, rate, active)
        starts = _starts(jax.random.fold_in(key, task), w, phi)
        for place in places:
            here = jax.tree.map(lambda x, m=place: x[m], iterates)
            if dense:
                head = derivatives.objective.model.split_body(phi)[1]
                wide = jax.tree.map(lambda x: x.astype(jnp.float64), (here, head, features, data[1]))
                extremes.append(np.asarray(derivatives.eigenvalues(*wide)))
            rows.append(_support_norms(derivatives, (here, phi), data, starts, steps))
        ends.append(_query_norms(derivatives, (final, phi), data, starts["joint"], steps))
    smooth, mixed, rho, tau = np.max(rows, axis=0)
    query, M = np.max(ends, axis=0)
    low = np.min(extremes) if dense else np.nan
    high = np.max(extremes) if dense else np.nan
    return LocalConstants(
        mu=float(low) if dense else None,
        contraction=float(max(abs(1 - alpha * low), abs(1 - alpha * high))) if dense else None,
        L=float(max(smooth, query)),
        smoothness=float(query),
        mixed=float(mixed),
        rho=float(rho),
        tau=float(tau),
        M=float(M),
        tasks=tasks,
    )


def _starts(key: Array, w: PyTree, phi: PyTree) -> dict[str, Any]:
    """Random directions; the iterations leave their last ones here, a good start for the task's next iterate."""
    keys = jax.random.split(key, 6)
    return {
        "joint": random_unit(keys[0], (w, phi)),
        "mixed": random_unit(keys[1], w),
        "rho": [random_unit(keys[2], w), random_unit(keys[3], w)],
        "tau": [random_unit(keys[4], w), random_unit(keys[5], phi)],
    }


def _support_norms(
    derivatives: TaskDerivatives, z: Point, data: Any, starts: dict[str, Any], steps: int
) -> list[float]:
    """Norms of D_z^2 L_S, D_phi D_w L_S, D_z D_w^2 L_S and D_z D_phi D_w L_S at z."""
    no_w, no_phi = jax.tree.map(jnp.zeros_like, z)
    unit = jnp.ones((), ravel_pytree(no_w)[0].dtype)

    def along(v: Point) -> Point:
        return derivatives.second(z, v, unit, data)[1]

    unravel = ravel_pytree(z)[1]
    joint = dispatched_norm(along, block_masks(z, "z", "z"), starts["joint"], steps)
    mixed = dispatched_norm(along, block_masks(z, "phi", "w"), (starts["mixed"], no_phi), steps)
    starts["joint"] = unravel(joint.directions[1])
    starts["mixed"] = unravel(mixed.directions[1])[0]

    def form(a: Point, b: Point) -> Point:
        return derivatives.third(z, a, b, data)

    def in_w(part: PyTree) -> Point:
        return part, no_phi

    def in_phi(part: PyTree) -> Point:
        return no_w, part

    rho = alternate(form, starts["rho"], (in_w, in_w), (0, 0), steps)
    tau = alternate(form, starts["tau"], (in_w, in_phi), (0, 1), steps)
    return [float(joint.value), float(mixed.value), rho, tau]


def alternate(
    form: Callable[[Point, Point], Point],
    pair: list[PyTree],
    embed: tuple[Callable[[PyTree], Point], Callable[[PyTree], Point]],
    part: Sequence[int],
    steps: int,
) -> float:
    """The norm, from below, of a trilinear form T(a, b, c) with a and b in given parts of the space.

    form    (a, b) -> T(a, b, .), symmetric in all three arguments before a and b are restricted;
    pair    unit a and b to start with, replaced by the last ones;   embed, part  into the space, and back.
    Each step takes the best c, then the best a, then the best b: the value never falls.
    """
    first, last = embed
    for _ in range(steps):
        c = unit(form(first(pair[0]), last(pair[1])))
        pair[0] = unit(form(last(pair[1]), c)[part[0]])
        pair[1] = unit(form(first(pair[0]), c)[part[1]])
    return float(norm(form(first(pair[0]), last(pair[1]))))


def _query_norms(derivatives: TaskDerivatives, z: Point, data: Any, start: Point, steps: int) -> list[float]:
    """Norms of D_z^2 L_D and of D_z L_D at z."""
    none = jnp.zeros((), ravel_pytree(z[0])[0].dtype)
    slope = derivatives.second(z, start, none, data)[0]
    curved = dispatched_norm(lambda v: derivatives.second(z, v, none, data)[1], block_masks(z, "z", "z"), start, steps)
    return [float(curved.value), float(norm(slope))]
