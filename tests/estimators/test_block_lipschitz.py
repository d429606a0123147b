"""Block Lipschitz constants from below: closed forms on quadratic tasks, dense Hessians, witnesses, options."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Region
from anil_theory.estimators import (
    BLOCKS,
    Budget,
    Direction,
    Estimate,
    block_search,
    largest,
    measure_block_lipschitz,
)
from anil_theory.estimators.fields import block_masks
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.verdict import Outcome, judge
from tests.estimators.dense_blocks import gradient, hessian, rows_and_columns, witness_of

N, LONGEST = 3, 4
BUDGET = Budget(pairs=32, points=6, lanczos_steps=80, starts=4, iterations=120)
QUADRATIC = {"strongly convex": Constants(0.3, 2.0, 0.0, 0.0, 1.5), "nonconvex": Constants(None, 2.0, 0.0, 0.0, 1.5)}
CURVED = {name: dataclasses.replace(c, rho=0.7, tau=0.5) for name, c in QUADRATIC.items()}
AT = rows_and_columns(3, 2)


def family_of(constants: Constants) -> SeparableFamily:
    return SeparableFamily(constants, 3, 2)


def population(family: SeparableFamily) -> TaskSet:
    return family.sample(jax.random.key(0), 2)


def schedule_of(constants: Constants) -> Schedule:
    return Schedule(0.2 if constants.mu else 0.1, N)


def measure(constants: Constants, **options: Any) -> dict[str, dict[str, Estimate]]:
    """One budget, one padding: every call below shares one compilation."""
    family = family_of(constants)
    options = {"budget": BUDGET, "max_inner_steps": LONGEST, **options}
    return measure_block_lipschitz(family, population(family), schedule_of(constants), **options)


def suprema(family: SeparableFamily, tasks: TaskSet, schedule: Schedule) -> dict[str, float]:
    """The closed form without waves: w_N is affine in z, and psi'' sweeps [-1, 1] in every coordinate.

    In its own frame a coordinate has u_N = f^N u - alpha c (sum_m f^m) v + .., so D^2 L_D(w_N) is a sum of rank-one
    terms -+L q q^T with q = (cos(a) f^N, sin(a) - cos(a) alpha c sum_m f^m), and any one of them can be at its largest.
    """
    data, alpha = tasks.data, schedule.alpha
    f = 1 - alpha * np.asarray(data.h)
    geometric = sum(f**m for m in range(schedule.inner_steps))
    has_w, has_phi = np.arange(3) < family.n_w, np.arange(3) < family.n_phi
    q_w = np.cos(data.angle) * f**schedule.inner_steps * has_w
    q_phi = (np.sin(data.angle) - np.cos(data.angle) * alpha * np.asarray(data.c) * geometric) * has_phi
    L = family.constants.L
    cross = L * np.abs(q_w * q_phi).max()
    return {"ww": L * (q_w**2).max(), "wphi": cross, "phiw": cross, "phiphi": L * (q_phi**2).max()}


@pytest.mark.parametrize("geometry", QUADRATIC)
def test_on_quadratic_tasks_the_search_finds_the_closed_form_and_never_more(geometry: str) -> None:
    constants = QUADRATIC[geometry]
    family, schedule = family_of(constants), schedule_of(constants)
    exact = suprema(family, population(family), schedule)
    found = measure(constants)
    for block in BLOCKS:
        for estimate in found[block].values():
            assert estimate.direction is Direction.LOWER
            assert 0 < estimate.value <= exact[block] + estimate.rounding + 1e-13 * exact[block]
        assert largest(found[block]).value == pytest.approx(exact[block], rel=1e-6)
        assert found[block]["ascent"].value >= found[block]["points"].value - found[block]["points"].rounding


@pytest.mark.parametrize("geometry", CURVED)
def test_witnesses_reproduce_the_values(geometry: str) -> None:
    constants = CURVED[geometry]
    family, schedule = family_of(constants), schedule_of(constants)
    tasks, found = population(family), measure(constants)
    name = "prop2" if constants.mu else "prop3"
    for block, estimates in found.items():
        rows, columns = AT[block]
        for method in ("points", "ascent"):
            estimate = estimates[method]
            z, u, v = (np.array(witness_of(estimate).points[key]) for key in ("z", "u", "v"))
            task = witness_of(estimate).task
            H = hessian(family, tasks, task, z, schedule.alpha, N)
            tolerance = estimate.rounding + 1e-11 * float(np.linalg.norm(H))
            assert np.linalg.norm(u) == pytest.approx(1) and np.linalg.norm(v) == pytest.approx(1)
            assert np.linalg.norm(u[rows]) == pytest.approx(1) and np.linalg.norm(v[columns]) == pytest.approx(1)
            assert u @ H @ v == pytest.approx(estimate.value, abs=tolerance)
            norm = np.linalg.norm(H[rows, columns], 2)
            assert estimate.value <= norm + tolerance
            # Five dimensions: Lanczos has the norm at the point, of an ascent too.
            assert estimate.value >= norm * (1 - 1e-10)
            assert estimate.residual is not None and 0 <= estimate.residual <= 1e-9 * norm
        pair = estimates["pairs"]
        z1, z2 = (np.array(witness_of(pair).points[key]) for key in ("z1", "z2"))
        still = np.ones(5, bool)
        still[columns] = False
        assert (z1[still] == z2[still]).all(), "only one block moves"
        g1, g2 = (gradient(family, tasks, witness_of(pair).task, z, schedule.alpha, N) for z in (z1, z2))
        quotient = np.linalg.norm((g1 - g2)[rows]) / np.linalg.norm(z1 - z2)
        assert quotient == pytest.approx(pair.value, abs=2 * pair.rounding)
        for claim in STATEMENTS[name].select(Kind.REFINED, block):
            for estimate in estimates.values():
                assert judge(claim, constants, schedule, estimate).outcome is Outcome.CONSISTENT


def test_the_cross_blocks_are_transposes() -> None:
    family, schedule = family_of(CURVED["nonconvex"]), schedule_of(CURVED["nonconvex"])
    tasks, found = population(family), measure(CURVED["nonconvex"])
    for seed in range(5):
        z = family.points(np.random.default_rng(seed), ())
        H = hessian(family, tasks, 0, z, schedule.alpha, N)
        np.testing.assert_allclose(H[AT["wphi"]], H[AT["phiw"]].T, rtol=0, atol=1e-12 * float(np.linalg.norm(H)))
    for method in ("points", "ascent"):
        one, other = found["wphi"][method], found["phiw"][method]
        assert one.value == other.value
        assert (witness_of(one).points["u"], witness_of(one).points["v"]) == (
            witness_of(other).points["v"],
            witness_of(other).points["u"],
        )
    assert found["wphi"]["pairs"].value != found["phiw"]["pairs"].value, "pairs move one block and look at the other"


def test_the_seed_decides_everything() -> None:
    one, same, other = (measure(CURVED["nonconvex"], seed=seed) for seed in (3, 3, 4))
    for block in BLOCKS:
        for method, estimate in one[block].items():
            again = same[block][method]
            assert estimate == again and estimate.witness == again.witness and estimate.seed == 3
            assert estimate.value != other[block][method].value


@pytest.mark.slow
def test_compiling_for_more_steps_changes_no_result() -> None:
    """Pairs and norms at points agree to rounding; an ascent can take another path once a step is decided by it."""
    padded, plain = (measure(CURVED["nonconvex"], max_inner_steps=n) for n in (LONGEST, None))
    for block in BLOCKS:
        for method, tolerance in (("pairs", 1e-9), ("points", 1e-9), ("ascent", 1e-4)):
            assert plain[block][method].value == pytest.approx(padded[block][method].value, rel=tolerance)


@pytest.mark.slow
def test_budgets_that_differ_in_iterations_share_a_compilation() -> None:
    family = SeparableFamily(Constants(0.2, 1.0, 1.0, 0.5, 1.0), 2, 2)
    tasks = family.sample(jax.random.key(0), 2)
    best = []
    compiled: Any = block_search._search
    programs = compiled._cache_size
    before = programs()
    for iterations in (1, 7, 60):
        budget = Budget(pairs=3, points=3, lanczos_steps=3, starts=2, iterations=iterations)
        measured = measure_block_lipschitz(family, tasks, Schedule(0.3, 2), budget=budget)
        best.append(measured["ww"]["ascent"].value)
    assert programs() == before + 1
    assert best[0] < best[-1]


def test_points_stay_in_the_region() -> None:
    free = measure(CURVED["nonconvex"])
    radius = 0.5 * family_of(CURVED["nonconvex"]).length_scale
    found = measure(CURVED["nonconvex"], region=Region(radius))
    everywhere, inside = [], []
    for seen, estimates in ((everywhere, free), (inside, found)):
        for by_method in estimates.values():
            for estimate in by_method.values():
                points = witness_of(estimate).points
                seen += [np.linalg.norm(points[key]) for key in ("z", "z1", "z2") if key in points]
    assert max(everywhere) > radius, "the region takes something away"
    assert max(inside) <= radius * (1 + 1e-12)
    for block, by_method in found.items():
        pair = by_method["pairs"]
        assert pair.value > 0 and witness_of(pair).points["z1"] != witness_of(pair).points["z2"], block


def test_a_pair_of_equal_points_has_the_quotient_0() -> None:
    """Of an empty block, or of a move that float64 swallows: 0 bounds every constant from below, and NaN none."""
    masks, z = block_masks(2, 0), jnp.array([1.0, 2.0])
    for length, expected in ((0.5, 3.0), (0.0, 0.0)):
        values, _, points = block_search._pair_quotients(
            lambda z, data: 3.0 * z, masks, jnp.asarray(jnp.inf), z, None, jnp.array([0.6, -0.8]), jnp.asarray(length)
        )
        quotients = dict(zip(BLOCKS, np.asarray(values).tolist(), strict=True))
        assert quotients.pop("ww") == pytest.approx(expected, rel=1e-14)
        assert set(quotients.values()) == {0.0}
        np.testing.assert_array_equal(points[BLOCKS.index("phiphi")], [z, z])


@pytest.mark.slow
def test_maml_has_the_ww_block_alone() -> None:
    constants = dataclasses.replace(CURVED["strongly convex"], tau=0.0)
    family, schedule = SeparableFamily(constants, 3, 0), Schedule(0.2, N)
    tasks = population(family)
    found = measure_block_lipschitz(family, tasks, schedule, budget=BUDGET)
    assert list(found) == ["ww"] and list(found["ww"]) == ["pairs", "points", "ascent"]
    for estimate in (found["ww"]["points"], found["ww"]["ascent"]):
        H = hessian(family, tasks, witness_of(estimate).task, witness_of(estimate).points["z"], schedule.alpha, N)
        norm = np.linalg.norm(H, 2)
        assert norm * 0.99 <= estimate.value <= norm + estimate.rounding + 1e-11 * norm
    (claim,) = STATEMENTS["prop2"].select(Kind.REFINED, "ww")
    assert judge(claim, constants, schedule, largest(found["ww"])).outcome is Outcome.CONSISTENT


def test_single_precision_is_refused() -> None:
    family = family_of(CURVED["nonconvex"])
    tasks = population(family)
    single = TaskSet(tasks.support, tasks.query, jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tasks.data))
    with pytest.raises(InvalidParameter) as error:
        measure_block_lipschitz(family, single, Schedule(0.1, N))
    assert error.value.name == "tasks" and error.value.given == "float32"


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Budget)])
@pytest.mark.parametrize("value", [0, -1, True])
def test_an_empty_budget_is_rejected(name: str, value: int) -> None:
    with pytest.raises(InvalidParameter) as error:
        Budget(**{name: value})
    assert error.value.name == name


def test_ascents_start_from_points_that_were_measured() -> None:
    assert Budget(points=2, starts=5).points == 5
    assert Budget(points=7, starts=5).points == 7
