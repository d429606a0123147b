"""The cosine family: one task whose curvature swings over all that is allowed, at any condition number.

One dimension, phi idle. With `low` = mu or -L, eps = L - low and k = 2 rho/eps,

    L_S''(w) = L - (eps/2)(1 + cos(k w)),    L_D(w) = M w,

so inf L_S'' = low, sup L_S'' = L and sup |L_S'''| = rho, all attained in every period; L_D is M-Lipschitz and linear,
so the L term of the block constants is absent and their rho term stands alone. As mu -> L it keeps rho while the range
of the curvature closes: at N = 1 the w constant of the meta-gradient is alpha rho M whatever the condition number.

Source: derived for this project (docs/findings.md, finding 1).
"""

from typing import ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory._admissible import InvalidParameter, positive
from anil_theory.constants import Constants
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks


class CosineTask(NamedTuple):
    """mean = L - eps/2, swing = eps/2, frequency k and slope M, each of shape () or (T,)."""

    mean: Array
    swing: Array
    frequency: Array
    slope: Array


def support_loss(w: Array, phi: Array, task: CosineTask) -> Array:
    """L_S(w); phi is idle."""
    k = task.frequency
    return task.mean * w[0] ** 2 / 2 + task.swing * jnp.cos(k * w[0]) / k**2


def query_loss(w: Array, phi: Array, task: CosineTask) -> Array:
    """L_D(w) = M w; phi is idle."""
    return task.slope * w[0]


class CosineFamily(Family):
    """The task with these constants; every sample is the same task.

    reach   points are drawn from [-reach, reach] (default: four periods). After m steps the iterates have come closer
            by about (1 - alpha mean)^m, so all combinations of phases need a reach of several periods over that factor.

    Raises InvalidParameter when rho = 0 or mu = L (the curvature cannot turn), or for reach <= 0.
    """

    name: ClassVar[str] = "cosine"
    takes_constants: ClassVar[bool] = True

    def __init__(self, constants: Constants, reach: float | None = None):
        low, L = constants.lowest_curvature, constants.L
        if constants.rho == 0:
            raise InvalidParameter("rho", "> 0 for the cosine family", constants.rho)
        if low >= L:
            raise InvalidParameter("mu", f"below L = {L:g} for the cosine family", constants.mu)
        self.constants = constants
        self.n_w = 1
        self.n_phi = 1
        self.swing, self.mean = (L - low) / 2, (L + low) / 2
        self.frequency = constants.rho / self.swing
        self.length_scale = 1 / self.frequency
        self.period = 2 * np.pi / self.frequency
        self.reach = 4 * self.period if reach is None else positive("reach", reach)

    @classmethod
    def made_for(cls, setting: Setting) -> "CosineFamily":
        """The family at the constants of the setting; tau = 0, the 1 + 1 dimensions and the query loss are its own."""
        return cls(setting.constants)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` copies of the task (there is nothing random in it; the key is not used)."""
        values = (self.mean, self.swing, self.frequency, self.constants.M)
        data = CosineTask(*(jnp.full(check_num_tasks(num_tasks), value) for value in values))
        return TaskSet(support_loss, query_loss, data)

    def query_infimum(self, data: CosineTask) -> Array:
        """-inf: L_D is linear."""
        return jnp.full(data.slope.shape, -jnp.inf)

    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array:
        """Points with w uniform in [-reach, reach] (times spread/4) and the idle phi at 0."""
        w = generator.uniform(-self.reach, self.reach, (*shape, 1)) * (spread / 4)
        return jnp.asarray(np.concatenate([w, np.zeros_like(w)], axis=-1))
