"""Programs are forgotten where their memory maps are many, and not before."""

import jax
import jax.numpy as jnp
import pytest

from anil_theory.study.job import Hand, Job, Result
from anil_theory.study.memory_maps import MemoryMaps, held
from anil_theory.study.run import run_jobs


def test_a_run_with_too_many_maps_compiles_again_and_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    if not held():
        pytest.skip("this system does not say how many maps a process has")
    traced = []

    def program(x: jax.Array) -> jax.Array:
        traced.append(x)
        return 2 * x

    compiled = jax.jit(program)

    def measure(hand: Hand) -> Result:
        return Result(measurements={"value": float(compiled(jnp.asarray(1.5)))})

    def values() -> list[float]:
        summary = run_jobs([Job({"number": n}, measure) for n in range(3)], None)
        return [record.measurements["value"] for record in summary.records]

    assert values() == [3.0] * 3 and len(traced) == 1
    monkeypatch.setattr("anil_theory.study.run.MemoryMaps", lambda: MemoryMaps(most=0, every=0.0))
    # The look comes after a job, when the others may be done: programs are forgotten for the next run at the latest.
    assert values() == values() == [3.0] * 3 and len(traced) > 1


def test_nothing_is_forgotten_below_the_limit_or_soon_after_a_look() -> None:
    assert not MemoryMaps(most=10**9, every=0.0).check()
    assert not MemoryMaps(most=0, every=1e9).check()
