"""The local worst-case program in more dimensions: admissible derivatives as tensors, and choices that are sharp.

With scalar w and phi the curvature H = -L that carries the product of the Jacobians leaves no room for C. With two
dimensions of w it does: w's first direction carries the outer gradient and D_w w_m, the second carries D_phi w_m. So
`sharp_choice` writes down, for every N and in both geometries, derivatives that A1 and A2 allow, whose Hessian block is
the sharp constant of `statements.sharp`; `admissibility` measures every constraint of a choice.

A choice at the N points of a trajectory: H (n_w x n_w), C (n_phi x n_w) and T = D_z^2 D_w L_S as an array (n_w, n, n)
with T[i, j, k] the derivative in w_i, z_j, z_k, n = n_w + n_phi; at the end p = D_w L_D and D = D_z^2 L_D. The Hessian
of L_meta is then Z_N^T D Z_N + sum_i p_i W_i with Z_m = [[J_w, J_phi], [0, I]], J = D w_m, and

    J <- (I - alpha H) J - alpha [0, C^T],      W <- (I - alpha H) W - alpha T[Z_m, Z_m].

Source: derived for this project; docs/sharp_bounds.md.
"""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter, one_of, positive
from anil_theory.constants import Constants
from anil_theory.estimators.local_program import BLOCKS
from anil_theory.estimators.tensor_norms import spectral_norms
from anil_theory.schedule import Schedule
from anil_theory.tasks.third_derivatives import own_maximiser


class TensorChoice(NamedTuple):
    """Derivatives at the N points, and at the end; see the module docstring."""

    H: Float[Array, "N n_w n_w"]
    C: Float[Array, "N n_phi n_w"]
    T: Float[Array, "N n_w n n"]
    p: Float[Array, " n_w"]
    D: Float[Array, "n n"]


@jax.jit
def hessian_of_tensors(choice: TensorChoice, alpha: float | Array) -> Float[Array, "n n"]:
    """The Hessian of L_meta that a choice gives, in z = (w, phi)."""
    n_w, n = choice.p.size, choice.D.shape[0]
    n_phi = n - n_w
    below = jnp.concatenate([jnp.zeros((n_phi, n_w)), jnp.eye(n_phi)], axis=1)

    def step(carry: tuple[Array, Array], here: tuple[Array, ...]) -> tuple[tuple[Array, Array], None]:
        J, W = carry
        H, C, T = here
        Z = jnp.concatenate([J, below])
        mixed = jnp.concatenate([jnp.zeros((n_w, n_w)), C.T], axis=1)
        new_J = J - alpha * (H @ J + mixed)
        new_W = W - alpha * (jnp.tensordot(H, W, 1) + jnp.einsum("ijk,ja,kb->iab", T, Z, Z))
        return (new_J, new_W), None

    start = jnp.eye(n_w, n), jnp.zeros((n_w, n, n))
    (J, W), _ = jax.lax.scan(step, start, (choice.H, choice.C, choice.T))
    Z = jnp.concatenate([J, below])
    return Z.T @ choice.D @ Z + jnp.tensordot(choice.p, W, 1)


def sharp_choice(constants: Constants, schedule: Schedule, block: str) -> TensorChoice:
    """Derivatives in dimension 2 + 1 that attain the sharp constant of a block: "ww", "wphi" (cross) or "phiphi".

    Raises InvalidParameter for an unknown block and, with mu, for alpha > 1/L (no contraction to attain).
    """
    return _chosen(constants, schedule, one_of("block", block, BLOCKS), start=0.0)


def joint_choice(constants: Constants, schedule: Schedule, slope: float) -> TensorChoice:
    """Derivatives in dimension 2 + 1 with which L_meta is curved along (0, x, y), y = slope x, as far as A1 and A2 go.

    w's second direction moves with phi, from x/y per unit of phi at the start; else it is `sharp_choice` of phiphi.

    slope   > 0. Raises InvalidParameter for another one, and as `sharp_choice` does.
    """
    return _chosen(constants, schedule, "phiphi", start=1 / positive("slope", slope))


