"""Inner iterates that leave the region: the amount is measured, and the verdict says NOT_APPLICABLE with it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.constants import WHOLE_SPACE, Region
from anil_theory.estimators import Budget, largest, measure_block_lipschitz
from anil_theory.estimators.base import Direction, Estimate, Witness
from anil_theory.estimators.region_exit import mark_exits
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.tasks import LinearBodyFamily
from anil_theory.tasks.base import TaskSet
from anil_theory.verdict import Outcome, judge

BUDGET = Budget(pairs=8, points=4, lanczos_steps=18, starts=2, iterations=10)


def pushed(w, phi, data):
    """L_S = -data . w: the inner loop walks alpha data per step, whatever phi."""
    return -jnp.sum(data * w)


def estimate(points: dict, task: int = 0) -> Estimate:
    return Estimate("meta_gradient_lipschitz/ww", 1.0, Direction.LOWER, "points", witness=Witness(points, task))


def test_the_amount_is_that_of_the_farthest_iterate() -> None:
    """w_m = w_0 + m alpha d: after N = 3 steps of 0.5 along the first axis, from (1, 0) with phi = 0: 2.5."""
    tasks = TaskSet(pushed, pushed, jnp.array([[1.0, 0.0], [-1.0, 0.0]]))
    away, back = (estimate({"z": [1.0, 0.0, 0.0]}, task) for task in (0, 1))
    pair = estimate({"z1": [0.0, 0.0, 0.0], "z2": [0.0, 0.0, 2.0]})
    found = {"ww": {"away": away, "back": back, "pairs": pair}}
    schedule = Schedule(0.5, 3)
    marked = mark_exits(found, tasks, schedule, 2, Region(2.25))["ww"]
    assert marked["away"].outside == pytest.approx(0.25) and marked["back"].outside == 0
    assert marked["pairs"].outside == pytest.approx(2.5 - 2.25), "1.5 along w and 2 along phi"
    assert mark_exits(found, tasks, schedule, 2, Region(2.25), max_inner_steps=7)["ww"] == marked
    assert mark_exits(found, tasks, schedule, 2, Region(2.5))["ww"]["away"].outside == 0, "on the boundary"
    assert mark_exits(found, tasks, schedule, 2, WHOLE_SPACE) is found
    assert largest(marked) is marked["back"] and largest({"a": marked["away"]}) is marked["away"]


def test_a_diverging_run_is_outside() -> None:
    tasks = TaskSet(lambda w, phi, d: -d * jnp.sum(w**4), pushed, jnp.array([1e6]))
    marked = mark_exits({"ww": {"points": estimate({"z": [1.0, 0.0]})}}, tasks, Schedule(1.0, 9), 1, Region(2.0))
    assert marked["ww"]["points"].outside > 1e300


@pytest.mark.slow
def test_a_verdict_on_a_ball_is_given_inside_and_withheld_outside() -> None:
    family = LinearBodyFamily(radius=1.0, regularisation=0.1)
    tasks, constants = family.sample(jax.random.key(0), 2), family.constants
    claim = next(iter(STATEMENTS["prop2"].select(Kind.REFINED, "ww")))
    small = Schedule(0.1 / constants.L, 2)
    found = measure_block_lipschitz(family, tasks, small, budget=BUDGET)
    for by_method in found.values():
        for e in by_method.values():
            assert e.witness is not None
            points = [np.linalg.norm(p) for name, p in e.witness.points.items() if name.startswith("z")]
            assert max(points) <= constants.region.radius * (1 + 1e-12), "the family's region is the default"
    best = largest(found["ww"])
    expected = Outcome.CONSISTENT if best.outside == 0 else Outcome.NOT_APPLICABLE
    assert judge(claim, constants, small, best).outcome is expected
    # From a point on the sphere with a gradient that points inwards in w only, long steps overshoot.
    long = Schedule(1 / constants.L, 2)
    z = jnp.zeros(family.n_w + family.n_phi).at[-1].set(constants.region.radius)
    mine = {"ww": {"points": estimate({"z": z.tolist()})}}
    outside = mark_exits(mine, tasks, long, family.n_w, constants.region)["ww"]["points"]
    assert outside.outside > 0
    verdict = judge(claim, constants, long, outside)
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert "every iterate stays in the ball of radius 1" in verdict.reason
