"""The search of all blocks is one small program: it traces each loss once for every derivative of it that it takes."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from anil_theory.constants import Constants
from anil_theory.estimators import block_lipschitz, block_search, measure_block_lipschitz
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import SeparableFamily


class Traced(Exception):
    """Ends a measurement once its program is traced: nothing is compiled."""


def test_every_search_of_a_program_shares_one_trace_of_the_meta_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """L_S: admission, the step forwards, the step back; L_D: admission, its gradient.

    Pairs of points, norms at two numbers of points and the ascent are four derivatives of one field.
    """
    family = SeparableFamily(Constants(0.3, 1.0, 0.5, 0.5, 1.0), 3, 2)
    tasks = family.sample(jax.random.key(0), 2)
    calls = {"support": 0, "query": 0}
    programs = []

    def support(w: Any, phi: Any, data: Any) -> Any:
        calls["support"] += 1
        return tasks.support(w, phi, data)

    def query(w: Any, phi: Any, data: Any) -> Any:
        calls["query"] += 1
        return tasks.query(w, phi, data)

    def trace_alone(searched: Any, loop: Any, n_w: int, budget: Any) -> None:
        calls.update(support=0, query=0)
        program: Any = block_search._search
        traced = program.trace(searched, loop, jnp.asarray(budget.iterations), n_w, budget.shapes)
        programs.append(str(traced.jaxpr))
        raise Traced

    monkeypatch.setattr(block_lipschitz, "search_blocks", trace_alone)
    with pytest.raises(Traced):
        measure_block_lipschitz(family, TaskSet(support, query, tasks.data), Schedule(0.1, 3), max_inner_steps=5)
    assert calls == {"support": 3, "query": 2}
    (program,) = programs
    assert program.count("name=norms") == 2, "the norms at both numbers of points are one jitted function"
    assert program.count("while[") == 1, "one ascent for all blocks"