def _chosen(constants: Constants, schedule: Schedule, block: str, *, start: float) -> TensorChoice:
    """The choice of a block; `start` is how far w's second direction has moved per unit of phi at w_0."""
    L = constants.L
    mu = constants.mu
    rho = constants.rho
    tau = constants.tau
    M = constants.M
    alpha = schedule.one_alpha
    N = schedule.inner_steps
    if mu is not None and alpha * L > 1 + 1e-12:
        raise InvalidParameter("alpha", f"in (0, 1/L] = (0, {1 / L:g}] in the strongly convex geometry", alpha)
    H = np.zeros((N, 2, 2))
    C = np.zeros((N, 1, 2))
    T = np.zeros((N, 2, 3, 3))
    s = start
    for m in range(N):
        low = mu if mu is not None else -L
        # Strongly convex: H = mu and the largest C. Nonconvex: H and C together carry (s, 1) at the rate L.
        h, c = (mu, math.sqrt(L**2 - mu**2)) if mu is not None else (-L * s / math.hypot(s, 1), L / math.hypot(s, 1))
        H[m], C[m, 0] = np.diag([low, h]), (0.0, -c)
        T[m] = _tensor(block, s, rho, tau)
        s = s - alpha * h * s + alpha * c
    r = 1 - alpha * mu if mu is not None else 1 + alpha * L
    # Every carried product has a minus sign, so p turns it round and D adds to it.
    p = np.array([-M, 0.0])
    # `jnp.asarray` would compile a program for every N.
    return TensorChoice(*map(jax.device_put, (H, C, T, p, L * _reflection(*map(np.array, _ends(block, r, s, N))))))


