"""Linear solves: JAX's own are recognised, and only with the factors of their own matrix."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from anil_theory.certify.losses.linear_solves import is_library_solve
from anil_theory.certify.losses.own_derivatives import _inlined, _rebuilt

SHAPES = (jax.ShapeDtypeStruct((2, 2), jnp.float64), jax.ShapeDtypeStruct((2,), jnp.float64))


def recognised(function: Any) -> list[bool]:
    program = _rebuilt(jax.make_jaxpr(function)(*SHAPES), SHAPES, _inlined).jaxpr
    solves = [e for e in program.eqns if e.primitive.name == "custom_linear_solve"]
    return [is_library_solve(program, e) for e in solves]


def total(A: Any, b: Any) -> Any:
    return jnp.sum(jnp.linalg.solve(A, b) ** 2)


def test_the_solve_of_jax_and_those_of_its_gradient_are_recognised() -> None:
    assert recognised(jnp.linalg.solve) == [True]
    assert recognised(lambda A, b: jnp.stack(jax.grad(total, (0, 1))(A, b)[1:])) == [True, True]


@pytest.mark.parametrize("wrong", ["another matrix", "the diagonal"])
def test_a_solver_that_does_not_solve_is_not(wrong: str) -> None:
    """JAX's own solver with the factors of another matrix, and a solver of one's own."""

    def solve(A: Any, b: Any) -> Any:
        if wrong == "the diagonal":
            return jax.lax.custom_linear_solve(lambda x: A @ x, b, lambda matvec, b: b / jnp.diag(A), symmetric=True)
        factors, _, order = jax.lax.linalg.lu(2 * A)

        def solver(matvec: Any, right: Any) -> Any:
            return jax.scipy.linalg.lu_solve((factors, order), right)

        return jax.lax.custom_linear_solve(lambda x: A @ x, b, solver, transpose_solve=solver)

    assert recognised(solve) == [False]
