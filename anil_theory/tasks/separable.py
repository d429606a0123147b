"""The separable-then-rotated family: tasks whose constants mu, L, rho, tau and M are dialled, exact and attained.

In rotated coordinates u = U^T w, v = V^T phi the support loss is a sum over coordinates k of

    l_k(u, v) = h u^2/2 + c u v + g v^2/2 - a u + A sin(w1 u + w2 v + p),   A = eta/w1^2,  w2 = (tau/rho) w1,

whose Hessian is [[h, c], [c, g]] - eta sin(.) [[1, t], [t, t^2]] with t = tau/rho: it runs between two matrices E
(sin = 1) and E + 2 eta (1, t)(1, t)^T (sin = -1). With |(w1, w2)| = rho/eta, D_w^2 is exactly rho-Lipschitz and the
mixed block exactly tau-Lipschitz. Coordinates that only w (or only phi) has keep that variable alone. The query loss
is sum_k m_k d_k psi(([cos, sin](a_k) . (u_k, v_k) - b_k)/d_k) with sum m_k^2 = M^2 and d_k = m_k/L.

Source: docs/theory.md, section 6; psi = sin gives a bounded nonconvex query loss, psi = log cosh a convex one.
"""

import math
from functools import partial
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory._admissible import ConflictingArguments, InvalidParameter, count, one_of, within
from anil_theory.constants import Constants
from anil_theory.tasks.base import Family, Setting, TaskSet, check_num_tasks
from anil_theory.tasks.separable_coordinates import CurvatureEnds, coordinate_ends, oscillation


class SeparableTask(NamedTuple):
    """The data of one task; k = max(n_w, n_phi) coordinates. `query_rotation` is None when both losses share one."""

    rotation_w: Float[Array, "*T n_w n_w"]
    rotation_phi: Float[Array, "*T n_phi n_phi"]
    h: Float[Array, "*T k"]
    c: Float[Array, "*T k"]
    g: Float[Array, "*T k"]
    a: Float[Array, "*T k"]
    amplitude: Float[Array, "*T k"]
    frequency_w: Float[Array, "*T k"]
    frequency_phi: Float[Array, "*T k"]
    phase: Float[Array, "*T k"]
    weight: Float[Array, "*T k"]
    width: Float[Array, "*T k"]
    angle: Float[Array, "*T k"]
    center: Float[Array, "*T k"]
    query_rotation: tuple[Array, Array] | None


def _coordinates(rotation_w: Array, rotation_phi: Array, w: Array, phi: Array, k: int) -> tuple[Array, Array]:
    """u = U^T w and v = V^T phi, padded with zeros to k coordinates."""
    if w.shape != rotation_w.shape[:1] or phi.shape != rotation_phi.shape[:1]:
        allowed = f"of shapes ({rotation_w.shape[0]},) and ({rotation_phi.shape[0]},), the task's n_w and n_phi"
        raise InvalidParameter("w and phi", allowed, (w.shape, phi.shape))
    u, v = w @ rotation_w, phi @ rotation_phi
    return jnp.pad(u, (0, k - u.size)), jnp.pad(v, (0, k - v.size))


def support_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: SeparableTask) -> Float[Array, ""]:
    """L_S of one task; see the module docstring."""
    u, v = _coordinates(task.rotation_w, task.rotation_phi, w, phi, task.h.size)
    quadratic = task.h * u * u / 2 + task.c * u * v + task.g * v * v / 2 - task.a * u
    wave = task.amplitude * jnp.sin(task.frequency_w * u + task.frequency_phi * v + task.phase)
    return jnp.sum(quadratic + wave)


@jax.custom_jvp
def _log_cosh(x: Array) -> Array:
    return jnp.logaddexp(x, -x) - math.log(2)


# Stated here because differentiating through logaddexp's own branches loses digits at the third derivative.
_log_cosh.defjvps(lambda t, _, x: jnp.tanh(x) * t)


def _query(psi, w: Array, phi: Array, task: SeparableTask) -> Array:
    rotations = (task.rotation_w, task.rotation_phi) if task.query_rotation is None else task.query_rotation
    u, v = _coordinates(*rotations, w, phi, task.h.size)
    position = (jnp.cos(task.angle) * u + jnp.sin(task.angle) * v - task.center) / task.width
    return jnp.sum(task.weight * task.width * psi(position))


def sine_query_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: SeparableTask) -> Float[Array, ""]:
    """L_D with psi = sin: nonconvex, between -M^2/L and M^2/L."""
    return _query(jnp.sin, w, phi, task)


def log_cosh_query_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: SeparableTask) -> Float[Array, ""]:
    """L_D with psi = log cosh: convex, bounded below by 0; M is its supremum, approached at infinity."""
    return _query(_log_cosh, w, phi, task)


QUERY_LOSSES = {"sine": sine_query_loss, "log-cosh": log_cosh_query_loss}


