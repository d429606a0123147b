"""The local worst-case program with two dimensions of w and one of phi, searched from random starts.

An attempt to beat the sharp constants where the scalar program cannot reach them: any admissible choice of tensors is
a lower bound of the supremum, so a value above a bound would refute it. Every constraint is kept by construction:
C is a contraction times (L^2 - H^2)^(1/2), D and p are divided by their norms, and T by the norms of its two parts
along a covering of directions z, enlarged by what the covering can miss.
Direction: lower. Source: docs/sharp_bounds.md.
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
from anil_theory.estimators.local_program import BLOCKS
from anil_theory.estimators.local_witness import TensorChoice, hessian_of_tensors, unit_sphere
from anil_theory.estimators.matrix_norm import spectral_norm
from anil_theory.schedule import Schedule

DIRECTIONS = 200
"""Directions z over which the norms of T are taken during the search."""

ENTRIES = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 2), (0, 1, 2), (1, 1, 2), (0, 2, 2), (1, 2, 2))
"""The free entries of the symmetric third derivative; D_phi^3 L_S is in no constraint and no formula."""


class TensorOptimum(NamedTuple):
    """The best value, its choice, and the values of all starts, sorted."""

    value: float
    choice: TensorChoice
    values: np.ndarray


def _placement() -> np.ndarray:
    """(9, 2, 3, 3): which entries of T[i, j, k] each free entry fills."""
    place = np.zeros((len(ENTRIES), 3, 3, 3))
    for row, (i, j, k) in enumerate(ENTRIES):
        for a, b, c in {(i, j, k), (i, k, j), (j, i, k), (j, k, i), (k, i, j), (k, j, i)}:
            place[row, a, b, c] = 1
    return place[:, :2]


def _covering() -> tuple[np.ndarray, float]:
    """Directions, and the factor 1/cos(h): within angle h of every direction there is one of them (or its opposite)."""
    directions = unit_sphere(3, DIRECTIONS)
    probes = unit_sphere(3, 40_000)
    nearest = np.abs(probes @ directions.T).max(axis=1).min()
    return directions, 1 / float(np.cos(np.arccos(nearest) + np.sqrt(4 * np.pi / 40_000)))


_PLACE = _placement()
_DIRECTIONS, _MISSED = _covering()


def _norm_2x2(a: Array) -> Array:
    """Spectral norm of symmetric 2 x 2 matrices."""
    centre, half = (a[..., 0, 0] + a[..., 1, 1]) / 2, (a[..., 0, 0] - a[..., 1, 1]) / 2
    return jnp.abs(centre) + jnp.sqrt(half**2 + a[..., 0, 1] ** 2 + 1e-30)


def tensors_of(point: dict[str, Array], dials: Float[Array, " 5"]) -> TensorChoice:
    """The admissible choice of unconstrained numbers; `dials` are (low, L, rho, tau, M)."""
    low, L, rho, tau, M = dials
    turn = jnp.stack([jnp.cos(point["turn"]), jnp.sin(point["turn"])], axis=-1)
    Q = jnp.stack([turn, jnp.stack([-turn[:, 1], turn[:, 0]], axis=-1)], axis=-1)
    h = (L + low) / 2 + (L - low) / 2 * jnp.sin(point["h"])
    H = jnp.einsum("mij,mj,mkj->mik", Q, h, Q)
    kappa = point["kappa"]
    kappa = kappa / jnp.maximum(1.0, jnp.sqrt(jnp.sum(kappa**2, axis=1, keepdims=True)))
    room = jnp.sqrt(jnp.maximum(L**2 - h**2, 1e-30))
    C = jnp.einsum("mj,mj,mij->mi", kappa, room, Q)[:, None, :]
    T = jnp.einsum("mr,rijk->mijk", point["third"], _PLACE)
    moved = jnp.einsum("mijk,dk->mdij", T, _DIRECTIONS)
    in_rho = jnp.max(_norm_2x2(moved[..., :2]), axis=1)
    in_tau = jnp.max(jnp.sqrt(jnp.sum(moved[..., 2] ** 2, axis=-1) + 1e-30), axis=1)
    # The w-entries may use all of rho; entries with two phi are in the mixed block alone.
    scale = jnp.minimum(rho / in_rho, tau / in_tau) / _MISSED
    D = point["outer"] + point["outer"].T
    return TensorChoice(
        H,
        C,
        T * scale[:, None, None, None],
        M * point["p"] / jnp.sqrt(jnp.sum(point["p"] ** 2) + 1e-30),
        L * D / spectral_norm(D),
    )


def solve_tensor_program(
    constants: Constants,
    schedule: Schedule,
    block: str,
    *,
    seed: int = 0,
    starts: int = 32,
    iterations: int = 1500,
) -> TensorOptimum:
    """Maximise one block in dimension 2 + 1 from many random starts, all in one call.

    block   "ww", "wphi" (the cross block) or "phiphi", on the first direction of w and the one of phi.

    Raises InvalidParameter for an unknown block and counts below 1.
    """
    one_of("block", block, BLOCKS)
    need_float64()
    count("starts", starts)
    count("iterations", iterations)
    N = schedule.inner_steps
    generator = np.random.default_rng(seed)
    shapes = {"turn": (N,), "h": (N, 2), "kappa": (N, 2), "third": (N, len(ENTRIES)), "p": (2,), "outer": (3, 3)}
    points = {name: jnp.asarray(generator.standard_normal((starts, *shape))) for name, shape in shapes.items()}
    dials = jnp.array([constants.lowest_curvature, constants.L, constants.rho, constants.tau, constants.M])
    entry = jnp.array({"ww": (0, 0), "wphi": (0, 2), "phiphi": (2, 2)}[block])
    values, best = _search(points, dials, jnp.asarray(schedule.one_alpha), entry, jnp.asarray(iterations))
    top = int(jnp.argmax(values))
    choice = tensors_of({name: leaf[top] for name, leaf in best.items()}, dials)
    return TensorOptimum(float(values[top]), choice, np.sort(np.asarray(values)))


@jax.jit
def _search(
    points: dict[str, Array], dials: Array, alpha: Array, entry: Array, iterations: Array
) -> tuple[Array, dict[str, Array]]:
    def value(point: dict[str, Array]) -> Array:
        return hessian_of_tensors(tensors_of(point, dials), alpha)[entry[0], entry[1]]

    return jax.vmap(lambda point: adam_ascent(value, point, iterations))(points)
