"""Statement A: no task drops more than the bound, two tasks drop as much, and half of it is refuted."""

import dataclasses
import math

import jax
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.checks import Row, check
from anil_theory.constants import Constants, Geometry
from anil_theory.estimators import Effort
from anil_theory.estimators.first_order_bias import MEASUREMENT
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.first_order_bias import SEARCH_ERROR, largest_displacement
from anil_theory.statements.forms.names import FIRST_ORDER
from anil_theory.tasks import FirstOrderWitness, SeparableFamily

LONGEST = 13
CONVEX = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
OTHER = Constants(0.13, 1.7, 0.6, 2.3, 0.9)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)
EFFORT = Effort(max_inner_steps=LONGEST)


def schedule(constants: Constants, N: int) -> Schedule:
    return Schedule((0.7 if constants.mu else 0.3) / constants.L, N)


def rows(problem: Problem, at: Schedule, broken: str | None = None) -> dict[str, Row]:
    found = check(FIRST_ORDER[problem.constants.geometry], problem, at, effort=EFFORT, broken=broken)
    return {row.block: row for row in found}


@pytest.mark.parametrize("N", [1, 4, LONGEST])
@pytest.mark.parametrize("constants", [CONVEX, OTHER, dataclasses.replace(CONVEX, rho=0.0, tau=0.0)])
def test_two_tasks_attain_both_rows_and_refute_half_of_either(constants: Constants, N: int) -> None:
    at = schedule(constants, N)
    problem = FirstOrderWitness(constants, at, LONGEST).problem(tasks=2)
    for block, row in rows(problem, at).items():
        assert row.outcome == "CONSISTENT" and 0.9997 < row.power <= 1, (block, row.reason)
        assert rows(problem, at, broken=block)[block].outcome == "REFUTED"


@pytest.mark.parametrize("N", [1, 4, LONGEST])
def test_the_nonconvex_w_row_is_attained_and_the_phi_row_at_one_step(N: int) -> None:
    at = schedule(NONCONVEX, N)
    found = rows(FirstOrderWitness(NONCONVEX, at, LONGEST).problem(tasks=2), at)
    assert found["w"].power > 0.9999 and found["phi"].power > (0.9999 if N == 1 else 0.65)
    assert all(row.outcome == "CONSISTENT" for row in found.values())


def instances(constants: Constants, shapes: tuple[tuple[int, int], ...], tasks: int) -> None:
    """The bounds hold at every point of so many random tasks."""
    for n_w, n_phi in shapes:
        problem = SeparableFamily(constants, n_w, n_phi).problem(tasks=tasks, seed=n_w)
        for N in (1, 4, LONGEST):
            for block, row in rows(problem, schedule(constants, N)).items():
                assert row.outcome == "CONSISTENT", (block, N, row.reason)


@pytest.mark.parametrize("constants", [CONVEX, OTHER, NONCONVEX])
def test_no_random_task_exceeds_the_bounds(constants: Constants) -> None:
    instances(constants, ((2, 2),), tasks=100)


@pytest.mark.slow
@pytest.mark.parametrize("constants", [CONVEX, OTHER, NONCONVEX])
def test_no_random_task_of_many_exceeds_the_bounds(constants: Constants) -> None:
    instances(constants, ((1, 1), (2, 3), (6, 4)), tasks=1500)


def test_the_bound_of_commuting_hessians_is_exceeded_by_tasks_that_turn() -> None:
    """1 - (1 - alpha L)^N holds in one dimension of w, and not in two: 0.9919 against 1.0255."""
    at = schedule(CONVEX, 4)
    problem = FirstOrderWitness(CONVEX, at).problem(tasks=1)
    (found,) = MEASUREMENT.run(problem, at, Effort())["first_order_bias/w"].estimates
    commuting = (1 - (1 - 0.7) ** 4) * CONVEX.M
    assert found.value - found.rounding > 1.03 * commuting
    flat = dataclasses.replace(CONVEX, rho=0.0)
    sharp = STATEMENTS[FIRST_ORDER[Geometry.STRONGLY_CONVEX]].select(Kind.SHARP, "w")[0]
    assert sharp.evaluate(flat, at).value == pytest.approx(commuting, rel=1e-14)


