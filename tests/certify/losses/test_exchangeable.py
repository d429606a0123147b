"""Exchangeable programs, run by the meanings that their document gives: the values are those of the loss."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.certify.losses.exchangeable import loss_program

N_W, N_PHI = 4, 6
DATA = np.array([0.5, -1.5, 2.0, 0.25])


def shaped(w: Any, phi: Any) -> tuple[Any, Any]:
    return w.reshape(2, 2), phi.reshape(2, 3)


LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "product of two matrices": lambda w, phi, data: jnp.sum(jnp.matmul(*shaped(w, phi)) ** 2),
    "product with data": lambda w, phi, data: jnp.sum((jnp.outer(data, data[:3])[:, :2] @ w[:2]) ** 3),
    "batched product": lambda w, phi, data: jnp.sum(jnp.einsum("bi,bj->bij", *shaped(w, phi)) ** 3),
    "inner product": lambda w, phi, data: jnp.dot(w, phi[:4]) + jnp.vdot(data, w),
    "both conditions": lambda w, phi, data: jnp.sum(jnp.where((w > 0) & (phi[:4] > 0), w * data, -phi[2:])),
    "one of two conditions": lambda w, phi, data: jnp.sum(jnp.where((w > 0) | (phi[:4] > 0), w * data, -phi[2:])),
    "no condition": lambda w, phi, data: jnp.sum(jnp.where(~(w > phi[:4]), w * data, -phi[2:])),
    "condition of data": lambda w, phi, data: jnp.sum(jnp.where((data > 0) & (w < 0.1), w * data, phi[2:])),
    "all and any": lambda w, phi, data: jnp.where(jnp.all(w > -0.7) | jnp.any(phi > 0.9), w[0], phi[0]),
    "extremes": lambda w, phi, data: jnp.max(w) * jnp.min(phi) + jnp.prod(w[:3]) + jnp.sum(abs(phi) * jnp.sign(phi)),
    "powers": lambda w, phi, data: jnp.sum(w**0 * phi[:4] ** 3) + jnp.sum(jax.lax.integer_pow(2 + w, -2)),
    "power 0": lambda w, phi, data: jnp.sum(jax.lax.integer_pow(w, 0) * phi[:4] * jax.lax.pow(2 + w, 0.0 * data)),
    "running sums": lambda w, phi, data: jnp.sum(jnp.cumsum(w) * data) + jnp.sum(jnp.cumsum(phi.reshape(2, 3), 1) ** 2),
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": np.negative, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tanh": np.tanh,
}  # fmt: skip
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
}  # fmt: skip


def result_of(program: dict[str, Any], w: np.ndarray, phi: np.ndarray) -> float:
    """The program at (w, phi), in float64."""
    values = [w, phi]
    for equation in program["equations"]:
        inputs = [values[i] for i in equation["in"]]
        operation = equation["op"]
        if operation == "const":
            values.append(np.array(equation["values"], float))
        elif operation == "take":
            values.append(np.concatenate(inputs)[np.array(equation["index"], int)])
        elif operation == "sum":
            values.append(inputs[0].reshape(-1, equation["size"]).sum(axis=1))
        elif operation == "select":
            assert np.all(inputs[0] != 0), "the condition is open"
            values.append(np.where(inputs[0] > 0, inputs[1], inputs[2]))
        else:
            values.append((UNARY | BINARY)[operation](*inputs))
    (result,) = values[program["result"]]
    return float(result)


@pytest.mark.parametrize("name", LOSSES)
def test_a_program_has_the_values_of_its_loss(name: str) -> None:
    loss = LOSSES[name]
    program = loss_program(loss, jnp.asarray(DATA), N_W, N_PHI)
    generator = np.random.default_rng(1)
    points = [(generator.uniform(-1, 1, N_W), generator.uniform(-1, 1, N_PHI)) for _ in range(20)]
    right = jax.jit(loss)
    for w, phi in points:
        assert result_of(program, w, phi) == pytest.approx(float(right(w, phi, DATA)), rel=1e-12, abs=1e-12)
