"""What a family must keep."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.problem import Loss, Problem, TaskSet
from anil_theory.schedule import Schedule
from anil_theory.tasks import Family

TASKS, POINTS = 3, 8
ROUNDING = 1e-10
"""The relative error of dense derivatives of a few entries, at most."""

EXAMPLES = (Constants(0.3, 1.0, 1.0, 0.5, 1.0), Constants(None, 1.0, 1.0, 0.5, 1.0))
"""The constants that are tried for a family that takes any."""

FLAT = tuple(replace(constants, rho=0.0, tau=0.0) for constants in EXAMPLES)
"""Those for one that refuses all of these: witnesses of what holds for quadratics."""

IDLE = tuple(replace(constants, tau=0.0) for constants in EXAMPLES)
"""Those for one that refuses these too: tasks whose representation is idle."""


def conforms_family(family: type[Family] | Family) -> None:
    """A family draws tasks of its dimensions, and no point that was looked at exceeds the constants it declares.

    family   the class (made in its smallest size, or at example constants where it takes any), or one of its members.

    The function looks at a few random points of a few tasks, inside the region where the constants hold: at gradients,
    Hessians and their derivatives along one random direction. That can show a declaration to be false, never to be
    true.
    """
    for member in _members(family):
        _conforms(member)


def _members(family: type[Family] | Family) -> Sequence[Family]:
    if isinstance(family, Family):
        return [family]
    assert isinstance(family, type) and issubclass(family, Family), f"{family!r} is not a class derived from Family"
    if not family.takes_constants:
        return [family.smallest()]
    members = _at(family, EXAMPLES) or _at(family, FLAT) or _at(family, IDLE)
    assert members, f"family {family.name!r} takes constants and refuses all of {(*EXAMPLES, *FLAT, *IDLE)}"
    return members


def _at(family: type[Family], examples: Sequence[Constants]) -> list[Family]:
    """The family at those constants that it takes, at a schedule with all its steps."""
    members = []
    for constants in examples:
        schedule = Schedule.paper(constants, 2, beta_w=0.1, beta_phi=0.1)
        try:
            members.append(family.at(constants, schedule))
        except InvalidParameter:
            continue
    return members


def _conforms(family: Family) -> None:
    where = f"family {family.name!r}"
    assert isinstance(family.name, str) and family.name, f"{where} has no name"
    assert isinstance(family.constants, Constants), f"{where}: its constants are {family.constants!r}"
    assert family.n_w >= 1 and family.n_phi >= 0, f"{where} has dimensions {family.n_w} and {family.n_phi}"
    assert family.length_scale > 0, f"{where}: its length scale is {family.length_scale}"
    tasks = family.sample(jax.random.key(0), TASKS)
    assert isinstance(tasks, TaskSet), f"{where}: sample must return a TaskSet; got {type(tasks).__name__}"
    # A witness may be a whole population, which is drawn as it is.
    assert family.is_witness or len(tasks) == TASKS, f"{where}: {len(tasks)} tasks where {TASKS} were asked for"
    for leaf in jax.tree.leaves(tasks.data):
        inexact = jnp.issubdtype(leaf.dtype, jnp.inexact)
        assert not inexact or leaf.dtype == jnp.float64, f"{where}: data of {leaf.dtype}; constants need float64"
    again = family.sample(jax.random.key(0), TASKS)
    same = jax.tree.map(lambda a, b: bool(jnp.array_equal(a, b)), tasks.data, again.data)
    assert all(jax.tree.leaves(same)), f"{where}: one key gives two populations"
    points = family.points(np.random.default_rng(0), (POINTS,))
    n = family.n_w + family.n_phi
    assert points.shape == (POINTS, n), f"{where}: points of shape {points.shape}, not {(POINTS, n)}"
    lowest = np.asarray(family.query_infimum(tasks.data))
    assert lowest.shape == (len(tasks),), f"{where}: query_infimum of shape {lowest.shape}, not {(len(tasks),)}"
    assert not np.isnan(lowest).any(), f"{where}: query_infimum is NaN"
    few = replace(tasks, data=jax.tree.map(lambda leaf: leaf[:TASKS], tasks.data))
    _respects_constants(family, few, _inside(family, points), lowest[:TASKS], where)
    problem = family.problem(tasks=2, seed=1)
    assert isinstance(problem, Problem) and problem.start.shape == (n,), f"{where}: its problem starts at no point"


def _inside(family: Family, points: Array) -> Array:
    """The points, those outside the region of the constants drawn to its boundary."""
    norms = jnp.linalg.norm(points, axis=-1, keepdims=True)
    return points * jnp.minimum(1.0, family.constants.region.radius / jnp.maximum(norms, 1e-300))


def _largest_norm(matrices: np.ndarray) -> float:
    return float(np.linalg.norm(matrices, 2, axis=(-2, -1)).max())


def _respects_constants(family: Family, tasks: TaskSet, points: Array, lowest: np.ndarray, where: str) -> None:
    constants, n_w = family.constants, family.n_w
    directions = np.random.default_rng(1).standard_normal(points.shape)
    directions = jnp.asarray(directions / np.linalg.norm(directions, axis=-1, keepdims=True))
    curved, support, query, slope, value = map(np.asarray, _derivatives(family, tasks, points, directions))
    assert np.isfinite(value).all() and np.isfinite(curved).all(), f"{where}: a loss is not finite at a random point"
    lowest_curvature = np.linalg.eigvalsh(support[..., :n_w, :n_w])[..., 0].min()
    largest = {
        "L": max(_largest_norm(support), _largest_norm(query)),
        "M": float(np.linalg.norm(slope, axis=-1).max()),
        "rho": _largest_norm(curved[..., :n_w, :n_w]),
        "tau": _largest_norm(curved[..., :n_w, n_w:]) if family.n_phi else 0.0,
    }
    slack = ROUNDING * constants.L
    for name, measured in largest.items():
        declared = getattr(constants, name)
        assert measured <= declared * (1 + ROUNDING) + slack, f"{where} declares {name} = {declared}; found {measured}"
    least = constants.lowest_curvature
    assert lowest_curvature >= least - slack, f"{where}: curvature {lowest_curvature} in w, below {least}"
    assert (value >= lowest[:, None] - slack).all(), f"{where}: a query loss falls below query_infimum"


def _derivatives(family: Family, tasks: TaskSet, points: Array, directions: Array) -> tuple[Array, ...]:
    """For tasks (T) and points (P): D of the support Hessian along the direction, both Hessians, D L_D and L_D."""

    def of(loss: Loss, data: Any) -> Any:
        return lambda z: loss(z[: family.n_w], z[family.n_w :], data)

    @jax.jit
    def at(data: Any, z: Array, d: Array) -> tuple[Array, ...]:
        support, query = of(tasks.support, data), of(tasks.query, data)
        hessian, curved = jax.jvp(jax.hessian(support), (z,), (d,))
        return curved, hessian, jax.hessian(query)(z), jax.grad(query)(z), query(z)

    derivatives = [
        [at(tasks.task(i), z, d) for z, d in zip(points, directions, strict=True)] for i in range(len(tasks))
    ]
    return tuple(np.array([[each[k] for each in of_task] for of_task in derivatives]) for k in range(5))  # pyright: ignore
