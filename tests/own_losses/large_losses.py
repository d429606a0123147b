"""Losses of 10,000 parameters: a linear head of 100 weights on tanh features of 99 inputs."""

import jax.numpy as jnp
import numpy as np

inputs, width = 99, 100
T, shots = 4, 16
_generator = np.random.default_rng(0)
data = {name: _generator.standard_normal((T, shots, inputs)) / np.sqrt(inputs) for name in ("x", "x_query")}
data |= {name: _generator.standard_normal((T, shots)) for name in ("y", "y_query")}
w = 0.1 * _generator.standard_normal(width)
phi = _generator.standard_normal((width, inputs))


def _error(w, phi, x, y):
    return jnp.mean((jnp.tanh(x @ phi.T) @ w / jnp.sqrt(width) - y) ** 2) / 2


def support(w, phi, task):
    return _error(w, phi, task["x"], task["y"]) + 0.05 * jnp.sum(w**2)


def query(w, phi, task):
    return _error(w, phi, task["x_query"], task["y_query"])


settings = {"query_infimum": 0.0}
