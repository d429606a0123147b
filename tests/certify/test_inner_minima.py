"""Enclosures of w*(phi): Newton's method in 40 digits stays inside, and what is not strongly convex is refused."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory.certify import inner_minima
from anil_theory.certify.inner_minima import Code, InnerMinima, enclose_minima
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.task_programs import TaskPrograms
from anil_theory.tasks.base import Losses
from tests.certify.convex_tasks import LOSSES, holds, minimum, tasks

EDGES = np.linspace(-1.0, 1.0, 9)


def enclosed(task: dict[str, Any], edges: np.ndarray, mu: float | None = None) -> InnerMinima:
    """w* over neighbouring boxes of a phi with one coordinate."""
    n_w = task["b"].shape[1]
    programs = TaskPrograms(LOSSES, {name: jnp.asarray(x) for name, x in task.items()}, n_w, 1)
    return enclose_minima(programs, edges[:-1, None], edges[1:, None], np.zeros(n_w), mu=mu)


def escaped(found: InnerMinima, task: dict[str, Any], edges: np.ndarray, share: float) -> int:
    """How many boxes do not hold w* at a point of theirs; a box that is not enclosed holds everything."""
    points = edges[:-1] + share * np.diff(edges)
    return sum(
        not holds(found.w, i, minimum(task, np.array([phi])))
        for i, phi in enumerate(points)
        if found.code[i] == Code.ENCLOSED
    )


@settings(max_examples=5)
@given(task=tasks(), share=st.floats(0.0, 1.0))
def test_newton_in_high_precision_stays_inside(task: dict[str, Any], share: float) -> None:
    found = enclosed(task, EDGES)
    assert escaped(found, task, EDGES, share) == 0
    # At a quarter of unit length the operator contracts for most tasks; at a hundredth for all.
    fine = np.linspace(-0.05, 0.05, 11)
    close = enclosed(task, fine)
    assert close.enclosed.all() and escaped(close, task, fine, share) == 0


@settings(max_examples=3)
@given(task=tasks(n_w=1), share=st.floats(0.0, 1.0))
def test_a_proved_mu_encloses_where_the_operator_does_not_contract(task: dict[str, Any], share: float) -> None:
    wide = np.array([-20.0, 20.0])
    found = enclosed(task, wide, mu=float(task["mu"]))
    assert found.enclosed.all() and escaped(found, task, wide, share) == 0
    # mu also narrows what the operator encloses, and never loses w*.
    both = enclosed(task, EDGES, mu=float(task["mu"]))
    alone = enclosed(task, EDGES)
    assert both.enclosed.all() and escaped(both, task, EDGES, share) == 0
    narrower = (both.w.hi - both.w.lo)[alone.enclosed] <= (alone.w.hi - alone.w.lo)[alone.enclosed]
    assert narrower.all()


FIXED = {
    "mu": np.array(0.5),
    "a": np.array([0.7, 0.4]),
    "b": np.array([[0.9], [-0.6]]),
    "c": np.array([[0.8], [1.0]]),
    "e": np.array([0.3, -0.2]),
}


def test_an_enclosure_without_its_radius_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same test fails on a planted fault: an operator that forgets how H and C vary over the box."""
    krawczyk = inner_minima._krawczyk

    def of_middles(*arguments: Any) -> Any:
        image, undecided, value = krawczyk(*arguments)
        middle = image.lo / 2 + image.hi / 2
        return Intervals(middle - 1e-13, middle + 1e-13), undecided, value

    def at_the_ends(found: InnerMinima) -> int:
        return escaped(found, FIXED, EDGES, 0.0) + escaped(found, FIXED, EDGES, 1.0)

    assert at_the_ends(enclosed(FIXED, EDGES)) == 0
    monkeypatch.setattr(inner_minima, "_krawczyk", of_middles)
    wrong = enclosed(FIXED, EDGES)
    assert wrong.enclosed.any() and at_the_ends(wrong) > 0


def test_the_width_is_that_of_the_curve_and_of_its_bend() -> None:
    """About the line that w* follows the enclosure narrows with the square of the box."""
    slopes = []
    for half in (1e-2, 1e-3):
        found = enclosed(FIXED, np.array([-half, half]))
        ends = [float(minimum(FIXED, np.array([phi]))[0]) for phi in (-half, half)]
        slopes.append(float((found.w.hi - found.w.lo)[0, 0]) / abs(ends[1] - ends[0]) - 1)
    assert 0 < slopes[0] < 0.1 and slopes[1] < slopes[0] / 5


def code_of(support: Any, half: float = 0.01) -> Code:
    programs = TaskPrograms(Losses(support, support), jnp.zeros(1), 1, 1)
    found = enclose_minima(programs, np.array([[-half]]), np.array([[half]]), np.array([0.0]))
    assert np.isnan(found.w.lo).all() == (found.code[0] != Code.ENCLOSED)
    return Code(found.code[0])


def test_what_is_not_enclosed_says_why() -> None:
    """A maximum, a saddle of no curvature, a kink at the minimum, and a box that is too wide."""
    assert code_of(lambda w, phi, data: -(w[0] ** 2) + w[0] * phi[0]) is Code.NOT_CONVEX
    assert code_of(lambda w, phi, data: w[0] * phi[0]) is Code.NOT_CONVEX
    assert code_of(lambda w, phi, data: jnp.abs(w[0]) + w[0] ** 2 + w[0] * phi[0] / 9) is Code.UNDECIDED
    quartic = lambda w, phi, data: w[0] ** 4 + w[0] ** 2 / 8 - w[0] * phi[0]  # noqa: E731
    assert code_of(quartic, 3.0) is Code.NO_CONTRACTION
    assert code_of(quartic) is Code.ENCLOSED
