"""Points at which a measured quantity is not finite: dropped, counted, and the first one explained.

A loss that is not smooth everywhere (a square root at 0, a norm at the origin) has points without a derivative, and a
long inner loop has points from which it overflows. A supremum over points is measured on the others: what is left is
still a lower bound. The explanation says which loss, at which inner step, for which task and block, and where.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree
from numpy.typing import ArrayLike

from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.errors import AnilTheoryError
from anil_theory.estimators.fields import loss_field
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet

MOST_SHOWN = 32
"""Entries of a point that a message lists."""
DERIVATIVES = ("value", "gradient", "Hessian")


class NotFinite(AnilTheoryError, ArithmeticError):
    """A quantity that is finite at none of the points at which it was measured; the message explains the first."""


def explain(tasks: TaskSet, schedule: Schedule | None, n_w: int, block: str, task: int, points: ArrayLike) -> str:
    """What is not finite at a point, such as "task 3, block ww, at z = [...]: the Hessian of the support loss is ...".

    schedule   alpha and N; None when the losses themselves are measured, at the point;
    points     one point z, or the points of a pair (2, n): the one to blame is named.
    """
    reasons = {}
    for z in np.atleast_2d(np.asarray(points, float)):
        where = f"task {task}, block {block}, at z = {_shown(z)}"
        reasons[where] = _blame(tasks, schedule, n_w, task, z)
    where, reason = next(((w, r) for w, r in reasons.items() if r), (next(iter(reasons)), ""))
    return f"{where}: {reason or 'losses, gradients and Hessians are finite there, what is measured is not'}"


def _shown(z: Float[np.ndarray, " n"]) -> str:
    """The point, or its first entries where nobody would read all."""
    if z.size <= MOST_SHOWN:
        return str(z.tolist())
    return f"[{', '.join(map(repr, z[:4].tolist()))}, ...] ({z.size} entries)"


def _blame(tasks: TaskSet, schedule: Schedule | None, n_w: int, task: int, z: np.ndarray) -> str:
    if not np.isfinite(z).all():
        return "the point itself is not finite"
    # Without a loop L_D is looked at where L_S is: after one step of length 0.
    loop = UnrolledLoop(jnp.zeros(()), 1) if schedule is None else UnrolledLoop.of_schedule(schedule)
    losses = (tasks.support, tasks.query)
    support, query = map(np.asarray, _finite(losses, n_w, tasks.task(task), jnp.asarray(z), loop))
    bad_steps = np.flatnonzero(~support.all(axis=1))
    if bad_steps.size:
        step = int(bad_steps[0])
        derivative = DERIVATIVES[int(np.argmin(support[step]))]
        at = "" if schedule is None else f" at inner step {step}"
        return f"the {derivative} of the support loss is not finite{at}"
    if not query.all():
        derivative = DERIVATIVES[int(np.argmin(query))]
        at = "" if schedule is None else " at the adapted w_N"
        return f"the {derivative} of the query loss is not finite{at}"
    return ""


def left_out(
    values: np.ndarray, points: np.ndarray, explain_first: Callable[[int, np.ndarray], str], quantity: str
) -> tuple[int, str]:
    """How many of the values (T, P) at points (T, P, ..) are not finite, and the first of them in words.

    Raises NotFinite when all of them are.
    """
    bad = np.argwhere(~np.isfinite(values))
    if not len(bad):
        return 0, ""
    task, index = (int(i) for i in bad[0])
    reason = explain_first(task, points[task, index])
    if len(bad) == values.size:
        raise NotFinite(f"{quantity} is finite at no point; {reason}")
    return len(bad), reason


@partial(jax.jit, static_argnums=(0, 1))
def _finite(
    losses: tuple[Loss, Loss],
    n_w: int,
    data: PyTree,
    z: Float[Array, " n"],
    loop: UnrolledLoop,
) -> tuple[Bool[Array, "N 3"], Bool[Array, "3"]]:
    """Whether value, gradient and Hessian are finite: of L_S at w_0..w_{N-1}, and of L_D at w_N."""
    support, query = losses
    w, phi = z[:n_w], z[n_w:]
    run = inner_loop(support, w, phi, data, loop)

    def derivatives(loss: Loss, w: Float[Array, " n_w"]) -> Bool[Array, "3"]:
        z = jnp.concatenate([w, phi])
        slope = loss_field(loss, (w, phi))
        # A product with (1, .., 1) is not finite where an entry of the Hessian is not; the matrix may not fit.
        product = jax.jvp(lambda at: slope(at, data), (z,), (jnp.ones_like(z),))[1]
        orders = (loss(w, phi, data), slope(z, data), product)
        return jnp.stack([jnp.all(jnp.isfinite(order)) for order in orders])

    return jax.vmap(partial(derivatives, support))(run.iterates), derivatives(query, run.final)
