"""Two tasks between which first-order MAML stands still, while the meta-gradient is as large as statement B allows.

    L_S = h w^2/2,   L_D(w) = +- f(w),   h = mu and L (nonconvex: -L and L), one sign for each

f is an S of height M^2/L whose slope is M at w = 0 and falls to 0 at the distance M/L, at the rate L. First-order MAML
starts at 0, where the slopes of both cancel. The meta-gradient of L_meta is M ((1 - alpha mu)^N - (1 - alpha L)^N)/2
there, and stays. A step takes both tasks where they are drawn without replacement; there is then no noise.

Constants: exact, with rho = 0; phi is empty. Source: derived for this project; docs/next_statements.md, statement B.
"""

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.problem import Problem
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks
from anil_theory.tasks.piecewise import PiecewiseCubic, integrate


class FloorTask(NamedTuple):
    """One task: h of L_S, and f of L_D with its sign."""

    h: Float[Array, "*T"]
    query: PiecewiseCubic


def support_loss(w: Array, phi: Array, task: FloorTask) -> Array:
    """L_S(w); phi is empty."""
    return task.h * w[0] ** 2 / 2


def query_loss(w: Array, phi: Array, task: FloorTask) -> Array:
    """L_D(w)."""
    return task.query(w[0])


class FirstOrderFloor(Family):
    """The two tasks, in turn. Raises InvalidParameter for rho > 0 (more could be reached then)."""

    name: ClassVar[str] = "first-order-floor"
    takes_constants: ClassVar[bool] = True

    def __init__(self, constants: Constants):
        if constants.rho > 0:
            raise InvalidParameter("rho", "0 for the tasks between which first-order MAML stands still", constants.rho)
        self.constants = constants
        self.n_w, self.n_phi = 1, 0
        self.length_scale = constants.M / constants.L

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` tasks, the two in turn: there is nothing random in them, and the key is not used."""
        T = check_num_tasks(num_tasks)
        L, M = self.constants.L, self.constants.M
        rising = integrate([-M / L, 0.0, M / L], [0.0, L, -L, 0.0], [0.0] * 4, {0: 0.0, 1: M, 2: 0.0})
        which = jnp.arange(T) % 2
        signs = jnp.where(which == 0, 1.0, -1.0)
        shape = rising._asdict()
        query = PiecewiseCubic(
            **{name: jnp.broadcast_to(shape[name], (T, *shape[name].shape)) for name in ("breaks", "anchor")},
            **{name: signs[:, None] * shape[name] for name in ("value", "slope", "curvature", "jerk")},
        )
        h = jnp.where(which == 0, self.constants.lowest_curvature, L)
        return TaskSet(support_loss, query_loss, FloorTask(h, query))

    def query_infimum(self, data: FloorTask) -> Array:
        """0 for the task that rises, and -M^2/L for the one that falls."""
        return jnp.minimum(data.query.value[..., -1], 0.0)

    @classmethod
    def smallest(cls, **options: Any) -> "FirstOrderFloor":
        """The tasks at L = M = 1, nonconvex."""
        return cls(Constants(None, 1.0, 0.0, 0.0, 1.0), **options)

    @classmethod
    def made_for(cls, setting: Setting) -> "FirstOrderFloor":
        """The family at the constants of the setting, with its own dimensions and query loss."""
        return cls(setting.constants)

    def problem(self, *, tasks: int = 2, seed: int = 0) -> Problem:
        """The problem of the two tasks, which starts at w = 0."""
        return replace(super().problem(tasks=tasks, seed=seed), start=jnp.zeros(1))
