"""Losses as a file of one's own holds them: what `anil-theory study` studies without a file.

Least squares with a cosine feature: an amplitude and a shift are adapted, the frequency is shared. w has two
entries and phi one, so that constants and blocks are certified.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

_generator = np.random.default_rng(0)

data = {"x": _generator.uniform(-1, 1, (1, 6)), "y": _generator.uniform(-0.5, 0.5, (1, 6))}
w = {"amplitude": jnp.array(0.4), "shift": jnp.array(0.1)}
phi = jnp.array(0.7)
settings = {"inner_steps": 1, "query_infimum": 0.0, "name": "example"}


def query(w: dict[str, Array], phi: Array, task: dict[str, Array]) -> Array:
    """Half the mean squared error."""
    predicted = w["amplitude"] * jnp.cos(phi * task["x"]) + w["shift"]
    return jnp.mean((predicted - task["y"]) ** 2) / 2


def support(w: dict[str, Array], phi: Array, task: dict[str, Array]) -> Array:
    """The same, regularised, so that it is strongly convex in w."""
    return query(w, phi, task) + 0.3 * (w["amplitude"] ** 2 + w["shift"] ** 2)