class SeparableFamily(Family):
    """Tasks with exactly the given constants, for any n_w >= 1 and n_phi >= 0.

    constants         what every task attains: mu (or the lowest curvature), L, rho, tau, M;
    n_w, n_phi        dimensions, equal or not; n_phi = 0 is MAML's case and needs tau = 0;
    query             "sine" or "log-cosh";
    lowest_curvature  in the nonconvex geometry, the smallest eigenvalue -l of D_w^2 L_S, l in [0, L]; default -L;
    share_rotation    whether L_S and L_D use the same U and V (their blocks then decouple into pairs);
    spread            eta as a fraction of the largest value that leaves the constants reachable, in (0, 1).

    Raises InvalidParameter when no task has these constants: rho = 0 with tau > 0 (the mixed block moves only with
    the wave), mu = L with rho > 0 (a constant Hessian), one coordinate of its own without a wave and mu < L.
    """

    name: ClassVar[str] = "separable"
    takes_constants: ClassVar[bool] = True

    def __init__(
        self,
        constants: Constants,
        n_w: int,
        n_phi: int,
        query: str = "sine",
        lowest_curvature: float | None = None,
        share_rotation: bool = True,
        spread: float = 0.5,
    ):
        self.constants = constants
        self.n_w, self.n_phi = count("n_w", n_w), count("n_phi", n_phi, minimum=0)
        self.query = one_of("query", query, tuple(QUERY_LOSSES))
        self.share_rotation = bool(share_rotation)
        self.spread = within("spread", spread, 1e-9, 1 - 1e-9, "in (0, 1)")
        L = constants.L
        if constants.mu is None:
            low = -L if lowest_curvature is None else lowest_curvature
            self.lowest_curvature = within("lowest_curvature", low, -L, 0.0, f"in [-L, 0] = [{-L:g}, 0]")
        elif lowest_curvature not in (None, constants.mu):
            why = f"mu = {constants.mu:g} and lowest_curvature = {lowest_curvature!r} both name the smallest curvature"
            raise ConflictingArguments("lowest_curvature", why, lowest_curvature)
        else:
            self.lowest_curvature = constants.mu
        self._check_reachable()
        lengths = [constants.M / L] + ([self.eta / constants.rho] if constants.rho > 0 else [])
        self.length_scale = max(lengths)

    @classmethod
    def made_for(cls, setting: Setting) -> "SeparableFamily":
        """The family at the constants and dimensions of the setting, whose schedule does not matter."""
        return cls(setting.constants, setting.n_w, setting.n_phi, query=setting.query)

    @property
    def ratio(self) -> float:
        """t = tau/rho, 0 in the quadratic case."""
        return self.constants.tau / self.constants.rho if self.constants.rho > 0 else 0.0

    @property
    def eta(self) -> float:
        """Half the range over which the curvature in w oscillates; 0 in the quadratic case.

        Below min(L/(1 + t^2), (L - low)/2) there is a pair of matrices E, E + 2 eta (1, t)(1, t)^T within the
        spectral norm L for every first entry in [low, L - 2 eta] (see `separable_coordinates`).
        """
        L, low = self.constants.L, self.lowest_curvature
        if self.constants.rho == 0:
            return 0.0
        # A lone coordinate must sweep the whole interval [low, L] to attain both of its ends.
        fraction = 1.0 if (self.n_w, self.n_phi) == (1, 0) else self.spread
        return fraction * min(L / (1 + self.ratio**2), (L - low) / 2)

    def _check_reachable(self) -> None:
        mu = self.constants.mu
        L = self.constants.L
        rho = self.constants.rho
        tau = self.constants.tau
        if rho == 0 and tau > 0:
            raise InvalidParameter("tau", "0 when rho = 0 (quadratic tasks have a constant mixed block)", tau)
        if self.n_phi == 0 and tau > 0:
            raise InvalidParameter("tau", "0 when n_phi = 0 (there is no mixed block)", tau)
        if mu == L and rho > 0:
            raise InvalidParameter("mu", f"below L = {L:g} when rho > 0 (mu = L forces a constant Hessian)", mu)
        if (self.n_w, self.n_phi) == (1, 0) and rho == 0 and self.lowest_curvature < L:
            raise InvalidParameter("n_w", "at least 2 when rho = 0 and n_phi = 0 (one curvature cannot be both)", 1)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` tasks, in one pytree with a leading axis; one compilation per shape, whatever the constants."""
        T = self.checked_tasks(num_tasks)
        data = _generate(self.dials, key, T, self.n_w, self.n_phi, self.share_rotation)
        return TaskSet(support_loss, QUERY_LOSSES[self.query], data)

    @property
    def dials(self) -> Float[Array, " 6"]:
        """(low, L, rho, tau/rho, eta, M): what the generator takes of the family."""
        constants = self.constants
        return jnp.asarray(
            (self.lowest_curvature, constants.L, constants.rho, self.ratio, self.eta, constants.M), jnp.float64
        )

    def checked_tasks(self, num_tasks: int) -> int:
        """`num_tasks` as an integer >= 1. Raises NotEnoughMemory where so many tasks do not fit into the memory."""
        entries = sum(n * n for n in matrix_sizes(self.n_w, self.n_phi, self.share_rotation))
        # The normal numbers and the rotations that are made of them.
        return check_num_tasks(num_tasks, 2 * entries, {"n_w": self.n_w, "n_phi": self.n_phi})

    def query_infimum(self, data: SeparableTask) -> Array:
        """min L_D: -sum m_k d_k for the sine, 0 for log cosh; both are attained."""
        lowest = -1.0 if self.query == "sine" else 0.0
        return lowest * jnp.sum(data.weight * data.width, axis=-1)


@partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _generate(dials: Array, key: Array, num_tasks: int, n_w: int, n_phi: int, share: bool) -> SeparableTask:
    generate_one = partial(_generate_one, dials, n_w, n_phi, share)
    return jax.vmap(generate_one)(jax.random.split(key, num_tasks))


class Draws(NamedTuple):
    """The random numbers a task is made from, k = max(n_w, n_phi).

    uniform   in (0, 1): three rows for the curvature, then query weights, angles, centres, and the phases;
    normal    k slopes, then the matrices that become rotations (`matrix_sizes`), row by row.
    """

    uniform: Float[Array, "7 k"]
    normal: Float[Array, " m"]


def matrix_sizes(n_w: int, n_phi: int, share: bool) -> tuple[int, ...]:
    """The orders of the orthogonal matrices of a task: U and V, and those of the query loss where it has its own."""
    return (n_w, n_phi) if share else (n_w, n_phi, n_w, n_phi)


def _generate_one(dials: Array, n_w: int, n_phi: int, share: bool, key: Array) -> SeparableTask:
    k = max(n_w, n_phi)
    # Two draws in all, cut up below: each call of a random primitive costs a fifth of a second of compilation.
    key_uniform, key_normal = jax.random.split(key)
    uniform = jax.random.uniform(key_uniform, (7, k))
    normal = jax.random.normal(key_normal, (k + sum(n * n for n in matrix_sizes(n_w, n_phi, share)),))
    return task_from_draws(dials, n_w, n_phi, share, Draws(uniform, normal))


def task_from_draws(dials: Array, n_w: int, n_phi: int, share: bool, draws: Draws) -> SeparableTask:
    """The task that given numbers make: one with exactly the family's constants, whatever the numbers are.

    dials   `SeparableFamily.dials`; n_w, n_phi, share as in the family.

    Differentiable in the draws almost everywhere: an ascent over them stays inside the family.
    """
    low, L, rho, ratio, eta, M = dials
    uniform, normal = draws
    k, paired = max(n_w, n_phi), min(n_w, n_phi)
    sizes = matrix_sizes(n_w, n_phi, share)
    rotations, used = [], k
    for n in sizes:
        rotations.append(_haar(normal[used : used + n * n].reshape(n, n)))
        used += n * n

    has_w, has_phi = jnp.arange(k) < n_w, jnp.arange(k) < n_phi
    t = jnp.where(has_w & has_phi, ratio, 0.0)
    ends: CurvatureEnds = coordinate_ends(uniform[:3], low, L, eta, t, has_w, has_phi, attain_in_pair=paired > 0)
    wave = oscillation(eta, rho, t, has_w)
    shares = -jnp.log1p(-uniform[3])
    weight = M * jnp.sqrt(0.1 / k + 0.9 * shares / jnp.sum(shares))
    width = weight / L
    angle = jnp.where(has_w & has_phi, 2 * math.pi * uniform[4], jnp.where(has_w, 0.0, math.pi / 2))
    return SeparableTask(
        rotations[0],
        rotations[1],
        h=jnp.where(has_w, ends.ww + eta, 0.0),
        c=jnp.where(has_w & has_phi, ends.wphi + eta * t, 0.0),
        g=jnp.where(has_phi, ends.phiphi + jnp.where(has_w, eta * t * t, 0.0), 0.0),
        a=M * normal[:k] * has_w,
        amplitude=wave.amplitude,
        frequency_w=wave.frequency_w,
        frequency_phi=wave.frequency_phi,
        phase=2 * math.pi * uniform[6],
        weight=weight,
        width=width,
        angle=angle,
        center=width * math.pi * (2 * uniform[5] - 1),
        query_rotation=None if share else (rotations[2], rotations[3]),
    )


def _haar(gaussian: Array) -> Array:
    """An orthogonal matrix from the Haar measure, as a product of n random Householder reflections.

    `gaussian` is an n x n matrix of independent standard normals, of which row i makes the i-th reflection.
    Source: G. W. Stewart, SIAM J. Numer. Anal. 17 (1980). A batched QR would do the same, but two of them in one
    computation can deadlock XLA's CPU thread pool (LAPACK calls that wait for the pool they run on).
    """
    n = gaussian.shape[0]
    if n == 0:
        return gaussian
    index = jnp.arange(n)

    def reflect(q: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        i, row = step
        x = jnp.where(index >= i, row, 0.0)
        sign = jnp.where(x[i] < 0, -1.0, 1.0)
        normal = x.at[i].add(sign * jnp.linalg.norm(x))
        return q - jnp.outer(q @ normal, normal) * (2 / (normal @ normal)), -sign

    q, signs = jax.lax.scan(reflect, jnp.eye(n), (index, gaussian))
    return q * signs
