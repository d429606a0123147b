"""A smooth task on nested parameters, and the rounding error that a meta-gradient may have."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from anil_theory._precision import gamma
from anil_theory.tasks.base import Losses


def network(w: Any, phi: Any, x: Any) -> Any:
    """Two tanh layers: the body is phi, the head is w."""
    hidden = jnp.tanh(phi["body"]["kernel"] @ x + phi["body"]["bias"])
    return w["head"][0] @ jnp.tanh(w["inner"] @ hidden) + w["head"][1]


def support(w: Any, phi: Any, data: Any) -> Any:
    return jnp.mean((network(w, phi, data["x"]) - data["y"]) ** 2) + 0.1 * jnp.sum(w["inner"] ** 2)


def query(w: Any, phi: Any, data: Any) -> Any:
    return jnp.mean(jnp.log(jnp.cosh(network(w, phi, data["x"][::-1]) + data["y"])))


LOSSES = Losses(support, query)


def point(seed: int = 0) -> tuple[Any, Any, Any]:
    """(w, phi, data): dictionaries in dictionaries, lists, a scalar, and an empty tuple among the leaves of phi."""
    normal = np.random.default_rng(seed).standard_normal
    w = {"head": [normal((2, 3)), np.float64(0.3)], "inner": normal((3, 2))}
    phi = {"body": {"kernel": normal((2, 3)), "bias": normal((2, 1))}, "none": ()}
    data = {"x": normal((3, 4)), "y": normal((2, 4))}
    return tuple(jax.tree.map(jnp.asarray, tree) for tree in (w, phi, data))


def flat(gradient: Any) -> np.ndarray:
    """Both blocks of a meta-gradient (or of any pytree) in one vector."""
    return np.asarray(ravel_pytree(tuple(gradient))[0])


def rounding(inner_steps: int, entries: int, growth: float, scale: float) -> float:
    """One rounding per operation of N steps out and back, carried by `growth` per step each way.

    `scale` is the size of the numbers involved: gradients, and curvatures times iterates.
    """
    return gamma(inner_steps * (8 * entries + 64)) * growth ** (2 * inner_steps) * scale
