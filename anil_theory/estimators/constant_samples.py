"""The local size of everything that the assumptions bound, at given points: what suprema are extrapolated from.

At one point of one task, by name:

    L      the larger norm of D^2 L_S and D^2 L_D          M     |D L_D|
    mu     the smallest eigenvalue of D_w^2 L_S             rho   the norm of D^3 L_S [z; w, w]
    tau    the norm of D^3 L_S [z; w, phi]

Second derivatives by Lanczos, third ones by power steps in three unit vectors by turns: products alone, so that n
may be 10^4. Direction: every number is at most the local size (mu: at least), up to rounding. With enough steps it is
the size itself: Lanczos ends at the dimension, and the power steps at a local maximum.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from anil_theory._admissible import count
from anil_theory._precision import require_float64
from anil_theory.estimators.fields import Field, block_masks, loss_field
from anil_theory.estimators.forms import Form, ascend, norm_at, start_directions
from anil_theory.estimators.lanczos import block_norm
from anil_theory.problem import Domain, Loss, TaskSet

NAMES = ("L", "M", "mu", "rho", "tau")


def constants_at(
    domain: Domain,
    tasks: TaskSet,
    points: Float[Array, "P n"],
    which: Int[Array, " P"],
    *,
    steps: int = 24,
    seed: int = 0,
) -> dict[str, Float[np.ndarray, " P"]]:
    """The local sizes at points, each of the task that belongs to it: {name: (P,)}, "tau" left out when phi is empty.

    which   the index of the task of each point;
    steps   of Lanczos, and of the power method;
    seed    of the directions that they begin with.

    What is not finite is NaN or -inf there. Raises InvalidParameter for tasks that are not float64 and steps below 1.
    """
    require_float64("tasks", tasks.data)
    n = domain.n_w + domain.n_phi
    normals = jnp.asarray(np.random.default_rng(seed).standard_normal((len(points), 3, n)))
    losses = (tasks.support, tasks.query)
    sizes = (domain.n_w, domain.n_phi)
    local_sizes = _at_points(losses, sizes, count("steps", steps), tasks.data, points, which, normals)
    return {name: np.asarray(values) for name, values in local_sizes.items()}


@partial(jax.jit, static_argnums=(0, 1, 2))
def _at_points(
    losses: tuple[Loss, Loss],
    sizes: tuple[int, int],
    steps: int,
    data: PyTree,
    points: Float[Array, "P n"],
    which: Int[Array, " P"],
    normals: Float[Array, "P 3 n"],
) -> dict[str, Float[Array, " P"]]:
    template = (jnp.zeros(sizes[0]), jnp.zeros(sizes[1]))
    support, query = (loss_field(loss, template) for loss in losses)
    masks = block_masks(*sizes)
    both = Form(jnp.stack([masks["z"], masks["z"]]))
    third = {"rho": Form(jnp.stack([masks["z"], masks["w"], masks["w"]]))}
    if sizes[1]:
        third["tau"] = Form(jnp.stack([masks["z"], masks["w"], masks["phi"]]))

    def at(z: Float[Array, " n"], index: Int[Array, ""], normals: Float[Array, "3 n"]) -> dict[str, Array]:
        task = jax.tree.map(lambda leaf: leaf[index], data)
        start = start_directions(both, normals[:2])[1]
        smooth = [norm_at(field, both, z, task, start, steps).top.value for field in (support, query)]
        local_sizes = {"L": jnp.maximum(*smooth), "M": jnp.linalg.norm(query(z, task))}
        local_sizes["mu"] = _smallest_curvature(support, z, task, masks["w"], normals[0], steps)
        for name, form in third.items():
            directions = start_directions(form, normals)
            # A first step of length 0 keeps the point where it is: only the directions climb.
            local_sizes[name] = ascend(support, form, z, task, directions, iterations=steps, first_step=0.0).value
        return local_sizes

    return jax.vmap(at)(points, which, normals)


def _smallest_curvature(
    slope: Field,
    z: Float[Array, " n"],
    task: PyTree,
    mask: Float[Array, " n"],
    normal: Float[Array, " n"],
    steps: int,
) -> Float[Array, ""]:
    """The smallest eigenvalue of D_w^2 L_S, from above: s - |s I - D_w^2 L_S| with s its norm."""

    def product(v: Array) -> Array:
        return mask * jax.jvp(lambda at: slope(at, task), (z,), (mask * v,))[1]

    masks = jnp.stack([mask, mask])
    size = block_norm(product, masks, normal, steps)[0].value
    return size - block_norm(lambda v: size * mask * v - product(v), masks, normal, steps)[0].value
