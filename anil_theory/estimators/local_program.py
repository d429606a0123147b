"""The local worst-case program: the largest Hessian block of L_meta over everything that A1 and A2 allow locally.

At the N points of a trajectory the derivatives of L_S, and at w_N those of L_D, can be chosen freely within the
assumptions: the inner gradient is unbounded, so the points can be placed as far apart as interpolation between the
chosen values needs. With scalar w and phi the choices are, per step, H and C (H^2 + C^2 <= L^2, low <= H <= L) and the
third derivatives a = L_www, b = L_wwphi, d = L_wphiphi (a^2 + b^2 <= rho^2, b^2 + d^2 <= tau^2), and at the end the
gradient (p, q) of L_D in the ball of radius M and its Hessian D with ||D|| <= L. The value of a block follows from

    W_ww <- f W_ww - alpha a J_w^2,           W_wphi <- f W_wphi - alpha (a J_w J_phi + b J_w),
    W_phiphi <- f W_phiphi - alpha (a J_phi^2 + 2 b J_phi + d),   J_w <- f J_w,   J_phi <- f J_phi - alpha C,

f = 1 - alpha H, as the entries of [[J_w, J_phi], [0, 1]]^T D [[J_w, J_phi], [0, 1]] + p W.

Any admissible choice is a lower bound of the sharp constant; ascent from many starts looks for the largest. Every
constraint is kept by construction: each quantity is written through angles, whose extremes are interior points.
Source: docs/theory.md, section 4.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory._admissible import count, one_of
from anil_theory._precision import need_float64
from anil_theory.constants import Constants
from anil_theory.estimators.adam_ascent import adam_ascent
from anil_theory.schedule import Schedule

BLOCKS = ("ww", "wphi", "phiphi")
"""The Hessian is symmetric: "wphi" is the cross block."""


class LocalChoice(NamedTuple):
    """Admissible derivatives: per step H, C, a, b, d, shape (N,); at the end p (D_w L_D) and D (2 x 2)."""

    H: Float[Array, " N"]
    C: Float[Array, " N"]
    a: Float[Array, " N"]
    b: Float[Array, " N"]
    d: Float[Array, " N"]
    p: Float[Array, ""]
    D: Float[Array, "2 2"]


class LocalOptimum(NamedTuple):
    """The best value found and the choice that has it; `values` are those of all starts, sorted, the best last."""

    value: float
    choice: LocalChoice
    values: np.ndarray


def _root(x: Array) -> Array:
    """sqrt(max(x, 0)) with derivative 0 where x <= 0."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def choice_from_angles(angles: Float[Array, "N 5"], end: Float[Array, " 4"], dials: Float[Array, " 5"]) -> LocalChoice:
    """The admissible choice of given angles; `dials` are (low, L, rho, tau, M)."""
    low, L, rho, tau, M = dials
    s = jnp.sin(angles)
    H = (L + low) / 2 + (L - low) / 2 * s[:, 0]
    b = jnp.minimum(rho, tau) * s[:, 2]
    turn = jnp.array([[jnp.cos(end[1]), -jnp.sin(end[1])], [jnp.sin(end[1]), jnp.cos(end[1])]])
    return LocalChoice(
        H,
        C=_root(L**2 - H**2) * s[:, 1],
        a=_root(rho**2 - b**2) * s[:, 3],
        b=b,
        d=_root(tau**2 - b**2) * s[:, 4],
        p=M * jnp.sin(end[0]),
        D=L * turn @ jnp.diag(jnp.sin(end[2:])) @ turn.T,
    )


def hessian_of_choice(choice: LocalChoice, alpha: Array, active_steps: Array) -> Float[Array, "2 2"]:
    """The Hessian of L_meta that a choice gives, after its first `active_steps` steps."""

    def step(carry: tuple[Array, ...], here: tuple[Array, ...]) -> tuple[tuple[Array, ...], None]:
        index, H, C, a, b, d = here
        J_w, J_phi, W_ww, W_wphi, W_phiphi = carry
        alpha_here = jnp.where(index < active_steps, alpha, 0.0)
        f = 1 - alpha_here * H
        return (
            f * J_w,
            f * J_phi - alpha_here * C,
            f * W_ww - alpha_here * a * J_w**2,
            f * W_wphi - alpha_here * (a * J_w * J_phi + b * J_w),
            f * W_phiphi - alpha_here * (a * J_phi**2 + 2 * b * J_phi + d),
        ), None

    unit, zero = jnp.ones(()), jnp.zeros(())
    steps = (jnp.arange(choice.H.size), choice.H, choice.C, choice.a, choice.b, choice.d)
    (J_w, J_phi, *W), _ = jax.lax.scan(step, (unit, zero, zero, zero, zero), steps)
    J = jnp.array([[J_w, J_phi], [0.0, 1.0]])
    return J.T @ choice.D @ J + choice.p * jnp.array([[W[0], W[1]], [W[1], W[2]]])


def solve_local_program(
    constants: Constants,
    schedule: Schedule,
    block: str,
    *,
    seed: int = 0,
    starts: int = 64,
    iterations: int = 1500,
    max_inner_steps: int | None = None,
) -> LocalOptimum:
    """Maximise one block over all admissible choices by gradient ascent (Adam on the angles), all starts in one call.

    block             "ww", "wphi" (the cross block) or "phiphi";
    max_inner_steps   compile for this many steps, so that a grid over N compiles once.

    Raises InvalidParameter for an unknown block and counts below 1.
    """
    index = one_of("block", block, BLOCKS)
    need_float64()
    count("starts", starts)
    count("iterations", iterations)
    N = max(schedule.inner_steps, max_inner_steps or 1)
    generator = np.random.default_rng(seed)
    angles = jnp.asarray(generator.uniform(-np.pi, np.pi, (starts, N, 5)))
    end = jnp.asarray(generator.uniform(-np.pi, np.pi, (starts, 4)))
    dials = jnp.array([constants.lowest_curvature, constants.L, constants.rho, constants.tau, constants.M])
    entry = jnp.array({"ww": (0, 0), "wphi": (0, 1), "phiphi": (1, 1)}[index])
    active = jnp.asarray(schedule.inner_steps)
    values, best = _ascend(angles, end, dials, jnp.asarray(schedule.one_alpha), active, entry, jnp.asarray(iterations))
    top = int(jnp.argmax(values))
    choice = choice_from_angles(best[0][top], best[1][top], dials)
    used = LocalChoice(*(leaf[: schedule.inner_steps] for leaf in choice[:5]), p=choice.p, D=choice.D)
    return LocalOptimum(float(values[top]), used, np.sort(np.asarray(values)))


@jax.jit
def _ascend(
    angles: Array, end: Array, dials: Array, alpha: Array, active: Array, entry: Array, iterations: Array
) -> tuple[Array, tuple[Array, Array]]:
    def value(point: tuple[Array, Array]) -> Array:
        return hessian_of_choice(choice_from_angles(*point, dials), alpha, active)[entry[0], entry[1]]

    return jax.vmap(lambda point: adam_ascent(value, point, iterations))((angles, end))
