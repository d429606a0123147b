"""Algorithm 1: equal to a plain loop, unbiased averages, statuses, thinning, and the frames that make it fast."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm._outer_loop import outer_loop, seed_keys
from anil_theory.algorithm.oracle_count import as_maml
from anil_theory.algorithm.outer_run import RunStatus
from anil_theory.algorithm.outer_step import pair_mean, task_indices
from anil_theory.algorithm.population import meta_loss, population_gradient, task_gradients
from anil_theory.constants import Constants
from anil_theory.estimators import average_gradient
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.tasks.separable_frame import separable_frames

FAMILY = SeparableFamily(Constants(0.3, 1.0, 0.5, 0.4, 1.0), n_w=3, n_phi=2)
TASKS = FAMILY.sample(jax.random.key(0), 5)
W, PHI = jnp.asarray([1.0, -0.5, 0.3]), jnp.asarray([0.2, -1.0])
SCHEDULE = Schedule(0.4, 3, beta_w=0.3, beta_phi=0.2, batch=4, outer_steps=12)
LOOP = {"alpha": 0.4, "inner_steps": 3}
CLOSE: Any = {"rtol": 1e-11, "atol": 1e-13}


@jax.jit
def exact_at(tasks: TaskSet, w, phi):
    """L_meta and its gradient."""
    return meta_loss(tasks, w, phi, **LOOP), population_gradient(tasks, w, phi, **LOOP)


def plain_loop(schedule: Schedule, seed: int, lane: int) -> list[tuple]:
    """All iterates z_0..z_K of one seed, in Python."""
    key, (w, phi) = seed_keys(seed, lane + 1)[lane], (W, PHI)
    path = [(w, phi)]
    for k in range(schedule.outer_steps):
        batch = TASKS.take(task_indices(key, k, schedule.batch, len(TASKS)))
        _, g = exact_at(batch, w, phi)
        w, phi = w - schedule.beta_w * g.w, phi - schedule.beta_phi * g.phi
        path.append((w, phi))
    return path


@pytest.mark.parametrize("framed", [False, True])
def test_equals_a_plain_python_loop_at_every_step(framed: bool) -> None:
    frames = separable_frames(TASKS) if framed else None
    run = outer_loop(TASKS, SCHEDULE, W, PHI, seeds=2, seed=7, records=12, average="every", frames=frames)
    assert run.steps.tolist() == list(range(13))
    for lane in range(2):
        path = plain_loop(SCHEDULE, 7, lane)
        exact = [exact_at(TASKS, *z) for z in path]
        squares = np.array([[float(g.w @ g.w), float(g.phi @ g.phi)] for _, g in exact])
        np.testing.assert_allclose(run.squared_w[lane], squares[:, 0], **CLOSE)
        np.testing.assert_allclose(run.squared_phi[lane], squares[:, 1], **CLOSE)
        np.testing.assert_allclose(run.loss[lane], [float(value) for value, _ in exact], **CLOSE)
        np.testing.assert_allclose(run.final_w[lane], path[-1][0], **CLOSE)
        np.testing.assert_allclose(run.final_phi[lane], path[-1][1], **CLOSE)
        means = np.cumsum(squares[:-1], axis=0) / np.arange(1, 13)[:, None]
        np.testing.assert_allclose(run.running_w[lane, 1:], means[:, 0], **CLOSE)
        np.testing.assert_allclose(run.drawn_w[lane], squares[run.drawn_step[lane], 0], **CLOSE)


def test_thinning_changes_nothing_at_recorded_steps() -> None:
    full = outer_loop(TASKS, SCHEDULE, W, PHI, seeds=3, records=12)
    thin = outer_loop(TASKS, SCHEDULE, W, PHI, seeds=3, records=4)
    assert thin.steps.tolist() == [0, 3, 6, 9, 12]
    for name in ("squared_w", "squared_phi", "loss", "running_w", "running_phi"):
        np.testing.assert_allclose(getattr(thin, name), getattr(full, name)[:, thin.steps], **CLOSE)


def test_a_seed_does_not_depend_on_how_many_run_beside_it() -> None:
    few, many = (outer_loop(TASKS, SCHEDULE, W, PHI, seeds=S, records=2) for S in (2, 5))
    np.testing.assert_allclose(many.loss[:2], few.loss, **CLOSE)


def test_the_pair_mean_is_unbiased_over_all_batches() -> None:
    each = jax.jit(lambda: task_gradients(TASKS, W, PHI, **LOOP).w)()
    T = len(each)
    pairs = jnp.stack(jnp.meshgrid(jnp.arange(T), jnp.arange(T)), axis=-1).reshape(-1, 2)
    over_batches = jax.vmap(pair_mean)(each[pairs])
    np.testing.assert_allclose(float(jnp.mean(over_batches)), float(jnp.sum(jnp.mean(each, axis=0) ** 2)), rtol=1e-12)


@pytest.fixture
def compiled_in_full() -> Iterator[None]:
    """Programs as commands compile them: the tests' own switch lets two programs round differently."""
    switch = "jax_disable_most_optimizations"
    before = jax.config.read(switch)
    jax.clear_caches()
    jax.config.update(switch, False)
    yield
    jax.config.update(switch, before)


