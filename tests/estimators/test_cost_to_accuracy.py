"""First step under eps, priced in counted oracle calls, entries and seconds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm._outer_loop import outer_loop
from anil_theory.algorithm.oracle_count import as_maml
from anil_theory.constants import Constants
from anil_theory.estimators._cost_to_accuracy import cost_by_inner_steps, cost_to_accuracy, first_below
from anil_theory.schedule import Schedule
from anil_theory.tasks.separable import SeparableFamily

FAMILY = SeparableFamily(Constants(0.3, 1.0, 0.5, 0.4, 1.0), n_w=3, n_phi=2)
TASKS = FAMILY.sample(jax.random.key(0), 5)
W, PHI = jnp.asarray([1.0, -0.5, 0.3]), jnp.asarray([0.2, -1.0])
SCHEDULE = Schedule(0.4, 3, beta_w=0.3, beta_phi=0.2, batch=4, outer_steps=20)


@pytest.mark.parametrize("measure", ["average", "recorded"])
def test_the_first_step_is_the_first(measure: str) -> None:
    run = outer_loop(TASKS, SCHEDULE, W, PHI, seeds=3, records=20, average="every")
    both = np.maximum(*((run.running_w, run.running_phi) if measure == "average" else (run.squared_w, run.squared_phi)))
    eps = float(np.median(both))
    for lane, found in enumerate(first_below(run, eps, measure)):
        expected = next((k for k, value in enumerate(both[lane]) if value < eps), None)
        assert found == expected if expected is not None else np.isnan(found)
    assert np.isnan(first_below(run, 1e-30, measure)).all()


def test_prices_are_steps_times_counts() -> None:
    cost = cost_to_accuracy(TASKS, SCHEDULE, W, PHI, 1e3, seeds=2)
    assert cost.reached.all() and cost.median_steps == 0
    never = cost_to_accuracy(TASKS, SCHEDULE, W, PHI, 1e-14, measure="recorded", seeds=2)
    assert not never.reached.any() and never.median_steps == np.inf and np.isnan(never.seconds).all()
    run = outer_loop(TASKS, SCHEDULE, W, PHI, seeds=2, records=20)
    eps = float(max(run.squared_w[:, 5].max(), run.squared_phi[:, 5].max())) * 1.0001
    some = cost_to_accuracy(TASKS, SCHEDULE, W, PHI, eps, measure="recorded", seeds=2, records=20)
    assert some.reached.all() and (some.steps <= 5).all() and some.resolution == 1
    np.testing.assert_array_equal(some.gradient_entries, some.steps * 4 * (4 * 3 + 2))
    np.testing.assert_array_equal(some.second_entries, some.steps * 4 * 3 * (9 + 6))


def test_anil_and_maml_over_inner_steps() -> None:
    schedules = [Schedule(0.4, N, beta_w=0.3, beta_phi=0.2, batch=2, outer_steps=5) for N in (1, 3)]
    anil = cost_by_inner_steps(TASKS, schedules, W, PHI, 10.0, seeds=2)
    tasks, z, empty = as_maml(TASKS, W, PHI)
    maml = cost_by_inner_steps(tasks, schedules, z, empty, 10.0, seeds=2)
    assert [c.inner_steps for c in anil] == [1, 3]
    assert [c.per_step.second_entries(3, 2) for c in anil] == [2 * N * 15 for N in (1, 3)]
    assert [c.per_step.second_entries(5, 0) for c in maml] == [2 * N * 25 for N in (1, 3)]


def test_misuse_names_the_parameter() -> None:
    with pytest.raises(InvalidParameter, match="eps"):
        cost_to_accuracy(TASKS, SCHEDULE, W, PHI, 0.0)
    with pytest.raises(InvalidParameter, match="negative"):
        first_below(outer_loop(TASKS, SCHEDULE, W, PHI, seeds=2), 1.0)
    with pytest.raises(InvalidParameter, match="measure"):
        cost_to_accuracy(TASKS, SCHEDULE, W, PHI, 1.0, measure="best")
