"""Constants of the assumptions and schedules that fit them, and those that must be refused."""

import math
from typing import Any

from hypothesis import strategies as st

from anil_theory._admissible import one_of
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import MOST_INNER_STEPS, Schedule
from anil_theory.testing.inadmissible import NOT_A_COUNT, NOT_A_NUMBER, Inadmissible
from anil_theory.testing.strategies.numbers import fractions, log_uniform, nonnegative

LONGEST_LOOP = 12
"""Inner steps of a drawn schedule, at most."""


@st.composite
def strongly_convex_constants(draw: st.DrawFn, *, corners: bool = True) -> Constants:
    """Constants with 0 < mu <= L.

    corners   whether rho = 0, tau = 0 and mu = L are among them; without, mu <= 0.9 L.
    """
    L = draw(log_uniform(1e-2, 1e2))
    # Rounding is monotone, so that mu <= L.
    mu = draw(fractions(1e-2) if corners else st.floats(1e-2, 0.9)) * L
    return Constants(mu, L, *_curvatures(draw, corners), draw(log_uniform(1e-2, 1e2)))


@st.composite
def nonconvex_constants(draw: st.DrawFn, *, corners: bool = True) -> Constants:
    """Constants with mu unknown.

    corners   whether rho = 0 and tau = 0 are among them.
    """
    L = draw(log_uniform(1e-2, 1e2))
    M = draw(log_uniform(1e-2, 1e2))
    return Constants(None, L, *_curvatures(draw, corners), M)


def constants(geometry: Geometry | str | None = None, *, corners: bool = True) -> st.SearchStrategy[Constants]:
    """Constants of one geometry, or (None) of either.

    corners   whether rho = 0, tau = 0 and mu = L are among them: few families exist there.
    """
    if geometry is None:
        return strongly_convex_constants(corners=corners) | nonconvex_constants(corners=corners)
    if one_of("geometry", geometry, tuple(each.value for each in Geometry)) == Geometry.STRONGLY_CONVEX:
        return strongly_convex_constants(corners=corners)
    return nonconvex_constants(corners=corners)


def inner_steps(most: int = LONGEST_LOOP) -> st.SearchStrategy[int]:
    """N in 1..most."""
    return st.integers(1, most)


@st.composite
def schedules_for(draw: st.DrawFn, constants: Constants, *, longest: int = LONGEST_LOOP) -> Schedule:
    """A schedule that fits the constants: alpha <= 1/L (strongly convex), or alpha = c/(N L) with c <= 1 (nonconvex).

    longest   the most inner steps.
    """
    steps = draw(inner_steps(longest))
    rest = {"batch": draw(st.integers(1, 64)), "outer_steps": draw(st.integers(1, 1000))}
    if constants.mu is None:
        return Schedule.nonconvex(constants, steps, c=draw(fractions()), **rest)
    return Schedule.strongly_convex(constants, steps, alpha=draw(fractions()) * (1 / constants.L), **rest)


@st.composite
def settings(
    draw: st.DrawFn,
    geometry: Geometry | str | None = None,
    *,
    corners: bool = True,
    longest: int = LONGEST_LOOP,
) -> tuple[Constants, Schedule]:
    """Constants and a schedule that fits them; the arguments are those of `constants` and `schedules_for`."""
    drawn = draw(constants(geometry, corners=corners))
    return drawn, draw(schedules_for(drawn, longest=longest))


@st.composite
def inadmissible_constants(draw: st.DrawFn) -> Inadmissible:
    """Constants that must be refused: one of them is no number, has the wrong sign or is missing, or mu > L."""
    admissible = draw(strongly_convex_constants())
    arguments = {name: getattr(admissible, name) for name in ("mu", "L", "rho", "tau", "M")}
    parameter = draw(st.sampled_from(list(arguments)))
    wrong: list[Any] = [-1.0, *NOT_A_NUMBER]
    if parameter in ("mu", "L", "M"):
        wrong.append(0.0)
    if parameter == "mu":
        wrong.remove(None)
        wrong.append(math.nextafter(admissible.L, math.inf))
    return Inadmissible(Constants, arguments | {parameter: draw(st.sampled_from(wrong))}, parameter)


@st.composite
def inadmissible_schedules(draw: st.DrawFn) -> Inadmissible:
    """Schedules that must be refused: a count that is none, a step size that is none."""
    arguments: dict[str, Any] = {"alpha": 0.1, "inner_steps": draw(inner_steps()), "beta_w": 0.1, "beta_phi": 0.1}
    arguments |= {"batch": 1, "outer_steps": 1}
    parameter = draw(st.sampled_from(list(arguments)))
    wrong: list[Any] = [0.0, -0.1, *NOT_A_NUMBER]
    if isinstance(arguments[parameter], int):
        wrong = [*NOT_A_COUNT]
    if parameter == "inner_steps":
        wrong.append(MOST_INNER_STEPS + 1)
    if parameter in ("beta_w", "beta_phi"):
        wrong.remove(None)
    return Inadmissible(Schedule, arguments | {parameter: draw(st.sampled_from(wrong))}, parameter)


@st.composite
def inadmissible_settings(draw: st.DrawFn) -> Inadmissible:
    """A step size that is a number and does not fit the constants: alpha > 1/L in the strongly convex geometry."""
    drawn = draw(strongly_convex_constants())
    too_large = draw(st.just(math.nextafter(1 / drawn.L, math.inf)) | st.floats(1.1, 100.0).map(lambda c: c / drawn.L))
    arguments = {"constants": drawn, "inner_steps": draw(inner_steps()), "alpha": too_large}
    return Inadmissible(Schedule.strongly_convex, arguments, "alpha")


def _curvatures(draw: st.DrawFn, corners: bool) -> tuple[float, float]:
    """rho and tau."""
    numbers = nonnegative() if corners else log_uniform(1e-2, 1e2)
    return draw(numbers), draw(numbers)