@settings(max_examples=40)
@given(
    ends=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    N=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_products_of_matrices_stay_within_the_disk(ends: tuple[float, float], N: int, seed: int) -> None:
    """Random symmetric matrices of three dimensions, half of them with their spectrum at the ends of the interval."""
    low, high = sorted(ends)
    bound = largest_displacement(low, high, N)
    assert bound >= max(1 - low**N, 1 - high**N) - 1e-12
    generator = np.random.default_rng(seed)
    for extreme in (False, True):
        product = np.eye(3)
        for _ in range(N):
            rotation = np.linalg.qr(generator.standard_normal((3, 3)))[0]
            spectrum = generator.choice([low, high], 3) if extreme else generator.uniform(low, high, 3)
            product = product @ (rotation * spectrum) @ rotation.T
        assert np.linalg.norm(np.eye(3) - product, 2) <= bound + 1e-12


def test_the_explicit_row_is_the_triangle_inequality_and_never_below_the_sharp_one() -> None:
    statement = STATEMENTS[FIRST_ORDER[Geometry.STRONGLY_CONVEX]]
    for N in (1, 4, 50):
        explicit, sharp = (statement.select(kind, "w")[0] for kind in (Kind.EXPLICIT, Kind.SHARP))
        at = schedule(CONVEX, N)
        r = 1 - at.one_alpha * 0.3
        assert explicit.evaluate(CONVEX, at).value == pytest.approx(0.7 * (1 - r**N) / (1 - r), rel=1e-13)
        assert sharp.evaluate(CONVEX, at).value <= explicit.evaluate(CONVEX, at).value * (1 + 1e-9)


def test_nonconvex_bounds_stay_finite_in_their_logarithm() -> None:
    for claim in STATEMENTS[FIRST_ORDER[Geometry.NONCONVEX]].claims:
        bound = claim.evaluate(NONCONVEX, Schedule(1.0, 5000))
        assert math.isinf(bound.value) and 1000 < bound.log10 < 2000


def test_a_clock_that_float64_cannot_tell_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="inner_steps must be such that its clock runs"):
        FirstOrderWitness(dataclasses.replace(CONVEX, mu=0.9), Schedule(1.0, 40))
    with pytest.raises(InvalidParameter, match="mu must be below L"):
        FirstOrderWitness(dataclasses.replace(CONVEX, mu=1.0), Schedule(0.5, 1))


def test_the_witness_keeps_to_its_constants_where_the_clock_changes() -> None:
    at = schedule(CONVEX, 4)
    family = FirstOrderWitness(CONVEX, at)
    tasks = family.sample(jax.random.key(0), 1)
    task = tasks.task(0)
    generator = np.random.default_rng(0)
    hessian = jax.jit(jax.hessian(lambda z: tasks.support(z[:4], z[4:], task)))
    jerk = jax.jit(lambda z, d: jax.jvp(lambda z: hessian(z)[:4, :4], (z,), (d,))[1])
    for change in np.asarray(task.changes)[:3]:
        for _ in range(40):
            z = generator.standard_normal(5) * family.delta * 3
            z[2] = change + generator.standard_normal() * float(task.width)
            spectrum = np.linalg.eigvalsh(np.asarray(hessian(z)))
            assert np.abs(spectrum).max() <= 1 + 1e-12
            assert np.linalg.eigvalsh(np.asarray(hessian(z))[:4, :4]).min() >= 0.3 - 1e-12
            d = generator.standard_normal(5)
            assert np.linalg.norm(np.asarray(jerk(z, d / np.linalg.norm(d))), 2) <= 1.0


def zoomed(low: float, high: float, N: int) -> float:
    """The largest |1 - zeta^N| on the half circle, by scans that each look closer at the best place of the last."""
    centre, radius = (low + high) / 2, (high - low) / 2
    first, last, largest = 0.0, math.pi, 0.0
    for _ in range(7):
        psi = np.linspace(first, last, 40_001)
        values = np.abs(1 - (centre + radius * np.exp(1j * psi)) ** N)
        best = int(values.argmax())
        first, last = psi[max(best - 1, 0)], psi[min(best + 1, len(psi) - 1)]
        largest = max(largest, float(values[best]))
    return largest


@settings(max_examples=60)
@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from([1, 2, 4, 13, 100, 1000]))
@example(0.470607, 0.999968, 1000)
@example(0.029719, 0.999801, 100)
def test_no_number_of_the_disk_goes_further_than_the_bound_says(one_end: float, other_end: float, N: int) -> None:
    """Within SEARCH_ERROR, which the rounding of the bound holds; also where the arc of the search is short."""
    low, high = sorted((one_end, other_end))
    assert zoomed(low, high, N) <= largest_displacement(low, high, N) * (1 + SEARCH_ERROR) + 1e-300
