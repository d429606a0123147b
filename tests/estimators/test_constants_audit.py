"""The audit finds the constants that a family declares, and refutes a family that declares others."""

import copy
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import WHOLE_SPACE, Constants, Region
from anil_theory.estimators import Estimate, audit_constants
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.tasks.base import Family, TaskSet
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.verdict import Outcome, judge
from tests.estimators.dense_blocks import witness_of

CONVEX, NONCONVEX = Constants(0.3, 2.0, 0.7, 0.5, 1.5), Constants(None, 2.0, 0.7, 0.5, 1.5)
SCHEDULE = Schedule(0.1, 1)


def population(family: Family) -> TaskSet:
    return family.sample(jax.random.key(0), 2)


def outcomes(family: Family, found: dict[str, Estimate]) -> dict[str, Outcome]:
    claims = {claim.block: claim for claim in STATEMENTS["assumptions"].claims}
    return {name: judge(claims[name], family.constants, SCHEDULE, e).outcome for name, e in found.items()}


def audit(family: Family, tasks: TaskSet, region: Region = WHOLE_SPACE) -> dict[str, Estimate]:
    return audit_constants(family, tasks, starts=12, iterations=120, region=region)


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX], ids=lambda c: c.geometry)
def test_the_declared_constants_are_found_and_upheld(constants: Constants) -> None:
    family = SeparableFamily(constants, 2, 2)
    found = audit(family, population(family))
    declared = dataclasses.asdict(constants) | {"L - mu": constants.L - constants.lowest_curvature}
    assert found.keys() == {"L - mu", "L", "rho", "tau", "M"}
    for name, estimate in found.items():
        assert estimate.value == pytest.approx(declared[name], rel=1e-6), name
        assert estimate.value <= declared[name] + estimate.rounding, name
    assert set(outcomes(family, found).values()) == {Outcome.CONSISTENT}


@pytest.mark.parametrize("lie", ["mu", "L", "rho", "tau", "M"])
def test_a_family_that_lies_is_refuted(lie: str) -> None:
    """Honest tasks, one declared constant halved (mu doubled): that one is refuted and no other."""
    honest = SeparableFamily(CONVEX, 2, 2)
    liar = copy.copy(honest)
    told = getattr(CONVEX, lie)
    liar.constants = dataclasses.replace(CONVEX, **{lie: 2 * told if lie == "mu" else told / 2})
    judged = outcomes(liar, audit(liar, population(honest)))
    row = "L - mu" if lie == "mu" else lie
    assert {name for name, outcome in judged.items() if outcome is Outcome.REFUTED} == {row}


def test_witnesses_reproduce_the_values() -> None:
    family = SeparableFamily(NONCONVEX, 2, 2)
    tasks = population(family)
    for name, estimate in audit(family, tasks).items():
        points = witness_of(estimate).points
        loss = getattr(tasks, points["loss"])
        data = tasks.task(witness_of(estimate).task)
        form = lambda z, loss=loss, data=data: loss(z[:2], z[2:], data)  # noqa: E731
        for d in np.array(points["directions"]):
            form = lambda z, f=form, d=d: jax.jvp(f, (z,), (d,))[1]  # noqa: E731
        value = float(jax.jit(form)(jnp.array(points["z"])))
        value = family.constants.L - value if name == "L - mu" else value
        assert value == pytest.approx(estimate.value, rel=1e-12), name


@pytest.mark.slow
def test_points_stay_in_the_region_and_an_empty_phi_has_no_tau() -> None:
    family = SeparableFamily(dataclasses.replace(CONVEX, tau=0.0), 2, 0)
    tasks = population(family)
    radius = 0.3 * family.length_scale
    free, inside = audit(family, tasks), audit(family, tasks, region=Region(radius))
    assert free.keys() == inside.keys() == {"L - mu", "L", "rho", "M"}
    norms = lambda found: [np.linalg.norm(witness_of(e).points["z"]) for e in found.values()]  # noqa: E731
    assert max(norms(free)) > radius and max(norms(inside)) <= radius * (1 + 1e-12)


def test_what_cannot_be_audited_is_rejected() -> None:
    family = SeparableFamily(CONVEX, 2, 2)
    tasks = population(family)
    single = TaskSet(tasks.support, tasks.query, jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tasks.data))
    with pytest.raises(InvalidParameter) as error:
        audit_constants(family, single)
    assert error.value.name == "tasks"
    for name, options in (("starts", {"starts": 0}), ("iterations", {"iterations": 0})):
        with pytest.raises(InvalidParameter) as error:
            audit_constants(family, tasks, region=WHOLE_SPACE, **options)
        assert error.value.name == name
