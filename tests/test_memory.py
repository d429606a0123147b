"""Sizes that the memory of the machine does not hold are refused by name, before anything is allocated."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory import _memory
from anil_theory._admissible import InvalidParameter
from anil_theory._memory import NotEnoughMemory, in_units, memory_of_machine, require_memory
from anil_theory.algorithm._outer_loop import check_run_size, outer_loop
from anil_theory.constants import Constants
from anil_theory.estimators import Budget, measure_block_lipschitz
from anil_theory.neural.needs import require_memory_for
from anil_theory.neural.settings import Settings
from anil_theory.schedule import Schedule
from anil_theory.studies.certify.cells import BallCell
from anil_theory.studies.rates.cells import Curve, CurveCell
from anil_theory.studies.verify.cells import Cell, Regime
from anil_theory.tasks import LinearBodyFamily, SeparableFamily, SoftmaxHeadFamily

CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
SCHEDULE = Schedule.paper(CONSTANTS, 2)
SMALL = 2**20
"""Bytes of the memory that most of these tests are told of: what they refuse would be no burden if it were made."""


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_memory, "memory_of_machine", lambda: SMALL)


def family(n_w: int = 1, n_phi: int = 1) -> SeparableFamily:
    return SeparableFamily(CONSTANTS, n_w, n_phi)


def cell(measurement: str = "blocks", **sizes: Any) -> Cell:
    schedule = Schedule(0.3, 2, 1.0, 1.0, batch=sizes.pop("batch", 2), outer_steps=sizes.pop("outer_steps", 3))
    return Cell(measurement, "prop2", CONSTANTS, schedule, Regime.FIXED, max_inner_steps=2, **sizes)


def curves(**sizes: Any) -> CurveCell:
    return CurveCell(Curve.CONVERGENCE, CONSTANTS, (1,), **{"tasks": 2, "seeds": 2, **sizes})


REFUSED: dict[str, tuple[str, Callable[[], Any]]] = {
    "verify, n_w": ("n_w", lambda: cell(n_w=500)),
    "verify, n_phi": ("n_phi", lambda: cell(n_phi=500)),
    "verify, tasks": ("tasks", lambda: cell(tasks=10**5)),
    "verify, seeds": ("seeds", lambda: cell("rate", seeds=10**5)),
    "verify, batch": ("batch", lambda: cell("rate", batch=10**5)),
    "rates, n_w": ("n_w", lambda: curves(n_w=500)),
    "rates, seeds": ("seeds", lambda: curves(seeds=10**4)),
    "rates, batch": ("batch", lambda: curves(batch=(2, 10**4))),
    "certify, n_w": ("n_w", lambda: BallCell(constants=CONSTANTS, schedule=SCHEDULE, n_w=500)),
    "certify, samples": ("samples", lambda: BallCell(constants=CONSTANTS, schedule=SCHEDULE, samples=10**5)),
    "a family's tasks": ("n_w", lambda: family(500).sample(jax.random.key(0), 1)),
    "a softmax head": ("tasks", lambda: SoftmaxHeadFamily(2, 3, 2, 2).sample(jax.random.key(0), 10**5)),
    "a linear body": ("inputs", lambda: LinearBodyFamily(10**5, 1, 1).sample(jax.random.key(0), 1)),
    "points": ("points", lambda: family().points(np.random.default_rng(0), (2, 10**5))),
    "bench, width": ("width", lambda: require_memory_for(Settings(width=1000), (4, 4, 1))),
    "bench, hidden": (
        "hidden",
        lambda: require_memory_for(Settings(geometry="nonconvex", width=4, hidden=10**5), (16, 16, 1)),
    ),
    "bench, tasks": ("tasks", lambda: require_memory_for(Settings(width=1, tasks=10**5, chunk=1), (4, 4, 1))),
    "bench, chunk": ("chunk", lambda: require_memory_for(Settings(width=8, tasks=200, chunk=200), (4, 4, 1))),
    "bench, dispatch": ("dispatch", lambda: require_memory_for(Settings(width=1, dispatch=10**6), (4, 4, 1))),
}


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("case", REFUSED)
def test_the_size_that_does_not_fit_is_named_with_what_there_is_and_what_it_takes(case: str) -> None:
    name, make = REFUSED[case]
    with pytest.raises(NotEnoughMemory) as caught:
        make()
    text = str(caught.value)
    assert caught.value.name == name and "\n" not in text
    assert "fit into the 1.0 MiB of this machine" in text and f"got {caught.value.given}" in text


@pytest.mark.usefixtures("little_memory")
def test_a_search_and_a_run_are_refused_before_they_are_compiled() -> None:
    tasks = family().sample(jax.random.key(0), 2)
    with pytest.raises(NotEnoughMemory) as caught:
        measure_block_lipschitz(family(), tasks, Schedule(0.3, 10**5), budget=Budget(2, 2, 1, 1, 1))
    assert caught.value.name == "inner_steps"
    run = Schedule(0.3, 1, 1.0, 1.0, batch=2, outer_steps=10**6)
    with pytest.raises(NotEnoughMemory) as caught:
        outer_loop(tasks, run, *family().split(jnp.zeros(2)), seeds=2, records=10**6)
    assert caught.value.name == "records"


def test_what_the_commands_do_by_default_fits() -> None:
    cell("rate", n_w=50, n_phi=50, seeds=32)
    curves(n_w=50, n_phi=50, seeds=32, batch=(2, 32))
    BallCell(constants=CONSTANTS, schedule=SCHEDULE, samples=10_000)
    require_memory_for(Settings(), (84, 84, 3))


def test_more_outer_steps_than_float64_numbers_are_refused() -> None:
    for make in (lambda: cell("rate", outer_steps=2**53 + 1), lambda: curves(outer_steps=10**20)):
        with pytest.raises(InvalidParameter, match=r"outer_steps must be at most 2\^53"):
            make()
    check_run_size(Schedule(0.3, 1, outer_steps=2**53), inner_steps=1, seeds=2, tasks=1, n_w=1)


@given(needed=st.integers(0, 10**400), there=st.integers(1, 2**62))
def test_refused_is_exactly_what_exceeds_the_memory(needed: int, there: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_memory, "memory_of_machine", lambda: there)
        try:
            require_memory("the tasks", needed, {"n_w": needed, "tasks": 4})
        except NotEnoughMemory as error:
            assert needed > there and len(str(error)) < 500
        else:
            assert needed <= there


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20 - 1, "1023.9 KiB"),
        (24 * 2**30, "24.0 GiB"),
        (2**70 - 1, "1023.9 EiB"),
        (2**70, "over 1024 EiB"),
        (10**400, "over 1024 EiB"),
    ],
)
def test_bytes_are_written_in_their_unit(number: int, text: str) -> None:
    assert in_units(number) == text


def test_a_container_has_less_than_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(_memory, "CGROUP_LIMIT", limit)
    whole = memory_of_machine()
    assert 2**27 < whole < 2**62
    limit.write_text("max\n")
    assert memory_of_machine() == whole
    limit.write_text("1000000\n")
    assert memory_of_machine() == 1_000_000
