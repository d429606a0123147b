"""A linear head on a linear body with squared loss: the smallest network, constants on a ball.

    o(w, phi; x) = w . A x,   phi = A (d x p),   |x| <= 1,   |y| <= 1,
    L_S = mean (o - y)^2/2 + (lambda/2) |w|^2,   L_D = mean (o - y)^2/2.

Bounds on |z| <= R. |w| |A| <= R^2/2, so the residual e = o - y is at most E = R^2/2 + 1. In directions (P, a) and
(S, b) of (w, A):

    D o [P, a] = P . A x + w . a x,          at most |A| |P| + |w| |a| <= R on unit directions (Cauchy-Schwarz);
    D^2 o      = P . b x + S . a x,          a form of norm 1;
    L  <= R^2 + E + lambda                   (first derivative squared + residual times second derivative + L2);
    M  <= E R;
    D_w^2 L_S [P, P] = mean (P . A x)^2 + lambda |P|^2, its derivative in b is 2 (P . A x)(P . b x), so rho <= 2 R;
    D_phi D_w L_S [P, a] = mean (P . A x)(w . a x) + e (P . a x), its derivative in (S, b) is
        (P . b x)(w . a x) + (P . A x)(S . a x) + (S . A x + w . b x)(P . a x) <= 2 |A| |S| + 2 |w| |b|, so tau <= 2 R.

L_S is convex in w with curvature at least lambda: mu = lambda, or no mu at all when lambda = 0. None of L, rho, tau
and M is finite on the whole space. Source: derived for this project.
"""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory._admissible import count, nonnegative
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.few_shot import BoundedFamily, FewShotTask
from anil_theory.tasks.output_bounds import upper_bound_constants


def _squared_error(w: Array, phi: Array, inputs: Array, targets: Array) -> Array:
    outputs = inputs @ phi.reshape(w.size, -1).T @ w
    return jnp.mean((outputs - targets[..., 0]) ** 2) / 2


def support_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: FewShotTask) -> Float[Array, ""]:
    """L_S: mean squared error on the support set, halved, + (lambda/2) |w|^2."""
    fit = _squared_error(w, phi, task.support_inputs, task.support_targets)
    return fit + task.regularisation / 2 * jnp.sum(w * w)


def query_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: FewShotTask) -> Float[Array, ""]:
    """L_D: mean squared error on the query set, halved."""
    return _squared_error(w, phi, task.query_inputs, task.query_targets)


class LinearBodyFamily(BoundedFamily):
    """Few-shot linear regression through a linear body; constants on the ball |z| <= radius.

    inputs, width    p and d; n_w = d, n_phi = d p;
    shots            support (and query) examples;
    regularisation   lambda >= 0: the strongly convex geometry when > 0, no mu when 0;
    radius           R, finite.

    Raises InvalidParameter for counts below 1, lambda < 0, R <= 0 or inf.
    """

    name: ClassVar[str] = "linear-body"

    def __init__(
        self, inputs: int = 3, width: int = 2, shots: int = 6, regularisation: float = 0.1, radius: float = 2.0
    ):
        p, d = count("inputs", inputs), count("width", width)
        super().__init__(p, 1, shots, radius, n_w=d, n_phi=d * p)
        self.regularisation = nonnegative("regularisation", regularisation)
        R = self.radius
        residual = R**2 / 2 + 1
        mu = self.regularisation or None
        L = R**2 + residual + self.regularisation
        self.constants = upper_bound_constants(mu, L, 2 * R, 2 * R, residual * R, R)

    @classmethod
    def smallest(cls, **options: Any) -> "LinearBodyFamily":
        """The family in the smallest size that it has; options go to the constructor."""
        return cls(inputs=1, width=1, shots=2, **options)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` tasks with teachers of their own."""
        return self._regression((support_loss, query_loss), key, num_tasks)
