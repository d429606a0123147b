"""First-order runs of the outer loop: they step along D L_D(w_N), and record the gradient of L_meta."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import MetaGradient, UnrolledLoop, outer_loop, population_gradient
from anil_theory.algorithm._outer_loop import usual_average
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks import SeparableFamily
from anil_theory.tasks.separable_frame import separable_frames

TASKS = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 3, 2).sample(jax.random.key(0), 5)
W, PHI = jnp.asarray([1.0, -0.5, 0.3]), jnp.asarray([0.2, -1.0])
ALL = Schedule(0.4, 3, beta_w=0.3, beta_phi=0.2, batch=5, outer_steps=6, population=5)


@jax.jit
def gradients(w: jax.Array, phi: jax.Array) -> tuple[MetaGradient, MetaGradient]:
    """The gradient of L_meta, and what first-order ANIL follows."""
    exact = population_gradient(TASKS, w, phi, UnrolledLoop(0.4, 3))
    return exact, population_gradient(TASKS, w, phi, UnrolledLoop(0.4, 3, first_order=True))


def test_steps_follow_the_query_gradient_and_records_the_meta_gradient() -> None:
    run = outer_loop(TASKS, ALL, W, PHI, seeds=2, records=6, average="every", first_order=True)
    w, phi = W, PHI
    squares = []
    for k in range(6):
        exact, followed = gradients(w, phi)
        squares.append(float(exact.w @ exact.w))
        np.testing.assert_allclose(run.squared_w[:, k], squares[-1], rtol=1e-11)
        np.testing.assert_allclose(run.squared_phi[:, k], float(exact.phi @ exact.phi), rtol=1e-11)
        assert np.abs(np.asarray(exact.w - followed.w)).max() > 1e-3
        w, phi = w - 0.3 * followed.w, phi - 0.2 * followed.phi
    np.testing.assert_allclose(run.final_w, np.broadcast_to(w, (2, 3)), rtol=1e-11)
    np.testing.assert_allclose(run.running_w[:, -1], np.mean(squares), rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["autodiff", "product"])
def test_other_ways_to_the_gradient_run_the_same(method: str) -> None:
    run = outer_loop(TASKS, ALL, W, PHI, seeds=2, records=6, average="every", first_order=True, method=method)
    usual = outer_loop(TASKS, ALL, W, PHI, seeds=2, records=6, average="every", first_order=True)
    np.testing.assert_allclose(run.final_w, usual.final_w, rtol=1e-11)
    np.testing.assert_allclose(run.running_phi, usual.running_phi, rtol=1e-11)


@pytest.mark.slow
def test_frames_change_nothing() -> None:
    frames = separable_frames(TASKS)
    plain, framed = (
        outer_loop(TASKS, ALL, W, PHI, seeds=2, average="every", first_order=True, frames=each)
        for each in (None, frames)
    )
    np.testing.assert_allclose(framed.final_w, plain.final_w, rtol=1e-10)
    np.testing.assert_allclose(framed.running_phi, plain.running_phi, rtol=1e-9)


def test_the_batch_average_is_refused_and_not_the_default() -> None:
    independent = dataclasses.replace(ALL, batch=4, population=None)
    assert usual_average(independent, None, first_order=False) == "batch"
    assert usual_average(independent, None, first_order=True) == "sampled"
    with pytest.raises(InvalidParameter, match="average must be 'every' or 'sampled' with first_order"):
        outer_loop(TASKS, independent, W, PHI, seeds=2, average="batch", first_order=True)
