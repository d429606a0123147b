"""The mean size of the meta-gradient of drawn tasks against N, one curve per seed, and where it is flat.

In the strongly convex geometry the inner iterates approach the minimiser like q^N or faster, q = 1 - alpha mu, and what
the meta-gradient still owes to its start in w goes with them. A fit y = a + b exp(-N/s) to the measured curves gives
the length s; the claimed side allows every length up to 1/log(1/q).
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory._plain import to_plain
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import Constants
from anil_theory.estimators.fields import meta_field
from anil_theory.estimators.saturation import fit_saturation
from anil_theory.schedule import Schedule
from anil_theory.tasks import SeparableFamily

FEWEST = 4
"""Values of N that the fit needs."""

PARTS = ("w", "phi")
"""The parts of the meta-gradient."""


@dataclass(frozen=True)
class SaturationCell:
    """Constants, alpha = mu/L^2, the values of N, and how much is drawn.

    Raises InvalidParameter on construction for what is not admissible.
    """

    constants: Constants
    inner_steps: tuple[int, ...]
    n_w: int
    n_phi: int
    tasks: int
    points: int
    seeds: int
    seed: int

    def __str__(self) -> str:
        return f"mu = {self.constants.mu:g}"

    def __post_init__(self) -> None:
        count("points", self.points)
        count("seeds", self.seeds, minimum=2)
        if len(set(self.inner_steps)) < FEWEST:
            raise InvalidParameter("inner_steps", f"at least {FEWEST} different values", list(self.inner_steps))
        self.family.checked_tasks(self.seeds * self.tasks)

    @property
    def family(self) -> SeparableFamily:
        """The family that each seed draws from."""
        return SeparableFamily(self.constants, self.n_w, self.n_phi)


def trace_saturation(cell: SaturationCell) -> dict[str, Any]:
    """The curves and their fits as plain values: "N", "longest", and for each of "w" and "phi" "curves" and "fit".

    curves    (S, P): for each seed and N the mean of |D_x L_meta| over its tasks and points;
    longest   1/log(1/q), in inner steps, q = 1 - alpha mu.
    """
    steps = sorted(set(cell.inner_steps))
    sizes = _sizes(cell, steps)
    alpha = Schedule.strongly_convex(cell.constants, 1).one_alpha
    mu = cell.constants.mu or 0.0
    trace: dict[str, Any] = {
        "constants": to_plain(cell.constants),
        "alpha": alpha,
        "N": steps,
        "longest": -1 / math.log1p(-alpha * mu),
    }
    for part, curves in zip(PARTS, np.moveaxis(sizes, -1, 0), strict=True):
        fit = fit_saturation(np.asarray(steps, float), curves, seed=cell.seed)
        trace[part] = {"curves": curves.tolist(), "fit": to_plain(fit)}
    return trace


def _sizes(cell: SaturationCell, steps: list[int]) -> np.ndarray:
    """(S, P, 2): the mean norms of both parts of the meta-gradient, for each draw of tasks and points."""
    # The tasks are drawn independently: those of one seed are a share of all, and one program serves every seed.
    problem = cell.family.problem(tasks=cell.seeds * cell.tasks, seed=cell.seed)
    points = problem.points(np.random.default_rng(cell.seed), (cell.seeds * cell.tasks, cell.points))
    template = problem.split(problem.start)
    alpha = Schedule.strongly_convex(cell.constants, 1).one_alpha

    @jax.jit
    def means(data: PyTree, z: Array, active: Array) -> Array:
        field = meta_field(problem.tasks, template, UnrolledLoop(alpha, max(steps), active))
        gradients = jax.vmap(jax.vmap(field, in_axes=(0, None)))(z, data)
        norms = [jnp.linalg.norm(part, axis=-1) for part in problem.split(gradients)]
        by_seed = jnp.stack(norms, axis=-1).reshape(cell.seeds, -1, len(PARTS))
        return by_seed.mean(axis=1)

    curves = [np.asarray(means(problem.tasks.data, points, jnp.asarray(N))) for N in steps]
    return np.stack(curves, axis=1)