def _ends(block: str, r: float, s: float, N: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What Z_N makes of the block's two directions: the outer Hessian takes one to the other."""
    w, phi = (r**N, 0.0, 0.0), (0.0, s, 1.0)
    return {"ww": (w, w), "wphi": (w, phi), "phiphi": (phi, phi)}[block]


def shared_choice(constants: Constants, schedule: Schedule, block: str) -> TensorChoice:
    """The best derivatives in dimension 2 + 1 with one H and one C at all points, for rho = 0 or tau = 0.

    tau = 0 makes D_phi D_w L_S one constant, and rho = 0 makes D_w^2 L_S one and tau idle: losses with such constants
    have one C (and one H) on the whole space. Strongly convex it is `sharp_choice`, which has one anyway. Nonconvex, h
    and c with h^2 + c^2 = L^2 carry (s, 1), and the best pair is looked for on a grid: a lower bound.

    Raises as `sharp_choice` does, and InvalidParameter for rho > 0 with tau > 0.
    """
    if constants.rho > 0 and constants.tau > 0:
        raise InvalidParameter("tau", "0, or rho = 0: else `sharp_choice` is larger", constants.tau)
    flat = dataclasses.replace(constants, tau=0.0)
    sharp = sharp_choice(flat, schedule, block)
    if constants.mu is not None:
        return sharp
    angles = np.linspace(0, np.pi / 2, PAIRS)[1:]
    h, c = flat.L * np.cos(angles), flat.L * np.sin(angles)
    moves = _shared_moves(h, c, schedule)
    best = int(np.argmax(_shared_value(block, moves, flat, schedule)))
    s = moves[:, best]
    N = schedule.inner_steps
    H = np.broadcast_to(np.diag([-flat.L, -h[best]]), (N, 2, 2))
    C = np.broadcast_to(np.array([[0.0, -c[best]]]), (N, 1, 2))
    T = np.array([_tensor(block, s[m], flat.rho, 0.0) for m in range(N)])
    end = _ends(block, 1 + schedule.one_alpha * flat.L, s[N], N)
    D = flat.L * _reflection(*map(np.array, end))
    return TensorChoice(jax.device_put(H), jax.device_put(C), jax.device_put(T), sharp.p, jax.device_put(D))


PAIRS = 4001
"""Angles of the grid of `shared_choice`: the maximum is missed by a share of 1e-7."""


def _shared_moves(h: np.ndarray, c: np.ndarray, schedule: Schedule) -> np.ndarray:
    """s_0 .. s_N for every pair (h, c): s <- s + alpha (h s + c), shape (N + 1, pairs)."""
    s = [np.zeros_like(h)]
    for _ in range(schedule.inner_steps):
        s.append(s[-1] + schedule.one_alpha * (h * s[-1] + c))
    return np.array(s)


def _shared_value(block: str, s: np.ndarray, constants: Constants, schedule: Schedule) -> np.ndarray:
    """The block's value, without a factor that all pairs share."""
    L = constants.L
    M = constants.M
    rho = constants.rho
    alpha = schedule.one_alpha
    r = 1 + alpha * L
    N = schedule.inner_steps
    if block == "wphi":
        return M * alpha * rho * s[:N].sum(axis=0) / r + L * np.hypot(s[N], 1)
    if block == "phiphi":
        carried = r ** np.arange(N - 1, -1, -1.0)
        return M * alpha * rho * (carried[:, None] * s[:N] ** 2).sum(axis=0) + L * (1 + s[N] ** 2)
    return np.zeros_like(s[0])


def _tensor(block: str, s: float, rho: float, tau: float) -> np.ndarray:
    """T at a step where D_phi w_m = s in w's second direction; its free entries keep both norms at their limits."""
    T = np.zeros((3, 3, 3))

    def fill(value: float, *index: int) -> None:
        for i in {(index[a], index[b], index[c]) for a, b, c in _PERMUTATIONS}:
            T[i] = value

    if block == "ww":
        fill(rho, 0, 0, 0)
    elif block == "wphi":
        n = math.hypot(s, 1)
        b = min(rho / n, tau)
        a = math.sqrt(max(rho**2 - b**2, 0.0))
        # D_w^2 along z is [[q, a z_1], [a z_1, -q]] with q = a z_2 + b z_3: norm at most hypot(a, b).
        for value, index in ((a, (0, 0, 1)), (-a, (1, 1, 1)), (b, (0, 0, 2)), (-b, (1, 1, 2))):
            fill(value, *index)
    else:
        a, b, d = own_maximiser(s, rho, tau)
        # D_w^2 along z is [[-a z_1, q], [q, a z_1]]: norm at most hypot(a, b).
        for value, index in ((a, (0, 1, 1)), (-a, (0, 0, 0)), (b, (0, 1, 2)), (d, (0, 2, 2))):
            fill(value, *index)
    return T[:2]


_PERMUTATIONS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def _reflection(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The symmetric orthogonal matrix that takes the direction of x to that of y."""
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    if np.allclose(x, y):
        return np.eye(x.size)
    u = (x - y) / np.linalg.norm(x - y)
    return np.eye(x.size) - 2 * np.outer(u, u)


class Admissibility(NamedTuple):
    """What a choice uses of each constant; every entry is at most 1 where the choice is admissible.

    curvature is about the lower end of D_w^2 L_S: (L - smallest curvature)/(L - low), 1 when it is `low`.
    """

    smoothness: float
    curvature: float
    rho: float
    tau: float
    gradient: float
    outer_smoothness: float

    @property
    def worst(self) -> float:
        return max(self)


def unit_sphere(n: int, count: int = 20_000, seed: int = 0) -> np.ndarray:
    """Directions z: an even Fibonacci covering for n = 3, angles for n = 2, random otherwise."""
    if n == 3:
        k = np.arange(count) + 0.5
        polar, turn = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
        return np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    if n == 2:
        angle = np.linspace(0, np.pi, count)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    directions = np.random.default_rng(seed).standard_normal((count, n))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def admissibility(choice: TensorChoice, constants: Constants) -> Admissibility:
    """Norms of a choice over its constants; rho and tau by alternating maximisation (`tensor_norms`)."""
    H, C, T, p, D = (np.asarray(x) for x in choice)
    n_w = p.size
    low = constants.lowest_curvature
    curvature_range = constants.L - low
    curvature = float(constants.L - np.linalg.eigvalsh(H).min())
    return Admissibility(
        smoothness=_largest_norm(np.concatenate([H, np.swapaxes(C, 1, 2)], axis=2)) / constants.L,
        curvature=curvature / curvature_range if curvature_range > 0 else 1.0,
        rho=_share(float(spectral_norms(T[:, :, :n_w]).max()), constants.rho),
        tau=_share(float(spectral_norms(T[:, :, n_w:]).max()), constants.tau),
        gradient=_share(float(np.linalg.norm(p)), constants.M),
        outer_smoothness=_largest_norm(D) / constants.L,
    )


def _largest_norm(matrices: np.ndarray) -> float:
    return float(np.linalg.norm(matrices, ord=2, axis=(-2, -1)).max())


def _share(value: float, limit: float) -> float:
    """value / limit. For a limit of 0 it is 0 where the value is 0 too, and otherwise infinite."""
    if limit:
        return value / limit
    return 0.0 if value == 0 else math.inf
