"""JAX's own functions with derivative rules: found by what they compute, and not by their names."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.certify.balls.interpreter import evaluate
from anil_theory.certify.program.inlined_calls import inlined
from anil_theory.certify.program.library_functions import is_gaussian, is_log_add_exp, library_form

X = np.array([-27.5, -3.0, -0.4, 0.0, 0.7, 2.0, 26.0])


def called(function: Any, *args: Any) -> list[Any]:
    """The calls with derivative rules in a program."""
    equations = inlined(jax.make_jaxpr(function)(*args)).jaxpr.eqns
    return [equation for equation in equations if equation.primitive.name == "custom_jvp_call"]


def test_logaddexp_is_found_whatever_its_operands() -> None:
    for function, args in (
        (jnp.logaddexp, (X, X[::-1])),
        (lambda x: jnp.logaddexp(x, x), (X,)),
        (jax.nn.softplus, (X,)),
    ):
        (equation,) = called(function, *args)
        assert is_log_add_exp(equation) and library_form(equation) is not None


def test_a_namesake_of_the_user_is_not_taken_for_it() -> None:
    def logaddexp(a: Any, b: Any) -> Any:
        return jnp.log(jnp.exp(a) + jnp.exp(b)) + 1

    own = jax.custom_jvp(logaddexp)
    own.defjvp(lambda x, dx: (own(*x), dx[0] + dx[1]))
    exp_neg_sq = jax.custom_jvp(lambda x: jnp.exp(-x * x) + 1)
    exp_neg_sq.defjvp(lambda x, dx: (exp_neg_sq(*x), -2 * x[0] * dx[0]))
    for function, args in ((own, (X, X)), (exp_neg_sq, (X,))):
        (equation,) = called(function, *args)
        assert library_form(equation) is None


@pytest.mark.parametrize("function", [jax.lax.erf, jax.lax.erfc])
def test_derivatives_of_erf_are_enclosed_to_third_order(function: Any) -> None:
    """Newer versions of JAX compute them with the bits of x; by hand they are polynomials times e^(-x^2)."""
    sign = 1 if function is jax.lax.erf else -1
    slope = sign * 2 / np.sqrt(np.pi) * np.exp(-(X**2))
    expected = [slope, -2 * X * slope, (4 * X**2 - 2) * slope]
    derivative = function
    for values in expected:
        derivative = jax.grad(derivative)
        enclosed = evaluate(jax.vmap(derivative), X)
        for ball, value in zip(enclosed, values, strict=True):
            assert abs(float(ball.mid()) - value) <= 1e-12 * abs(value)
            assert float(ball.rad()) <= 1e-15 * abs(value)


def test_where_jax_calls_a_function_for_e_to_minus_x_squared_it_is_found() -> None:
    """Newer versions do, in the derivative of erf; alone and in a batch. The others take exp itself."""
    slope = jax.grad(jax.lax.erf)
    calls = [*called(slope, X[1]), *called(jax.vmap(slope), X)]
    assert len(calls) == 2 or " exp " in str(jax.make_jaxpr(slope)(X[1]))
    for equation in calls:
        form = library_form(equation)
        assert is_gaussian(equation) and form is not None
        np.testing.assert_allclose(form(X), np.exp(-(X**2)), rtol=1e-12)
