"""Cases measured in one call: what is found equals what each gives alone, and what fails is measured alone."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import jax
import pytest

from anil_theory import Constants, Schedule, SeparableFamily
from anil_theory.estimators import Budget, Direction, Effort, Estimate, Finding, Measurement, NotFinite
from anil_theory.estimators.block_lipschitz import MEASUREMENT
from anil_theory.estimators.measurement import MOST_TOGETHER, Case, Found
from anil_theory.problem import Problem

EFFORT = Effort(budget=Budget(pairs=8, points=3, lanczos_steps=3, starts=2, iterations=6), max_inner_steps=4)


def case(rho: float, mu: float | None = 0.3, N: int = 3, tasks: int = 2) -> Case:
    constants = Constants(mu, 1.0, rho, 0.5, 1.0)
    return Case(SeparableFamily(constants, 2, 1).problem(tasks=tasks), Schedule.paper(constants, N))


def in_order(found: dict[str, Finding]) -> list[Estimate]:
    return [estimate for quantity in sorted(found) for estimate in found[quantity].estimates]


@pytest.fixture(autouse=True)
def cheap_machine_code() -> object:
    """Compiled programs run a few times here."""
    switch = "jax_disable_most_optimizations"
    before = jax.config.read(switch)
    jax.config.update(switch, True)
    yield None
    jax.config.update(switch, before)


@pytest.mark.slow
def test_blocks_of_several_cases_are_those_of_each_alone() -> None:
    """More cases than go into one call, and none is mistaken for another."""
    cases = [case(0.5), case(1.0), case(1.0, None), case(0.5, None), case(0.7)]
    assert len(cases) > MOST_TOGETHER
    together = [found() for found in MEASUREMENT.run_together(cases, EFFORT)]
    for each, found in zip(cases, together, strict=True):
        alone = MEASUREMENT.run(each.problem, each.schedule, EFFORT)
        assert list(found) == list(alone)
        for one, other in zip(in_order(found), in_order(alone), strict=True):
            assert (one.quantity, one.method, one.samples, one.seed) == (
                other.quantity,
                other.method,
                other.samples,
                other.seed,
            )
            assert one.value == pytest.approx(other.value, rel=1e-9)
            assert one.rounding_kind == other.rounding_kind
            assert one.witness is not None and other.witness is not None and one.witness.task == other.witness.task
    values = {in_order(found)[0].value for found in together}
    assert len(values) == len(cases), "every case has a value of its own"


def test_a_case_that_is_finite_nowhere_says_so_and_the_others_are_measured() -> None:
    steep = case(0.5)
    steep = steep._replace(schedule=dataclasses.replace(steep.schedule, alpha=1e300))
    first, second = MEASUREMENT.run_together([steep, case(0.5)], EFFORT)
    with pytest.raises(NotFinite, match="finite at no point"):
        first()
    assert all(math.isfinite(estimate.value) for estimate in in_order(second()))


class Asked:
    """A measurement that notes how it was asked; `together` fails where the problem of a case is named so."""

    def __init__(self) -> None:
        self.alone: list[str] = []
        self.grouped: list[int] = []

    def measure(self, problem: Problem, schedule: Schedule, effort: Effort) -> Found:
        self.alone.append(problem.name)
        if problem.name == "faulty":
            raise ArithmeticError("at fault")
        return {"size": Estimate("size", 1.0, Direction.LOWER, "alone")}

    def together(self, cases: Sequence[Case], effort: Effort) -> list[Callable[[], Found]]:
        self.grouped.append(len(cases))
        if any(each.problem.name == "faulty" for each in cases):
            raise ArithmeticError("one of them")
        found: Found = {"size": Estimate("size", 2.0, Direction.LOWER, "together")}
        return [lambda: found for _ in cases]

    @property
    def measurement(self) -> Measurement:
        return Measurement("sizes", ("size",), Direction.LOWER, self.measure, together=self.together)


def named(*names: str) -> list[Case]:
    return [Case(dataclasses.replace(case(0.5).problem, name=name), Schedule(0.1, 1)) for name in names]


def test_one_call_serves_all_and_is_made_when_the_first_result_is_asked_for() -> None:
    asked = Asked()
    results = asked.measurement.run_together(named("a", "b", "c"), EFFORT)
    assert asked.grouped == []
    assert [found()["size"].estimates[0].value for found in results] == [2.0] * 3
    assert asked.grouped == [3] and asked.alone == []


def test_where_the_call_fails_each_case_is_measured_alone_and_only_the_faulty_one_fails() -> None:
    asked = Asked()
    first, faulty, last = asked.measurement.run_together(named("a", "faulty", "b"), EFFORT)
    assert first()["size"].estimates[0].value == last()["size"].estimates[0].value == 1.0
    with pytest.raises(ArithmeticError, match="at fault"):
        faulty()
    assert asked.grouped == [3], "the call is not tried again"


def test_what_cannot_be_measured_together_is_measured_alone() -> None:
    asked = Asked()
    measurement = dataclasses.replace(asked.measurement, together=None)
    for found in measurement.run_together(named("a", "b"), EFFORT):
        assert found()["size"].estimates[0].value == 1.0
    assert asked.grouped == [] and asked.alone == ["a", "b"]
