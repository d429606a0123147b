"""The gradient of the exact bilevel objective L_D(w*(phi), phi), and its approximation without an unrolled loop.

    w*(phi) = argmin_w L_S(w, phi),    D Phi = D_phi L_D - C H^(-1) D_w L_D  at w*(phi)

`implicit_gradient` replaces w* by any w, and H^(-1) D_w L_D by a Neumann series or by conjugate gradients. Flat points
of small dimension: H and C are dense. L_S is strongly convex in w. Source: K. Ji, J. Yang, Y. Liang 2020.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from anil_theory._admissible import InvalidParameter, count, positive
from anil_theory.algorithm.definite_solves import solve_definite
from anil_theory.tasks.base import Loss, Losses

SMALLEST_ERROR = 1e-18
"""What gradient steps leave of the distance from w*, relatively, before two Newton steps."""


class Derivatives(NamedTuple):
    """p = D_w L_D, q = D_phi L_D, H = D_w^2 L_S and C = D_phi D_w L_S at one point."""

    p: Float[Array, " n_w"]
    q: Float[Array, " n_phi"]
    H: Float[Array, "n_w n_w"]
    C: Float[Array, "n_phi n_w"]


def derivatives(losses: Losses, w: Array, phi: Array, data: PyTree) -> Derivatives:
    """The derivatives of one task."""
    p, q = jax.grad(losses.query, argnums=(0, 1))(w, phi, data)
    slope = jax.grad(losses.support, argnums=0)
    H = jax.jacfwd(slope, argnums=0)(w, phi, data)
    return Derivatives(p, q, H, jax.jacfwd(slope, argnums=1)(w, phi, data).T)


def inner_minimum(support: Loss, w: Array, phi: Array, data: PyTree, *, L: Any, mu: Any) -> Float[Array, " n_w"]:
    """w*(phi) up to rounding, from w: gradient steps of 1/L, then two Newton steps.

    L, mu   smoothness and strong convexity of L_S in w, 0 < mu <= L; they may be traced. Raises InvalidParameter where
            mu is None: an inner problem that is not strongly convex need not have one minimum.
    """
    if mu is None:
        raise InvalidParameter("mu", "known (> 0): w*(phi) is the minimum of a strongly convex inner problem", None)
    slope = jax.grad(support, argnums=0)
    rate = -jnp.log1p(-jnp.minimum(mu / L, 1 - 1e-16))
    steps = jnp.ceil(-jnp.log(SMALLEST_ERROR) / rate).astype(int)
    w = jax.lax.fori_loop(0, steps, lambda _, w: w - slope(w, phi, data) / L, w)
    for _ in range(2):
        w = w - solve_definite(jax.jacfwd(slope)(w, phi, data), slope(w, phi, data))
    return w


def neumann(H: Array, p: Array, terms: Any, step: Any) -> Float[Array, " n_w"]:
    """step sum_{k<terms} (I - step H)^k p, which tends to H^(-1) p where 0 < step < 2/||H||."""
    return jax.lax.fori_loop(0, terms, lambda _, x: x + step * (p - H @ x), jnp.zeros_like(p))


def conjugate_gradients(H: Array, p: Array, steps: Any) -> Float[Array, " n_w"]:
    """The iterate after so many steps for H x = p, H positive definite."""

    def step(_: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, residual, direction = state
        curved = H @ direction
        curvature = direction @ curved
        square = residual @ residual
        going = curvature > 0
        length = jnp.where(going, square / jnp.where(going, curvature, 1.0), 0.0)
        after = residual - length * curved
        turn = jnp.where(square > 0, (after @ after) / jnp.where(square > 0, square, 1.0), 0.0)
        return x + length * direction, after, after + turn * direction

    return jax.lax.fori_loop(0, steps, step, (jnp.zeros_like(p), p, p))[0]


def implicit_hypergradient(
    losses: Losses, w: Array, phi: Array, data: PyTree, *, terms: int, L: float, step: float | None = None
) -> Float[Array, " n_phi"]:
    """D_phi L_D - C x at w, x the Neumann series of H^(-1) D_w L_D with `terms` terms: an approximation of D Phi.

    w       any point, near w*(phi) for a good approximation: what an inner loop ends at;
    L       the smoothness of L_S in w;
    step    of the series; None: 1/L.

    Raises InvalidParameter for terms below 1, and where the series need not converge: step >= 2/L.
    """
    L = positive("L", L)
    step = 1 / L if step is None else positive("step", step)
    if step >= 2 / L:
        raise InvalidParameter("step", f"in (0, 2/L) = (0, {2 / L:g}), where the Neumann series converges", step)
    at = derivatives(losses, w, phi, data)
    return implicit_gradient(at, neumann(at.H, at.p, count("terms", terms), step))


def implicit_gradient(at: Derivatives, x: Array) -> Float[Array, " n_phi"]:
    """q - C x: D Phi where the derivatives are those at w*(phi), and x = H^(-1) p."""
    return at.q - at.C @ x


def exact_gradient(losses: Losses, w: Array, phi: Array, data: PyTree) -> Float[Array, " n_phi"]:
    """q - C H^(-1) p at (w, phi): D Phi where w = w*(phi)."""
    at = derivatives(losses, w, phi, data)
    return implicit_gradient(at, solve_definite(at.H, at.p))


def exact_hessian(losses: Losses, w: Array, phi: Array, data: PyTree) -> Float[Array, "n_phi n_phi"]:
    """D^2 Phi where w = w*(phi): the derivative of `exact_gradient` along (D w*, I), D w* = -H^(-1) C^T."""
    at = derivatives(losses, w, phi, data)
    by_w, by_phi = jax.jacfwd(lambda w, phi: exact_gradient(losses, w, phi, data), argnums=(0, 1))(w, phi)
    return by_phi - by_w @ solve_definite(at.H, at.C.T)
