"""The worst task of a family: inside the family, below the bounds, above what sampling finds, replayed in balls."""

from functools import cache

import jax
import numpy as np
import pytest

from anil_theory import Constants, InvalidParameter, Schedule, SeparableFamily
from anil_theory.certify import replay_witness
from anil_theory.estimators import WorstTask, audit_constants, sample_block_norms, worst_task
from anil_theory.estimators._worst_task import worst_tasks
from anil_theory.estimators.rounding import FIRST_ORDER, PLACES_OF_SEARCHES
from anil_theory.statements import Kind, blocks
from anil_theory.tasks.base import TaskSet

LONGEST = 3
"""Every search is compiled for this many steps: one compilation for all of them."""
BLOCKS = ("ww", "wphi", "phiw", "phiphi")


def setting(mu: float | None, N: int) -> tuple[SeparableFamily, Schedule]:
    family = SeparableFamily(Constants(mu, 1.0, 1.0, 0.5, 1.0), 2, 2)
    return family, Schedule.paper(family.constants, N)


@cache
def found(mu: float | None, N: int, block: str) -> WorstTask:
    return worst_task(*setting(mu, N), block, starts=8, iterations=200, max_inner_steps=LONGEST)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("mu", "N"), [(0.3, 1), (0.3, 3), (None, 2)])
def test_it_beats_sampling_and_never_the_sharp_bound(mu: float | None, N: int, block: str) -> None:
    family, schedule = setting(mu, N)
    sharp = float(getattr(blocks(family.constants, schedule, family.constants.geometry, Kind.SHARP), block))
    value = found(mu, N, block).estimate.value
    tasks = family.sample(jax.random.key(0), 50)
    sampled = sample_block_norms(family, tasks, schedule, block=block, samples=500).max()
    assert sampled < value <= sharp * (1 + 1e-12)
    values = found(mu, N, block).values
    assert values.shape == (8,) and values[-1] == pytest.approx(value, rel=1e-12) and (np.diff(values) >= 0).all()


@pytest.mark.parametrize("block", ["ww", "phiphi"])
def test_a_halved_bound_is_refuted_by_it(block: str) -> None:
    """At N = 1 the family comes near the sharp constant of its own blocks."""
    family, schedule = setting(0.3, 1)
    sharp = float(getattr(blocks(family.constants, schedule, family.constants.geometry, Kind.SHARP), block))
    assert found(0.3, 1, block).estimate.value > sharp / 2


@pytest.mark.parametrize(("mu", "N", "block"), [(0.3, 3, "wphi"), (0.3, 3, "phiw"), (None, 2, "phiphi")])
def test_its_witness_replays_in_ball_arithmetic(mu: float | None, N: int, block: str) -> None:
    worst = found(mu, N, block)
    family, schedule = setting(mu, N)
    enclosure = replay_witness(worst.tasks, schedule, worst.estimate, family.n_w)
    assert enclosure.low - worst.estimate.rounding <= worst.estimate.value <= enclosure.high + worst.estimate.rounding
    # A value that the witness does not show is not enclosed.
    assert worst.estimate.value * 1.001 > enclosure.high + worst.estimate.rounding


def test_the_worst_task_keeps_the_assumptions() -> None:
    family, _ = setting(0.3, 3)
    constants = family.constants
    audited = audit_constants(family, found(0.3, 3, "phiphi").tasks, starts=4, iterations=100)
    for name, estimate in audited.items():
        if name == "L - mu":
            assert estimate.value <= (constants.L - constants.lowest_curvature) * (1 + 1e-9)
        else:
            assert estimate.value <= getattr(constants, name) * (1 + 1e-9), name


@pytest.mark.slow
def test_blocks_and_seeds_in_one_call_are_those_of_calls_of_their_own() -> None:
    """More searches than one call rounds at a time: none is mistaken for another."""
    family, schedule = setting(0.3, 2)
    options = {"starts": 2, "iterations": 5, "max_inner_steps": LONGEST}
    together = worst_tasks(family, schedule, ("ww", "wphi", "phiphi"), seeds=(0, 1, 2), **options)
    assert len(together) == 9 > PLACES_OF_SEARCHES
    for block, seed in (("ww", 0), ("phiphi", 2)):
        one = together[block, seed]
        alone = worst_task(family, schedule, block, seed=seed, **options)
        assert one.estimate.value == pytest.approx(alone.estimate.value, rel=1e-11)
        assert one.estimate.rounding == pytest.approx(alone.estimate.rounding, rel=1e-2)
        assert one.estimate.rounding_kind == alone.estimate.rounding_kind == FIRST_ORDER
        np.testing.assert_allclose(one.values, alone.values, rtol=1e-11)
        assert one.estimate.seed == seed and one.estimate.witness is not None and one.estimate.witness.task == 0
        assert len(one.tasks) == 1
        np.testing.assert_allclose(one.tasks.data.h, alone.tasks.data.h, rtol=1e-9)
    assert len({one.estimate.value for one in together.values()}) == 9


@pytest.mark.slow
def test_rotations_of_its_own_are_searched_too() -> None:
    """With share_rotation off, the relative rotation of the losses matters and moves; the seed decides the search."""
    family = SeparableFamily(Constants(None, 1.0, 1.0, 0.5, 1.0), 2, 1, share_rotation=False, query="log-cosh")
    schedule = Schedule.paper(family.constants, 1)
    one = worst_task(family, schedule, "ww", starts=2, iterations=30, seed=3)
    again = worst_task(family, schedule, "ww", starts=2, iterations=30, seed=3)
    assert one.estimate.value == again.estimate.value
    assert isinstance(one.tasks, TaskSet) and len(one.tasks) == 1 and one.tasks.data.query_rotation is not None
    start = worst_task(family, schedule, "ww", starts=2, iterations=1, seed=3)
    assert not np.allclose(start.tasks.data.query_rotation[0], one.tasks.data.query_rotation[0], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "block", "options"),
    [("block", "xy", {}), ("starts", "ww", {"starts": 0}), ("iterations", "ww", {"iterations": 0})],
)
def test_bad_input_is_named(name: str, block: str, options: dict) -> None:
    with pytest.raises(InvalidParameter) as error:
        worst_task(*setting(0.3, 1), block, **options)
    assert error.value.name == name


def test_a_block_of_an_empty_phi_is_refused() -> None:
    family = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.0, 1.0), 2, 0)
    with pytest.raises(InvalidParameter, match="block must be one of 'ww'"):
        worst_task(family, Schedule(0.3, 1), "phiphi")
