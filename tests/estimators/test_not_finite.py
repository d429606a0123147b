"""Points without a finite value: left out, counted, the first one explained; never an average or a maximum of them."""

import re
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.constants import Constants, Region
from anil_theory.estimators import (
    Budget,
    NotFinite,
    audit_constants,
    growth_with_radius,
    measure_block_lipschitz,
    measure_gradient_size,
    measure_identity,
    sample_block_norms,
)
from anil_theory.estimators.adam_ascent import adam_ascent
from anil_theory.estimators.not_finite import explain
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet
from tests.estimators.own_family import OwnFamily

SCHEDULE = Schedule(0.1, 2)
BUDGET = Budget(8, 4, 4, 2, 5)


def pulled(w: Any, phi: Any, data: Any) -> Any:
    return 0.5 * jnp.sum((w - phi) ** 2)


def rooted(w: Any, phi: Any, data: Any) -> Any:
    """The derivative of the branch that is not taken is infinite at 0, where the square root is flat."""
    return jnp.sum(jnp.where(w > 0, jnp.sqrt(w), 0.0) * jnp.sin(phi)) + jnp.sum(data)


def nowhere(w: Any, phi: Any, data: Any) -> Any:
    return jnp.sum(w + phi) * jnp.log(-1.0 - jnp.sum(w**2))


def family(support: Any, query: Any) -> OwnFamily:
    constants = Constants(None, 10.0, 10.0, 10.0, 10.0, Region(6.0))
    return OwnFamily(TaskSet(support, query, jnp.ones((3, 2))), n_w=2, n_phi=2, constants=constants)


def adapted_w(z: Any) -> np.ndarray:
    """w_N by hand: w - phi shrinks by 0.9 a step."""
    return z[..., 2:] + 0.9**2 * (z[..., :2] - z[..., 2:])


def is_bad(z: Any) -> Any:
    """Where sqrt is taken of a number <= 0, its derivative is infinite or NaN, and 0 times it is NaN."""
    return (adapted_w(np.asarray(z)) <= 0).any(axis=-1)


EXPLAINED = re.compile(r"task \d, block (\w+), at z = \[.*\]: the gradient of the query loss is not finite at the adap")


def test_points_are_left_out_and_counted() -> None:
    own = family(pulled, rooted)
    found = measure_block_lipschitz(own, own.tasks, SCHEDULE, budget=BUDGET)
    points = np.asarray(own.points(np.random.default_rng(0), (3, 8)))
    norm = np.linalg.norm(points, axis=-1, keepdims=True)
    points = np.where(norm > 6, points * 6 / norm, points)
    for block, by_method in found.items():
        for estimate in by_method.values():
            assert 0 < estimate.value < np.inf
            match = EXPLAINED.match(estimate.first_dropped)
            assert match and match[1] == block
            assert 0 < estimate.dropped < estimate.samples
        assert by_method["points"].dropped == is_bad(points[:, :4]).sum()
        # A pair is bad when one of its points is.
        assert by_method["pairs"].dropped >= is_bad(points).sum()


def test_the_good_points_measure_what_they_did_alone() -> None:
    own = family(pulled, rooted)
    found = measure_gradient_size(own, own.tasks, SCHEDULE, points=40)
    z = np.asarray(own.points(np.random.default_rng(0), (3, 40)))
    w = adapted_w(z)
    with np.errstate(invalid="ignore"):
        by_hand = 0.9**2 * np.linalg.norm(np.sin(z[..., 2:]) / (2 * np.sqrt(w)), axis=-1)
    assert found["w"].dropped == is_bad(z).sum() > 0
    assert found["w"].value == pytest.approx(np.max(by_hand[~is_bad(z)]), rel=1e-12)
    assert "block w, " in found["w"].first_dropped


def test_every_search_over_points_counts_what_it_leaves_out() -> None:
    own = family(pulled, rooted)
    identity = measure_identity(own, own.tasks, SCHEDULE, points=6)
    assert all(0 < e.dropped < e.samples and e.value <= e.rounding for e in identity.values())
    audit = audit_constants(own, own.tasks, starts=6, iterations=4)
    assert audit["M"].dropped > 0 and "gradient of the query loss is not finite" in audit["M"].first_dropped
    assert audit["rho"].dropped == 0 and audit["rho"].first_dropped == ""
    norms = sample_block_norms(own, own.tasks, SCHEDULE, samples=40, lanczos_steps=4)
    assert 0 < len(norms) < 40 and np.isfinite(norms).all()
    growth = growth_with_radius(own, own.tasks, (2.0, 4.0), points=30)
    assert all(np.isfinite(values).all() for values in growth.values())


MEASURES = {
    "blocks": lambda own: measure_block_lipschitz(own, own.tasks, SCHEDULE, budget=BUDGET),
    "gradient size": lambda own: measure_gradient_size(own, own.tasks, SCHEDULE, points=4),
    "identity": lambda own: measure_identity(own, own.tasks, SCHEDULE, points=4),
    "constants": lambda own: audit_constants(own, own.tasks, starts=2, iterations=2),
    "samples": lambda own: sample_block_norms(own, own.tasks, SCHEDULE, samples=4, lanczos_steps=2),
    "growth": lambda own: growth_with_radius(own, own.tasks, (1.0,), points=4),
}


@pytest.mark.parametrize("name", MEASURES)
def test_finite_nowhere_is_an_error_that_names_the_loss(name: str) -> None:
    with pytest.raises(NotFinite, match=r"is finite at no point.*task \d, block \w+, at z = \[.*of the query loss"):
        MEASURES[name](family(pulled, nowhere))


def test_the_inner_step_is_named() -> None:
    """w - 0.1/(2 sqrt(w)) falls below 0 in the second step."""

    def falling(w: Any, phi: Any, data: Any) -> Any:
        return jnp.sum(jnp.sqrt(w)) + jnp.sum(phi)

    tasks = TaskSet(falling, pulled, jnp.ones((1, 1)))
    where = partial(explain, tasks, Schedule(0.1, 4), 1, "ww", 0)
    assert where([0.04, 1.0]).endswith("the value of the support loss is not finite at inner step 1")
    assert where([0.0, 1.0]).endswith("the gradient of the support loss is not finite at inner step 0")
    assert where([[9.0, 1.0], [0.0, 1.0]]).startswith("task 0, block ww, at z = [0.0, 1.0]:")
    assert where([9.0, 1.0]).endswith("what is measured is not")
    assert where([np.nan, 1.0]).endswith("the point itself is not finite")


def test_an_ascent_keeps_its_best_finite_value() -> None:
    """sqrt(1 - x) + 2x grows up to x = 1 - 1/16, and is NaN beyond 1: a step of 0.1 gets there and never back."""
    best, kept = jax.jit(lambda x: adam_ascent(lambda x: jnp.sqrt(1 - x) + 2 * x, x, 200))(jnp.array(0.2))
    assert float(best) == pytest.approx(float(jnp.sqrt(1 - kept) + 2 * kept), rel=1e-15)
    assert best > 2.1 and 0.85 < kept < 1
