"""Proposition 1 at points: how far the three evaluations of the meta-gradient are apart, block by block."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory._admissible import count
from anil_theory._precision import gamma, require_float64
from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm._meta_gradient import METHODS, meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.base import COUNTED, Direction, Estimate, Witness, counted_roundings
from anil_theory.estimators.measurement import Effort, Found, Measurement, keyed
from anil_theory.estimators.not_finite import explain, left_out
from anil_theory.problem import Domain, Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet

DENSE_LIMIT = 64
"""Above this many entries of w + phi the dense product formula is left out."""


def measure_identity(
    family: Domain,
    tasks: TaskSet,
    schedule: Schedule,
    *,
    seed: int = 0,
    points: int = 8,
    max_inner_steps: int | None = None,
) -> dict[str, Estimate]:
    """The largest distance between any two of autodiff, product formula and recursion: {"w": .., "phi": ..}.

    Measured at `points` random points of every task. Raises InvalidParameter for tasks that are not float64
    and for points below 1, and NotFinite when the methods are finite nowhere; points where one is not are left out.
    Source: Proposition 1 of the paper (an identity: the exact value is 0). Direction LOWER.

    `scale` is the largest norm of the meta-gradient by any of the methods, at the point of the largest distance.
    `rounding` propagates one rounding error per operation to first order: an error made in a step is amplified by at
    most 1 in the strongly convex geometry and by (1 + alpha L) per step on the way out and back otherwise, and
    moves the outer gradient by L and the Hessian products by alpha rho M per step.
    """
    require_float64("tasks", tasks.data)
    count("points", points)
    dense = family.n_w + family.n_phi <= DENSE_LIMIT
    methods = tuple(m for m in METHODS if dense or m != "product")
    loop = UnrolledLoop.of_schedule(schedule, max_inner_steps)
    z = family.points(np.random.default_rng(seed), (len(tasks), points))
    losses = (tasks.support, tasks.query)
    sizes = (family.n_w, family.n_phi)
    apart, lengths, size = map(np.asarray, _compare(losses, sizes, methods, tasks.data, z, loop))
    largest = float(np.max(size, where=np.isfinite(size), initial=0.0))

    constants = family.constants
    alpha = schedule.alpha
    N = schedule.inner_steps
    contracts = constants.mu is not None and alpha * constants.L <= 1
    # The growth of a long loop is capped below the largest float64, beyond which Python raises.
    amplification = 1.0 if contracts else math.exp(min(2 * N * math.log1p(alpha * constants.L), 700.0))
    sensitivity = constants.L + alpha * N * constants.rho * constants.M
    operations = counted_roundings(family.n_w + family.n_phi, N)
    rounding = gamma(operations) * amplification * (constants.M + sensitivity * largest)
    estimates = {}
    for i, block in enumerate(("w", "phi")[: 2 if family.n_phi else 1]):
        explain_first = partial(explain, tasks, schedule, family.n_w, block)
        quantity = f"meta_gradient_discrepancy/{block}"
        dropped, reason = left_out(apart[..., i], np.asarray(z), explain_first, quantity)
        distances = np.where(np.isfinite(apart[..., i]), apart[..., i], -np.inf)
        task, point = np.unravel_index(np.argmax(distances), apart.shape[:2])
        estimates[block] = Estimate(
            quantity,
            float(apart[task, point, i]),
            Direction.LOWER,
            method="+".join(methods),
            rounding=min(rounding, 1e300),
            rounding_kind=COUNTED,
            samples=apart.shape[0] * points,
            seed=seed,
            dropped=dropped,
            first_dropped=reason,
            witness=Witness({"z": np.asarray(z[task, point]).tolist()}, int(task)),
            scale=float(lengths[task, point, i]),
        )
    return estimates


@partial(jax.jit, static_argnums=(0, 1, 2))
def _compare(
    losses: tuple[Loss, Loss],
    sizes: tuple[int, int],
    methods: tuple[str, ...],
    data: PyTree,
    z: Array,
    loop: UnrolledLoop,
) -> tuple[Array, Array, Array]:
    """Distances and largest norms of the meta-gradients, (T, P, 2); norms of an iterate and the point, (T, P)."""
    tasks = TaskSet(*losses, data)

    def one(data: PyTree, z: Array) -> tuple[Array, Array, Array]:
        w, phi = z[: sizes[0]], z[sizes[0] :]
        each = [meta_gradient(tasks.losses, w, phi, data, loop, method=m) for m in methods]
        pairs = [(a, b) for i, a in enumerate(each) for b in each[:i]]
        apart = [jnp.max(jnp.stack([jnp.linalg.norm(a[i] - b[i]) for a, b in pairs])) for i in (0, 1)]
        lengths = [jnp.max(jnp.stack([jnp.linalg.norm(a[i]) for a in each])) for i in (0, 1)]
        iterates = inner_loop(tasks.support, w, phi, data, loop).iterates
        size = jnp.linalg.norm(z) + jnp.max(jnp.linalg.norm(iterates, axis=-1))
        return jnp.stack(apart), jnp.stack(lengths), size

    return jax.vmap(lambda data, z: jax.vmap(partial(one, data))(z))(data, z)


def _measured_identity(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    estimates = measure_identity(
        problem, problem.tasks, schedule, seed=effort.seed, max_inner_steps=effort.max_inner_steps
    )
    return keyed(estimates)


MEASUREMENT = Measurement(
    name="identity",
    quantities=("meta_gradient_discrepancy/w", "meta_gradient_discrepancy/phi"),
    direction=Direction.LOWER,
    measure=_measured_identity,
)
