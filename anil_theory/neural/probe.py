"""A closer look at a network in training: Hessian blocks of the meta objective and constants, on fixed episodes."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory.neural.curvature import block_norms, meta_hessian
from anil_theory.neural.data import sample_episodes
from anil_theory.neural.local_constants import TaskDerivatives, local_constants
from anil_theory.neural.program import Program

TASKS = 1
"""Episodes that a probe looks at. Blocks are of their mean, constants the largest of any: one compares best."""

STEPS = {"blocks": 8, "constants": 4}
"""Steps of Lanczos, or iterations, for each norm."""


class CurvatureProbe:
    """Measures a point of one `Program`; compiled once for all points, seeds and N.

    The episodes come from the training split and are the same for all points. Bodies compute in the parameters' type
    here, whatever `body_dtype` says. Raises InvalidParameter for a cut without shared parameters
    and for a program with several inner step sizes.
    """

    def __init__(self, program: Program):
        settings = program.settings
        if program.per_part:
            raise InvalidParameter(
                "program", "one with a single inner step size: claims on curvature are about one", "several"
            )
        model = replace(program.model, body_dtype=None)
        objective = replace(program.objective, model=model, first_order=False)
        self.derivatives = TaskDerivatives(objective)
        self.objective = objective
        self.alpha = settings.alpha
        self.product = meta_hessian(objective)
        self.episodes = sample_episodes(
            jax.random.key(0),
            program.splits["train"],
            ways=settings.ways,
            shots=settings.shots,
            queries=settings.queries,
            count=TASKS,
        )

    def at(self, inner_steps: int) -> Callable[[tuple[PyTree, PyTree]], dict[str, Any]]:
        """The measurement with N = inner_steps: (w, phi) -> {"blocks": BlockNorms, "constants": LocalConstants}, plain.

        A point with numbers that are not finite, or whose measurement is not, gives None in both places.
        """
        steps = count("inner_steps", inner_steps)

        def measure(params: tuple[PyTree, PyTree]) -> dict[str, Any]:
            key = jax.random.key(1)
            blocks = block_norms(
                self.objective,
                *params,
                self.episodes,
                alpha=self.alpha,
                inner_steps=steps,
                key=key,
                steps=STEPS["blocks"],
                product=self.product,
            )
            constants = local_constants(
                self.derivatives,
                *params,
                self.episodes,
                alpha=self.alpha,
                inner_steps=steps,
                key=key,
                steps=STEPS["constants"],
            )
            measured = {"blocks": asdict(blocks), "constants": asdict(constants)}
            numbers = [x for part in measured.values() for x in part.values() if x is not None]
            return measured if np.all(np.isfinite(numbers)) else dict.fromkeys(measured)

        return measure


def probe_points(points: int, iterations: int) -> tuple[int, ...]:
    """The iterations after which to measure: `points` of them, evenly from 0 to the end. A single one is the end."""
    count("curvature", points, 0)
    ends = np.linspace(0, iterations, points) if points > 1 else [iterations] * points
    return tuple(sorted({round(float(x)) for x in ends}))
