"""Random tasks whose inner problem is strongly convex by construction, and w*(phi) by other means than JAX.

L_S = mu |w|^2/2 + sum_i a_i log cosh(b_i . w + c_i . phi + e_i),   a_i >= 0,
L_D = sum_i sin(b_i . w - c_i . phi) + |phi|^2/8
"""

from typing import Any

import jax.numpy as jnp
import mpmath
import numpy as np
from hypothesis import strategies as st
from jaxtyping import Array

from anil_theory.certify.intervals.outward import Intervals
from anil_theory.tasks.base import Losses

DIGITS = 40


def support(w: Array, phi: Array, task: dict[str, Array]) -> Array:
    """L_S up to a constant: log cosh x = log(e^x + e^(-x)) - log 2."""
    x = task["b"] @ w + task["c"] @ phi + task["e"]
    return task["mu"] * (w @ w) / 2 + jnp.sum(task["a"] * (jnp.logaddexp(x, -x)))


def query(w: Array, phi: Array, task: dict[str, Array]) -> Array:
    """L_D."""
    return jnp.sum(jnp.sin(task["b"] @ w - task["c"] @ phi)) + phi @ phi / 8


LOSSES = Losses(support, query)


@st.composite
def tasks(draw: Any, n_w: int | None = None, n_phi: int = 1, terms: int = 2) -> dict[str, np.ndarray]:
    """A task; mu in [0.2, 2]."""
    size = draw(st.integers(1, 2)) if n_w is None else n_w
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return {
        "mu": np.array(generator.uniform(0.2, 2.0)),
        "a": generator.uniform(0.0, 1.0, terms),
        "b": generator.uniform(-1.0, 1.0, (terms, size)),
        "c": generator.uniform(-1.0, 1.0, (terms, n_phi)),
        "e": generator.uniform(-1.0, 1.0, terms),
    }


def minimum(task: dict[str, np.ndarray], phi: np.ndarray) -> list[Any]:
    """w*(phi) to DIGITS digits, by Newton's method on the derivatives that are written here."""
    with mpmath.workdps(DIGITS + 10):
        b = mpmath.matrix(task["b"].tolist())
        a = [mpmath.mpf(float(x)) for x in task["a"]]
        mu = mpmath.mpf(float(task["mu"]))
        shift = [
            sum(mpmath.mpf(float(c)) * mpmath.mpf(float(x)) for c, x in zip(row, phi, strict=True))
            + mpmath.mpf(float(e))
            for row, e in zip(task["c"], task["e"], strict=True)
        ]
        w = mpmath.matrix(b.cols, 1)
        for _ in range(200):
            x = b * w
            tangents = [mpmath.tanh(x[i] + shift[i]) for i in range(b.rows)]
            slope = mu * w + b.T * mpmath.matrix([a[i] * t for i, t in enumerate(tangents)])
            weights = mpmath.diag([a[i] * (1 - t**2) for i, t in enumerate(tangents)])
            step = mpmath.lu_solve(mu * mpmath.eye(b.cols) + b.T * weights * b, slope)
            length = mpmath.norm(step)
            if length < mpmath.mpf(10) ** -DIGITS:
                return list(w)
            # Short steps: a full one may overshoot where tanh is flat.
            w -= step * min(mpmath.mpf(1), mpmath.mpf(1) / 2 / length)
    raise AssertionError("Newton's method does not end")


def holds(box: Intervals, i: int, point: list[Any]) -> bool:
    """Whether the i-th box of an enclosure holds a point."""
    lower, upper = box.lo[i], box.hi[i]
    return all(mpmath.mpf(float(a)) <= x <= mpmath.mpf(float(b)) for a, x, b in zip(lower, point, upper, strict=True))
