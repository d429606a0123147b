"""How the constants of a family on a ball grow with its radius: |D L_D|, |D^2 L_S| and |D^2 L_D| over points of a ball.

Where these grow without end the family has no M and no L on the whole space, whatever a bounded run shows. Points have
|phi| at most 2, where bounded features are not saturated, and the rest of their norm in w: there the derivatives of a
head in phi are as large as its weights. Direction: lower (sampled). Source: derived for this project (docs/findings.md,
finding 4).
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from anil_theory._admissible import InvalidParameter, count, positive
from anil_theory.estimators.fields import loss_field
from anil_theory.estimators.matrix_norm import top_directions
from anil_theory.estimators.not_finite import NotFinite, explain
from anil_theory.tasks.base import Family, Loss, TaskSet

QUANTITIES = ("query_gradient", "support_smoothness", "query_smoothness")


def growth_with_radius(
    family: Family, tasks: TaskSet, radii: Sequence[float], *, points: int = 300, seed: int = 0
) -> dict[str, list[float]]:
    """The largest norm on each ball, by its name in QUANTITIES.

    radii    of balls about the origin of z, rising: each ball contains those before it, and their largest norms;
    points   drawn on each ball, for every task.

    Points at which a norm is not finite are left out of its maximum. Raises InvalidParameter for no radius, a
    radius <= 0, and points below 1, and NotFinite for a norm that is finite at no point of a ball.
    """
    if not len(radii):
        raise InvalidParameter("radii", "at least one", radii)
    shape = (count("points", points), family.n_w + family.n_phi)
    generator = np.random.default_rng(count("seed", seed, minimum=0))
    norms_of_balls = []
    for radius in (positive("radii", r) for r in radii):
        directions = generator.standard_normal(shape)
        w, phi = directions[:, : family.n_w], directions[:, family.n_w :]
        small = min(2.0, radius / 2) * generator.uniform(size=(points, 1))
        phi *= small / np.linalg.norm(phi, axis=1, keepdims=True)
        w *= np.sqrt(radius**2 - small**2) / np.linalg.norm(w, axis=1, keepdims=True)
        z = jnp.asarray(np.concatenate([w, phi], axis=1))
        norms_of_balls.append(np.asarray(_norms((tasks.support, tasks.query), family.n_w, tasks.data, z)))
        bad = np.flatnonzero(~np.isfinite(norms_of_balls[-1]))
        if bad.size:
            reason = explain(tasks, None, family.n_w, QUANTITIES[bad[0]], 0, z[0])
            raise NotFinite(f"{QUANTITIES[bad[0]]} is finite at no point of the ball of radius {radius:g}; {reason}")
    largest = np.maximum.accumulate(np.array(norms_of_balls), axis=0)
    return {name: largest[:, i].tolist() for i, name in enumerate(QUANTITIES)}


@partial(jax.jit, static_argnums=(0, 1))
def _norms(losses: tuple[Loss, Loss], n_w: int, data: PyTree, z: Float[Array, "points n"]) -> Float[Array, "3"]:
    """The largest norms over tasks and points: |D L_D|, |D^2 L_S|, |D^2 L_D|."""

    def at(z: Float[Array, " n"], task: PyTree) -> tuple[Array, Array, Array]:
        template = (z[:n_w], z[n_w:])
        support, query = (loss_field(loss, template) for loss in losses)
        support_hessian = jax.jacfwd(support)(z, task)
        query_hessian = jax.jacfwd(query)(z, task)
        return jnp.linalg.norm(query(z, task)), _spectral_norm(support_hessian), _spectral_norm(query_hessian)

    each = jax.vmap(jax.vmap(at, in_axes=(0, None)), in_axes=(None, 0))(z, data)
    return jnp.stack([jnp.max(jnp.where(jnp.isfinite(norms), norms, -jnp.inf)) for norms in each])


def _spectral_norm(H: Float[Array, "n n"]) -> Float[Array, ""]:
    return jnp.linalg.norm(H @ top_directions(H)[1])
