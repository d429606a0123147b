"""Problems of a family, their populations, their points and pairs of points, and those that must be refused."""

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st
from jaxtyping import Array

from anil_theory._precision import need_float64
from anil_theory.constants import Geometry
from anil_theory.problem import Domain, Problem, TaskSet
from anil_theory.schedule import Schedule
from anil_theory.tasks import Family, SeparableFamily
from anil_theory.testing.inadmissible import Inadmissible
from anil_theory.testing.strategies.numbers import moves, vectors
from anil_theory.testing.strategies.theory import LONGEST_LOOP, constants, schedules_for, settings


@dataclass(frozen=True)
class Posed:
    """A problem of a family with the schedule that it was made for; `tasks` of its population, drawn from `seed`."""

    family: Family
    problem: Problem
    schedule: Schedule
    tasks: int
    seed: int

    def __repr__(self) -> str:
        family = self.family
        size = f"n_w={family.n_w}, n_phi={family.n_phi}, tasks={self.tasks}, seed={self.seed}"
        return f"Posed({family.name}, {family.constants}, {self.schedule}, {size})"


@st.composite
def posed(
    draw: st.DrawFn,
    family: type[Family] = SeparableFamily,
    geometry: Geometry | str | None = None,
    *,
    most_tasks: int = 3,
    largest: int = 2,
    longest: int = LONGEST_LOOP,
) -> Posed:
    """A problem of a family, at constants and a schedule that suit it.

    most_tasks   of the population;   largest   dimension of w and of phi;   longest   the most inner steps.

    A family with constants of its own is made as it is. Every number of tasks and every dimension is a shape of its
    own, which JAX compiles for.
    """
    setting, schedule = draw(settings(geometry, corners=False, longest=longest))
    n_w = draw(st.integers(1, largest))
    n_phi = draw(st.integers(1, largest))
    with same_random_state():
        made = family.at(setting, schedule, n_w=n_w, n_phi=n_phi, max_inner_steps=longest)
    if not family.takes_constants:
        schedule = draw(schedules_for(made.constants, longest=longest))
    tasks = draw(st.integers(1, most_tasks))
    seed = draw(st.integers(0, 2**31))
    with same_random_state():
        return Posed(made, made.problem(tasks=tasks, seed=seed), schedule, tasks, seed)


@st.composite
def task_sets(draw: st.DrawFn, family: Family, *, most: int = 3) -> TaskSet:
    """A population of a family, of at most `most` tasks."""
    tasks = draw(st.integers(1, most))
    seed = draw(st.integers(0, 2**31))
    with same_random_state():
        return family.sample(jax.random.key(seed), tasks)


@st.composite
def points(draw: st.DrawFn, domain: Domain, *, spread: float = 4.0) -> Array:
    """A flat point z = (w, phi) of a problem or a family, in the region where its constants hold; float64, shape (n,).

    Its entries are within `spread` length scales of 0, and shrink to 0.
    """
    z = draw(vectors(domain.n_w + domain.n_phi, spread)) * domain.length_scale
    return as_point(inside(domain, z))


class Pair(NamedTuple):
    """Two different points."""

    first: Any
    second: Any


@st.composite
def pairs(draw: st.DrawFn, domain: Domain, *, spread: float = 4.0, nearest: float = 1e-3) -> Pair:
    """Two different points as `points` draws them, at least `nearest` length scales apart inside the whole space.

    They shrink to neighbours along one axis.
    """
    n = domain.n_w + domain.n_phi
    first = draw(vectors(n, spread))
    second = first + draw(moves(n, spread, nearest))
    scale = domain.length_scale
    farthest = max(float(np.linalg.norm(first)), float(np.linalg.norm(second))) * scale
    # One factor for both: pulled in separately, two points could fall together.
    share = min(1.0, domain.constants.region.radius / farthest)
    return Pair(as_point(first * scale * share), as_point(second * scale * share))


def inadmissible_task_sets() -> st.SearchStrategy[Inadmissible]:
    """Data that are no population: no task, leaves with different numbers of tasks, a list with a tree per task."""
    lengths = st.integers(1, 3)
    empty = st.builds(np.zeros, st.tuples(st.just(0), lengths))
    unequal = st.builds(lambda T, more: {"x": np.zeros(T), "y": np.zeros(T + more)}, lengths, lengths)
    listed = lengths.map(lambda T: [{"x": np.zeros(2)}] * T)
    nothing = st.sampled_from([None, (), {}])
    return (nothing | empty | unequal | listed).map(
        lambda data: Inadmissible(TaskSet, {"support": no_loss, "query": no_loss, "data": data}, "data")
    )


@st.composite
def inadmissible_problems(draw: st.DrawFn) -> Inadmissible:
    """Arguments of `Problem.from_losses` that must be refused: start, length scale or infimum are not what they say."""
    arguments: dict[str, Any] = {"support": no_loss, "query": no_loss, "data": np.zeros(2), "w": np.zeros(2)}
    arguments |= {"phi": np.zeros(1), "constants": draw(constants()), "length_scale": 1.0, "query_infimum": 0.0}
    wrong: dict[str, tuple[Any, ...]] = {
        "w": (np.array([1, 2]), np.array([0.0, math.nan]), np.array([math.inf]), ()),
        "phi": (np.array([True]), np.array([math.nan]), np.array(["a"])),
        "length_scale": (0.0, -1.0, math.nan, math.inf),
        "query_infimum": (math.nan, "low", True),
    }
    parameter = draw(st.sampled_from(list(wrong)))
    return Inadmissible(
        Problem.from_losses, arguments | {parameter: draw(st.sampled_from(wrong[parameter]))}, parameter
    )


@st.composite
def inadmissible_points(draw: st.DrawFn, domain: Problem | Family) -> Inadmissible:
    """A point of another dimension than the problem's or the family's."""
    n = domain.n_w + domain.n_phi
    size = draw(st.integers(0, 2 * n - 1).map(lambda size: size + (size >= n)))
    return Inadmissible(domain.split, {"z": as_point(draw(vectors(size, 4.0)))}, "z")


@st.composite
def inadmissible_pairs(draw: st.DrawFn, domain: Problem | Family) -> Inadmissible:
    """Two points of which one has another dimension than the problem's or the family's."""
    wrong = draw(inadmissible_points(domain)).arguments["z"]
    both = [draw(points(domain)), wrong]
    if draw(st.booleans()):
        both.reverse()

    def split_both(first: Array, second: Array) -> tuple[Any, Any]:
        return domain.split(first), domain.split(second)

    return Inadmissible(split_both, {"first": both[0], "second": both[1]}, "z")


@contextmanager
def same_random_state() -> Iterator[None]:
    """Leave Python's `random` as it was: a compilation draws names of files, and Hypothesis warns of every draw."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def no_loss(w: Any, phi: Any, data: Any) -> Any:
    raise AssertionError("arguments that must be refused came through to the losses")


def as_point(z: np.ndarray) -> Array:
    """The vector as JAX's, in float64."""
    need_float64()
    with same_random_state():
        return jnp.asarray(z)


def inside(domain: Domain, z: np.ndarray) -> np.ndarray:
    """The point, drawn to the boundary of the region of the constants where it lies outside."""
    length = float(np.linalg.norm(z))
    return z * min(1.0, domain.constants.region.radius / length) if length > 0 else z