@pytest.mark.usefixtures("compiled_in_full")
def test_the_three_averages_agree() -> None:
    schedule = Schedule(0.4, 3, 0.3, 0.2, batch=4, outer_steps=300)
    runs = {
        m: outer_loop(TASKS, schedule, W, PHI, seeds=64, records=60, average=m) for m in ("batch", "every", "sampled")
    }
    np.testing.assert_array_equal(runs["batch"].final_w, runs["every"].final_w)
    exact = runs["every"].running_w[:, -1]
    difference = runs["batch"].running_w[:, -1] - exact
    assert abs(difference.mean()) < 5 * difference.std(ddof=1) / 8
    gap = abs(runs["sampled"].running_w[:, -1].mean() - exact.mean())
    assert gap < 5 * runs["sampled"].thinning_stderr["w"]


def test_one_task_leaves_no_variance() -> None:
    one = TASKS.take(jnp.asarray([2]))
    run = outer_loop(one, SCHEDULE, W, PHI, seeds=4, records=3)
    assert np.ptp(run.loss, axis=0).max() == 0 and np.ptp(run.final_w, axis=0).max() == 0
    np.testing.assert_allclose(
        run.running_w[:, -1], outer_loop(one, SCHEDULE, W, PHI, average="every").running_w[0, -1]
    )


def test_one_outer_step_and_batch_one() -> None:
    schedule = Schedule(0.4, 3, 0.3, 0.2, batch=1, outer_steps=1)
    run = outer_loop(TASKS, schedule, W, PHI, seeds=3)
    assert run.average == "sampled" and run.thinning_stderr == {"w": 0.0, "phi": 0.0}
    _, g = exact_at(TASKS, W, PHI)
    np.testing.assert_allclose(run.running_w[:, -1], float(g.w @ g.w), **CLOSE)
    np.testing.assert_allclose(run.drawn_phi, float(g.phi @ g.phi), **CLOSE)


def divergent_loss(w, phi, data):
    """Concave in w, so descent runs away."""
    return -jnp.sum(data * w * w) / 2 + jnp.sum(phi * phi) / 2


def quadratic_loss(w, phi, data):
    return jnp.sum(w * w) / 2 + 0 * jnp.sum(data)


def test_divergence_is_a_status_with_a_step() -> None:
    tasks = TaskSet(quadratic_loss, divergent_loss, jnp.asarray([[1.0], [1.0]]))
    schedule = Schedule(0.5, 1, beta_w=36.0, beta_phi=0.5, batch=2, outer_steps=40)  # w grows tenfold a step
    run = outer_loop(tasks, schedule, jnp.ones(1), jnp.zeros(1), seeds=3, records=40, limit=0.99e6)
    assert run.status == (RunStatus.DIVERGED,) * 3 and run.diverged_at.tolist() == [6] * 3
    np.testing.assert_allclose(run.final_w, 1e5)
    np.testing.assert_allclose(run.loss[:, 6:], run.loss[:, [5]] * np.ones(35))
    huge = Schedule(0.5, 1, beta_w=1e300, beta_phi=1e300, batch=2, outer_steps=5)
    run = outer_loop(tasks, huge, jnp.ones(1), jnp.ones(1), seeds=2, average="every")
    assert all(run.diverged) and all(np.isfinite(getattr(run, n)).all() for n in ("loss", "squared_w", "squared_phi"))


