"""iMAML: the minimum of the regularised inner problem, and the gradient of L_D at it with respect to w_0.

    w*(w_0) = argmin_w L_S(w) + lam/2 |w - w_0|^2,    D_(w_0) L_D(w*(w_0)) = (I + H/lam)^(-1) D_w L_D  at w*

H = D_w^2 L_S; phi is held. Flat points of small dimension: H is dense. The regularised problem is strongly convex: lam
is above the largest negative curvature of L_S in w. Source: A. Rajeswaran, C. Finn, S. Kakade, S. Levine 2019.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from anil_theory._admissible import InvalidParameter, positive
from anil_theory.algorithm.positive_solve import solve_positive
from anil_theory.tasks.base import Loss, Losses

SETTLED = 1e-8
"""The relative length of a step after which two plain Newton steps reach rounding."""

MOST_STEPS = 1000


def regularised(support: Loss, w_0: Array, lam: Any) -> Loss:
    """L_S + lam/2 |w - w_0|^2, as a loss."""

    def loss(w: Array, phi: Array, data: PyTree) -> Array:
        return support(w, phi, data) + lam / 2 * jnp.sum((w - w_0) ** 2)

    return loss


def proximal_minimum(
    support: Loss, w_0: Array, phi: Array, data: PyTree, *, lam: Any, rho: Any, curvature: Any = None
) -> Float[Array, " n_w"]:
    """w*(w_0) up to rounding, by Newton steps from w_0; NaN where MOST_STEPS of them do not settle.

    lam         > 0; it may be traced, like rho;
    rho         the Lipschitz constant of D_w^2 L_S: the Hessian is shifted by sqrt(rho |slope|), so that Newton's
                method converges from everywhere (K. Mishchenko 2021), and is as fast as ever near the minimum;
    curvature   a lower bound on the curvature of L_S in w, mu or -L, against which lam is checked; None: no check.

    Raises InvalidParameter for lam <= -curvature: the inner problem need not have one minimum there.
    """
    if curvature is not None and positive("lam", lam) <= -curvature:
        raise InvalidParameter("lam", f"above {-curvature:g}: the inner problem is strongly convex only there", lam)
    slope = jax.grad(regularised(support, w_0, lam), argnums=0)
    size = jnp.linalg.norm(w_0)

    def shifted(w: Array, gradient: Array, shift: Any) -> Array:
        H = shifted_hessian(support, w, phi, data, lam=lam + shift)
        return w - solve_positive(H, gradient)

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        w, _, count = state
        gradient = slope(w, phi, data)
        after = shifted(w, gradient, jnp.sqrt(rho * jnp.linalg.norm(gradient)))
        return after, jnp.linalg.norm(after - w), count + 1

    def moving(state: tuple[Array, Array, Array]) -> Array:
        w, length, count = state
        return (length > SETTLED * (size + jnp.linalg.norm(w))) & (count < MOST_STEPS)

    w, length, _ = jax.lax.while_loop(moving, step, (w_0, jnp.asarray(jnp.inf), jnp.asarray(0)))
    for _ in range(2):
        w = shifted(w, slope(w, phi, data), 0.0)
    return jnp.where(moving((w, length, jnp.asarray(0))), jnp.nan, w)


def implicit_meta_gradient(losses: Losses, w: Array, phi: Array, data: PyTree, *, lam: Any) -> Float[Array, " n_w"]:
    """(I + H/lam)^(-1) D_w L_D at w: the gradient of iMAML where w = w*(w_0), and an approximation of it near there."""
    p = jax.grad(losses.query, argnums=0)(w, phi, data)
    return solve_positive(shifted_hessian(losses.support, w, phi, data, lam=lam), lam * p)


def shifted_hessian(support: Loss, w: Array, phi: Array, data: PyTree, *, lam: Any) -> Float[Array, "n_w n_w"]:
    """H + lam I."""
    H = jax.jacfwd(jax.grad(support, argnums=0), argnums=0)(w, phi, data)
    return H + lam * jnp.eye(w.size)


def gradient_derivative(losses: Losses, w: Array, phi: Array, data: PyTree, *, lam: Any) -> Float[Array, "n_w n_w"]:
    """The derivative of `implicit_meta_gradient` in w.

    Times D w* = (I + H/lam)^(-1), at w*, it is the Hessian of L_D(w*(w_0)).
    """
    return jax.jacfwd(lambda w: implicit_meta_gradient(losses, w, phi, data, lam=lam))(w)


def proximal_steps(
    support: Loss, w_0: Array, phi: Array, data: PyTree, *, lam: Any, alpha: Any, steps: Any
) -> Float[Array, " n_w"]:
    """The end of so many gradient steps of size alpha from w_0 on the regularised inner problem."""
    slope = jax.grad(regularised(support, w_0, lam), argnums=0)
    return jax.lax.fori_loop(0, steps, lambda _, w: w - alpha * slope(w, phi, data), w_0)
