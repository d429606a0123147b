"""A jump of a loss's gradient or Hessian on a segment, by bisection towards the half where the change is larger.

Over a smooth piece of length h the gradient changes by at most L h, and D_w of the gradient of L_S by at most
(rho + tau) h: halved 30 times, both are down to rounding. A jump stays as it is. Finding one shows that A1 (of a
gradient) or A2 (of D_w D L_S) fails, with any constant; finding none shows nothing: the segment may cross no kink,
or one so small that the bend of the rest leads the bisection elsewhere.
Jumps of D^2 L_D and of D_phi^2 L_S are not looked for: no assumption excludes them.
Direction: a witness. It is a heuristic where a smooth loss bends within 2^-30 of the segment.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from anil_theory.estimators.fields import loss_field
from anil_theory.problem import Domain, Loss, TaskSet

HALVINGS = 30
KEPT = 0.5
"""A change that keeps this share while the distance shrinks by 2^15 is a jump."""
NOISE = 1e-7
"""A change below this share of the size of what changes is taken for rounding: chosen, and not derived."""
LOSSES = ("support", "query")
DERIVATIVES = ("gradient", "Hessian")


@dataclass(frozen=True)
class Jump:
    """Where a derivative of a loss jumps.

    loss         "support" or "query";   derivative  "gradient" or "Hessian" (D_w of the gradient);
    task         the index of the task;   point  the flat z, up to 2^-30 of the segment;
    change       by how much the derivative changes across `distance`.
    """

    loss: str
    derivative: str
    task: int
    point: tuple[float, ...]
    change: float
    distance: float


def find_jump(
    domain: Domain, tasks: TaskSet, ends: Float[np.ndarray, "P 2 n"], which: Int[np.ndarray, " P"], *, seed: int = 0
) -> Jump | None:
    """The first jump found on the segments between `ends`, each looked at in the task that belongs to it.

    A jump of a gradient goes before one of a Hessian, and then the order is that of the segments.
    """
    direction = np.random.default_rng(seed).standard_normal(domain.n_w + domain.n_phi)
    direction[domain.n_w :] = 0.0
    direction /= np.linalg.norm(direction)
    losses = (tasks.support, tasks.query)
    halved = _bisected(losses, domain.n_w, tasks.data, jnp.asarray(ends), jnp.asarray(which), jnp.asarray(direction))
    changes, sizes, middles = map(np.asarray, halved)
    far = changes[..., HALVINGS // 2]
    near = changes[..., HALVINGS]
    jumps = (near > NOISE * np.maximum(sizes, np.finfo(float).tiny)) & (near > KEPT * far)
    # Where a loss is not finite on the way, the change is that of a pole or of its end, and no kink.
    jumps &= np.isfinite(changes).all(axis=-1)
    jumps[:, LOSSES.index("query"), DERIVATIVES.index("Hessian")] = False
    for order, derivative in enumerate(DERIVATIVES):
        places = np.argwhere(jumps[:, :, order])
        if len(places):
            segment, loss = (int(i) for i in places[0])
            length = float(np.linalg.norm(ends[segment, 1] - ends[segment, 0]))
            return Jump(
                loss=LOSSES[loss],
                derivative=derivative,
                task=int(which[segment]),
                point=tuple(map(float, middles[segment, loss, order])),
                change=float(near[segment, loss, order]),
                distance=length * 2.0**-HALVINGS,
            )
    return None


@partial(jax.jit, static_argnums=(0, 1))
def _bisected(
    losses: tuple[Loss, Loss],
    n_w: int,
    data: PyTree,
    ends: Float[Array, "P 2 n"],
    which: Int[Array, " P"],
    direction: Float[Array, " n"],
) -> tuple[Array, Array, Array]:
    """For each segment, loss and derivative: the change across every halving, its size, and the last middle."""

    def derivatives(loss: Loss, z: Float[Array, " n"], task: PyTree) -> Float[Array, "2 n"]:
        slope = loss_field(loss, (z[:n_w], z[n_w:]))
        both = jnp.stack(jax.jvp(lambda at: slope(at, task), (z,), (direction,)))
        # The derivative of log x is 1/x, finite also where log x is not.
        return jnp.where(jnp.isfinite(loss(z[:n_w], z[n_w:], task)), both, jnp.nan)

    def one(loss: Loss, order: int, ends: Float[Array, "2 n"], task: PyTree) -> tuple[Array, Array, Array]:
        def value(z: Array) -> Array:
            return derivatives(loss, z, task)[order]

        def halve(carry: tuple[Array, Array, Array, Array], _: None) -> tuple[tuple[Array, Array, Array, Array], Array]:
            low, high, at_low, at_high = carry
            middle = (low + high) / 2
            here = value(middle)
            left = jnp.linalg.norm(here - at_low) >= jnp.linalg.norm(at_high - here)
            kept = (
                jnp.where(left, low, middle),
                jnp.where(left, middle, high),
                jnp.where(left, at_low, here),
                jnp.where(left, here, at_high),
            )
            return kept, jnp.linalg.norm(kept[3] - kept[2])

        low, high = ends
        first = (low, high, value(low), value(high))
        (low, high, at_low, at_high), later = jax.lax.scan(halve, first, None, length=HALVINGS)
        changes = jnp.concatenate([jnp.linalg.norm(first[3] - first[2])[None], later])
        size = jnp.maximum(jnp.linalg.norm(at_low), jnp.linalg.norm(at_high))
        return changes, size, (low + high) / 2

    def along(ends: Float[Array, "2 n"], index: Int[Array, ""]) -> tuple[Array, Array, Array]:
        task = jax.tree.map(lambda leaf: leaf[index], data)
        rows = [[one(loss, order, ends, task) for order in range(len(DERIVATIVES))] for loss in losses]
        stacked = [jax.tree.map(lambda *parts: jnp.stack(parts), *row) for row in rows]
        return jax.tree.map(lambda *parts: jnp.stack(parts), *stacked)

    return jax.vmap(along)(ends, which)
