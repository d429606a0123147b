"""A data set of tiny random images: classes differ by a random pattern."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anil_theory.neural.data import ImageDataset, ImageSplit, sample_episodes
from anil_theory.neural.networks import cnn
from anil_theory.neural.objective import Objective
from anil_theory.neural.split import split_model

SIDE = 8


def tiny_dataset(classes: int = 4, per_class: int = 6, dtype: Any = np.uint8) -> ImageDataset:
    """Three splits of `classes` x `per_class` images of 8 x 8 x 3."""
    rng = np.random.default_rng(0)

    def split(prefix: str) -> ImageSplit:
        pattern = rng.uniform(40, 215, (classes, 1, SIDE, SIDE, 3))
        images = np.clip(pattern + rng.normal(0, 40, (classes, per_class, SIDE, SIDE, 3)), 0, 255)
        return ImageSplit(images.astype(dtype), tuple(f"{prefix}{i}" for i in range(classes)))

    return ImageDataset("tiny", split("a"), split("b"), split("c"))


def tiny_problem(geometry: str, *, dtype: str = "float64", statistics: str | None = None, **options: Any) -> Any:
    """An objective with its point and 2 episodes: w, phi, objective, episodes, alpha."""
    network = cnn(
        jax.random.key(1),
        (SIDE, SIDE, 3),
        ways=3,
        width=4,
        hidden=(5,) if geometry == "nonconvex" else (),
        blocks=1,
        dtype=dtype,
    )
    model = split_model(network, geometry, statistics=statistics)
    w, phi = model.split(network)
    episodes = sample_episodes(
        jax.random.key(2), jnp.asarray(tiny_dataset().train.images), ways=3, shots=2, queries=1, count=2
    )
    objective = Objective(model, 3, 0.1, options.pop("max_steps", 4), **options)
    return SimpleNamespace(w=w, phi=phi, objective=objective, episodes=episodes, alpha=jnp.asarray(0.2, dtype))


@cache
def shared_problem(geometry: str, dtype: str = "float64") -> Any:
    """`tiny_problem` with `total`, its compiled meta_sum: tests that call it with 2 episodes share one compilation."""
    problem = tiny_problem(geometry, dtype=dtype)
    problem.total = jax.jit(problem.objective.meta_sum)
    return problem
