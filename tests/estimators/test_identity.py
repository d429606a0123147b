"""Proposition 1 at points: three evaluations within rounding of each other, and a dropped factor refuted."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import METHODS, MetaGradient
from anil_theory.algorithm._meta_gradient import by_recursion
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import Constants
from anil_theory.estimators import Estimate, identity, measure_identity
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.tasks.base import Losses, TaskSet
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.verdict import Outcome, judge

CONSTANTS = {"strongly convex": Constants(0.3, 2.0, 0.7, 0.5, 1.5), "nonconvex": Constants(None, 2.0, 0.7, 0.5, 1.5)}
SCHEDULE = Schedule(0.15, 4)


def measure(constants: Constants, n_phi: int = 2, **options: Any) -> dict[str, Estimate]:
    family = SeparableFamily(constants, 3, n_phi)
    return measure_identity(family, family.sample(jax.random.key(0), 2), SCHEDULE, **options)


def outcomes(constants: Constants, found: dict[str, Estimate]) -> dict[str, Outcome]:
    claims = {claim.block: claim for claim in STATEMENTS["prop1"].claims}
    return {name: judge(claims[name], constants, SCHEDULE, e).outcome for name, e in found.items()}


@pytest.mark.parametrize("geometry", CONSTANTS)
def test_the_evaluations_differ_by_rounding(geometry: str) -> None:
    found = measure(CONSTANTS[geometry])
    for estimate in found.values():
        assert estimate.value <= estimate.rounding < 1e-9
        assert estimate.method == "recursion+autodiff+product" and estimate.samples == 16
    assert outcomes(CONSTANTS[geometry], found) == {"w": Outcome.CONSISTENT, "phi": Outcome.CONSISTENT}


def without_the_first_factor(losses: Losses, w: Any, phi: Any, data: Any, loop: UnrolledLoop) -> MetaGradient:
    """The recursion with (I - alpha H_0) left out of g_w."""
    g = by_recursion(losses, w, phi, data, loop)
    shorter = replace(loop, inner_steps=loop.inner_steps - 1)
    w_1 = w - loop.alpha * jax.grad(losses.support)(w, phi, data)
    return MetaGradient(by_recursion(losses, w_1, phi, data, shorter).w, g.phi)


def without_the_mixed_block(losses: Losses, w: Any, phi: Any, data: Any, loop: UnrolledLoop) -> MetaGradient:
    """The recursion with the sum over C_m left out of g_phi."""
    g = by_recursion(losses, w, phi, data, loop)
    return MetaGradient(g.w, by_recursion(losses, w, phi, data, replace(loop, first_order=True)).phi)


@pytest.fixture
def fresh_compilation() -> Iterator[None]:
    """The wrong methods below must neither meet a cached right one nor leave themselves in the cache."""
    compiled: Any = identity._compare
    compiled.clear_cache()
    yield
    compiled.clear_cache()


@pytest.mark.parametrize(("wrong", "block"), [(without_the_first_factor, "w"), (without_the_mixed_block, "phi")])
def test_a_dropped_factor_is_refuted(
    wrong: Any, block: str, monkeypatch: pytest.MonkeyPatch, fresh_compilation: None
) -> None:
    monkeypatch.setitem(METHODS, "recursion", wrong)
    judged = outcomes(CONSTANTS["nonconvex"], measure(CONSTANTS["nonconvex"]))
    assert judged == {"w": Outcome.CONSISTENT, "phi": Outcome.CONSISTENT} | {block: Outcome.REFUTED}


def test_options() -> None:
    constants = Constants(0.3, 2.0, 0.7, 0.0, 1.5)
    found = measure(constants, n_phi=0, points=3, seed=5)
    assert list(found) == ["w"] and found["w"].samples == 6 and found["w"].seed == 5
    assert found == measure(constants, n_phi=0, points=3, seed=5)
    assert found["w"].value <= found["w"].rounding
    padded = measure(constants, n_phi=0, points=3, seed=5, max_inner_steps=6)
    assert padded["w"].value <= padded["w"].rounding == pytest.approx(found["w"].rounding)


@pytest.mark.parametrize("longest", [None, 1, 3000])
def test_as_many_inner_steps_are_taken_as_the_schedule_says(longest: int | None) -> None:
    """At this step size every iterate beyond a few hundred overflows, so steps that are not asked for would be seen."""
    family = SeparableFamily(CONSTANTS["strongly convex"], 3, 2)
    found = measure_identity(
        family, family.sample(jax.random.key(0), 1), Schedule(50.0, 2), points=2, max_inner_steps=longest
    )
    assert all(e.dropped == 0 and e.value <= e.rounding for e in found.values())


def test_large_tasks_leave_the_dense_formula_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "DENSE_LIMIT", 2)
    found = measure(Constants(0.3, 2.0, 0.7, 0.0, 1.5), n_phi=0, points=1)
    assert found["w"].method == "recursion+autodiff" and found["w"].value <= found["w"].rounding


def test_a_loop_whose_rounding_exceeds_the_gradient_is_inconclusive() -> None:
    """(1 + 1e4)^20 times a rounding is more than any gradient of the loop: wrong ones would pass as well."""
    constants = Constants(0.2, 1.0, 1.0, 0.5, 1.0)
    family = SeparableFamily(constants, 2, 2)
    tasks = family.sample(jax.random.key(0), 2)
    for alpha, N, outcome in ((1e4, 10, Outcome.INCONCLUSIVE), (0.2, 10, Outcome.CONSISTENT)):
        schedule = Schedule(alpha, N)
        found = measure_identity(family, tasks, schedule)
        for claim in STATEMENTS["prop1"].claims:
            assert judge(claim, constants, schedule, found[claim.block]).outcome is outcome


def test_what_cannot_be_measured_is_rejected() -> None:
    family = SeparableFamily(CONSTANTS["nonconvex"], 3, 2)
    tasks = family.sample(jax.random.key(0), 2)
    single = TaskSet(tasks.support, tasks.query, jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tasks.data))
    with pytest.raises(InvalidParameter) as error:
        measure_identity(family, single, SCHEDULE)
    assert error.value.name == "tasks"
    with pytest.raises(InvalidParameter) as error:
        measure_identity(family, tasks, SCHEDULE, points=0)
    assert error.value.name == "points"
