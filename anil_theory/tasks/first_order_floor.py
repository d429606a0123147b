"""Two tasks between which first-order MAML stands still, while the meta-gradient is as large as statement B allows.

    L_S = h w^2/2,   L_D(w) = +- f(w),   h = mu and L (nonconvex: -L and L), one sign for each

f = (M/c) tanh(c w) has the slope M at w = 0, and c = 3 sqrt(3) L/(4 M) makes its largest curvature L. First-order MAML
starts at 0, where the slopes of both cancel. The meta-gradient of L_meta is M ((1 - alpha mu)^N - (1 - alpha L)^N)/2
there, and stays. A step takes both tasks where they are drawn without replacement; there is then no noise.

Constants: exact, with rho = 0; phi is empty. Source: derived for this project; docs/next_statements.md, statement B.
"""

import math
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.problem import Problem
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks


class FloorTask(NamedTuple):
    """One task: h of L_S, c of f, and its slope at 0, with the sign."""

    h: Float[Array, "*T"]
    c: Float[Array, "*T"]
    slope: Float[Array, "*T"]


def support_loss(w: Array, phi: Array, task: FloorTask) -> Array:
    """L_S(w); phi is empty."""
    return task.h * w[0] ** 2 / 2


def query_loss(w: Array, phi: Array, task: FloorTask) -> Array:
    """L_D(w)."""
    return task.slope / task.c * jnp.tanh(task.c * w[0])


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
        first = jnp.arange(T) % 2 == 0
        h = jnp.where(first, self.constants.lowest_curvature, L)
        c = jnp.full(T, 3 * math.sqrt(3) * L / (4 * M))
        return TaskSet(support_loss, query_loss, FloorTask(h, c, jnp.where(first, M, -M)))

    def query_infimum(self, data: FloorTask) -> Array:
        """-M/c, far to the left or to the right."""
        return -jnp.abs(data.slope) / data.c

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
