"""The `ww` constant at the point where the extremal task attains it: the only Hessian entry right of the start.

Why a lower bound: the derivative taken there may be one-sided. It is a limit of difference quotients of the
meta-gradient all the same, and none of these exceeds the Lipschitz constant.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.base import Direction, Estimate, Witness, counted_roundings
from anil_theory.estimators.fields import meta_field
from anil_theory.estimators.measurement import Effort, Found, Measurement
from anil_theory.estimators.not_finite import NotFinite
from anil_theory.estimators.rounding import heuristic, rounding_at, with_rounding
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet
from anil_theory.tasks.extremal import ExtremalFamily

QUANTITY = "meta_gradient_lipschitz/ww"

DERIVED_UP_TO = 300
"""Inner steps up to which the rounding is derived: the tape of that derivation grows like N^2."""


def measure_attained(family: ExtremalFamily) -> dict[str, Estimate]:
    """{"ww": the Rayleigh quotient u^T D_w^2 L_meta(z) v at the attaining point}, direction LOWER.

    Raises NotFinite where the quotient overflows.
    """
    problem = family.problem()
    effort = Effort(max_inner_steps=family.max_inner_steps)
    return {"ww": _measured_at_the_point(problem, family.schedule, effort)}


def _measured_at_the_point(problem: Problem, schedule: Schedule, effort: Effort) -> Estimate:
    """The Rayleigh quotient at the attaining point, where the meta-gradient falls at the full rate of the bound.

    The task is one-dimensional in w, so that u = -v = 1 are the only directions.
    """
    tasks, z = problem.tasks, problem.attaining_point
    assert z is not None, "a problem that names no such point is refused before"
    loop = UnrolledLoop.of_schedule(schedule, effort.max_inner_steps or 1)
    longest = loop.inner_steps
    losses = (tasks.support, tasks.query)
    setting = (tasks.task(0), z, loop)
    value = float(_curvature(losses, *setting))
    operations = counted_roundings(0, schedule.inner_steps)
    if not math.isfinite(value):
        raise NotFinite(f"{QUANTITY} is not finite at the attaining point z = {np.asarray(z).tolist()}")
    if longest > DERIVED_UP_TO:
        rounding = heuristic(value, operations, f"derived up to N = {DERIVED_UP_TO} only")
    else:
        rounding = rounding_at(partial(_rounded, losses), *setting, value=value, operations=operations)
    witness = Witness({"z": np.asarray(z).tolist(), "u": [-1.0, 0.0], "v": [1.0, 0.0]}, 0)
    return Estimate(
        QUANTITY,
        value,
        Direction.LOWER,
        "witness",
        rounding=rounding.error,
        rounding_kind=rounding.kind,
        witness=witness,
    )


@partial(jax.jit, static_argnums=0)
def _curvature(losses: tuple[Loss, Loss], data: PyTree, z: Array, loop: UnrolledLoop) -> Array:
    batch = jax.tree.map(lambda leaf: leaf[None], data)
    field = meta_field(TaskSet(*losses, batch), (z[:1], z[1:]), loop)
    return -jax.jvp(lambda z: field(z, data), (z,), (jnp.array([1.0, 0.0]),))[1][0]


@partial(jax.jit, static_argnums=0)
def _rounded(losses: tuple[Loss, Loss], data: PyTree, z: Array, loop: UnrolledLoop) -> tuple[Array, Array]:
    """The same number, and the bound of its error."""
    return with_rounding(partial(_curvature, losses))(data, z, loop)


def _measured_attained(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    return {QUANTITY: _measured_at_the_point(problem, schedule, effort)}


MEASUREMENT = Measurement(
    name="attained",
    quantities=(QUANTITY,),
    direction=Direction.LOWER,
    measure=_measured_attained,
    of_witness=True,
)
