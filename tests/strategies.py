"""Hypothesis strategies: constants and schedules that satisfy the hypotheses by construction, without filtering."""

import math

from hypothesis import strategies as st

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule

MAX_INNER_STEPS = 12


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    """Floats in [low, high], their logarithms spread evenly; 0 < low <= high."""
    exponents = st.floats(math.log10(low), math.log10(high), allow_subnormal=False)
    return exponents.map(lambda exponent: min(max(10.0**exponent, low), high))


def fractions(low: float = 1e-3) -> st.SearchStrategy[float]:
    """Floats in [low, 1], with 1 itself drawn often: it is where most hypotheses are tight."""
    return st.just(1.0) | st.floats(low, 1.0)


def nonnegative() -> st.SearchStrategy[float]:
    """0 (the quadratic case) or a float in [1e-2, 1e2]."""
    return st.just(0.0) | log_uniform(1e-2, 1e2)


@st.composite
def strongly_convex_constants(draw: st.DrawFn) -> Constants:
    """Constants with 0 < mu <= L."""
    L = draw(log_uniform(1e-2, 1e2))
    mu = draw(fractions(1e-2)) * L  # rounding is monotone, so mu <= L
    return Constants(mu, L, draw(nonnegative()), draw(nonnegative()), draw(log_uniform(1e-2, 1e2)))


@st.composite
def nonconvex_constants(draw: st.DrawFn) -> Constants:
    """Constants with mu unknown."""
    L, M = draw(log_uniform(1e-2, 1e2)), draw(log_uniform(1e-2, 1e2))
    return Constants(None, L, draw(nonnegative()), draw(nonnegative()), M)


def constants() -> st.SearchStrategy[Constants]:
    """Constants of either geometry."""
    return strongly_convex_constants() | nonconvex_constants()


def inner_steps() -> st.SearchStrategy[int]:
    """N in 1..MAX_INNER_STEPS."""
    return st.integers(1, MAX_INNER_STEPS)


@st.composite
def schedules_for(draw: st.DrawFn, given: Constants) -> Schedule:
    """A schedule that fits `given`: alpha <= 1/L (strongly convex), or alpha = c/(N L) with c <= 1 (nonconvex)."""
    steps = draw(inner_steps())
    rest = {"batch": draw(st.integers(1, 64)), "outer_steps": draw(st.integers(1, 1000))}
    if given.mu is None:
        return Schedule.nonconvex(given, steps, c=draw(fractions()), **rest)
    return Schedule.strongly_convex(given, steps, alpha=draw(fractions()) * (1 / given.L), **rest)


@st.composite
def settings_of_theory(draw: st.DrawFn) -> tuple[Constants, Schedule]:
    """Constants of either geometry, and a schedule that fits them."""
    drawn = draw(constants())
    return drawn, draw(schedules_for(drawn))