@pytest.mark.parametrize("average", ["batch", "every", "sampled"])
def test_a_seed_averages_over_the_steps_that_it_took(average: str) -> None:
    """And over none to NaN, never to 0. Concave in w: w grows tenfold a step, its squared gradient a hundredfold."""
    tasks = TaskSet(quadratic_loss, divergent_loss, jnp.asarray([[1.0], [1.0]]))
    schedule = Schedule(0.5, 1, beta_w=36.0, beta_phi=0.5, batch=2, outer_steps=4)
    for taken in (0, 1, 2):
        limit = 10.0**taken * 5
        run = outer_loop(tasks, schedule, jnp.ones(1), jnp.ones(1), seeds=2, records=4, limit=limit, average=average)
        assert run.status == (RunStatus.DIVERGED,) * 2 and run.diverged_at.tolist() == [taken + 1] * 2
        squares = [100.0**k / 16 for k in range(taken)]
        expected = np.mean(squares) if taken else np.nan
        np.testing.assert_allclose(run.running_w[:, -1], expected)
        np.testing.assert_allclose(run.running_phi[:, -1], np.mean(0.25 ** np.arange(taken)) if taken else np.nan)


def test_a_run_that_starts_where_nothing_is_defined_averages_to_nan() -> None:
    """The gradient of |w| at w = 0 is NaN."""

    def kinked(w, phi, data):
        return jnp.sum((w - data) ** 2) + 0.01 * jnp.linalg.norm(w)

    tasks = TaskSet(quadratic_loss, kinked, jnp.ones((4, 2)))
    schedule = Schedule(0.1, 2, beta_w=0.1, beta_phi=0.1, batch=2, outer_steps=20)
    for average in ("batch", "every", "sampled"):
        run = outer_loop(tasks, schedule, jnp.zeros(2), jnp.ones(2), seeds=2, average=average)
        assert run.status == (RunStatus.DIVERGED,) * 2
        assert np.isnan(run.running_w[:, -1]).all() and np.isnan(run.running_phi[:, -1]).all()
        assert average_gradient(run).estimates == {}


def test_convergence_is_a_status() -> None:
    run = outer_loop(TASKS, SCHEDULE, W, PHI, seeds=2, eps=1e3)
    assert run.status == (RunStatus.CONVERGED,) * 2
    assert outer_loop(TASKS, SCHEDULE, W, PHI, seeds=2, eps=1e-9).status == (RunStatus.RAN,) * 2
    assert outer_loop(TASKS, SCHEDULE, W, PHI, seeds=2).status == (RunStatus.RAN,) * 2


def test_maml_and_traced_inner_steps() -> None:
    tasks, z, empty = as_maml(TASKS, W, PHI)
    schedule = Schedule(0.4, 2, beta_w=0.3, batch=2, outer_steps=5)
    run = outer_loop(tasks, schedule, z, empty, seeds=2)
    assert run.final_phi == () and np.all(run.squared_phi == 0)
    longer = outer_loop(tasks, schedule, z, empty, seeds=2, max_inner_steps=6)
    np.testing.assert_allclose(longer.loss, run.loss, **CLOSE)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("seeds", {"seeds": 0}),
        ("records", {"records": 0}),
        ("average", {"average": "none"}),
        ("method", {"method": "magic"}),
        ("eps", {"eps": 0.0}),
        ("limit", {"limit": -1.0}),
        ("w and phi", {"w": W.astype(jnp.float32)}),
        ("beta_w", {"schedule": Schedule(0.4, 3)}),
        ("beta_phi", {"schedule": Schedule(0.4, 3, beta_w=0.1)}),
        ("average", {"schedule": Schedule(0.4, 3, 0.1, 0.1), "average": "batch"}),
        ("average", {"eps": 1.0, "average": "batch"}),
        ("frames", {"frames": separable_frames(TASKS.take(jnp.arange(2)))}),
    ],
)
def test_misuse_names_the_parameter(name: str, change: dict) -> None:
    given = {"tasks": TASKS, "schedule": SCHEDULE, "w": W, "phi": PHI, **change}
    with pytest.raises(InvalidParameter) as error:
        outer_loop(**given)
    assert error.value.name == name


@pytest.mark.parametrize(("field", "value"), [("outer_steps", 0), ("batch", 0), ("beta_w", 0.0), ("beta_phi", -1.0)])
def test_schedules_refuse_what_cannot_run(field: str, value: float) -> None:
    with pytest.raises(InvalidParameter):
        Schedule(**{"alpha": 0.4, "inner_steps": 3, field: value})
