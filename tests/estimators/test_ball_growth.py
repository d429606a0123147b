"""Constants on balls of growing radius: closed forms, and bounded where they are bounded."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.estimators import growth_with_radius
from anil_theory.tasks import SeparableFamily, SoftmaxHeadFamily, TaskSet

FAMILY = SoftmaxHeadFamily(classes=2, inputs=2, width=1, shots=1, radius=1.0)


def test_a_quartic_grows_as_its_derivatives_do() -> None:
    """L_S = |w|^4 and L_D = |w|^2/2: the largest |D^2 L_S| on a ball is 12 R^2, |D L_D| is R, |D^2 L_D| is 1."""
    tasks = TaskSet(lambda w, phi, data: (w @ w) ** 2, lambda w, phi, data: w @ w / 2, {"none": jnp.zeros((2, 1))})
    radii = (1.0, 3.0, 9.0)
    found = growth_with_radius(FAMILY, tasks, radii, points=400)
    for i, radius in enumerate(radii):
        # |w| is at least sqrt(R^2 - (R/2)^2), and nearly R for some of 400 points.
        assert 0.99 * radius <= found["query_gradient"][i] <= radius * (1 + 1e-12)
        assert 0.98 * 12 * radius**2 <= found["support_smoothness"][i] <= 12 * radius**2 * (1 + 1e-12)
        assert found["query_smoothness"][i] == pytest.approx(1)


def test_a_softmax_head_has_no_constants_on_the_whole_space_and_a_separable_task_has() -> None:
    tasks = FAMILY.sample(jax.random.key(0), 2)
    grown = growth_with_radius(FAMILY, tasks, (1.0, 100.0), points=100)
    assert all(last > 20 * first for first, last in grown.values())
    whole = SeparableFamily(Constants(0.2, 1.0, 1.0, 0.5, 1.5), 2, 2)
    bounded = growth_with_radius(whole, whole.sample(jax.random.key(0), 2), (1.0, 100.0), points=100)
    assert bounded["query_gradient"][-1] <= 1.5
    assert max(bounded["support_smoothness"][-1], bounded["query_smoothness"][-1]) <= 1 + 1e-12


def test_a_larger_ball_holds_what_a_smaller_one_has() -> None:
    found = growth_with_radius(FAMILY, FAMILY.sample(jax.random.key(0), 2), np.linspace(1, 1.1, 6).tolist(), points=5)
    assert all(values == sorted(values) for values in found.values())


@pytest.mark.parametrize(
    ("name", "radii", "options"),
    [("radii", (), {}), ("radii", (1.0, 0.0), {}), ("points", (1.0,), {"points": 0}), ("seed", (1.0,), {"seed": -1})],
)
def test_bad_input_is_refused(name: str, radii: tuple, options: dict) -> None:
    with pytest.raises(InvalidParameter) as error:
        growth_with_radius(FAMILY, FAMILY.sample(jax.random.key(0), 1), radii, **options)
    assert error.value.name == name
