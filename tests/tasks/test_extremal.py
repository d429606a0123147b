"""The extremal family: its trajectory, its constants, and the explicit `ww` bound that it attains for every N."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory._precision import gamma
from anil_theory.algorithm import inner_loop, meta_gradient
from anil_theory.constants import Constants
from anil_theory.estimators import measure_attained
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind, blocks
from anil_theory.tasks.base import Losses
from anil_theory.tasks.extremal import ExtremalFamily, ExtremalTask, longest_loop, query_loss, support_loss

MU = 0.2
CONVEX, NONCONVEX = Constants(MU, 1.0, 1.0, 0.5, 1.0), Constants(None, 2.0, 0.5, 0.5, 3.0)
LONGEST = 30
SCHEDULES = [
    (constants, Schedule(alpha, N))
    for N in (1, 2, 5, 10, LONGEST)
    for constants, alphas in (
        (CONVEX, (MU / CONVEX.L**2, 0.1 / CONVEX.L, 0.7 / (N * CONVEX.L))),
        (NONCONVEX, (0.1 / NONCONVEX.L, 0.7 / (N * NONCONVEX.L))),
    )
    for alpha in alphas
]


def only_task(family: ExtremalFamily) -> Any:
    return family.sample(jax.random.key(0), 1).task(0)


@jax.jit
def curvature(data: ExtremalTask, z: Any, alpha: Any, active: Any) -> Any:
    """The ww entry of the Hessian of L_D(w_N), by reverse mode through the loop and once more forward."""

    def g(w: Any) -> Any:
        loop = {"alpha": alpha, "inner_steps": LONGEST, "active_steps": active, "method": "autodiff"}
        return meta_gradient(Losses(support_loss, query_loss), w, z[1:], data, **loop).w[0]

    return jax.jacfwd(g)(z[:1])[0]


@pytest.mark.parametrize(("constants", "schedule"), SCHEDULES)
def test_the_explicit_ww_bound_is_attained(constants: Constants, schedule: Schedule) -> None:
    family = ExtremalFamily(constants, schedule, max_inner_steps=LONGEST)
    value = curvature_of(family, schedule)
    bound = float(blocks(constants, schedule, constants.geometry, Kind.EXPLICIT).ww)
    assert value == pytest.approx(bound, rel=1e-7)
    assert value <= bound * (1 + gamma(64 * schedule.inner_steps))


def curvature_of(family: ExtremalFamily, schedule: Schedule) -> float:
    alpha, N = jnp.asarray(schedule.alpha), jnp.asarray(schedule.inner_steps)
    return -float(curvature(only_task(family), family.attaining_point(), alpha, N))


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
@pytest.mark.parametrize("N", [1, 7])
def test_the_inner_loop_steps_from_knot_to_knot(constants: Constants, N: int) -> None:
    schedule = Schedule(0.3 / constants.L, N)
    family = ExtremalFamily(constants, schedule)
    adapted = inner_loop(
        support_loss, jnp.zeros(1), jnp.zeros(1), only_task(family), alpha=schedule.alpha, inner_steps=N
    )
    knots, slopes = family.trajectory()
    iterates = np.append(np.asarray(adapted.iterates)[:, 0], float(adapted.final[0]))
    # Two neighbouring iterates part by r per step at most; each step rounds once at the size of the farthest knot.
    error = gamma(64 * N) * family.contraction**N * np.abs(knots).max()
    np.testing.assert_allclose(iterates, knots, rtol=0, atol=error)
    assert (slopes > 0).all() and (np.diff(knots) < 0).all()


@pytest.mark.parametrize(("constants", "schedule"), [SCHEDULES[0], SCHEDULES[3], SCHEDULES[-3], SCHEDULES[-1]])
def test_the_constants_hold_everywhere(constants: Constants, schedule: Schedule) -> None:
    family = ExtremalFamily(constants, schedule, max_inner_steps=LONGEST)
    task = only_task(family)
    second = jax.jit(jax.vmap(lambda f, x: (jax.grad(f)(x), jax.grad(jax.grad(f))(x)), in_axes=(None, 0)))
    knots, _ = family.trajectory()
    ramp = 2 * (constants.L - constants.lowest_curvature) / constants.rho
    fine = np.linspace(knots[-1] - family.length_scale, knots[0] + family.length_scale, 4001)
    x = np.union1d(fine, np.linspace(knots[-1] - ramp, knots[0] + ramp, 4001))
    _, curved = map(np.asarray, second(task.support, jnp.asarray(x)))
    low, L, rho = constants.lowest_curvature, constants.L, constants.rho
    tolerance = gamma(64 * LONGEST) * L
    assert low - tolerance <= curved.min() and curved.max() <= L + tolerance
    assert (np.abs(np.diff(curved)) <= rho * np.diff(x) + 2 * tolerance).all()
    apart = np.diff(x) > 1e-5 * family.length_scale  # closer points measure rounding
    steepest = np.abs(np.diff(curved)[apart] / np.diff(x)[apart]).max()
    assert curved.max() == pytest.approx(L) and steepest == pytest.approx(rho, rel=1e-6), "attained"
    np.testing.assert_allclose(np.asarray(second(task.support, jnp.asarray(knots)))[1], low, atol=tolerance)

    reach = 3 * constants.M / L
    y = np.union1d(np.linspace(knots[-1] - reach, knots[-1] + reach, 4001), knots[-1:])
    slope, curved = map(np.asarray, second(task.query, jnp.asarray(y)))
    assert np.abs(slope).max() == pytest.approx(constants.M, rel=1e-12)
    assert np.abs(curved).max() == pytest.approx(L, rel=1e-12)
    assert (np.abs(np.diff(slope)) <= L * np.diff(y) * (1 + 1e-9) + tolerance * constants.M).all()


def test_padding_changes_nothing() -> None:
    schedule = Schedule(0.1, 3)
    plain, padded = (ExtremalFamily(CONVEX, schedule, max_inner_steps=n) for n in (None, LONGEST))
    assert plain.first_slope == padded.first_slope and plain.length_scale == padded.length_scale
    x = jnp.linspace(-3, 3, 101)
    for one, other in zip(only_task(plain), only_task(padded), strict=True):
        np.testing.assert_allclose(jax.vmap(one)(x), jax.vmap(other)(x), rtol=1e-14, atol=1e-15)
    # Off by no more than the sum of the pieces in another order.
    assert curvature_of(plain, schedule) == pytest.approx(curvature_of(padded, schedule), rel=1e-13)


def test_every_sample_is_the_same_task_and_its_query_has_no_infimum() -> None:
    family = ExtremalFamily(CONVEX, Schedule(0.1, 3))
    tasks = family.sample(jax.random.key(0), 4)
    assert len(tasks) == 4 and all(bool((leaf == leaf[:1]).all()) for leaf in jax.tree.leaves(tasks.data))
    assert np.array_equal(family.query_infimum(tasks.data), [-np.inf] * 4)
    assert float(tasks.query(jnp.array([1e6]), jnp.zeros(1), tasks.task(0))) < -1e5


def test_what_cannot_turn_is_rejected() -> None:
    quadratic = dataclasses.replace(CONVEX, rho=0.0)
    far = partial(ExtremalFamily, CONVEX, Schedule(1 / MU, 3))
    flat = partial(ExtremalFamily, dataclasses.replace(CONVEX, mu=1.0), Schedule(0.1, 3))
    for name, make in (("rho", partial(ExtremalFamily, quadratic, Schedule(0.1, 3))), ("alpha", far), ("alpha", flat)):
        with pytest.raises(InvalidParameter) as error:
            make()
        assert error.value.name == name


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
def test_the_longest_loop_still_attains_the_bound_and_a_longer_one_is_refused(constants: Constants) -> None:
    alpha = 0.3 / constants.L
    longest = longest_loop(1 - alpha * constants.lowest_curvature)
    schedule = Schedule(alpha, longest)
    found = measure_attained(ExtremalFamily(constants, schedule))["ww"]
    bound = float(blocks(constants, schedule, constants.geometry, Kind.EXPLICIT).ww)
    assert 0 < bound < np.inf and found.value == pytest.approx(bound, rel=1e-7)
    beyond = Schedule(alpha, longest + 1)
    assert ExtremalFamily.exists(constants, schedule) and not ExtremalFamily.exists(constants, beyond)
    with pytest.raises(InvalidParameter, match=f"inner_steps must be at most {longest}"):
        ExtremalFamily(constants, beyond)


def test_existence_is_what_construction_accepts() -> None:
    for constants in (CONVEX, NONCONVEX, dataclasses.replace(CONVEX, rho=0.0), dataclasses.replace(CONVEX, mu=1.0)):
        for schedule in (Schedule(0.1, 3), Schedule(1 / MU, 3), Schedule(0.5, 10_000)):
            try:
                ExtremalFamily(constants, schedule)
                made = True
            except InvalidParameter:
                made = False
            assert made == ExtremalFamily.exists(constants, schedule)
