"""The run-time check of shapes that conftest installs is on: without it the annotations would be decoration."""

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

from anil_theory.tasks.separable_coordinates import oscillation


def test_a_wrong_shape_is_an_error_in_tests() -> None:
    one, many, flags = jnp.asarray(1.0), jnp.zeros(3), jnp.ones(3, bool)
    assert oscillation(one, one, many, flags).amplitude.shape == (3,)
    with pytest.raises(TypeCheckError):
        oscillation(one, one, many, flags[:2])
